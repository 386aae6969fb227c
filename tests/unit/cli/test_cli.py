"""The command line: help, mistakes, flags, formats, exit codes, errors."""

from __future__ import annotations

import io
import json
import os
import pkgutil
import re
import signal
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from nanna_ci import __version__, cli, commands, usage
from nanna_ci.foundation.errors import CommandFailed, ConfigError, GateFailed, Interrupted, MalformedData, ToolMissing
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Cell, Document, Notice, Table, Tone
from nanna_ci.report.outcome import Outcome
from nanna_ci.usage import COMMANDS, module_name

DOCUMENT = Document("A title", (Notice(Tone.BAD, "one thing failed"),))


@pytest.fixture
def command(monkeypatch):
    """A command `fake`, in place of all others: change `outcome` or `error`; `context`, `arguments` show its call."""
    module: Any = ModuleType("fake")
    module.DRY_RUN = True
    module.DESCRIPTION = "Teaches.\n\nexample: nanna-ci fake --number 3"
    module.outcome = Outcome(Verdict.PASS, DOCUMENT, {"someKey": 1}, outputs={"key": "value"})
    module.error = None
    module.EXTRA_FORMATS = ("github",)
    module.add_arguments = lambda parser: parser.add_argument("--number", type=int, default=0, help="a number")

    def execute(arguments, context):
        module.arguments, module.context = arguments, context
        context.say("some talk")
        if module.error is not None:
            raise module.error
        return module.outcome

    module.execute = execute
    monkeypatch.setitem(sys.modules, "nanna_ci.usage.fake", module)
    monkeypatch.setitem(sys.modules, "nanna_ci.commands.fake", module)
    monkeypatch.setattr("nanna_ci.cli.command_line.COMMANDS", {"fake": "a fake"})
    return module


def run(ports, *words: str) -> int:
    return cli.main(words, ports.ports)


def test_help_lists_every_command_under_a_group(fake_ports):
    assert run(fake_ports, "--help") == 0
    lines = fake_ports.stdout.getvalue().splitlines()
    for name, summary in COMMANDS.items():
        assert any(line.split() == [name, *summary.split()] for line in lines)
    assert max(map(len, lines)) <= 120


def test_no_command_is_a_usage_error(fake_ports):
    assert run(fake_ports) == 2
    assert fake_ports.stdout.getvalue() == ""
    assert "no command given" in fake_ports.stderr.getvalue()


def test_version_is_reported(fake_ports):
    assert run(fake_ports, "--version") == 0
    assert fake_ports.stdout.getvalue() == f"nanna-ci {__version__}\n"


def test_a_misspelt_command_gets_a_suggestion(fake_ports):
    assert run(fake_ports, "dev-chekc") == 2
    assert "did you mean dev-check?" in fake_ports.stderr.getvalue()


def test_a_word_like_no_command_is_pointed_to_the_help(fake_ports):
    assert run(fake_ports, "zzzzzz") == 2
    assert "hint: nanna-ci --help lists the commands" in fake_ports.stderr.getvalue()


def test_help_of_a_command_shows_its_description_and_flags(fake_ports, command):
    assert run(fake_ports, "fake", "--help") == 0
    assert "example: nanna-ci fake --number 3" in fake_ports.stdout.getvalue()
    assert "--number" in fake_ports.stdout.getvalue()
    assert "--dry-run" in fake_ports.stdout.getvalue()


def test_a_misspelt_flag_gets_a_suggestion(fake_ports, command):
    assert run(fake_ports, "fake", "--nubmer", "3") == 2
    assert "did you mean --number?" in fake_ports.stderr.getvalue()


@pytest.mark.parametrize(
    "words", [["--number", "x"], ["--format", "yaml"], ["--num", "3"], ["-v", "-q"], ["extra"], ["--output"]]
)
def test_wrong_arguments_are_usage_errors(fake_ports, command, words):
    assert run(fake_ports, "fake", *words) == 2
    assert fake_ports.stdout.getvalue() == ""


def test_dry_run_is_a_flag_only_if_the_command_has_it(fake_ports, command):
    assert run(fake_ports, "fake", "--dry-run") == 0
    assert command.context.dry_run
    command.DRY_RUN = False
    assert run(fake_ports, "fake", "--dry-run") == 2
    assert run(fake_ports, "fake") == 0
    assert not command.context.dry_run


