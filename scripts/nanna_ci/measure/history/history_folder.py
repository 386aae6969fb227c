"""A history in a folder: SERIES.jsonl for each series, a record of each run a line. It is never reset.

A line that cannot be read is refused by its number, and nothing is appended after it: a history that silently starts
anew hides every regression. An append writes the whole file beside the old one and puts it in its place, under a lock:
readers see all of a record or nothing of it, and a writer that is killed leaves the file as it was.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

try:
    import fcntl
except ImportError:  # Windows, where two writers at once are not kept apart
    fcntl = None  # type: ignore[assignment]

from nanna_ci.foundation.errors import MalformedData, NannaError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.redact import Redactor
from nanna_ci.measure.history.record_lines import parse_record, render_record, series_of
from nanna_ci.measure.history.records import (
    BenchmarkRecord,
    CoverageRecord,
    Record,
    RunRecord,
    RunTests,
    Series,
)
from nanna_ci.report.files import write_atomic

LARGEST_BYTES: Final = 512 * MEBIBYTE
LOCK_FILE: Final = ".lock"
_FIX: Final = "mend or remove that line by hand; the other lines are kept as they are"


class HistoryFolder:
    """The history in the folder `path`; a folder or a file that is not there is an empty history."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_runs(self) -> list[RunRecord]:
        """All runs, in the order in which they were recorded. Raises MalformedData with the number of a bad line."""
        return cast(list[RunRecord], self._read(Series.RUNS))

    def read_tests(self) -> list[RunTests]:
        """As `read_runs`, of tests.jsonl."""
        return cast(list[RunTests], self._read(Series.TESTS))

    def read_coverage(self) -> list[CoverageRecord]:
        """As `read_runs`, of coverage.jsonl."""
        return cast(list[CoverageRecord], self._read(Series.COVERAGE))

    def read_benchmarks(self) -> list[BenchmarkRecord]:
        """As `read_runs`, of benchmarks.jsonl."""
        return cast(list[BenchmarkRecord], self._read(Series.BENCHMARKS))

    def append(self, record: Record) -> bool:
        """Add a record at the end of its series. False if that very record is there already.

        Raises:
            MalformedData: the series has another record of the same run, or does not end with a whole line.
            NannaError: it cannot be written; the series is as it was.
        """
        path = self._file(series_of(record))
        line = Redactor().redact(render_record(record))
        with self._locked():
            before = self._bytes(path)
            if before and not before.endswith(b"\n"):
                raise _cut_off(path, before.count(b"\n") + 1)
            if line in _lines_of_run(before, record.origin.run):
                return False
            self._refuse_another(path, before, record)
            write_atomic(path, before + line, redacted=False)
        return True

    def _read(self, series: Series) -> list[Record]:
        path = self._file(series)
        lines = self._bytes(path).split(b"\n")
        if lines.pop():
            raise _cut_off(path, len(lines) + 1)
        records = []
        with _without_collections():
            for number, line in enumerate(lines, start=1):
                try:
                    records.append(parse_record(series, line, f"{path}, line {number}"))
                except MalformedData as error:
                    raise MalformedData(f"{path}, line {number}", _problem(error), hint=_FIX) from None
        return records

    def _file(self, series: Series) -> Path:
        return self.path / f"{series.value}.jsonl"

    def _bytes(self, path: Path) -> bytes:
        try:
            return read_file(path, LARGEST_BYTES)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise NannaError(f"{path}: cannot be read: {error.strerror}") from error

    def _refuse_another(self, path: Path, before: bytes, record: Record) -> None:
        for line in _lines_of_run(before, record.origin.run):
            number = before.count(b"\n", 0, before.index(line)) + 1
            source = f"{path}, line {number}"
            if parse_record(series_of(record), line, source).origin.run == record.origin.run:
                raise MalformedData(source, f"{record.origin.run} is recorded already, with other figures")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self.path / LOCK_FILE
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            raise NannaError(f"{lock}: cannot be opened: {error.strerror}") from error
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Records have no circles; a search for some, again and again while they are made, is a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _problem(error: MalformedData) -> str:
    return str(error).removeprefix(f"{error.source}: ")


def _cut_off(path: Path, number: int) -> MalformedData:
    return MalformedData(f"{path}, line {number}", "it is cut off: no newline ends it", hint=_FIX)


def _lines_of_run(data: bytes, run: str) -> list[bytes]:
    """The lines, each with its newline, that may be records of the run: they hold its name as their own would."""
    name = b'"run":' + json.dumps(run, ensure_ascii=False).encode("utf-8", "backslashreplace")
    found, start = [], data.find(name)
    while start >= 0:
        end = data.index(b"\n", start) + 1
        found.append(data[data.rfind(b"\n", 0, start) + 1 : end])
        start = data.find(name, end)
    return found
