"""Standard streams that cannot be written, and text from outside that would command the terminal it reaches."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports

PIPELINE = '[workspace]\nname = "demo"\n'
EVIL = "a\x1b[2J\x1b]0;title\x07\u202egnp.exe\x9b31m\nb"


def start(folder: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    (folder / "pipeline.toml").write_text(PIPELINE)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-m", "nanna_ci", *words]
    return subprocess.run(argv, cwd=folder, env=environ, check=False, **options)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "words",
    [
        ("plan",),
        ("plan", "--format", "json"),
        ("plan", "--format", "github"),
        ("plan", "--help"),
        ("--help",),
        ("--version",),
        ("plan", "--config", "absent", "--format", "json"),
    ],
)
def test_a_full_stdout_is_one_line_and_never_an_answer(tmp_path: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = start(tmp_path, *words, stdout=full, stderr=subprocess.PIPE)
    lines = ended.stderr.decode().splitlines()
    if "absent" in words:
        assert ended.returncode == 2, "what was wrong before the disk was full"
    else:
        assert ended.returncode == 3
        assert lines == ["nanna-ci: error: stdout: cannot be written: No space left on device"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(("words", "code"), [(("plan", "-v"), 0), (("plan", "--config", "absent"), 2)])
def test_a_full_stderr_changes_no_exit_code(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    with Path("/dev/full").open("wb") as full:
        assert start(tmp_path, *words, stdout=subprocess.DEVNULL, stderr=full).returncode == code


def says(folder: Path, *words: str) -> tuple[str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    environ = {"GITHUB_ACTIONS": "true", "PATH": "/usr/bin:/bin"}
    for environment in ({}, environ):
        main(list(words), Ports(environ=environment, stdout=stdout, stderr=stderr, cwd=folder))
    return stdout.getvalue(), stderr.getvalue()


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "--config", EVIL),
        ("run-job", EVIL),
        (EVIL,),
        ("plan", f"--{EVIL}"),
        ("plan", "--event", EVIL),
        ("cache-analytics", "--paths-from", EVIL),
        ("container-test", EVIL),
    ],
)
def test_a_word_of_the_command_line_commands_no_terminal(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "pipeline.toml").write_text(PIPELINE)
    stdout, stderr = says(tmp_path, *words)
    assert is_tame(stdout + stderr)
    assert not [line for line in stderr.splitlines() if line.startswith("b")]


@pytest.mark.parametrize(
    "text",
    [
        f"[workspace]\nname = 'x'\n{json.dumps(EVIL)} = 1\n",
        f"[{json.dumps(EVIL)}]\n",
        f"[workspace]\nname = {json.dumps(EVIL)}\n",
        f"[workspace]\nname = 'x'\n[toolchain]\ndefault = {json.dumps(EVIL)}\n",
        f"[workspace]\nname = 'x'\nname = {json.dumps(EVIL)}\n",
        f"[workspace]\n'a' = 1\n'a'.{json.dumps(EVIL)} = 2\n",
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_pipeline_toml_commands_no_terminal(tmp_path: Path, text: str, form: str) -> None:
    (tmp_path / "pipeline.toml").write_text(text)
    stdout, stderr = says(tmp_path, "plan", "--format", form)
    assert is_tame(stdout + stderr)


def test_a_json_result_commands_no_terminal_and_is_the_same_data(tmp_path: Path) -> None:
    evil = "\u202e\x7f\x9b31m\u2066\ufeff"
    folder = tmp_path / evil
    folder.mkdir()
    (folder / "pipeline.toml").write_text(PIPELINE)
    stdout, nothing = io.StringIO(), {"PATH": str(tmp_path)}
    main(["dev-check", "--format", "json"], Ports(environ=nothing, stdout=stdout, stderr=io.StringIO(), cwd=folder))
    assert is_tame(stdout.getvalue())
    assert evil in json.loads(stdout.getvalue())["workspace"]


def is_tame(text: str) -> bool:
    return not [character for character in text if character in "\x1b\x07\x9b\x7f\u202e\u2066\ufeff\r"]