@pytest.mark.parametrize(
    ("verdict", "forced", "code"),
    [
        (Verdict.PASS, None, 0),
        (Verdict.FAIL, None, 1),
        (Verdict.UNAVAILABLE, None, 3),
        (Verdict.FAIL, 4, 4),
        (Verdict.FAIL, 0, 0),
    ],
)
def test_the_exit_code_follows_the_verdict_unless_the_outcome_says_otherwise(
    fake_ports, command, verdict, forced, code
):
    command.outcome = replace(command.outcome, verdict=verdict, exit_code=forced)
    assert run(fake_ports, "fake") == code


def test_the_result_goes_to_stdout_and_talk_to_stderr(fake_ports, command):
    run(fake_ports, "fake")
    assert "A title" in fake_ports.stdout.getvalue()
    assert fake_ports.stderr.getvalue() == "some talk\n"


def test_quiet_silences_talk(fake_ports, command):
    run(fake_ports, "fake", "--quiet")
    assert fake_ports.stderr.getvalue() == ""
    assert "A title" in fake_ports.stdout.getvalue()


@pytest.mark.parametrize(("words", "verbosity"), [([], 0), (["-v"], 1), (["-vv"], 2), (["-q"], -1)])
def test_verbosity(fake_ports, command, words, verbosity):
    run(fake_ports, "fake", *words)
    assert command.context.verbosity == verbosity


@pytest.mark.parametrize(
    ("name", "beginning"), [("text", "A title\n"), ("markdown", "# A title\n"), ("html", "<!doctype html>")]
)
def test_formats(fake_ports, command, name, beginning):
    assert run(fake_ports, "fake", "--format", name) == 0
    assert fake_ports.stdout.getvalue().startswith(beginning)


def test_a_command_may_have_a_format_of_its_own_as_the_default(fake_ports, command):
    command.DEFAULT_FORMAT = "html"
    assert run(fake_ports, "fake") == 0
    assert fake_ports.stdout.getvalue().startswith("<!doctype html>")
    run(fake_ports, "fake", "--help")
    assert "(default: html)" in fake_ports.stdout.getvalue()


def test_json_is_the_data_under_a_common_head(fake_ports, command):
    assert run(fake_ports, "fake", "--format=json") == 0
    answer = json.loads(fake_ports.stdout.getvalue())
    assert answer == {"schemaVersion": 1, "command": "fake", "verdict": "pass", "someKey": 1}


def test_github_format_prints_the_outputs(fake_ports, command):
    assert run(fake_ports, "fake", "--format", "github") == 0
    head, value, tail = fake_ports.stdout.getvalue().splitlines()
    assert head == f"key<<{tail}"
    assert value == "value"


def test_json_in_a_runners_log_is_inert_and_the_same_data(fake_ports, command):
    fake_ports.environ["GITHUB_ACTIONS"] = "true"
    data = {"log": "##[add-mask]x", "lines": ["::error::x", "\r::error::x"]}
    command.outcome = replace(command.outcome, data=data)
    run(fake_ports, "fake", "--format", "json")
    text = fake_ports.stdout.getvalue()
    assert "##[" not in text
    assert not re.search(r"^\s*::", text, re.MULTILINE)
    assert json.loads(text)["log"] == data["log"]
    assert json.loads(text)["lines"] == data["lines"]


def test_a_number_that_json_has_not_is_never_printed(fake_ports, command):
    command.outcome = replace(command.outcome, data={"rate": float("nan")})
    assert run(fake_ports, "fake", "--format", "json") == 3
    assert "NaN" not in fake_ports.stdout.getvalue()


def test_output_goes_to_the_file_instead(fake_ports, command):
    assert run(fake_ports, "fake", "--format", "json", "--output", "result.json") == 0
    assert json.loads((fake_ports.cwd / "result.json").read_text())["verdict"] == "pass"
    assert fake_ports.stdout.getvalue() == ""


def test_output_that_cannot_be_written_is_an_error(fake_ports, command):
    assert run(fake_ports, "fake", "--output", "no/such/folder/result.txt") == 3
    assert "cannot be written" in fake_ports.stderr.getvalue()


