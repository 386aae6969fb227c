"""Turns a cargo command into a result: the same jobs on a machine without Nix, and the quick loop in the work tree."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, assert_never

from nanna_ci.foundation.errors import GateFailed, MalformedData, ToolMissing
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.crates import is_progress_bar
from nanna_ci.pipeline.faults import find_fault
from nanna_ci.pipeline.junit import JunitReport, read_junit
from nanna_ci.pipeline.log_text import failing_tests, last_lines, left_out, name_some, plain_line, useful_lines
from nanna_ci.pipeline.nextest import ANSWERS, NextestResult, judge_tests
from nanna_ci.pipeline.results import JobResult, JobState, no_answer, unavailable
from nanna_ci.pipeline.vocabulary import Channel
from nanna_ci.toolchain.cargo_environment import CargoEnvironment
from nanna_ci.toolchain.cargo_errors import innermost_cause
from nanna_ci.toolchain.rustup import find_missing_toolchain

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
# how cargo-audit and cargo-deny fail without the network: that is not an answer about the crates
_NO_DATABASE = re.compile(r"(?:couldn't|could not|failed to|unable to) fetch (?:the )?advisory", re.IGNORECASE)
_STALE_LOCK = re.compile(r"because --locked was passed|needs to be updated but --locked was passed")
_SHADOWED = re.compile(r"user-defined alias `([^`]*)` is shadowing an external subcommand")
_NO_COMMAND = re.compile(r"no such command: `(?!\+)|'cargo-\w+(?:\.exe)?' is not installed for the toolchain")
KILL = 9


@dataclass(frozen=True, slots=True)
class EndedProgram:
    """A program that ran to its end, whatever its exit code. `stdout` is empty if lines were handed on."""

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
    ) -> EndedProgram:
        """Run it to its end; `environment` is set on top of ours."""


@dataclass(frozen=True, slots=True)
class CargoStep:
    """`cargo [+CHANNEL] TOOL …` in a workspace. `junit` is the file that nextest shall write, None: none.

    `typed` is the same as a person types it, if that is not `argv`: without the files of this very run.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    junit: Path | None = None
    typed: tuple[str, ...] | None = None

    @property
    def base(self) -> tuple[str, ...]:
        """The command line up to the tool: with `--version` it says whether the tool is there."""
        return self.argv[: 3 if self.argv[1].startswith("+") else 2]

    @property
    def tool(self) -> str:
        """`fmt`, `clippy`, `nextest` …"""
        return self.base[-1]

    @property
    def command_line(self) -> str:
        """The step as one types it."""
        assignments = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*assignments, shlex.join(self.typed or self.argv)])


@dataclass(frozen=True, slots=True)
class _Output:
    """What a step said: its end, all its lines, and the version of its tool."""

    ended: EndedProgram
    lines: list[str]
    tool: str | None


