"""The runner's files and commands: limits kept, nothing injected."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData, NannaError
from nanna_ci.report import github
from nanna_ci.report.blocks import Cell, Code, Document, Heading, Notice, Paragraph, Table, Tone

LIMIT = github.SUMMARY_LIMIT_BYTES


def read_outputs(text: str) -> dict[str, str]:
    """The runner's own way to read its file: a heredoc ends at the first line that is its delimiter."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, delimiter = line.split("<<", 1)
        value = []
        for inner in lines:
            if inner == delimiter:
                break
            value.append(inner)
        found[name] = "\n".join(value)
    return found


def test_outside_of_a_runner_there_are_no_files():
    assert github.environment({}) is None
    assert github.environment({"GITHUB_ACTIONS": "false", "GITHUB_OUTPUT": "/x"}) is None


def test_the_runner_names_its_files():
    found = github.environment({"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/s", "GITHUB_OUTPUT": ""})
    assert found == github.GithubFiles(summary=Path("/s"), outputs=None)


@pytest.mark.parametrize(
    "line",
    [
        "::set-output name=a::b",
        " ::error::x",
        "\t\u00a0\u2003::error::x",
        "\ufeff::add-path::/x",
        "text\r::error::x",
        "text\r\n::error::x",
        "text\n  ::stop-commands::x",
        ":::error::x",
        "##[add-mask]x",
        "deep inside ##[command]x",
        "####[group]",
        "::error::%0A::error::x",
    ],
)
def test_a_command_in_a_log_is_inert(line):
    shown = github.neutralise(line)
    assert not re.search(r"(?:^|[\r\n])[\s\ufeff]*::", shown)
    assert "##[" not in shown
    assert "\r" not in shown


@pytest.mark.parametrize("line", ["std::vec::Vec", "a :: b", "## [heading]", "12:30:01 x", "x::error::y"])
def test_other_text_in_a_log_stays(line):
    assert github.neutralise(line) == line


def test_a_stream_is_inert_however_its_text_is_cut():
    below = io.StringIO()
    stream = github.inert_stream(below)
    for piece in (" :", ":error", "::x\n#", "#[mask]y\nlast ##", "[z"):
        stream.write(piece)
    stream.flush()
    assert below.getvalue() == " : :error::x\n# #[mask]y\nlast # #[z"


def test_outputs_come_back_as_they_were():
    values = {"a": "1", "b-c": "two\nlines", "d": "", "e": "x=y<<z\n::error::q"}
    assert read_outputs(github.render_outputs(values)) == values


def test_a_value_that_knows_an_old_delimiter_makes_no_extra_output():
    old = github.render_outputs({"a": "1"}).splitlines()[-1]
    evil = f"x\n{old}\nevil<<{old}\n1\n{old}"
    assert read_outputs(github.render_outputs({"a": evil})) == {"a": evil}


def test_an_invalid_name_is_refused():
    with pytest.raises(ValueError, match="not a name for an output"):
        github.render_outputs({"a\nb": "1"})


def test_annotations_are_escaped():
    document = Document("a: b, c", (Notice(Tone.BAD, "100 %\nnext::x"), Notice(Tone.GOOD, "fine")))
    assert list(github.render_annotations(document)) == ["::error title=a%3A b%2C c::100 %25 next::x"]


def test_an_annotation_stands_at_the_place_of_its_notice():
    document = Document("T", (Notice(Tone.WARN, "x", place=("a,b:c.yml", 3)), Notice(Tone.WARN, "y")))
    assert list(github.render_annotations(document)) == [
        "::warning file=a%2Cb%3Ac.yml,line=3,title=T::x",
        "::warning title=T::y",
    ]


def test_an_annotation_is_one_line_without_what_commands_a_terminal():
    document = Document("a\x1b[2Jb", (Notice(Tone.BAD, "red\x1b[31m \u202egnp.exe\r\nlast"),))
    (line,) = github.render_annotations(document)
    assert line == "::error title=a\\x1b[2Jb::red\\x1b[31m \\u202egnp.exe last"


