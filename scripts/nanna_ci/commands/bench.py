"""`bench`: benchmarks against a commit, in pairs."""

from __future__ import annotations

import argparse
import datetime
import math
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import Interrupted, UsageError, shorten
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.measure.benchmarks.action_history import (
    append_entry,
    read_action_history,
    render_action_history,
)
from nanna_ci.measure.benchmarks.bench_history import hold_against_history, suite_of
from nanna_ci.measure.benchmarks.bench_outputs import BenchOutputs
from nanna_ci.measure.benchmarks.bench_programs import BenchPrograms, load_programs
from nanna_ci.measure.benchmarks.bench_report import bench_document, bench_to_json
from nanna_ci.measure.benchmarks.bench_result import BenchResult
from nanna_ci.measure.benchmarks.comparison import BenchRun, BenchSide, working_source
from nanna_ci.measure.benchmarks.git_commit import MeasuredCommit, query_commit
from nanna_ci.measure.benchmarks.interleaved import Side
from nanna_ci.measure.benchmarks.program_runner import ProgramRunner
from nanna_ci.measure.benchmarks.segment import query_segment, runner_kind
from nanna_ci.measure.history.history import History
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.history_place import open_history
from nanna_ci.measure.history.records import BenchmarkRecord, Metric, RunIdentity
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.pipeline.subject import source_folder
from nanna_ci.report.files import write_atomic
from nanna_ci.report.github import run_of
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.nix import OVERRIDES_VARIABLE, Nix, parse_overrides

