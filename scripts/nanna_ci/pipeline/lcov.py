"""Coverage in lcov's format, as llvm-cov, cargo-tarpaulin, grcov and lcov itself write it; and written again.

Only lines are kept: functions and branches are checked and dropped, for these tools do not agree on what they count.
A line counts once for its file, by its DA record, as Codecov, Coveralls and genhtml have it. llvm-cov's own totals
count it once for each function that it is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file

MOST_BYTES: Final = 256 * MEBIBYTE
MOST_HITS: Final = 2**64 - 1  # llvm's counters have 64 bits
MOST_LINES: Final = 10**8
Lines = Mapping[int, int]  # line number -> how often it ran

_COUNT: Final = r"[0-9]{1,20}"
_RECORDS: Final = {
    key: re.compile(pattern, re.ASCII)
    for key, pattern in {
        "TN": r".*",
        "VER": r".*",
        "FN": rf"{_COUNT},(?:{_COUNT},)?.+",
        "FNDA": rf"{_COUNT},.+",
        "FNL": rf"{_COUNT},{_COUNT}(?:,{_COUNT})?",
        "FNA": rf"{_COUNT},{_COUNT},.+",
        "BRDA": rf"{_COUNT},[efU]*{_COUNT},.+,(?:-|{_COUNT})",
        "MCDC": rf"{_COUNT},U?{_COUNT},[ft],{_COUNT},{_COUNT},.*",
        **dict.fromkeys(("FNF", "FNH", "BRF", "BRH", "LF", "LH", "MCF", "MCH"), _COUNT),
    }.items()
}
_FORMS: Final = {"FN": "LINE,NAME", "FNDA": "COUNT,NAME", "BRDA": "LINE,BLOCK,BRANCH,COUNT or -"}


@dataclass(frozen=True, slots=True)
class LcovReport:
    """The lines of each file that can be run, by the path that the report has for it.

    `disagreeing` are files whose own totals, LF and LH, are not those of their lines.
    """

    files: Mapping[str, Lines]
    disagreeing: tuple[str, ...] = ()

    @property
    def line_rate(self) -> float | None:
        """The share of all lines that ran, 0 to 1; None if there is no line to run."""
        lines = sum(map(len, self.files.values()))
        covered = sum(1 for hits in self.files.values() for count in hits.values() if count)
        return covered / lines if lines else None


@dataclass(slots=True)
class _Section:
    path: str
    began: int
    lines: dict[int, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def disagrees(self) -> bool:
        ours = {"LF": len(self.lines), "LH": sum(1 for hits in self.lines.values() if hits)}
        return any(ours[key] != said for key, said in self.totals.items())


def parse_lcov(data: bytes, source: str) -> LcovReport:
    """Read a report. Sections of one file are summed; one without any file is a report of nothing.

    Raises MalformedData with the number of the first line that is not of the format, or that ends it too early.
    """
    files: dict[str, dict[int, int]] = {}
    disagreeing: dict[str, None] = {}
    section: _Section | None = None
    number = 0
    for number, line in enumerate(_text_lines(data, source), start=1):
        if section is None:
            section = _outside(line, source, number)
        elif line == "end_of_record":
            _add(files.setdefault(section.path, {}), section.lines)
            if section.disagrees():
                disagreeing[section.path] = None
            section = None
        else:
            _inside(line, section, source, number)
    if section is not None:
        problem = f"the section of {shorten(section.path)} that line {section.began} begins has no end_of_record"
        raise MalformedData(source, f"line {number}: {problem}", hint="the file was cut: make it again")
    return LcovReport(files, tuple(disagreeing))


def merge_reports(reports: Iterable[LcovReport]) -> LcovReport:
    """All reports in one: a line's hits are summed, in whatever order they come."""
    files: dict[str, dict[int, int]] = {}
    disagreeing: dict[str, None] = {}
    for report in reports:
        for path, lines in report.files.items():
            _add(files.setdefault(path, {}), lines)
        disagreeing.update(dict.fromkeys(report.disagreeing))
    return LcovReport(files, tuple(sorted(disagreeing)))


def render_lcov(files: Mapping[str, Lines]) -> bytes:
    """The lines of files as a report, sorted."""
    parts = []
    for path in sorted(files):
        lines = files[path]
        covered = sum(1 for hits in lines.values() if hits)
        body = "".join(f"DA:{line},{min(lines[line], MOST_HITS)}\n" for line in sorted(lines))
        parts.append(f"SF:{path}\n{body}LF:{len(lines)}\nLH:{covered}\nend_of_record\n")
    return "".join(parts).encode()


def read_lcov(path: Path, shown: str) -> LcovReport:
    """Read a report from a file or a pipe that the user named. UsageError if it cannot be read."""
    try:
        data = read_file(path, MOST_BYTES, or_pipe=True)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}", hint="name a file in lcov's format") from error
    return parse_lcov(data, shown)


def _text_lines(data: bytes, source: str) -> list[str]:
    """Lines end with LF, or with CR LF; names of functions may hold what Unicode calls a line's end."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MalformedData(source, f"line {line}: not UTF-8 ({error.reason})") from None
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    return lines if lines[-1] else lines[:-1]


def _outside(line: str, source: str, number: int) -> _Section | None:
    if line.startswith("SF:") and len(line) > 3:
        return _Section(line[3:], number)
    if not line or line.startswith(("#", "TN:")):
        return None
    raise MalformedData(source, f"line {number}: {shorten(line)} stands in no section, which SF:PATH begins")


def _inside(line: str, section: _Section, source: str, number: int) -> None:
    key, _, value = line.partition(":")
    if key == "DA":
        _add_line(value, section, source, number)
        return
    pattern = _RECORDS.get(key)
    if pattern is not None and pattern.fullmatch(value):
        if key in {"LF", "LH"}:
            section.totals[key] = int(value)
    elif pattern is not None:
        form = _FORMS.get(key, "what lcov writes")
        raise MalformedData(source, f"line {number}: {shorten(line)} is not {key}:{form}")
    elif line.startswith("SF:"):
        problem = f"a section begins, and the one of line {section.began} has no end_of_record"
        raise MalformedData(source, f"line {number}: {problem}")
    elif line and not line.startswith("#"):
        raise MalformedData(source, f"line {number}: {shorten(line)} is no record of lcov's format")


def _add_line(value: str, section: _Section, source: str, number: int) -> None:
    """DA:LINE,HITS, perhaps with a checksum of the line behind it."""
    line, _, rest = value.partition(",")
    hits = rest.partition(",")[0]
    for what, text, least, most in (("line", line, 1, MOST_LINES), ("count", hits, 0, MOST_HITS)):
        if not (text.isascii() and text.isdigit() and len(text) <= 20 and least <= int(text) <= most):
            problem = f"the {what} of {shorten(f'DA:{value}')} is not a whole number of {least} to {most:,}"
            raise MalformedData(source, f"line {number}: {problem}")
    at = int(line)
    section.lines[at] = section.lines.get(at, 0) + int(hits)


def _add(total: dict[int, int], lines: Lines) -> None:
    for line, hits in lines.items():
        total[line] = total.get(line, 0) + hits
