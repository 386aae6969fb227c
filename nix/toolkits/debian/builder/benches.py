"""The step that builds benchmarks (bench_programs.py)."""

from pathlib import Path

from bench_programs import write_bench_programs
from cargo import place_of, prepare, require_libraries
from plain import Attributes


def programs(attributes: Attributes, out: Path) -> None:
    """Every benchmark target of the workspace, in the bench profile."""
    values = prepare(attributes)
    require_libraries(attributes, values)
    write_bench_programs(place_of(attributes, values), attributes["src"], out)