def test_characters_that_utf8_has_not_do_not_stop_the_result(fake_ports, command):
    command.outcome = replace(command.outcome, data={"path": "a\udcffb"})
    assert run(fake_ports, "fake", "--format", "json", "--output", "result.json") == 0
    assert b"a\\udcffb" in (fake_ports.cwd / "result.json").read_bytes()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("words", "environ", "terminal", "colored"),
    [
        ([], {}, False, False),
        ([], {}, True, True),
        ([], {"TERM": "dumb"}, True, False),
        ([], {"NO_COLOR": "1"}, True, False),
        ([], {"NO_COLOR": ""}, True, True),
        ([], {"FORCE_COLOR": "1"}, False, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        (["--color", "always"], {"NO_COLOR": "1"}, False, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour(fake_ports, command, words, environ, terminal, colored):
    if terminal:
        fake_ports.stdout, fake_ports.stderr = Terminal(), Terminal()
    fake_ports.environ.update(environ)
    run(fake_ports, "fake", *words)
    assert ("\x1b[" in fake_ports.stdout.getvalue()) == colored
    assert command.context.color == colored


def test_a_file_takes_no_colour_from_the_terminal(fake_ports, command):
    fake_ports.stdout = Terminal()
    run(fake_ports, "fake", "--output", "out.txt")
    assert "\x1b" not in (fake_ports.cwd / "out.txt").read_text()


PROSE = Document("T", (Notice(Tone.WARN, "word " * 40),))


def test_the_width_is_the_terminals(fake_ports, command):
    fake_ports.stdout = Terminal()
    fake_ports.environ["COLUMNS"] = "40"
    command.outcome = replace(command.outcome, document=PROSE)
    run(fake_ports, "fake", "--color", "never")
    assert max(map(len, fake_ports.stdout.getvalue().splitlines())) in range(30, 41)


@pytest.mark.parametrize("columns", ["", "0", "-1", "wide"])
def test_a_terminal_that_does_not_say_its_width_gets_whole_lines(fake_ports, command, columns):
    fake_ports.stdout = Terminal()
    fake_ports.environ["COLUMNS"] = columns
    command.outcome = replace(command.outcome, document=PROSE)
    run(fake_ports, "fake", "--color", "never")
    assert fake_ports.stdout.getvalue() == "T\n═\n\n⚠ " + " ".join(["word"] * 40) + "\n"


@pytest.mark.parametrize("words", [[], ["--output", "out.txt"]])
def test_a_pipe_and_a_file_get_each_row_of_a_table_on_one_line_whatever_columns_says(fake_ports, command, words):
    fake_ports.stdout = Terminal() if words else fake_ports.stdout
    fake_ports.environ["COLUMNS"] = "40"
    table = Table(("Job", "Why"), ((Cell("integration-x86_64-linux-stable"), Cell("word " * 40)),))
    command.outcome = replace(command.outcome, document=Document("T", (table,)))
    run(fake_ports, "fake", *words)
    written = (fake_ports.cwd / "out.txt").read_text() if words else fake_ports.stdout.getvalue()
    assert written.splitlines()[-1] == "  ".join(["integration-x86_64-linux-stable", " ".join(["word"] * 40)])


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError("pipeline.toml", "no [workspace]"), 2, "pipeline.toml: no [workspace]"),
        (ToolMissing("nix", "not found", hint="install nix"), 3, "nix: not found"),
        (MalformedData("x.json", "line 3"), 4, "x.json: line 3"),
        (GateFailed("too large"), 1, "too large"),
        (Interrupted(signal.SIGINT), 130, "interrupted"),
        (Interrupted(signal.SIGTERM), 143, "interrupted"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(fake_ports, command, error, code, message):
    command.error = error
    assert run(fake_ports, "fake") == code
    assert (f"nanna-ci: error: {message}\n" if message else "") in fake_ports.stderr.getvalue()
    assert "Traceback" not in fake_ports.stderr.getvalue()
    assert ("hint: install nix" in fake_ports.stderr.getvalue()) == (message == "nix: not found")


def test_an_unexpected_exception_keeps_its_traceback(fake_ports, command):
    command.error = KeyError("surprise")
    assert run(fake_ports, "fake") == 3
    assert "Traceback" in fake_ports.stderr.getvalue()
    assert "surprise" in fake_ports.stderr.getvalue()


@pytest.mark.parametrize("words", [["--format", "json"], ["--format=json"]])
def test_an_error_is_json_too_where_json_was_requested(fake_ports, command, words):
    command.error = ToolMissing("nix", "not found", hint="install nix")
    run(fake_ports, "fake", *words)
    assert json.loads(fake_ports.stdout.getvalue()) == {
        "schemaVersion": 1,
        "command": "fake",
        "verdict": "unavailable",
        "error": {"message": "nix: not found", "hint": "install nix"},
    }


def test_a_failed_gate_is_a_fail_in_json(fake_ports, command):
    command.error = GateFailed("too large")
    assert run(fake_ports, "fake", "--format", "json") == 1
    assert json.loads(fake_ports.stdout.getvalue())["verdict"] == "fail"


def test_a_fault_of_ours_is_an_error_in_json_and_never_a_fail(fake_ports, command):
    command.error = KeyError("surprise")
    assert run(fake_ports, "fake", "--format", "json") == 3
    assert json.loads(fake_ports.stdout.getvalue())["verdict"] == "error"


def test_an_error_replaces_the_old_output_file(fake_ports, command):
    run(fake_ports, "fake", "--format", "json", "--output", "result.json")
    command.error = ToolMissing("nix", "not found")
    run(fake_ports, "fake", "--format", "json", "--output", "result.json")
    assert json.loads((fake_ports.cwd / "result.json").read_text())["verdict"] == "unavailable"


def test_a_failed_program_shows_its_last_lines(fake_ports, command):
    command.error = CommandFailed(["nix", "build"], 1, "first\nsecond\nlast\n")
    run(fake_ports, "fake")
    assert "  | second\n" in fake_ports.stderr.getvalue()


def test_known_secrets_are_in_no_error(fake_ports, command):
    fake_ports.environ["MY_TOKEN"] = "hunter2hunter2"
    command.error = CommandFailed(["curl"], 1, "sent hunter2hunter2\nrefused hunter2hunter2\n", hint="hunter2hunter2")
    run(fake_ports, "fake", "--format", "json")
    command.error = ValueError("hunter2hunter2")
    run(fake_ports, "fake", "--format", "json")
    assert "hunter2" not in fake_ports.stderr.getvalue() + fake_ports.stdout.getvalue()
    assert "[redacted]" in fake_ports.stderr.getvalue()


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.PASS, 0), (Verdict.FAIL, 1)])
def test_a_reader_who_goes_away_changes_no_verdict(fake_ports, command, verdict, code):
    fake_ports.stdout = Closed()
    command.outcome = replace(command.outcome, verdict=verdict)
    assert run(fake_ports, "fake") == code
    assert fake_ports.stderr.getvalue() == "some talk\n"