@pytest.mark.parametrize(("count", "shown"), [(10, 10), (11, 10), (500, 10)])
def test_at_most_ten_annotations_of_a_type(count, shown):
    notices = tuple(Notice(tone, f"n{number}") for number in range(count) for tone in (Tone.BAD, Tone.WARN))
    lines = list(github.render_annotations(Document("T", notices)))
    assert [sum(line.startswith(f"::{level} ") for line in lines) for level in ("error", "warning")] == [shown] * 2
    assert (f"and {count - 9} more" in lines[9]) == (count > 10)


def test_a_long_annotation_is_cut():
    (line,) = github.render_annotations(Document("T", (Notice(Tone.BAD, "é" * 5000),)))
    assert line == "::error title=T::" + "é" * 4096


def paragraph_document(size: int) -> Document:
    base = len(github.render_summary(Document("T", (Paragraph("x"),)), LIMIT))
    return Document("T", (Paragraph("x" * (size - base + 1)),))


def test_a_summary_at_the_limit_is_whole():
    assert len(github.render_summary(paragraph_document(LIMIT), LIMIT)) == LIMIT
    assert b"was cut" not in github.render_summary(paragraph_document(LIMIT), LIMIT)


def test_a_summary_one_byte_over_the_limit_is_cut_and_says_so():
    summary = github.render_summary(paragraph_document(LIMIT + 1), LIMIT)
    assert len(summary) <= LIMIT
    assert b"was cut" in summary


def test_a_cut_summary_has_its_failures_first():
    good = Table(("Job",), tuple((Cell(f"good-{number}", Tone.GOOD),) for number in range(60_000)))
    rows = tuple((Cell(f"job-{n}", Tone.BAD if n == 39_999 else Tone.GOOD),) for n in range(40_000))
    document = Document("T", (Heading("H"), good, Table(("Mixed",), rows), Notice(Tone.BAD, "one job failed")))
    text = github.render_summary(document, LIMIT).decode()
    first_good = text.index("good-0")
    assert "was cut" in text[:300]
    assert text.index("✘ job-39999") < text.index("✔ job-0") < first_good
    assert text.index("one job failed") < first_good
    assert "good-30000" not in text or len(text.encode()) > LIMIT * 3 // 4


@pytest.mark.parametrize("limit", range(2000, 2016))
def test_a_cut_in_multibyte_text_is_valid_utf8_and_closes_its_fence(limit):
    summary = github.render_summary(Document("T", (Code("日本語🎌" * 2000),)), limit)
    text = summary.decode("utf-8")
    assert len(summary) <= limit
    assert text.count("```") % 2 == 0
    assert "本" in text


@pytest.mark.parametrize("limit", [0, -5, 3, 40])
def test_a_summary_with_no_space_is_short_and_valid(limit):
    summary = github.render_summary(Document("日本語" * 30, (Paragraph("x" * 100),)), limit)
    assert len(summary) <= max(0, limit)
    summary.decode("utf-8")


def publish(files: github.GithubFiles, outputs=None, *blocks) -> str:
    log = io.StringIO()
    github.publish(files, Document("T", blocks), outputs or {}, log)
    return log.getvalue()


def test_two_commands_of_a_step_share_the_limit(tmp_path):
    summary = tmp_path / "summary"
    summary.write_bytes(b"x" * (LIMIT - 1000))
    publish(github.GithubFiles(summary, None), None, Paragraph("y" * 5000))
    assert LIMIT - 1000 < summary.stat().st_size <= LIMIT
    assert b"was cut" in summary.read_bytes()


def test_summary_and_outputs_are_appended(tmp_path):
    files = github.GithubFiles(tmp_path / "summary", tmp_path / "outputs")
    (tmp_path / "summary").write_text("before\n")
    (tmp_path / "outputs").write_text("before=1\n")
    assert publish(files, {"a": "1"}, Paragraph("p")) == ""
    assert (tmp_path / "summary").read_text() == "before\n\n# T\n\np\n"
    assert (tmp_path / "outputs").read_text().startswith("before=1\na<<")


def test_missing_files_are_a_warning_and_are_not_made(tmp_path):
    log = publish(github.GithubFiles(tmp_path / "summary", tmp_path / "outputs"), {"a": "1"})
    assert log.count("nanna-ci: warning: ") == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_a_file_is_a_warning(tmp_path):
    assert "not written" in publish(github.GithubFiles(tmp_path, None))


