"""`test`: this project's own tests."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from nanna_ci.foundation.context import Context, Ports
from nanna_ci.foundation.errors import ToolMissing, UsageError
from nanna_ci.foundation.redact import without_secrets
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Document
from nanna_ci.report.outcome import Outcome

SUITES = ("unit", "property", "integration", "contract", "e2e")
TIMEOUT_S = 4 * 3600.0
NO_TESTS = 5


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """pytest's answer: its exit code is ours, except that finding no tests is a failure."""
    ports = context.ports
    source = find_source(ports)
    flags = ["-k", arguments.expression] if arguments.expression is not None else []
    flags += ["-x"] if arguments.exit_first else []
    given = [*flags, *arguments.pytest_arguments]
    path = search_path(ports.environ)
    argv = [*_pytest(path), *pytest_words(source, given, xdist=_has("xdist"))]
    completed = ports.run(
        argv,
        timeout_s=TIMEOUT_S,
        accept=frozenset(range(-64, 256)),
        # what passes straight through cannot be redacted
        env=without_secrets({**ports.environ, "PATH": path}),
        cwd=source,
        passthrough=True,
    )
    code = completed.returncode
    if code == NO_TESTS:
        context.say("no tests were found: that is a failure")
    return Outcome(
        verdict=Verdict.PASS if code == 0 else Verdict.FAIL,
        document=Document("", ()),
        data={"source": str(source), "pytestExitCode": code, "seconds": round(completed.seconds, 3)},
        exit_code=1 if code == NO_TESTS or code < 0 else code,
    )


def find_source(ports: Ports) -> Path:
    """The folder of Nanna CI's source tree. UsageError if there is none."""
    named = ports.environ.get("NANNA_CI_SOURCE")
    candidates = [ports.cwd / Path(named)] if named else [ports.cwd, *ports.cwd.parents]
    for folder in candidates:
        if (folder / "tests").is_dir() and (folder / "scripts" / "nanna_ci").is_dir():
            return folder
    raise UsageError(
        f"{named or ports.cwd}: no source tree of Nanna CI (no tests/ beside scripts/nanna_ci/)",
        hint="go to a checkout of Nanna CI, or name one with NANNA_CI_SOURCE",
    )


def pytest_words(source: Path, given: Sequence[str], *, xdist: bool) -> list[str]:
    """The words after `pytest`: processes, the caller's own words, and the suites in order unless a path was given."""
    # a third of the suite's time is waiting for containers, so one process more than there are processors
    processes = str((os.cpu_count() or 1) + 1)
    words = ["-n", processes, "--dist", "loadfile"] if xdist and not _chooses_processes(given) else []
    words += given
    if any(not word.startswith("-") and (source / word.partition("::")[0]).exists() for word in given):
        return words
    return words + [f"tests/{suite}" for suite in SUITES if (source / "tests" / suite).is_dir()]


def _chooses_processes(given: Sequence[str]) -> bool:
    return any(word.startswith(("-n", "--numprocesses", "--dist", "--pdb")) or word == "no:xdist" for word in given)


def search_path(environ: Mapping[str, str]) -> str:
    """Where the tests find programs: first those that the toolkit brings for them (nix/apps.nix)."""
    parts = (environ.get("NANNA_CI_TEST_PATH", ""), environ.get("PATH", ""))
    return os.pathsep.join(part for part in parts if part)


def _pytest(path: str) -> list[str]:
    """pytest of this very Python if it has one, else the one on PATH."""
    if _has("pytest"):
        return [sys.executable, "-m", "pytest"]
    found = which("pytest", path=path)
    if found is None:
        hint = "`./nixw run .#test` brings it, or: pip install pytest hypothesis"
        raise ToolMissing("pytest", "not found", hint=hint)
    return [found]


def _has(module: str) -> bool:
    return find_spec(module) is not None
