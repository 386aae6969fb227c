"""What the caches have of what was requested, counted and weighed: hit rates, and the gate on them.

A hit is a path that a cache has and whose signature is trusted. Untrusted paths are not hits. A path of which no cache
gave a good answer is unknown: neither hit nor miss, and so there is no rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nanna_ci.cache.client.query_result import QueryResult
from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.store.build_times import BuildTimes
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath
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
        """Why the cache could not be queried at all, and how to fix it; None if it was queried."""
        error = self.result.error
        if error is None:
            return None
        return error.message if error.hint is None else f"{error.message} ({error.hint})"

    @property
    def download_bytes(self) -> int | None:
        """What its hits weigh as files; None if it does not say of one."""
        return _sum_or_none(info.file_size_bytes for info in self.present.values())


@dataclass(frozen=True, slots=True)
class HitTally:
    """All caches together: a path is present if one of them has it, else unknown, else untrusted, else missing."""

    present: frozenset[StorePath]
    untrusted: Mapping[StorePath, Trust]
    missing: frozenset[StorePath]
    unknown: Mapping[StorePath, str]

    @property
    def absent(self) -> frozenset[StorePath]:
        """What is not a hit: missing or untrusted."""
        return self.missing.union(self.untrusted)

    @property
    def paths(self) -> int:
        """How many were requested."""
        return len(self.present) + len(self.untrusted) + len(self.missing) + len(self.unknown)


@dataclass(frozen=True, slots=True)
class HitRate:
    """Shares of 0..1; None if nothing was requested, or if a part of the whole is not known."""

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


def judge_holdings(result: QueryResult, keys: TrustedKeys | None, queried: Iterable[StorePath]) -> Holdings:
    """Sort a cache's answers; an error of the whole cache is one of each path. `keys` None: signatures do not count."""
    if result.error is not None:
        return Holdings(result, {}, {}, frozenset(), dict.fromkeys(queried, result.error.message))
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
        raise UsageError(f"--minimum-hit-rate {shorten(text)} is not a share of 0 to 1", hint="85 % is 0.85")
    return minimum


def decide_gate(minimum: float, rate: HitRate, tally: HitTally) -> Gate:
    """Exactly at the minimum passes; no data fails; answers that did not come, or were refused, make it unavailable."""
    if tally.unknown:
        reason = f"{len(tally.unknown)} of {tally.paths} answers are not known, so no rate can be compared with it"
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


@dataclass(frozen=True, slots=True)
class Weights:
    """A sum over hits and one over misses. `unweighed` have no known weight, `estimated` are those of a namesake."""

    hit: float
    absent: float
    unweighed: int
    estimated: int = 0

    @property
    def share(self) -> float | None:
        """Hits over all."""
        total = self.hit + self.absent
        return self.hit / total if total > 0 and not self.unweighed else None


def weigh(present: Iterable[float | None], absent: Iterable[float | None]) -> Weights:
    """Add up weights; None is a weight that is not known."""
    hit, miss = list(present), list(absent)
    return Weights(
        sum(weight for weight in hit if weight is not None),
        sum(weight for weight in miss if weight is not None),
        hit.count(None) + miss.count(None),
    )


def weigh_sizes(
    tally: HitTally,
    holdings: Sequence[Holdings],
    view: Mapping[StorePath, NarInfo],
    valid: Mapping[StorePath, PathInfo],
) -> Weights:
    """NAR bytes: hits as their caches say, misses as an untrusted answer or the local store does."""

    def absent(path: StorePath) -> int | None:
        if path in view:
            return view[path].nar_size_bytes
        return valid[path].nar_size_bytes if path in valid else None

    present = {path: info for one in reversed(holdings) for path, info in one.present.items()}
    return weigh([info.nar_size_bytes for info in present.values()], [absent(path) for path in tally.absent])


def weigh_seconds(
    tally: HitTally, graph: Mapping[StorePath, Derivation], view: Mapping[StorePath, NarInfo], times: BuildTimes | None
) -> Weights:
    """Seconds to build: a derivation once, a hit if all its outputs are. `times` None: none are recorded."""
    builds: dict[StorePath, bool] = {}  # derivation, or a path whose derivation is not known → whether it hits
    if graph:
        for path, derivation in graph.items():
            builds[path] = all(output.path in tally.present for output in derivation.outputs.values())
    else:
        for path in (*tally.present, *tally.absent):
            deriver = view[path].deriver if path in view else None
            builds[deriver or path] = path in tally.present and builds.get(deriver or path, True)
    if times is None:
        return Weights(0.0, 0.0, len(builds))
    known = {path: times.of(path if path.is_derivation else None, _name(path)) for path in builds}
    seconds = {path: time.seconds for path, time in known.items() if time is not None}
    weights = weigh(
        [seconds.get(path) for path, hits in builds.items() if hits],
        [seconds.get(path) for path, hits in builds.items() if not hits],
    )
    return replace(weights, estimated=sum(time is not None and not time.is_exact for time in known.values()))


def _name(path: StorePath) -> str:
    return path.name.removesuffix(".drv")
