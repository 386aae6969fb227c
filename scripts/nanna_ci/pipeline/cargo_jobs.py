"""Makes a result of a cargo command: the same jobs where there is no Nix, and the quick loop in the work tree."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from nanna_ci.errors import MalformedData, ToolMissing
from nanna_ci.outcome import Verdict
from nanna_ci.pipeline.junit import JunitReport, read_junit
from nanna_ci.pipeline.log_text import failing_tests, plain_line, useful_lines
from nanna_ci.pipeline.results import JobResult, JobState, unavailable
from nanna_ci.pipeline.vocabulary import Channel

PROBE_TIMEOUT_S = 300.0
STEP_TIMEOUT_S = 2 * 3600.0

_INSTALL = {
    "fmt": "rustup component add rustfmt",
    "clippy": "rustup component add clippy",
    "nextest": "cargo install --locked cargo-nextest",
    "audit": "cargo install --locked cargo-audit",
    "deny": "cargo install --locked cargo-deny",
}
_DENY_FILES = ("deny.toml", ".deny.toml", ".cargo/deny.toml")
_NEXTEST_EXITS = {4: "there are no tests to run", 101: "the tests do not build"}
# how cargo-audit and cargo-deny fail without the network: that is no answer about the crates
_NO_DATABASE = re.compile(r"(?:couldn't|could not|failed to|unable to) fetch (?:the )?advisory", re.IGNORECASE)
_NO_TOOLCHAIN = re.compile(r"toolchain '[^']*' is not installed")


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that ran to its end, whatever its exit code. `stdout` is empty where lines were handed on."""

    returncode: int
    seconds: float
    stdout: bytes
    stderr_tail: str


class RunProgram(Protocol):
    """Runs a program in the workspace; each line of both streams goes to `on_line`.

    Raises ToolMissing, CommandTimedOut.
    """

    def __call__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        on_line: Callable[[bytes], None] | None = None,
    ) -> Ended:
        """Run it to its end; `environment` is set on top of ours."""


@dataclass(frozen=True, slots=True)
class CargoStep:
    """`cargo [+CHANNEL] TOOL …` in a workspace. `junit` is the file that nextest was told to write, None: none."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    junit: Path | None = None

    @property
    def base(self) -> tuple[str, ...]:
        """The command line up to the tool: asked for `--version` it says whether the tool is there."""
        return self.argv[: 3 if self.argv[1].startswith("+") else 2]

    @property
    def tool(self) -> str:
        """`fmt`, `clippy`, `nextest` …"""
        return self.base[-1]

    @property
    def command_line(self) -> str:
        """The step as one types it."""
        assignments = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*assignments, shlex.join(self.argv)])


def run_step(job_id: str, step: CargoStep, run: RunProgram, *, root: Path, on_line: Callable[[str], None]) -> JobResult:
    """A step's result. `root` is the workspace's folder; no older JUnit file may be where the step writes its own.

    `on_line` gets each plain line of output. A tool that is not there, or that could not ask its question, is
    unavailable with the reason: never a pass.
    """
    version, missing = query_version(step, run)
    missing = missing or nothing_to_ask(step, root)
    if missing is not None:
        return unavailable(job_id, missing)
    lines: list[str] = []

    def take(line: bytes) -> None:
        plain = plain_line(line.decode(errors="replace"))
        lines.append(plain)
        on_line(plain)

    ended = run(step.argv, environment=step.environment, timeout_s=STEP_TIMEOUT_S, on_line=take)
    evidence: dict[str, Any] = {"command": step.command_line, "exitCode": ended.returncode, "tool": version}
    report, refused = _junit(step.junit)
    if report is not None:
        evidence["tests"] = report.counts
    failing = report.failing if report is not None else ()
    result = JobResult(job_id, Verdict.PASS, ended.seconds, JobState.RAN, evidence=evidence)
    if ended.returncode == 0:
        reason = refused
        if failing:
            reason = f"cargo exited with 0, but its JUnit file names {len(failing)} failed tests"
        if reason is None:
            return result
    elif step.tool in {"audit", "deny"} and _NO_DATABASE.search("\n".join(lines)):
        reason = "the advisory database cannot be fetched"
        return replace(result, verdict=Verdict.UNAVAILABLE, state=None, reason=reason, log_tail=tuple(lines[-5:]))
    else:
        failing = failing or failing_tests(lines)
        reason = exit_reason(step, ended.returncode, len(failing))
    return replace(
        result,
        verdict=Verdict.FAIL,
        reason=reason,
        failing_tests=failing,
        log_tail=useful_lines(lines),
        reproduce=step.command_line,
    )


def query_version(step: CargoStep, run: RunProgram) -> tuple[str | None, str | None]:
    """The version of a step's tool and None; or None and why it cannot run here."""
    # cargo's own subcommands have no version of their own
    base = step.base if step.tool in _INSTALL else step.base[:-1]
    try:
        ended = run((*base, "--version"), environment={}, timeout_s=PROBE_TIMEOUT_S)
    except ToolMissing:
        return None, "cargo is not installed"
    if ended.returncode == 0:
        return ended.stdout.decode(errors="replace").partition("\n")[0].strip(), None
    if absent := _NO_TOOLCHAIN.search(ended.stderr_tail):
        return None, absent.group()
    if step.tool not in _INSTALL:
        return None, f"cargo --version exited with {ended.returncode}"
    return None, f"cargo {step.tool} is not installed ({_INSTALL[step.tool]})"


def nothing_to_ask(step: CargoStep, root: Path) -> str | None:
    """Why a step has no question to answer in this workspace; None where it has one."""
    if step.tool == "deny" and not any((root / name).is_file() for name in _DENY_FILES):
        return "the workspace has no deny.toml, which says what to deny"
    return None


def exit_reason(step: CargoStep, returncode: int, failed: int) -> str:
    """A failure's exit code in words. nextest: 4 no tests, 100 failed tests, 101 the build."""
    if returncode < 0:
        return f"cargo {step.tool} was ended by signal {-returncode}"
    if step.tool == "nextest":
        if returncode == 100:
            return f"{failed} tests failed" if failed != 1 else "1 test failed"
        if returncode in _NEXTEST_EXITS:
            return _NEXTEST_EXITS[returncode]
    return f"cargo {step.tool} exited with {returncode}"


def parse_channel(rustc_version: str) -> Channel | None:
    """The channel in `rustc 1.96.0-beta.3 (…)`; None where that is no version."""
    match = re.match(r"rustc \d+\.\d+\.\d+(?:-(\w+))?", rustc_version)
    if match is None:
        return None
    return {None: Channel.STABLE, "beta": Channel.BETA, "nightly": Channel.NIGHTLY}.get(match[1])


def _junit(path: Path | None) -> tuple[JunitReport | None, str | None]:
    """What the file says, why it is refused; nothing where none was written."""
    if path is None:
        return None, None
    try:
        return read_junit(path)[1], None
    except FileNotFoundError:
        return None, None
    except MalformedData as error:
        return None, f"its JUnit file is refused: {error.message}"
