"""How long derivations took to build here, kept from run to run: what a cache miss costs.

The file is `{"schemaVersion": 1, "builds": {"HASH-NAME.drv": {"seconds": 12.5, "recordedS": 1700000000}}}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonValue, as_object, describe, load_json
from nanna_ci.report.files import write_atomic
from nanna_ci.store.build_state import BuildState, DerivationLog
from nanna_ci.store.store_path import StorePath, parse_base_name

DEFAULT_FILE = ".nanna-ci/build-times.json"  # below the working folder
MAX_BUILDS = 20_000  # the oldest go first; about 2 MB
_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class BuildTime:
    """Seconds of a real build. `is_exact`: of this very derivation; else of the last one with the same name."""

    seconds: float
    is_exact: bool


@dataclass(frozen=True, slots=True)
class _Build:
    seconds: float
    recorded_s: float


class BuildTimes:
    """Look-up of build times, by derivation or by name; never a guess if neither was built."""

    def __init__(self, builds: Mapping[StorePath, _Build] | None = None) -> None:
        self._builds = dict(builds or {})
        self._by_name: dict[str, _Build] = {}
        for derivation, build in sorted(self._builds.items(), key=lambda item: (item[1].recorded_s, item[0])):
            self._by_name[derivation.name.removesuffix(".drv")] = build

    def __len__(self) -> int:
        return len(self._builds)

    def of(self, derivation: StorePath | None, name: str) -> BuildTime | None:
        """The time of `derivation`, else of the last one called `name` (a derivation's name without `.drv`), or None.

        Names carry no system: the same package for another system counts as the same name.
        """
        exact = None if derivation is None else self._builds.get(derivation)
        if exact is not None:
            return BuildTime(exact.seconds, is_exact=True)
        namesake = self._by_name.get(name)
        return None if namesake is None else BuildTime(namesake.seconds, is_exact=False)


def load_build_times(path: Path) -> BuildTimes:
    """What is recorded in `path`; nothing if there is no such file.

    Raises:
        MalformedData: the file cannot be read, or is not such a file.
    """
    return BuildTimes(_read(path))


def built_seconds(logs: Iterable[DerivationLog]) -> dict[StorePath, float]:
    """The seconds of every derivation that was really built, to its good end."""
    return {
        heard.derivation: heard.seconds
        for heard in logs
        if heard.state is BuildState.BUILT and heard.seconds is not None and heard.derivation.is_derivation
    }


def record_build_times(path: Path, seconds: Mapping[StorePath, float], now_s: float) -> None:
    """Add builds to the file, which appears whole or not at all; its folder must exist. `now_s` is since 1970.

    Of two runs that end in the same moment one may lose its times; the file is whole in any case.

    Raises:
        MalformedData: what is there is not such a file; it is left unchanged.
        NannaError: the file cannot be written.
    """
    builds = _read(path) | {derivation: _Build(round(spent, 3), now_s) for derivation, spent in seconds.items()}
    newest = sorted(builds.items(), key=lambda item: (-item[1].recorded_s, item[0]))[:MAX_BUILDS]
    body = {
        "schemaVersion": _SCHEMA_VERSION,
        "builds": {
            derivation.base_name: {"seconds": build.seconds, "recordedS": build.recorded_s}
            for derivation, build in sorted(newest)
        },
    }
    write_atomic(path, (json.dumps(body) + "\n").encode())


def _read(path: Path) -> dict[StorePath, _Build]:
    source = str(path)
    try:
        data = read_file(path, 64 * MEBIBYTE)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise MalformedData(source, f"cannot be read: {error.strerror}") from error
    try:
        return _parse(data, source)
    except MalformedData as error:
        problem = error.message.removeprefix(f"{source}: ")
        raise MalformedData(source, problem, hint="delete it: it fills again") from error


def _parse(data: bytes, source: str) -> dict[StorePath, _Build]:
    body = as_object(load_json(data, source), source, "it")
    if body.get("schemaVersion") != _SCHEMA_VERSION:
        raise MalformedData(source, f"schemaVersion is {describe(body.get('schemaVersion'))}, not {_SCHEMA_VERSION}")
    builds = {}
    for name, value in as_object(body.get("builds"), source, "builds").items():
        derivation, entry = parse_base_name(name, source), as_object(value, source, f"builds.{name}")
        builds[derivation] = _Build(
            _number(entry.get("seconds"), source, f"builds.{name}.seconds"),
            _number(entry.get("recordedS"), source, f"builds.{name}.recordedS"),
        )
    return builds


def _number(value: JsonValue, source: str, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise MalformedData(source, f"{what} is {describe(value)}, not a number of 0 or more")
    return float(value)
