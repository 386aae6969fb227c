"""What the output of a coverage job holds, in a folder: lcov.info, and whose the files in it are, in crates.json."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.measure.coverage.source_tree import Coverage, parse_crates_file, place_files
from nanna_ci.measure.history.records import CrateCoverage
from nanna_ci.pipeline.lcov import MOST_BYTES, parse_lcov

LCOV_FILE: Final = "lcov.info"
CRATES_FILE: Final = "crates.json"
_CRATES_BYTES: Final = 4 * MEBIBYTE


def read_output(folder: Path) -> Coverage | None:
    """The coverage in an output; None if no test was instrumented, which leaves only junit.xml.

    Raises MalformedData for files that the builder would not have written.
    """
    report = folder / LCOV_FILE
    if not report.exists():
        return None
    tree = parse_crates_file(_read(folder / CRATES_FILE, _CRATES_BYTES), str(folder / CRATES_FILE))
    return place_files(parse_lcov(_read(report, MOST_BYTES), str(report)), tree)


def coverage_of_output(folder: Path) -> tuple[CrateCoverage, ...]:
    """The figures of each crate for a CoverageRecord, sorted by name; nothing where there is no coverage in it.

    Raises MalformedData as `read_output` does.
    """
    coverage = read_output(folder)
    return () if coverage is None else coverage.crates


def _read(path: Path, limit_bytes: int) -> bytes:
    try:
        return read_file(path, limit_bytes)
    except OSError as error:
        raise MalformedData(str(path), f"cannot be read: {error.strerror}") from error