def test_no_file_named_is_a_warning():
    assert publish(github.GithubFiles(None, None)) == (
        "nanna-ci: warning: step summary not written: the runner did not name a file\n"
    )


def test_variables_are_appended_with_a_delimiter_that_no_value_can_know(tmp_path):
    file = tmp_path / "env"
    file.write_text("OTHER=1\n")
    runner = github.GithubFiles(None, None, file)
    value = "a = b\nNIX_CONFIG<<x\nEVIL=1\nx\n"
    for _ in range(2):
        github.set_variables(runner, {"NIX_CONFIG": value})
    text = file.read_text()
    assert text.startswith("OTHER=1\n")
    delimiters = re.findall(r"^NIX_CONFIG<<(nanna_\w+)$", text, re.MULTILINE)
    assert len(set(delimiters)) == 2
    assert read_outputs(text.removeprefix("OTHER=1\n")) == {"NIX_CONFIG": value}


def test_a_variable_of_undecodable_bytes_is_written_byte_for_byte(tmp_path):
    file = tmp_path / "env"
    file.touch()
    github.set_variables(github.GithubFiles(None, None, file), {"X": "a\udcffb"})
    assert b"\na\xffb\n" in file.read_bytes()


@pytest.mark.parametrize("file", [None, Path("/nonexistent/env")])
def test_variables_that_later_steps_will_not_have_are_an_error(file):
    with pytest.raises(NannaError, match="NIX_CONFIG not given to later steps"):
        github.set_variables(github.GithubFiles(None, None, file), {"NIX_CONFIG": "x"})


def pull_request(repository):
    """The event of a pull request from `repository`, None for one that is gone."""
    repo = None if repository is None else {"full_name": repository}
    head = {"sha": "a" * 40, "ref": "fix", "label": "them:fix", "repo": repo}
    return {"pull_request": {"number": 12, "head": head, "base": {"ref": "main"}}}


RUN = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "7",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REPOSITORY": "me/it",
    "GITHUB_SHA": "b" * 40,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_JOB": "jobs",
}


def change(tmp_path, event=None, **environ):
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event or {}))
    return github.change_of({**RUN, "GITHUB_EVENT_PATH": str(path), **environ})


def test_a_push_is_about_its_branch_and_a_tag_about_none(tmp_path):
    found = change(tmp_path)
    assert (found.run, found.commit, found.branch, found.pull_request) == ("github-7-2", "b" * 40, "main", None)
    assert (found.repository, found.job, found.is_fork) == ("me/it", "jobs", False)
    assert change(tmp_path, GITHUB_REF="refs/tags/v1").branch is None
    assert github.change_of({}) is None


def test_a_merge_queue_is_about_the_branch_that_it_merges_into(tmp_path):
    assert change(tmp_path, GITHUB_REF="refs/heads/gh-readonly-queue/release/2/pr-5-abc").branch == "release/2"


def test_a_pull_request_is_about_its_own_commit_and_a_forks_branch_has_its_owner(tmp_path):
    found = change(tmp_path, pull_request("them/it"), GITHUB_REF="refs/pull/12/merge")
    assert (found.commit, found.branch, found.base_branch) == ("a" * 40, "them:fix", "main")
    assert (found.pull_request, found.is_fork) == (12, True)
    own = change(tmp_path, pull_request("me/it"))
    assert (own.branch, own.is_fork) == ("fix", False)
    assert change(tmp_path, pull_request(None)).is_fork


def test_an_event_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "odd").write_text("{")
    with pytest.raises(MalformedData):
        github.change_of({**RUN, "GITHUB_EVENT_PATH": str(tmp_path / "odd")})


def test_the_api_is_github_s_own_unless_the_environment_names_another():
    assert github.api_of({}) == ("https://api.github.com", None)
    assert github.api_of({"GITHUB_API_URL": "", "GITHUB_TOKEN": ""}) == ("https://api.github.com", None)
    named = {"GITHUB_API_URL": "https://git.example/api/v3/", "GITHUB_TOKEN": "t"}
    assert github.api_of(named) == ("https://git.example/api/v3", "t")
