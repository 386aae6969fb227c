"""`bench`: benchmarks against a commit, in pairs."""

from __future__ import annotations

import argparse
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import Interrupted, UsageError, shorten
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.measure.benchmarks.bench_outputs import BenchOutputs
from nanna_ci.measure.benchmarks.bench_programs import BenchPrograms, load_programs
from nanna_ci.measure.benchmarks.bench_report import bench_document, bench_to_json
from nanna_ci.measure.benchmarks.comparison import BenchRun, BenchSide, working_source
from nanna_ci.measure.benchmarks.interleaved import Side
from nanna_ci.measure.benchmarks.program_runner import ProgramRunner
from nanna_ci.measure.benchmarks.segment import query_segment, runner_kind
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.pipeline.subject import source_folder
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.nix import Nix

VALGRIND: Final = "NANNA_CI_VALGRIND"  # the toolkit's own, from the command's app
_LONGEST_S: Final = 600.0
LIMIT_S: Final = 60.0  # of a measurement besides its own time: warming up, analysis, benchmarks slower than the time
_DEFAULT_RATIO: Final = 2.0  # as in keys.json
_LIMIT_FACTOR: Final = 20.0


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The comparison; the verdict is fail where one fails or has vanished, unavailable where there is none to run."""
    request = _Request(arguments, context)
    request.refuse_contradictions()
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
    code = None if signal_number is None else 128 + signal_number
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
            no_counts=self._no_counts(base),
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

    def _no_counts(self, base: BenchPrograms | None) -> str | None:
        """Why no instructions are counted."""
        if base is None:
            return "they are compared with those of a base"
        return None if _valgrind(self.context.ports.environ) else "valgrind is not on this machine"


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
