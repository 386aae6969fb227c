"""Workflow commands: which lines are some, and what each does to log, annotations and masks."""

from __future__ import annotations

import pytest

from nanna_ci.rehearsal.steps.job_log import Annotation, JobLog
from nanna_ci.rehearsal.steps.secret_masks import SecretMasks
from nanna_ci.rehearsal.steps.workflow_commands import CommandReader, WorkflowCommand, parse_command


class _Read:
    def __init__(self, tmp_path, *lines: str) -> None:
        self.log = JobLog(tmp_path / "log", SecretMasks())
        self.log.begin("a step")
        self.notes: list[str] = []
        self.reader = CommandReader(self.log, self.notes.append)
        for line in lines:
            self.reader.line(line.encode())
        self.log.close()
        self.lines = (tmp_path / "log").read_text().splitlines()
        self.annotations = [(one.level, one.message) for one in self.log.annotations]


@pytest.fixture
def read(tmp_path):
    return lambda *lines: _Read(tmp_path, *lines)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("::error::text", ("error", {}, "text")),
        ("  \t::error::text", ("error", {}, "text")),
        ("::ERROR::text", ("error", {}, "text")),
        ("::error file=a.rs,title=a%3A%2Cb::x%0Ay%25%3A", ("error", {"file": "a.rs", "title": "a:,b"}, "x\ny%%3A")),
        ("::error file=,=x,line=1::t", ("error", {"line": "1"}, "t")),
        ("::notice::a::b", ("notice", {}, "a::b")),
        ("before ##[warning]text", ("warning", {}, "text")),
        ("##[error file=a;line=2]x%5D%3B", ("error", {"file": "a", "line": "2"}, "x];")),
        ("::group::", ("group", {}, "")),
    ],
)  # fmt: skip
def test_a_command_is_read(line, expected):
    assert parse_command(line) == WorkflowCommand(*expected)


@pytest.mark.parametrize(
    "line",
    ["", "text", "x ::error::t", ":: error::x", "::error:x", "::unknown::x", "##[unknown]x", "##[error", "error::x"],
)  # fmt: skip
def test_what_is_no_command_is_output(read, line):
    assert parse_command(line) is None
    assert read(line).lines == [line]


def test_annotations_carry_place_and_title(read):
    found = read("::warning file=src/a.rs,line=7,title=Slow::took long", "::error line=x::bad", "::notice::fine")
    assert found.log.annotations == [
        Annotation("warning", "took long", "a step", "Slow", "src/a.rs", 7),
        Annotation("error", "bad", "a step"),
        Annotation("notice", "fine", "a step"),
    ]
    assert found.lines == ["##[warning]took long", "##[error]bad", "##[notice]fine"]
    assert not found.reader.failed


def test_of_each_level_ten_are_kept_and_the_log_has_all(read):
    found = read(*(f"::error::{number}" for number in range(12)), "::warning::w")
    assert found.annotations == [*(("error", str(number)) for number in range(10)), ("warning", "w")]
    assert len(found.lines) == 13


def test_a_mask_holds_for_later_lines_and_annotations(read):
    found = read("swordfish", "::add-mask::swordfish", "a swordfish b", "::error::swordfish!")
    assert found.lines == ["swordfish", "a *** b", "##[error]***!"]
    assert found.annotations == [("error", "***!")]


def test_each_line_of_a_mask_is_hidden(read):
    assert read("::add-mask::first line%0Asecond", "the second", "the first line").lines == ["the ***", "the ***"]


def test_an_empty_mask_is_warned_of_and_hides_nothing(read):
    found = read("::add-mask:: ", "a b")
    assert found.lines[-1] == "a b"
    assert found.annotations == [("warning", "Can't add secret mask for empty string in ##[add-mask] command.")]


@pytest.mark.parametrize("name", ["set-env", "add-path"])
def test_a_command_that_runners_refuse_fails_the_step(read, name):
    found = read(f"::{name} name=A::b")
    assert found.reader.failed
    assert f"`{name}` command is disabled" in found.annotations[1][1]


def test_set_output_still_works_and_warns(read):
    found = read("::set-output name=a::x%0Ay", "::save-state name=s::t")
    assert (found.reader.outputs, found.reader.state) == ({"a": "x\ny"}, {"s": "t"})
    assert [level for level, _ in found.annotations] == ["warning", "warning"]
    assert not found.reader.failed
    assert read("::set-output::x").reader.failed


def test_stopped_commands_are_output_until_the_token_comes(read):
    found = read("::stop-commands::a-long-token", "::error::x", "::add-mask::y", "y", "::a-long-token::", "::error::z")
    assert found.annotations == [("error", "z")]
    assert found.lines == ["::stop-commands::***", "::error::x", "::add-mask::y", "y", "::***::", "##[error]z"]


@pytest.mark.parametrize("token", ["", "error", "Pause-Logging", "stop-commands"])
def test_a_token_that_anyone_could_guess_is_refused(read, token):
    found = read(f"::stop-commands::{token}", "::error::x")
    assert found.reader.failed
    assert found.annotations[-1] == ("error", "x")


def test_groups_are_marked_and_debug_is_silent(read):
    assert read("::group::Build", "x", "::endgroup::", "::debug::y").lines == ["##[group]Build", "x", "##[endgroup]"]


def test_echo_shows_the_commands_themselves(read):
    found = read("::echo::on", "::group::a", "::add-mask::secret-word", "::echo::off", "::group::b")
    assert found.lines == ["::group::a", "##[group]a", "::echo::off", "##[group]b"]
    assert read("::echo::perhaps").reader.failed


def test_a_problem_matcher_is_named_as_not_played(read):
    assert read("::add-matcher::m.json").notes == ["add-matcher: problem matchers make no annotations here"]