VALGRIND: Final = "NANNA_CI_VALGRIND"  # the toolkit's own, from the command's app
_LONGEST_S: Final = 600.0
LIMIT_S: Final = 60.0  # of a measurement besides its own time: warming up, analysis, benchmarks slower than the time
_DEFAULT_RATIO: Final = 2.0  # as in keys.json
_LIMIT_FACTOR: Final = 20.0


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The comparison; the verdict is fail where one fails or has vanished, unavailable where there is none to run."""
    request = _Request(arguments, context)
    request.refuse_contradictions()
    memory = request.memory()
    measuring: BenchRun | None = None
    signal_number: int | None = None
    try:
        with scratch_folder("nanna-ci-bench-") as scratch:
            measuring = request.bench_run(scratch)
            measuring.run()
    except Interrupted as signal:
        if measuring is None:
            raise
        signal_number = signal.signal_number
    result = measuring.result(interrupted=signal_number is not None)
    if memory is not None and signal_number is None and result.values:
        result = memory.remember(result)
    code = None if signal_number is None else 128 + signal_number
    if signal_number is None and result.has_none and memory is not None and not memory.records:
        code = 0  # a workspace without benchmarks: nothing to measure on any push, and none has vanished
    return Outcome(result.verdict, bench_document(result), bench_to_json(result), exit_code=code)


@dataclass(slots=True)
class _Request:
    """The command line, and the outside world."""

    arguments: argparse.Namespace
    context: Context

    def refuse_contradictions(self) -> None:
        """Raises UsageError."""
        arguments = self.arguments
        if arguments.against is not None and (arguments.programs or arguments.against_programs):
            raise UsageError(
                "--against builds both sides", hint="--programs HEAD --against-programs BASE compares two folders"
            )
        if arguments.against_programs is not None and arguments.programs is None:
            raise UsageError("--against-programs needs --programs, the programs of the head")

    def memory(self) -> _Memory | None:
        """The histories that were named, read before anything is measured: a corrupt one costs no minutes."""
        ports, arguments = self.context.ports, self.arguments
        if arguments.history is None and arguments.data_js is None and arguments.record is None:
            return None
        history = None if arguments.history is None else open_history(arguments.history, ports)
        path = None if arguments.data_js is None else ports.cwd / arguments.data_js
        return _Memory(
            context=self.context,
            regression_ratio=self._regression_ratio(),
            started_s=ports.now(),
            history=history if arguments.record is None else HistoryFolder(ports.cwd / arguments.record),
            records=() if history is None else tuple(history.read_benchmarks()),
            path=path,
            suite="" if path is None else suite_of(read_action_history(path), arguments.data_js),
        )

    def bench_run(self, scratch: Path) -> BenchRun:
        """Everything built and read that is needed to start measuring."""
        ports, arguments = self.context.ports, self.arguments
        time_s, chosen = _seconds(arguments.time), _expression(arguments.filter)
        head, base, against = self._programs(scratch)
        toolchain = head.toolchain
        return BenchRun(
            head=self._side(Side.HEAD, head, scratch, time_s),
            base=None if base is None else self._side(Side.BASE, base, scratch, time_s),
            against=against,
            segment=query_segment(runner_kind(ports.environ), toolchain, ports.run, ports.environ),
            regression_ratio=self._regression_ratio(),
            clock=ports.clock,
            say=self.context.say,
            chosen=chosen,
            no_counts=None if _valgrind(ports.environ) else "valgrind is not on this machine",
        )

    def _regression_ratio(self) -> float:
        """Of the pipeline.toml that counts; ready programs need none."""
        ports = self.context.ports
        path = find_pipeline(self.context.config, ports.environ, ports.cwd)
        named = self.context.config is not None or ports.environ.get("NANNA_CI_CONFIG")
        needs_none = self.arguments.programs is not None and not named and not path.exists()
        return _DEFAULT_RATIO if needs_none else load_pipeline(path).budget.regression_ratio

    def _programs(self, scratch: Path) -> tuple[BenchPrograms, BenchPrograms | None, str | None]:
        """Head, base if there is one, and what that is called."""
        ports, arguments = self.context.ports, self.arguments
        if arguments.programs is not None:
            base = arguments.against_programs
            head = load_programs(ports.cwd / arguments.programs)
            return head, None if base is None else load_programs(ports.cwd / base), base
        nix = Nix(ports.run, environ=ports.environ)
        source = source_folder(ports.cwd, nix.overrides)
        outputs = BenchOutputs(nix, ports.run, ports.environ, source, self.context.say)
        if arguments.against is None:
            return load_programs(outputs.head()), None, None
        commit = outputs.commit(arguments.against)
        head = load_programs(outputs.head())
        base = load_programs(outputs.base(commit, scratch / "commit"))
        return head, base, f"{arguments.against} ({commit[:12]})"

    def _side(self, side: Side, programs: BenchPrograms, scratch: Path, time_s: float) -> BenchSide:
        ports = self.context.ports
        source = working_source(programs, scratch / side.value, ports.cwd)
        limit_s = LIMIT_S + _LIMIT_FACTOR * time_s
        valgrind = _valgrind(ports.environ) or "valgrind"
        return BenchSide(side, programs, ProgramRunner(ports.run, ports.environ, source, time_s, limit_s, valgrind))


@dataclass(frozen=True, slots=True)
class _Memory:
    """The histories of the command line, as they were before the run."""

    context: Context
    regression_ratio: float
    started_s: float
    history: History | None  # where this run is kept
    records: tuple[BenchmarkRecord, ...]
    path: Path | None
    suite: str

    def remember(self, result: BenchResult) -> BenchResult:
        """The result with what the history says of it; the run is appended, unless it is a dry one."""
        ports = self.context.ports
        github = run_of(ports.environ)
        page = None if github is None or github.url is None else github.url
        repository = None if page is None else page.partition("/actions/")[0]
        source = source_folder(ports.cwd, parse_overrides(ports.environ.get(OVERRIDES_VARIABLE, "")))
        measured = query_commit(source, repository, ports.run, ports.environ)
        event = None if github is None else github.event
        origin = replace(self._origin(measured, event, page), workspace=str(source))
        if self.history is not None:
            answer = hold_against_history(result, origin, self.records, self.regression_ratio)
            result = answer.result
            if not self.context.dry_run:
                self.history.append(answer.record)
        if self.path is not None and not self.context.dry_run:
            if measured is None:
                raise UsageError("--data-js needs the commit that was measured", hint="run it in a git work tree")
            now = datetime.datetime.fromtimestamp(self.started_s, datetime.UTC)
            times = [value for value in result.values if value.metric is Metric.TIME]
            # read again: somebody may have written to it while this run measured
            before = read_action_history(self.path)
            longer = append_entry(before, self.suite, measured.commit, times, now=now, repo_url=repository)
            write_atomic(self.path, render_action_history(longer))
        return result

    def _origin(self, measured: MeasuredCommit | None, event: str | None, page: str | None) -> RunIdentity:
        started = datetime.datetime.fromtimestamp(self.started_s, datetime.UTC)
        numbers = re.search(r"/actions/runs/(\d+)/attempts/(\d+)", page or "")
        here = f"local-bench-{started:%Y%m%d-%H%M%S}-{os.getpid()}"
        return RunIdentity(
            run=here if numbers is None else f"github-{numbers[1]}-{numbers[2]}",
            event=event or "local",
            started=started.replace(microsecond=0),
            commit=measured.commit.id if measured is not None and measured.is_clean else None,
            branch=None if measured is None else measured.branch,
            url=page,
        )


def _valgrind(environ: Mapping[str, str]) -> str | None:
    return environ.get(VALGRIND) or shutil.which("valgrind", path=environ.get("PATH", ""))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.01 <= seconds <= _LONGEST_S:
        raise UsageError(f"--time {shorten(text)} is not a number of seconds from 0.01 to {_LONGEST_S:g}")
    return seconds


def _expression(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise UsageError(f"--filter {shorten(text or '')} is not a regular expression: {error}") from error
