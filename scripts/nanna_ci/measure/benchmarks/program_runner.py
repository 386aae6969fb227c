"""Runs the programs of benchmarks: which benchmarks they have, how long one takes, how many instructions it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from nanna_ci.foundation.errors import CommandTimedOut, MalformedData, NannaError, ToolMissing, shorten
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.redact import without_secrets
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.measure.benchmarks.bench_programs import BenchProgram, Harness
from nanna_ci.measure.benchmarks.bencher_text import parse_bencher_text
from nanna_ci.measure.benchmarks.criterion import positive_number, read_criterion
from nanna_ci.measure.history.records import BenchmarkValue

_ANY_CODE: Final = frozenset(range(-64, 256))
_QUICK_S: Final = 60.0
_RESAMPLES: Final = "1001"  # of the interval alone, which decides nothing: below that Criterion warns
_WARM_UP: Final = 0.3  # of the time to measure
_LISTED: Final = re.compile(r"(?m)^(.+): bench(?:mark)?\r?$")
_REFERENCES: Final = re.compile(r"(?m)^==(\d+)== I +refs: +([\d,]+)")
_OWN: Final = re.compile(r"==(\d+)== Cachegrind")
# what would make a harness answer in another way
_OTHERS: Final = re.compile(r"CRITERION_|CARGO_CRITERION_|RUST_TEST_|NEXTEST")
_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")
_TAIL_LINES: Final = 20
_TEXT_BYTES: Final = 4 * 1024 * 1024


class MeasurementFailed(NannaError):
    """A program gave no measurement; `tail` is the end of its output, which may be empty."""

    def __init__(self, problem: str, tail: str) -> None:
        super().__init__(problem)
        self.tail = tail


@dataclass(frozen=True, slots=True)
class ProgramRunner:
    """Runs programs below `source`, each in its package's folder, as cargo does; `time_s` is a measurement's own time.

    Each method raises MeasurementFailed where a program ends badly, too late, or with nothing that can be used.
    """

    run: Callable[..., Completed]
    environ: Mapping[str, str]
    source: Path
    time_s: float
    limit_s: float
    valgrind: str = "valgrind"

    def list_benchmarks(self, program: BenchProgram) -> tuple[str, ...]:
        """Their names, in the program's order. A program of an unknown harness is run for it, whole."""
        match program.harness:
            case Harness.CRITERION | Harness.LIBTEST:
                text = self._start(program, ["--bench", "--list"], _QUICK_S)
                return tuple(dict.fromkeys(_LISTED.findall(text)))
            case Harness.UNKNOWN:
                values = parse_bencher_text(self._start(program, ["--bench"], self.limit_s), program.name)
                return tuple(value.name for value in values)
            case _:
                assert_never(program.harness)

    def measure(self, program: BenchProgram, name: str) -> BenchmarkValue:
        """How long one run of a benchmark takes."""
        match program.harness:
            case Harness.CRITERION:
                with scratch_folder("nanna-ci-criterion-") as home:
                    words = [
                        "--bench",
                        "--noplot",
                        "--nresamples",
                        _RESAMPLES,
                        "--measurement-time",
                        f"{self.time_s:g}",
                    ]
                    words += ["--warm-up-time", f"{_WARM_UP * self.time_s:g}", "--", exactly(name)]
                    text = self._start(program, words, self.limit_s, {"CRITERION_HOME": str(home)})
                    return self._read(text, lambda: read_criterion(home, name))
            case Harness.LIBTEST:
                text = self._start(program, ["--bench", "--exact", "--", name], self.limit_s)
            case Harness.UNKNOWN:
                text = self._start(program, ["--bench", name], self.limit_s)
            case _:
                assert_never(program.harness)
        return self._read(text, lambda: _only(name, parse_bencher_text(text, program.name)))

    def count_instructions(self, program: BenchProgram, name: str) -> int:
        """Instructions of a run in which the benchmark is executed once, start and end of the program included."""
        words = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", str(program.path)]
        criterion = program.harness is Harness.CRITERION
        words += ["--bench", "--test", "--", exactly(name)] if criterion else ["--exact", "--", name]
        completed = self._run(program, [self.valgrind, *words], self.limit_s, {"CRITERION_HOME": "/dev/null"})
        return parse_references(completed.stderr_tail, program.name)

    def _read(self, text: str, read: Callable[[], BenchmarkValue]) -> BenchmarkValue:
        try:
            return read()
        except MalformedData as error:
            raise MeasurementFailed(error.message, _tail(text)) from error

    def _start(
        self, program: BenchProgram, words: Sequence[str], limit_s: float, more: Mapping[str, str] | None = None
    ) -> str:
        return self._run(program, [str(program.path), *words], limit_s, more or {}).text()

    def _run(self, program: BenchProgram, argv: Sequence[str], limit_s: float, more: Mapping[str, str]) -> Completed:
        folder = self.source / program.folder
        environ = {name: value for name, value in without_secrets(self.environ).items() if not _OTHERS.match(name)}
        environ |= {"CARGO_MANIFEST_DIR": str(folder), **more}
        try:
            done = self.run(
                argv, timeout_s=limit_s, accept=_ANY_CODE, env=environ, cwd=folder, stdout_limit_bytes=_TEXT_BYTES
            )
        except CommandTimedOut as error:
            problem = f"{program.name} did not end within {limit_s:g} s"
            raise MeasurementFailed(problem, _tail(error.stderr_tail)) from error
        except (MalformedData, ToolMissing) as error:
            raise MeasurementFailed(error.message, "") from error
        if done.returncode:
            how = f"ended by signal {-done.returncode}" if done.returncode < 0 else f"exited with {done.returncode}"
            # libtest prints what a benchmark said to standard output
            raise MeasurementFailed(f"{program.name} {how}", _tail(done.stderr_tail) or _tail(done.text()))
        return done


def parse_references(text: str, source: str) -> int:
    """Instructions that valgrind counted in the program that it was given, and not in those that this one started.

    Raises:
        MeasurementFailed: it says nothing of them.
    """
    own = _OWN.search(text)
    counts = {process: int(count.replace(",", "")) for process, count in _REFERENCES.findall(text)}
    if own is None or own[1] not in counts:
        raise MeasurementFailed(f"{source}: valgrind counted no instructions", _tail(text))
    return counts[own[1]]


def exactly(name: str) -> str:
    """The filter of Criterion, an expression of Rust's regex, for one name: before version 0.5 it has no --exact."""
    return f"^{_SPECIAL.sub(lambda match: chr(92) + match[0], name)}$"


def _only(name: str, values: Sequence[BenchmarkValue]) -> BenchmarkValue:
    found = [value for value in values if value.name == name]
    if len(found) != 1:
        raise MalformedData(shorten(name), f"the text has {len(found)} results of this name")
    positive_number(found[0].value, shorten(name), "the value")
    return found[0]


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
