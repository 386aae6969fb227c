"""What every command keeps to, over the whole registry."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import nanna_ci
from nanna_ci import cli
from nanna_ci.cli.command_line import find_usage
from nanna_ci.cli.parser import build_parser
from nanna_ci.usage import COMMANDS, module_name

PACKAGE = Path(nanna_ci.__file__).parent
COSTLY = {
    "asyncio",
    "dataclasses",
    "httpx",
    "json",
    "pathlib",
    "shutil",
    "subprocess",
    "tomllib",
    "nanna_ci.foundation.context",
    "nanna_ci.report.outcome",
    "nanna_ci.cli.boundary",
}
every_command = pytest.mark.parametrize("name", COMMANDS)


def environ(**more: str) -> dict[str, str]:
    ours = ("GITHUB_", "NANNA_CI_", "PYTHONUNBUFFERED")  # buffered output is what breaks a pipe late, at exit
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(PACKAGE.parent), **more}


def nanna_ci_process(*words: str, **more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "nanna_ci", *words],
        env=environ(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def help_of(fake_ports, name: str) -> str:
    assert cli.main([name, "--help"], fake_ports.ports) == 0
    return fake_ports.stdout.getvalue()


@every_command
def test_a_command_has_its_flags_and_its_work_in_modules_of_its_name(name):
    found, usage = find_usage([name])
    assert (found, getattr(usage, "__name__", None)) == (name, f"nanna_ci.usage.{module_name(name)}")
    assert isinstance(usage.DRY_RUN, bool)
    assert callable(importlib.import_module(f"nanna_ci.commands.{module_name(name)}").execute)


@every_command
def test_help_teaches(fake_ports, name):
    text = help_of(fake_ports, name)
    assert text.startswith(f"usage: nanna-ci {name} ")
    assert max(map(len, text.splitlines())) <= 120
    assert "\x1b" not in text
    for flag in ("--format", "--output", "--config", "--color", "--verbose", "--quiet"):
        assert flag in text


@every_command
def test_the_example_of_the_help_is_a_valid_command_line(fake_ports, name):
    examples = re.findall(rf"^example: nanna-ci {name}\b(.*)$", help_of(fake_ports, name), re.MULTILINE)
    assert examples
    for example in examples:
        build_parser(*find_usage([name]), fake_ports.stdout).parse_args(shlex.split(example))


@every_command
def test_every_flag_is_explained(fake_ports, name):
    parser = build_parser(*find_usage([name]), fake_ports.stdout)
    assert [action.dest for action in parser._actions if not action.help] == []


@every_command
def test_help_imports_little(name):
    code = """
import sys
before = set(sys.modules)
from nanna_ci.cli import main
assert main(sys.argv[1:]) == 0
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, name, "--help"], env=environ(), capture_output=True, text=True, check=True
    )
    assert COSTLY & set(done.stderr.split()) == set()


@every_command
def test_an_unknown_flag_is_a_usage_error_and_nothing_is_done(fake_ports, name):
    assert cli.main([name, "--no-such-flag"], fake_ports.ports) == 2
    assert fake_ports.stdout.getvalue() == ""
    assert "nanna-ci: error: " in fake_ports.stderr.getvalue()
    assert fake_ports.run.calls == []
    assert list(fake_ports.cwd.iterdir()) == []


@every_command
def test_an_error_in_json_has_the_shape_of_its_schema(fake_ports, name):
    assert cli.main([name, "--no-such-flag", "--format", "json"], fake_ports.ports) == 2
    answer = json.loads(fake_ports.stdout.getvalue())
    assert answer["command"] == name
    assert answer["error"]["message"]
    schema = json.loads((PACKAGE / "schemas" / "error.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(answer)


@every_command
def test_there_is_a_schema_of_its_json(name):
    schema = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text())
    assert schema["properties"]["command"] == {"const": name}
    assert {"schemaVersion", "command", "verdict"} <= set(schema["required"])
    jsonschema.Draft202012Validator.check_schema(schema)


@every_command
def test_a_reader_who_goes_away_hears_no_complaint(name):
    process = nanna_ci_process(name, "--help")
    assert process.stdout is not None
    process.stdout.close()
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, b"")


@every_command
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_if_none_is_wanted(name, variables):
    process = nanna_ci_process(name, "--no-such-flag", **variables)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"\x1b" not in stdout + stderr


def test_help_of_everything_through_a_closed_pipe_is_quiet():
    process = nanna_ci_process("--help")
    assert process.stdout is not None
    process.stdout.close()
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, b"")


def test_talk_on_a_closed_stderr_is_quiet_too():
    process = nanna_ci_process("no-such-command")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.close()
    stdout = process.stdout.read()
    process.stdout.close()
    assert (process.wait(60), stdout) == (2, b"")


def test_closed_streams_are_not_an_error():
    code = "import os; os.close(1); os.close(2); os.execv(%r, [%r, '-m', 'nanna_ci', '--help'])"
    done = subprocess.run(
        [sys.executable, "-c", code % (sys.executable, sys.executable)],
        env=environ(),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_help_prints_under_any_locale(locale):
    process = nanna_ci_process("--help", LC_ALL=locale, PYTHONIOENCODING="ascii")
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, b"")
    assert b"usage: nanna-ci" in stdout
