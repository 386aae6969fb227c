"""What the caches have of what was asked for, counted: hit rates, and the gate on them.

A hit is a path that a cache has and whose signature is trusted. Untrusted paths are no hits. A path of which no cache
gave a good answer is unknown: neither hit nor miss, and so there is no rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nanna_ci.errors import UsageError, shorten
from nanna_ci.outcome import Verdict
from nanna_ci.store.store_path import StorePath

if TYPE_CHECKING:
    from nanna_ci.cache.analysis.weights import Weights
    from nanna_ci.cache.client.query_result import QueryResult
    from nanna_ci.store.narinfo import NarInfo
    from nanna_ci.store.trust import Trust, TrustedKeys


@dataclass(frozen=True, slots=True)
class Holdings:
    """What one cache has of the paths. Every path is in exactly one of the four; `unknown` says what went wrong."""

    result: QueryResult
    present: Mapping[StorePath, NarInfo]
    untrusted: Mapping[StorePath, Trust]
    missing: frozenset[StorePath]
    unknown: Mapping[StorePath, str]

    @property
    def error(self) -> str | None:
        """Why the cache could not be asked at all, and how to mend it; None where it was asked."""
        error = self.result.error
        if error is None:
            return None
        return error.message if error.hint is None else f"{error.message} ({error.hint})"

    @property
    def download_bytes(self) -> int | None:
        """What its hits weigh as files; None where it does not say of one."""
        return _sum_or_none(info.file_size_bytes for info in self.present.values())


@dataclass(frozen=True, slots=True)
class HitTally:
    """All caches together: a path is present where one of them has it, else unknown, else untrusted, else missing."""

    present: frozenset[StorePath]
    untrusted: Mapping[StorePath, Trust]
    missing: frozenset[StorePath]
    unknown: Mapping[StorePath, str]

    @property
    def absent(self) -> frozenset[StorePath]:
        """What is no hit: missing or untrusted."""
        return self.missing.union(self.untrusted)

    @property
    def paths(self) -> int:
        """How many were asked for."""
        return len(self.present) + len(self.untrusted) + len(self.missing) + len(self.unknown)


@dataclass(frozen=True, slots=True)
class HitRate:
    """Shares of 0..1; None where nothing was asked for, or where a part of the whole is not known."""

    paths: float | None
    bytes: float | None
    build_seconds: float | None


@dataclass(frozen=True, slots=True)
class Gate:
    """The answer to --minimum-hit-rate."""

    minimum: float
    measured: float | None
    verdict: Verdict
    reason: str


def judge_holdings(result: QueryResult, keys: TrustedKeys | None, asked: Iterable[StorePath]) -> Holdings:
    """Sort a cache's answers; an error of the whole cache is one of each path. `keys` None: signatures do not count."""
    if result.error is not None:
        return Holdings(result, {}, {}, frozenset(), dict.fromkeys(asked, result.error.message))
    unknown = {**result.failed, **result.corrupt}
    if keys is None or result.substituter.is_trusted:
        return Holdings(result, result.found, {}, result.missing, unknown)
    present: dict[StorePath, NarInfo] = {}
    untrusted: dict[StorePath, Trust] = {}
    for path, info in result.found.items():
        trust = keys.judge(info)
        if trust.is_trusted:
            present[path] = info
        else:
            untrusted[path] = trust
    return Holdings(result, present, untrusted, result.missing, unknown)


def combine(holdings: Sequence[Holdings]) -> HitTally:
    """All caches as one."""
    present = frozenset[StorePath]().union(*(one.present for one in holdings))
    unknown = {path: why for one in reversed(holdings) for path, why in one.unknown.items() if path not in present}
    untrusted = {
        path: trust
        for one in reversed(holdings)
        for path, trust in one.untrusted.items()
        if path not in present and path not in unknown
    }
    missing = frozenset[StorePath]().union(*(one.missing for one in holdings))
    return HitTally(present, untrusted, missing.difference(present, untrusted, unknown), unknown)


def combined_view(holdings: Iterable[Holdings]) -> dict[StorePath, NarInfo]:
    """Each path as Nix would see it: of the first cache that has it, by priority, then in the order given."""
    view: dict[StorePath, NarInfo] = {}
    in_order = sorted(holdings, key=lambda one: one.result.priority)
    for one in reversed(in_order):
        view.update(one.result.found)
    return view


def measure_hit_rate(tally: HitTally, sizes: Weights, seconds: Weights) -> HitRate:
    """The rates; all None while a path's answer is unknown."""
    if tally.unknown:
        return HitRate(None, None, None)
    return HitRate(
        paths=len(tally.present) / tally.paths if tally.paths else None,
        bytes=sizes.share,
        build_seconds=seconds.share,
    )


def parse_minimum(text: str) -> float:
    """Read --minimum-hit-rate: 0..1.

    Raises:
        UsageError: for anything else: NaN, infinities, percentages.
    """
    try:
        minimum = float(text)
    except ValueError:
        minimum = math.nan
    if not 0.0 <= minimum <= 1.0:
        raise UsageError(f"--minimum-hit-rate {shorten(text)} is no share of 0 to 1", hint="85 % is 0.85")
    return minimum


def decide_gate(minimum: float, rate: HitRate, tally: HitTally) -> Gate:
    """Exactly at the minimum passes; no data fails; answers that did not come, or were refused, make it unavailable."""
    if tally.unknown:
        reason = f"{len(tally.unknown)} of {tally.paths} answers are not known, so there is no rate to hold against it"
        return Gate(minimum, None, Verdict.UNAVAILABLE, reason)
    if rate.paths is None:
        return Gate(minimum, None, Verdict.FAIL, "nothing was measured")
    passed = rate.paths >= minimum
    reason = f"{len(tally.present)} of {tally.paths} paths hit"
    return Gate(minimum, rate.paths, Verdict.PASS if passed else Verdict.FAIL, reason)


def _sum_or_none(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
