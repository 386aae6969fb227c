"""Instructions that a benchmark executes: the same on every machine and at every load, so that one run is enough.

Counted is a run in which the benchmark is executed once, less a run of the same program in which none is. What is left
is the benchmark's own code and the harness's around it; so the ratio of a benchmark of few instructions is nearer to 1
than it should be, and never further away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nanna_ci.measure.benchmarks.bench_programs import BenchProgram, Harness
from nanna_ci.measure.benchmarks.program_runner import NO_BENCHMARK, MeasurementFailed, ProgramRunner

SOFT_LIMIT: Final = 1.05  # above it is a warning, never more: what executes more need not take longer


@dataclass(slots=True)
class InstructionCounter:
    """Counts for one side; a program's start is counted once, and a benchmark's count is kept."""

    runner: ProgramRunner
    _idle: dict[str, int] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, program: BenchProgram, name: str) -> int:
        """Of one execution. Raises MeasurementFailed where nobody can count it."""
        if program.harness is Harness.UNKNOWN:
            raise MeasurementFailed(
                f"{program.name}: nothing is known of its harness, which must run a benchmark once", ""
            )
        key = (program.name, name)
        if key not in self._counts:
            if program.name not in self._idle:
                self._idle[program.name] = self.runner.count_instructions(program, NO_BENCHMARK)
            count = self.runner.count_instructions(program, name) - self._idle[program.name]
            if count <= 0:
                raise MeasurementFailed(f"{name}: executes no more instructions than {program.name} without it", "")
            self._counts[key] = count
        return self._counts[key]
