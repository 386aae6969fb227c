from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.releases.release_notes import BODY_LIMIT_CHARACTERS, body_of, commit_in, notes_of, read_notes

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def notes(*messages: str, before: str | None = "v1.0.0") -> str:
    return notes_of([(COMMIT, message) for message in messages], before)


def test_conventional_commits_go_into_sections_with_what_breaks_first():
    text = notes(
        "chore: tidy", "fix(cache): a key", "feat: more", "feat!: less", "Plain", "perf: x\n\nBREAKING CHANGE: y"
    )
    assert text == (
        "6 commits: changes since v1.0.0.\n"
        "\n## Breaking changes\n\n- less (0123456789)\n- x: y (0123456789)\n"
        "\n## Features\n\n- more (0123456789)\n"
        "\n## Fixes\n\n- cache: a key (0123456789)\n"
        "\n## Other changes\n\n- tidy (0123456789)\n- Plain (0123456789)\n"
    )


def test_other_messages_are_one_list():
    text = notes("Add a thing\n\nWhy.", "Note: nothing by any convention", before=None)
    assert text == (
        "2 commits: the first release.\n\n- Add a thing (0123456789)\n- Note: nothing by any convention (0123456789)\n"
    )


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("thanks @everyone", "<span>@</span>everyone"),
        ("fixes #1", "<span>#</span>1"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[click](https://example.net)", r"\[click\](https&#58;//example.net)"),
        ("feat: <!-- hidden", "&lt;!-- hidden"),
        ("::set-output name=x::y", "- : :set-output"),
        ("##[error]x", "##"),
        ("a\u202eb\x1b[31m", "a\\\\u202eb\\\\x1b"),
        ("", "(no message)"),
    ],
)
def test_a_hostile_message_is_shown_as_it_is(message: str, shown: str):
    text = notes(message, message)
    assert shown.replace("##", "<span>#</span><span>#</span>") in text
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_a_message_cannot_pretend_to_be_another_commit():
    body = body_of(COMMIT, notes(f"Commit: `{'f' * 40}`"))
    assert commit_in(body) == COMMIT
    assert commit_in(body.replace("\n", "\r\n")) == COMMIT
    assert [commit_in(text) for text in ("", "text", f"\n{body}", f"x {body}")] == [None] * 4


def test_notes_fit_what_github_takes_and_say_what_is_left_out():
    text = body_of(COMMIT, notes(*["feat: " + "&" * 290] * 2000))
    assert len(text) <= BODY_LIMIT_CHARACTERS
    assert "more are left out" in text


def test_a_file_of_notes_is_taken_as_it_is_or_refused(tmp_path: Path):
    path = tmp_path / "notes.md"
    path.write_text("# <b>Mine</b>\n")
    assert read_notes(path, "--notes") == "# <b>Mine</b>\n"
    for data in (b" \n", b"\xff", b"x" * BODY_LIMIT_CHARACTERS):
        path.write_bytes(data)
        with pytest.raises(MalformedData):
            read_notes(path, "--notes")
    with pytest.raises(UsageError):
        read_notes(tmp_path / "none", "--notes")
