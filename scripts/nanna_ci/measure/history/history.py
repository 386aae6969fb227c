"""A history, wherever it is kept: what can be read of it, and how a record is added to a series."""

from __future__ import annotations

import abc
import contextlib
import gc
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE
from nanna_ci.foundation.redact import Redactor
from nanna_ci.measure.history.record_lines import parse_record, render_record, series_of
from nanna_ci.measure.history.records import BenchmarkRecord, CoverageRecord, Record, RunRecord, RunTests, Series

LARGEST_BYTES: Final = 512 * MEBIBYTE
_NEWLINE: Final = b"\n"
_FIX: Final = "mend or remove that line by hand; the other lines are kept as they are"


class History(abc.ABC):
    """SERIES.jsonl for each series, a record of each run a line; a series that is not there is empty.

    It is never reset: a line that cannot be read is refused by its number, and nothing is added after half a line. A
    history that silently starts anew hides every regression.
    """

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
            MalformedData: the series has another record of the same run, or does not end with a whole line; or the
                record could not be read again.
            NannaError: it cannot be written; the series is as it was.
        """
        return self.append_all((record,)) == 1

    @abc.abstractmethod
    def append_all(self, records: Sequence[Record]) -> int:
        """Add records, each at the end of its series, as one change of each series; how many were not there already.

        Raises as `append` does.
        """

    @abc.abstractmethod
    def _data(self, series: Series) -> tuple[bytes, str]:
        """The bytes of a series, and what to call it in an error."""

    def _read(self, series: Series) -> list[Record]:
        data, source = self._data(series)
        return read_series(series, data, source)


def file_name(series: Series) -> str:
    """The name of a series' file."""
    return f"{series.value}.jsonl"


def read_series(series: Series, data: bytes, source: str) -> list[Record]:
    """The records of a series. Raises MalformedData with the number of the first line that is not one."""
    lines = data.split(_NEWLINE)
    if lines.pop():
        raise _cut_off(source, len(lines) + 1)
    records = []
    with _without_collections():
        for number, line in enumerate(lines, start=1):
            try:
                records.append(parse_record(series, line, source))
            except MalformedData as error:
                problem = error.message.removeprefix(f"{source}: ")
                raise MalformedData(f"{source}, line {number}", problem, hint=_FIX) from None
    return records


def add_records(
    records: Sequence[Record], read: Callable[[Series], tuple[bytes, str]]
) -> tuple[dict[Series, bytes], int]:
    """The whole of each series that changes, and how many records were added; `read` is `History._data`."""
    changed: dict[Series, bytes] = {}
    sources: dict[Series, tuple[bytes, str]] = {}
    added = 0
    for record in records:
        series = series_of(record)
        if series not in sources:
            sources[series] = read(series)
        data, source = sources[series]
        more = add_record(changed.get(series, data), record, source)
        if more is not None:
            changed[series] = more
            added += 1
    return changed, added


def add_record(data: bytes, record: Record, source: str) -> bytes | None:
    """The bytes of a series with one more record, without its secrets; None if that very record is there already.

    Raises MalformedData as `History.append` does.
    """
    if data and not data.endswith(_NEWLINE):
        raise _cut_off(source, data.count(_NEWLINE) + 1)
    line = Redactor().redact(render_record(record))
    parse_record(series_of(record), line, f"{record.origin.run} for {source}")  # what is refused later is never written
    for start, known in _lines_of_run(data, record.origin.run):
        if known == line:
            return None
        place = f"{source}, line {data.count(_NEWLINE, 0, start) + 1}"
        if parse_record(series_of(record), known, place).origin.run == record.origin.run:
            raise MalformedData(place, f"{record.origin.run} is recorded already, with other figures")
    return data + line


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


def _cut_off(source: str, number: int) -> MalformedData:
    return MalformedData(f"{source}, line {number}", "it is cut off: no newline ends it", hint=_FIX)


def _lines_of_run(data: bytes, run: str) -> list[tuple[int, bytes]]:
    """Where lines begin that may be records of the run, for they hold its name as its own would; and the lines."""
    name = b'"run":' + json.dumps(run, ensure_ascii=False).encode("utf-8", "backslashreplace")
    found, start = [], data.find(name)
    while start >= 0:
        first, end = data.rfind(_NEWLINE, 0, start) + 1, data.index(_NEWLINE, start) + 1
        found.append((first, data[first:end]))
        start = data.find(name, end)
    return found
