"""No secret of the environment in anything that a command prints or leaves in a folder, and none given to jobs."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from nanna_ci.binaries import targets
from nanna_ci.binaries.targets import System
from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports

SECRETS = {
    "GITHUB_TOKEN": "ghs_16C7e42F292c6912E7_710c838347Ae178B4a",
    "CACHIX_AUTH_TOKEN": 'cachix"to<ken>&of_a *cache*',
    "REGISTRY_PASSWORD": "hunter2",
    "HTTPS_PROXY": "http://me:pr0xy-w0rd@proxy.invalid:3128",
}
WORDS = [*list(SECRETS.values())[:3], "pr0xy-w0rd"]
DISGUISES: list[Callable[[str], str]] = [
    str,
    lambda word: base64.b64encode(word.encode()).decode(),
    lambda word: quote(word, safe=""),
    lambda word: f"{word[:5]}\n{word[5:]}",
]
JUNIT = """<?xml version="1.0"?><testsuites><testsuite name="demo">
<testcase name="uses {0}"><failure message="{0}">said {0}</failure></testcase></testsuite></testsuites>"""
CARGO = """#!/bin/sh
env > "{folder}/environment-$1"
case "$*" in
    metadata*) cat "{folder}/metadata.json" ;;
    *--version*) echo "cargo-$1 1.0 $(head -n 1 "{folder}/said")" ;;
    *)
        cat "{folder}/said" "{folder}/said" >&2
        echo "        FAIL [   0.004s] (1/1) demo uses $(head -n 1 "{folder}/said")"
        for word in "$@"; do case $word in *nextest.toml)
            sed -n 's/^path = "\\(.*\\)"/\\1/p' "${{word#*:}}" |
                while read -r path; do cp "{folder}/junit" "$path"; done ;;
        esac; done
        exit {code} ;;
esac
"""


@pytest.fixture(params=[0, 100])
def workspace(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose cargo says all secrets in every way, whatever the command."""
    monkeypatch.setattr(targets, "host_system", lambda platform, machine: System.AARCH64_DARWIN)
    said = "\n".join(disguise(word) for disguise in DISGUISES for word in WORDS)
    (tmp_path / "said").write_text(" ".join(WORDS) + "\n" + said + "\n")
    escaped = WORDS[1].replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    (tmp_path / "junit").write_text(JUNIT.format(f"{WORDS[0]} {escaped} {WORDS[2]}"))
    metadata = {"packages": [], "workspace_root": str(tmp_path)}
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    (tmp_path / "pipeline.toml").write_text(
        '[workspace]\nname = "demo"\n[[test]]\nkind = "unit"\nrunners = ["macos-15"]\n'
    )
    (tmp_path / "deny.toml").touch()
    (tmp_path / "bin").mkdir()
    for name in ("cargo", "rustup"):
        program = tmp_path / "bin" / name
        program.write_text(CARGO.format(folder=tmp_path, code=request.param))
        program.chmod(0o755)
    return tmp_path


def run(folder: Path, *words: str, **more: str) -> str:
    """What the command says, on both streams and into GitHub's files."""
    (folder / "summary").touch()
    (folder / "outputs").touch()
    environ = {
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_OUTPUT": str(folder / "outputs"),
        **SECRETS,
        **more,
    }
    stdout, stderr = io.StringIO(), io.StringIO()
    main(list(words), Ports(environ=environ, stdout=stdout, stderr=stderr, cwd=folder))
    return stdout.getvalue() + stderr.getvalue() + (folder / "summary").read_text() + (folder / "outputs").read_text()


def forms(text: str) -> str:
    """A text in which an escaped or wrapped secret shows as well."""
    for escaped, plain in (("&quot;", '"'), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("\\", "")):
        text = text.replace(escaped, plain)
    return "".join(text.split())


def holds(text: str) -> list[str]:
    squeezed = forms(text)
    disguised = ["".join(disguise(word).split()) for word in WORDS for disguise in DISGUISES]
    return [word for word in disguised if word in squeezed]


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
@pytest.mark.parametrize("words", [("dev-check", "-v"), ("run-job", "unit-aarch64-darwin-stable", "-v"), ("ci",)])
def test_no_output_holds_a_secret_of_the_environment(workspace: Path, words: Any, form: str) -> None:
    said = run(workspace, *words, "--format", form)
    assert "demo" in said or "nextest" in said
    assert holds(said) == []


@pytest.mark.parametrize("words", [("ci",), ("run-job", "unit-aarch64-darwin-stable")])
def test_no_file_of_a_run_holds_a_secret_of_the_environment(workspace: Path, words: Any) -> None:
    run(workspace, *words)
    files = [path for path in (workspace / ".nanna-ci").rglob("*") if path.is_file()]
    assert {"log.txt", "result.json", "junit.xml"} <= {path.name for path in files}
    assert {path.name: found for path in files if (found := holds(path.read_text()))} == {}


def test_an_output_file_holds_no_secret_of_the_environment(workspace: Path) -> None:
    run(workspace, "dev-check", "--format", "json", "--output", "result")
    assert holds((workspace / "result").read_text()) == []


def test_jobs_get_no_secret_that_they_need_not_have(workspace: Path) -> None:
    run(workspace, "dev-check", CARGO_REGISTRIES_MINE_TOKEN="for crates", CARGO_REGISTRY_TOKEN="to publish")
    given = "".join(path.read_text() for path in workspace.glob("environment-*"))
    assert not [name for name in ("GITHUB_TOKEN", "CACHIX_AUTH_TOKEN", "PASSWORD", "CARGO_REGISTRY_") if name in given]
    assert "CARGO_REGISTRIES_MINE_TOKEN=for crates" in given
    assert "HTTPS_PROXY" in given, "cargo would not get through"


def test_a_secret_that_tests_need_can_be_passed_and_is_still_redacted(workspace: Path) -> None:
    said = run(workspace, "dev-check", NANNA_CI_PASS_SECRETS="OTHER REGISTRY_PASSWORD")
    given = "".join(path.read_text() for path in workspace.glob("environment-*"))
    assert "REGISTRY_PASSWORD=hunter2" in given
    assert "GITHUB_TOKEN" not in given
    assert holds(said) == []