def test_talk_into_a_closed_pipe_ends_quietly_but_not_green(fake_ports, command):
    fake_ports.stderr = Closed()
    assert run(fake_ports, "fake") == 141


def test_a_pipe_to_a_service_that_breaks_is_not_taken_for_our_reader(fake_ports, command):
    read_end, write_end = os.pipe()
    with os.fdopen(read_end), os.fdopen(write_end, "w") as stream:
        fake_ports.stdout = fake_ports.stderr = stream
        command.error = BrokenPipeError("to a service")
        assert run(fake_ports, "fake", "-q") == 3


def test_on_a_runner_the_summary_and_outputs_are_written_and_logs_are_inert(fake_ports, command, tmp_path):
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        (tmp_path / name).write_text("")
        fake_ports.environ[name] = str(tmp_path / name)
    fake_ports.environ["GITHUB_ACTIONS"] = "true"
    command.outcome = replace(command.outcome, document=Document("::stop-commands::x", DOCUMENT.blocks))
    assert run(fake_ports, "fake") == 0
    assert "one thing failed" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert (tmp_path / "GITHUB_OUTPUT").read_text().startswith("key<<")
    assert "::error title=" in fake_ports.stderr.getvalue()
    assert ": :stop-commands::x\n" in fake_ports.stdout.getvalue()


def test_on_a_runner_an_error_is_annotated_and_summarised(fake_ports, command, tmp_path):
    (tmp_path / "summary").write_text("")
    fake_ports.environ.update(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    command.error = ToolMissing("nix", "::warning::x")
    assert run(fake_ports, "fake") == 3
    assert "::error title=nanna-ci fake::nix: ::warning::x\n" in fake_ports.stderr.getvalue()
    assert "nix:" in (tmp_path / "summary").read_text()


def test_a_summary_that_cannot_be_written_does_not_change_the_gate(fake_ports, command):
    fake_ports.environ.update(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY="/no/such/file", GITHUB_OUTPUT="/no/such/file")
    command.outcome = replace(command.outcome, verdict=Verdict.FAIL)
    assert run(fake_ports, "fake") == 1
    assert fake_ports.stderr.getvalue().count("nanna-ci: warning: ") == 2


def test_the_module_table_is_whole():
    for package in (commands, usage):
        modules = [module.name for module in pkgutil.iter_modules(package.__path__)]
        assert set(modules) >= {module_name(name) for name in COMMANDS}
    assert set(COMMANDS) >= {"plan", "run-job", "ci", "dev-check", "cross-build", "prepare-artifacts", "test"}
