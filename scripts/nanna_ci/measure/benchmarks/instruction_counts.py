"""Instructions that a benchmark executes: the same on every machine and at every load, so that one run is enough.

Counted is a run in which the benchmark is executed once, less a run of the same program in which none is. That one asks
for a name of the same length: to compile a filter costs thousands of instructions a letter. What is left is the
benchmark's own code and the harness's around it, so that the ratio of a benchmark of few instructions is nearer to 1
than it should be, and never further away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nanna_ci.measure.benchmarks.bench_programs import BenchProgram, Harness
from nanna_ci.measure.benchmarks.program_runner import MeasurementFailed, ProgramRunner

SOFT_LIMIT: Final = 1.05  # above it is a warning, never more: what executes more need not take longer


@dataclass(slots=True)
class InstructionCounter:
    """Counts for one side, each once."""

    runner: ProgramRunner
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, program: BenchProgram, name: str) -> int:
        """Of one execution. Raises MeasurementFailed where nobody can count it."""
        if program.harness is Harness.UNKNOWN:
            raise MeasurementFailed(
                f"{program.name}: nothing is known of its harness, which must run a benchmark once", ""
            )
        key = (program.name, name)
        if key not in self._counts:
            idle = self.runner.count_instructions(program, name_of_none(name))
            count = self.runner.count_instructions(program, name) - idle
            if count <= 0:
                raise MeasurementFailed(f"{name}: executes no more instructions than {program.name} without it", "")
            self._counts[key] = count
        return self._counts[key]


def name_of_none(name: str) -> str:
    """A name of the same length, which hardly any benchmark has."""
    return name[:-1] + ("!" if name.endswith("~") else "~")