def run_step(
    job_id: str,
    step: CargoStep,
    run: RunProgram,
    *,
    root: Path,
    on_line: Callable[[str], None],
    environment: CargoEnvironment | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> JobResult:
    """A step's result. `root` is the workspace's folder; no older JUnit file may be where the step writes its own.

    `on_line` gets each plain line of output, `on_progress` each state of cargo's progress bar. A tool that is not
    there, or that could not check anything, is unavailable with the reason: never a pass. `environment` is what `run`
    gives to programs, to report what it changed.
    """
    try:
        tool, missing = query_version(step, run)
    except GateFailed as replaced:
        return no_answer(job_id, replaced.message)
    missing = missing or nothing_to_ask(step, root)
    if missing is not None:
        return unavailable(job_id, missing)
    lines: list[str] = []

    def take(line: bytes) -> None:
        *states, last = line.rstrip(b"\r").decode(errors="replace").split("\r")
        for state in map(plain_line, states):
            if is_progress_bar(state) and on_progress is not None:
                on_progress(state)
        if not is_progress_bar(plain := plain_line(last)):
            lines.append(plain)
            on_line(plain)

    changed = environment or CargoEnvironment()
    for line in changed.to_lines():
        on_line(line)
    ended = run(step.argv, environment=step.environment, timeout_s=STEP_TIMEOUT_S, on_line=take)
    output = _Output(ended, lines, tool)
    result = _judge_tests(job_id, step, output) if step.tool == "nextest" else _judge_tool(job_id, step, output)
    if said := changed.to_json():
        result = replace(result, evidence={**result.evidence, "environment": said})
    return result


def _judge_tests(job_id: str, step: CargoStep, output: _Output) -> JobResult:
    """nextest's answer, from its JUnit and its exit code; its output only if there is no JUnit."""
    report, refused = _junit(step.junit)
    named = () if report is not None else failing_tests(output.lines)
    code = output.ended.returncode
    answer = judge_tests(code, report, refused=refused, named=named)
    if code not in ANSWERS:
        answer = _without_faults(answer, output)
    evidence = _evidence(step, output)
    if report is not None:
        evidence["tests"] = report.counts
        if answer.verdict is Verdict.PASS and (flaky := report.flaky_warning) is not None:
            evidence["warnings"] = [flaky]
    said: tuple[str, ...] = ()
    if report is not None:
        said = last_lines(output.lines) if report.has_silent_script else report.failure_lines()
    return _result(job_id, step, output, answer, evidence=evidence, said=said)


def _judge_tool(job_id: str, step: CargoStep, output: _Output) -> JobResult:
    code = output.ended.returncode
    if code == 0:
        return _result(job_id, step, output, NextestResult(Verdict.PASS, None), evidence=_evidence(step, output))
    if step.tool in {"audit", "deny"} and _NO_DATABASE.search("\n".join(output.lines)):
        reason = "the advisory database cannot be fetched"
        return replace(unavailable(job_id, reason), seconds=output.ended.seconds, log_tail=tuple(output.lines[-5:]))
    reason = f"cargo {step.tool} was ended by signal {-code}" if code < 0 else f"cargo {step.tool} exited with {code}"
    reason += name_some(failing_tests(output.lines))
    answer = _without_faults(NextestResult(Verdict.ERROR if code == -KILL else Verdict.FAIL, reason), output)
    return _result(job_id, step, output, answer, evidence=_evidence(step, output))


def _without_faults(answer: NextestResult, output: _Output) -> NextestResult:
    """A failure, or the fault of the machine that it is."""
    fault = find_fault(output.lines) if answer.verdict is Verdict.FAIL else None
    return answer if fault is None else NextestResult(Verdict.ERROR, fault.reason)


def _evidence(step: CargoStep, output: _Output) -> dict[str, Any]:
    return {"command": step.command_line, "exitCode": output.ended.returncode, "tool": output.tool}


def _result(
    job_id: str,
    step: CargoStep,
    output: _Output,
    answer: NextestResult,
    *,
    evidence: Mapping[str, Any],
    said: tuple[str, ...] = (),
) -> JobResult:
    """`answer` and `said` are what structured results say; if they say nothing, the lines count."""
    verdict, reason, failing = answer.verdict, answer.reason, answer.failing
    if verdict is not Verdict.PASS and (stale := _stale_lock(output.lines)) is not None:
        reason = stale
    result = JobResult(job_id, verdict, output.ended.seconds, JobState.RAN, reason=reason, evidence=evidence)
    match verdict:
        case Verdict.PASS:
            return replace(result, reason=left_out(output.lines)) if step.tool == "nextest" else result
        case Verdict.UNAVAILABLE:
            return replace(result, state=None)
        case Verdict.FAIL | Verdict.ERROR:
            return replace(
                result,
                failing_tests=failing or (failing_tests(output.lines) if verdict is Verdict.FAIL else ()),
                log_tail=said or useful_lines(output.lines),
                reproduce=step.command_line,
            )
        case _:
            assert_never(verdict)


def _stale_lock(lines: Sequence[str]) -> str | None:
    """What to do about a Cargo.lock that cargo would have to write; None if that is not what it says."""
    if not any(_STALE_LOCK.search(line) for line in lines):
        return None
    return "Cargo.lock does not fit the manifests: run `cargo update --workspace`, and commit it"


def query_version(step: CargoStep, run: RunProgram) -> tuple[str | None, str | None]:
    """The version of a step's tool and None; or None and why it cannot run here.

    GateFailed if something else replaces the tool, whose exit code would say nothing.
    """
    # cargo's own subcommands have no version of their own
    base = step.base if step.tool in _INSTALL else step.base[:-1]
    try:
        ended = run((*base, "--version"), environment={}, timeout_s=PROBE_TIMEOUT_S)
    except ToolMissing:
        return None, "cargo is not installed"
    said = ended.stderr_tail
    if shadow := _SHADOWED.search(said):
        raise GateFailed(f"an alias of cargo's configuration replaces cargo {shadow[1]}: it would answer")
    if ended.returncode == 0:
        return ended.stdout.decode(errors="replace").partition("\n")[0].strip(), None
    if absent := find_missing_toolchain(said):
        return None, f"{absent.reason} ({absent.hint})"
    if step.tool not in _INSTALL:
        return None, f"cargo --version exited with {ended.returncode}"
    if _NO_COMMAND.search(said):
        return None, f"cargo {step.tool} is not installed ({_INSTALL[step.tool]})"
    return None, f"cargo {step.tool} does not work here: {innermost_cause(said)}"


def nothing_to_ask(step: CargoStep, root: Path) -> str | None:
    """Why a step has nothing to check in this workspace; None if it has one."""
    if step.tool == "deny" and not any((root / name).is_file() for name in _DENY_FILES):
        return "the workspace has no deny.toml, which says what to deny"
    return None


def parse_channel(rustc_version: str) -> Channel | None:
    """The channel in `rustc 1.96.0-beta.3 (…)`; None if that is not a version."""
    match = re.match(r"rustc \d+\.\d+\.\d+(?:-(\w+))?", rustc_version)
    if match is None:
        return None
    return {None: Channel.STABLE, "beta": Channel.BETA, "nightly": Channel.NIGHTLY}.get(match[1])


def _junit(path: Path | None) -> tuple[JunitReport | None, str | None]:
    """The report, or why it is refused; neither if none was written."""
    if path is None:
        return None, None
    try:
        return read_junit(path)[1], None
    except FileNotFoundError:
        return None, None
    except MalformedData as error:
        return None, f"its JUnit file is refused: {error.message}"
