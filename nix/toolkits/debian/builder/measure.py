"""The step that measures which lines tests run (instrumented.py)."""

from pathlib import Path

from cargo import place_of, prepare, require_libraries
from checks import run_tests
from instrumented import CoverageTools, instrumented, write_reports
from plain import Attributes


def coverage(attributes: Attributes, out: Path) -> None:
    """Every test, instrumented: out/junit.xml, and what write_reports writes. Tests that fail give no coverage."""
    values = prepare(attributes)
    require_libraries(attributes, values)
    out.mkdir()
    tools = CoverageTools(attributes["llvmCov"], attributes["nextest"], Path(attributes["llvm"]))
    place = instrumented(place_of(attributes, values), tools)
    run_tests(attributes, place, attributes["filter"], out)
    write_reports(place, tools, out)
