"""The order in which paths leave a cache: the least valuable first, and none before those that refer to it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nanna_ci.cache.collection.reference_graph import order_by_references


@dataclass(frozen=True, slots=True)
class Candidate:
    """A path that may go. `seconds` to rebuild it, bytes that it takes, when it was last used (since 1970).

    `references` are hashes, none twice; only those of other candidates matter.
    """

    seconds: float
    size_bytes: int
    used_s: float
    references: tuple[str, ...]


_Weight = tuple[float, float, int]  # rate (seconds a byte), seconds, bytes


class EvictionOrder:
    """Gives candidates, by hash, one after the other; what they refer to is given later.

    Each is the one that is worth least, in seconds a byte, of those that no candidate left refers to; of equal ones,
    that which was not used for longest. A path counts together with what nothing but it refers to, as far as that is
    worth less: a small wrapper that is quick to build does not protect the gigabyte that only it refers to.

    What comes next depends on the candidates left, and on nothing that came before: a run that stops and begins again
    with what is left gives the same result.

    `candidates` must not refer to each other in a circle.
    """

    def __init__(self, candidates: Mapping[str, Candidate]) -> None:
        self._candidates = candidates
        self._holders: dict[str, set[str]] = {key: set() for key in candidates}
        for key, candidate in candidates.items():
            for needed in candidate.references:
                if needed in candidates:
                    self._holders[needed].add(key)
        self._weights: dict[str, _Weight] = {}
        ordered = order_by_references({key: candidate.references for key, candidate in candidates.items()})
        for key in reversed(ordered):
            self._weights[key] = self._weigh(key)
        self._free: list[tuple[float, float, str]] = []
        for key in candidates:
            self._offer(key)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Hash after hash, each with what it is worth in seconds a byte, together with what only it holds."""
        while self._free:
            rate, _, key = heapq.heappop(self._free)
            if key in self._weights and rate == self._weights[key][0]:  # else gone, or weighed anew since
                self._remove(key)
                yield key, rate

    def _remove(self, key: str) -> None:
        del self._weights[key]
        needed = [name for name in self._candidates[key].references if name in self._holders]
        for name in needed:
            self._holders[name].remove(key)
        for name in needed:
            if len(self._holders[name]) == 1:
                self._weigh_upwards(next(iter(self._holders[name])))
            else:
                self._offer(name)

    def _offer(self, key: str) -> None:
        if not self._holders[key]:
            heapq.heappush(self._free, (self._weights[key][0], self._candidates[key].used_s, key))

    def _weigh(self, key: str) -> _Weight:
        candidate = self._candidates[key]
        seconds, size_bytes = candidate.seconds, max(1, candidate.size_bytes)
        rate = seconds / size_bytes
        held = sorted(self._weights[n] for n in candidate.references if len(self._holders.get(n, ())) == 1)
        for held_rate, held_seconds, held_bytes in held:
            if held_rate >= rate:
                break
            seconds, size_bytes = seconds + held_seconds, size_bytes + held_bytes
            rate = seconds / size_bytes
        return rate, seconds, size_bytes

    def _weigh_upwards(self, key: str) -> None:
        """Weigh a path that came to be the only holder of another, and so on, while it has itself only one holder."""
        while True:
            weight = self._weigh(key)
            if weight == self._weights[key]:
                return
            self._weights[key] = weight
            self._offer(key)
            holders = self._holders[key]
            if len(holders) != 1:
                return
            key = next(iter(holders))
