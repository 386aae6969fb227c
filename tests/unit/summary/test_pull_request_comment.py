"""The comment: what GitHub takes, failures first; and which one is ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.report.blocks import Document, Notice, Paragraph, Tone
from nanna_ci.report.github import COMMENT_LIMIT_CHARACTERS, render_comment
from nanna_ci.summary.pull_request_comment import MARKER, PostedComment, comment_text, find_own_comment
from support.fake_summaries import HOSTILE, green_run, hostile_run, large_run, red_run

GOLDEN = Path(__file__).parents[2] / "data/summary"
BOT = "github-actions[bot]"


@pytest.mark.parametrize(("name", "summary"), [("red", red_run()), ("green", green_run())])
def test_the_comment_is_the_golden_one(name: str, summary: object) -> None:
    assert comment_text(summary) == (GOLDEN / f"{name}-comment.md").read_text()  # type: ignore[arg-type]


def comment_of(size: int) -> str:
    """A comment that would have `size` characters, all but a few of them of four bytes."""
    base = len(render_comment(Document("T", (Paragraph("x"),)), MARKER))
    return render_comment(Document("T", (Paragraph("𝄞" * (size - base + 1)),)), MARKER)


def test_a_comment_at_the_limit_is_whole() -> None:
    assert COMMENT_LIMIT_CHARACTERS == 65_536
    text = comment_of(COMMENT_LIMIT_CHARACTERS)
    assert len(text) == COMMENT_LIMIT_CHARACTERS
    assert "was cut" not in text
    assert len(text.encode()) <= 262_144, "what others measured that GitHub stores"


def test_a_comment_of_one_character_more_is_cut_and_says_so() -> None:
    text = comment_of(COMMENT_LIMIT_CHARACTERS + 1)
    assert len(text) <= COMMENT_LIMIT_CHARACTERS
    assert text.startswith(f"{MARKER}\n\n# T\n\n> ⚠ This summary was cut")


def test_a_title_longer_than_a_comment_is_cut_as_well() -> None:
    text = render_comment(Document("é" * 70_000, (Notice(Tone.BAD, "x"),)), MARKER)
    assert len(text) == COMMENT_LIMIT_CHARACTERS


def test_many_failures_fit_each_with_the_end_of_its_log() -> None:
    text = comment_text(large_run(40, 1_000_000))
    assert len(text) <= COMMENT_LIMIT_CHARACTERS
    assert "was cut" not in text
    assert all(f"\n{number} 9999 é" in text for number in range(40))


def test_more_failures_than_fit_are_cut_with_the_verdict_first() -> None:
    text = comment_text(large_run(256, 1_000_000))
    assert len(text) <= COMMENT_LIMIT_CHARACTERS
    assert text.startswith(f"{MARKER}\n\n[The run](https://github.com/me")
    assert text.index("✘ fail: no test of the workspace ran; 256 failed") < 500


@pytest.mark.parametrize("line", HOSTILE)
def test_other_peoples_text_does_nothing_in_a_comment(line: str) -> None:
    text = comment_text(hostile_run(line))
    text.encode()
    assert text.split("\n").count(MARKER) == 1 + (3 if line == MARKER else 0), "in fences, as any line of a log"
    assert len(text) <= COMMENT_LIMIT_CHARACTERS
    assert "\u202e" not in text


def posted(number: int, author: str = BOT, body: str = f"{MARKER}\n\nold") -> PostedComment:
    return PostedComment(number, author, body)


def test_our_comment_is_the_oldest_of_ours() -> None:
    assert find_own_comment([posted(9), posted(3), posted(5)], BOT) == posted(3)
    assert find_own_comment([posted(1, body=f"{MARKER}\r\n\r\nold")], BOT) is not None
    assert find_own_comment([posted(1, body=comment_text(green_run()))], BOT) is not None
    assert find_own_comment([], BOT) is None


@pytest.mark.parametrize(
    "other",
    [
        posted(1, author="mallory"),
        posted(1, author="github-actions"),
        posted(1, author="GitHub-Actions[bot]"),
        posted(1, body=f"> {MARKER}\n\nquoted"),
        posted(1, body=f"a log:\n{MARKER}\n"),
        posted(1, body=f" {MARKER}\n"),
        posted(1, body=f"{MARKER} and more\n"),
        posted(1, body=""),
    ],
)
def test_the_marker_of_anybody_else_or_elsewhere_is_inert(other: PostedComment) -> None:
    assert find_own_comment([other], BOT) is None
    assert find_own_comment([other, posted(2)], BOT) == posted(2)
