"""What hits and misses weigh: bytes of their archives, seconds of their builds; what is not known is not guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nanna_ci.store.store_path import StorePath

if TYPE_CHECKING:
    from nanna_ci.cache.analysis.hits import HitTally, Holdings
    from nanna_ci.store.build_times import BuildTimes
    from nanna_ci.store.derivation import Derivation
    from nanna_ci.store.narinfo import NarInfo
    from nanna_ci.store.path_info import PathInfo


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
    """Seconds to build: a derivation once, a hit where all its outputs are. `times` None: none are recorded."""
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
