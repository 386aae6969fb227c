"""The history that github-action-benchmark keeps: `data.js`, which its page on GitHub Pages loads, or plain JSON.

    window.BENCHMARK_DATA = {"lastUpdate": ms, "repoUrl": …,
                             "entries": {SUITE: [{"commit", "date", "tool", "benches"}]}}

Histories that exist go on: what is not known here is kept as it is, and numbers are written as JavaScript writes them,
so that an entry more is all that a diff shows. The action starts an empty history where it cannot read the file; here
such a file is refused and stays as it is.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, describe, load_json
from nanna_ci.measure.history.records import BenchmarkRecord, BenchmarkValue, Metric, RunIdentity, Segment

MAX_BYTES: Final = 64 * MEBIBYTE
TOOL: Final = "cargo"
_PREFIX: Final = "window.BENCHMARK_DATA = "
_STARTS: Final = re.compile(rb"\s*(?:window\.BENCHMARK_DATA\s*=)?\s*")
_PER_ITERATION: Final = "/iter"
_UNKNOWN: Final = Segment(None, None, None)
# the action converts between the units of one row, each a thousandth of the one before it
_SECONDS: Final = ("s", "ms", "us", "ns")
_FAMILIES: Final = (
    _SECONDS,
    tuple(f"{unit}/iter" for unit in _SECONDS),
    tuple(f"ops/{unit}" for unit in reversed(_SECONDS)),
)


@dataclass(frozen=True, slots=True)
class ActionHistory:
    """The whole document as it was read. `is_script`: it starts with the assignment, as `data.js` does."""

    document: JsonObject
    is_script: bool = True

    def entries(self, suite: str) -> Sequence[JsonValue]:
        """The runs of a suite, oldest first."""
        suites = self.document["entries"]
        assert isinstance(suites, Mapping), "checked by parse_action_history"
        runs = suites.get(suite, [])
        assert isinstance(runs, list), "checked by parse_action_history"
        return runs


@dataclass(frozen=True, slots=True)
class ActionPerson:
    """Who wrote or committed; `username` is the one on GitHub."""

    name: str
    email: str | None = None
    username: str | None = None


@dataclass(frozen=True, slots=True)
class ActionCommit:
    """The commit of an entry. The page shows `message`, and opens `url` on a click."""

    id: str
    message: str
    timestamp: datetime.datetime
    url: str
    author: ActionPerson
    committer: ActionPerson


EMPTY: Final[JsonObject] = {"lastUpdate": 0, "repoUrl": "", "entries": {}}


def read_action_history(path: Path) -> ActionHistory:
    """The history in a file; an empty one only if the file does not exist.

    Raises:
        MalformedData: a file that cannot be read, or that does not hold such a history.
    """
    try:
        data = read_file(path, MAX_BYTES)
    except FileNotFoundError:
        if path.is_symlink():
            raise MalformedData(str(path), "it is a link to a file that is not there", hint=_hint(path)) from None
        return ActionHistory(EMPTY, is_script=path.suffix != ".json")
    except OSError as error:
        raise MalformedData(str(path), f"cannot be read: {error.strerror}", hint=_hint(path)) from None
    return parse_action_history(data, str(path))


def parse_action_history(data: bytes, source: str) -> ActionHistory:
    """The document, whose shape is checked as far as `append_entry` and `action_records` rely on it.

    Raises:
        MalformedData: for anything else; it names the entry.
    """
    start = _STARTS.match(data)
    assert start is not None, "it matches nothing too"
    document = as_object(load_json(data[start.end() :], source), source, "the document")
    if "entries" not in document:
        raise MalformedData(source, "the document has no entries, so github-action-benchmark did not write it")
    for suite, runs in as_object(document["entries"], source, "entries").items():
        for number, run in enumerate(as_list(runs, source, f"entries[{shorten(suite)}]")):
            where = f"entries[{shorten(suite)}][{number}]"
            entry = as_object(run, source, where)
            as_text(as_object(entry.get("commit"), source, f"{where}.commit").get("id"), source, f"{where}.commit.id")
            for index, bench in enumerate(as_list(entry.get("benches"), source, f"{where}.benches")):
                one = as_object(bench, source, f"{where}.benches[{index}]")
                as_text(one.get("name"), source, f"{where}.benches[{index}].name")
    return ActionHistory(document, is_script=b"BENCHMARK_DATA" in start[0])


def render_action_history(history: ActionHistory) -> bytes:
    """The file, byte for byte as the action writes it. To be written with `write_atomic`."""
    text = _json_text(history.document, "\n")
    return f"{_PREFIX if history.is_script else ''}{text}".encode()


def append_entry(
    history: ActionHistory,
    suite: str,
    commit: ActionCommit,
    values: Sequence[BenchmarkValue],
    *,
    now: datetime.datetime,
    repo_url: str | None = None,
    max_items: int | None = None,
) -> ActionHistory:
    """The history with a run more, as the action adds one for the tool `cargo`.

    Values are converted to the unit that they had in the last run of another commit, ranges are `± n`. `max_items` is
    the action's max-items-in-chart, 1 or more: the oldest runs of a suite beyond it go. `repo_url` None keeps the one
    that is there.
    """
    runs = history.entries(suite)
    before = next((run for run in reversed(runs) if _text_at(run, "commit", "id") != commit.id), None)
    units = {_text_at(bench, "name"): _text_at(bench, "unit") for bench in _benches(before)}
    milliseconds = int(now.timestamp() * 1000)
    entry: JsonObject = {
        "commit": _commit_json(commit),
        "date": milliseconds,
        "tool": TOOL,
        "benches": [_bench_json(value, units.get(value.name)) for value in values],
    }
    kept = [*runs, entry]
    if max_items is not None:
        kept = kept[-max_items:]
    suites = as_object(history.document["entries"], "the history", "entries")
    changed: dict[str, JsonValue] = {"lastUpdate": milliseconds, "entries": {**suites, suite: kept}}
    if repo_url is not None:
        changed["repoUrl"] = repo_url
    return ActionHistory({**history.document, **changed}, history.is_script)


def action_records(history: ActionHistory, suite: str, source: str) -> list[BenchmarkRecord]:
    """The runs of a suite as records, oldest first, of tools whose values are times: `cargo`.

    Where they ran is unknown, as the file does not say it. A value that is null, as the action writes NaN, is left out.

    Raises:
        MalformedData: a value or a date that is not a number, a unit that is not text; it names the entry.
    """
    records = []
    for number, run in enumerate(history.entries(suite)):
        where = f"entries[{shorten(suite)}][{number}]"
        entry = as_object(run, source, where)
        if entry.get("tool") != TOOL:
            continue
        started = _time(entry.get("date"), source, f"{where}.date")
        commit = as_object(entry["commit"], source, f"{where}.commit")
        url = commit.get("url")
        identity = RunIdentity(
            run=f"action-{number}-{started:%Y%m%dT%H%M%S}",
            event="push",
            started=started,
            commit=as_text(commit["id"], source, f"{where}.commit.id"),
            url=url if isinstance(url, str) and url.startswith(("https://", "http://")) else None,
        )
        values = [
            _value_of(bench, source, f"{where}.benches[{index}]")
            for index, bench in enumerate(_benches(entry))
            if bench.get("value") is not None
        ]
        records.append(BenchmarkRecord(identity, _UNKNOWN, tuple(values)))
    return records


def _time(value: JsonValue, source: str, what: str) -> datetime.datetime:
    """Of milliseconds since 1970."""
    try:
        return datetime.datetime.fromtimestamp(_number(value, source, what) / 1000, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        raise MalformedData(source, f"{what} is {describe(value)}, which is not a time") from None


def _value_of(bench: JsonObject, source: str, where: str) -> BenchmarkValue:
    value = _number(bench.get("value"), source, f"{where}.value")
    unit = as_text(bench.get("unit"), source, f"{where}.unit").removesuffix(_PER_ITERATION)
    spread = re.fullmatch(r"(?:±|\+/?-)\s*([0-9.]+)", str(bench.get("range", "")))
    low = high = None
    if spread is not None and spread[1].count(".") <= 1 and spread[1] != ".":
        low, high = max(value - float(spread[1]), 0.0), value + float(spread[1])
    return BenchmarkValue(as_text(bench["name"], source, f"{where}.name"), Metric.TIME, unit, value, low, high)


def _bench_json(value: BenchmarkValue, unit_before: str | None) -> JsonObject:
    unit = f"{value.unit}{_PER_ITERATION}"
    factor = _factor(unit, unit_before)
    bench: dict[str, JsonValue] = {"name": value.name, "value": value.value * factor}
    if value.high is not None:
        bench["range"] = f"± {_js_number(_rounded(value.high - value.value) * factor)}"
    bench["unit"] = unit if unit_before is None or factor == 1 else unit_before
    return bench


def _factor(unit: str, before: str | None) -> float:
    """What a value in `unit` is multiplied by to be in the unit `before`; 1 where the two have nothing in common."""
    if before is not None:
        now, then = (re.sub("[µμ]s", "us", text.strip().lower()) for text in (unit, before))
        for family in _FAMILIES:
            if now in family and then in family:
                return 1000.0 ** (family.index(then) - family.index(now))
    return 1


def _rounded(value: float) -> float:
    """Without the digits that come of adding and taking away: 18794.12 + 440.25 - 18794.12 is 440.25."""
    return float(f"{value:.12g}")


def _commit_json(commit: ActionCommit) -> JsonObject:
    return {
        "author": _person_json(commit.author),
        "committer": _person_json(commit.committer),
        "id": commit.id,
        "message": commit.message,
        "timestamp": commit.timestamp.isoformat(),
        "url": commit.url,
    }


def _person_json(person: ActionPerson) -> JsonObject:
    pairs = {"email": person.email, "name": person.name, "username": person.username}
    return {key: text for key, text in pairs.items() if text is not None}


def _benches(entry: JsonValue) -> list[JsonObject]:
    benches = entry.get("benches") if isinstance(entry, Mapping) else None
    return [one for one in benches if isinstance(one, Mapping)] if isinstance(benches, list) else []


def _text_at(value: JsonValue, *keys: str) -> str | None:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None


def _number(value: JsonValue, source: str, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedData(source, f"{what} is {describe(value)}, not a number")
    return value


def _hint(path: Path) -> str:
    return f"mend or move {path.name}; it is not started anew, as that would lose the history"


def _json_text(value: JsonValue, newline: str) -> str:
    """As JSON.stringify(value, null, 2) writes it."""
    inner = f"{newline}  "
    if isinstance(value, Mapping):
        pairs = [f"{json.dumps(key, ensure_ascii=False)}: {_json_text(item, inner)}" for key, item in value.items()]
        return f"{{{inner}{f',{inner}'.join(pairs)}{newline}}}" if pairs else "{}"
    if isinstance(value, list):
        items = [_json_text(item, inner) for item in value]
        return f"[{inner}{f',{inner}'.join(items)}{newline}]" if items else "[]"
    if isinstance(value, float):
        return _js_number(value)
    return json.dumps(value, ensure_ascii=False)


def _js_number(value: float) -> str:
    """A number as JavaScript prints it: the same digits, an exponent only below 1e-6 and from 1e21."""
    text = repr(value + 0.0)  # which makes 0 of -0
    mantissa, _, exponent = text.partition("e")
    sign, digits = ("-" if mantissa.startswith("-") else ""), mantissa.lstrip("-")
    whole, _, part = digits.partition(".")
    if not exponent:
        return f"{sign}{whole}" if part == "0" else text
    power = int(exponent)
    figures = whole + ("" if part == "0" else part)
    if power >= 21 or power < -6:
        shown = figures if len(figures) == 1 else f"{figures[0]}.{figures[1:]}"
        return f"{sign}{shown}e{power:+d}"
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{figures}"
    return f"{sign}{figures.ljust(power + 1, '0')}"
