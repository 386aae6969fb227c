"""Decides what a cache in a folder keeps, and in which order the rest goes until it is within a size. Pure.

The rules:
- The closure of every root is kept, also where that alone exceeds the limit.
- What was added within the last hour is kept with its closure, for an upload writes a path's archive first, its narinfo
  next, and what refers to it later.
- What a faulty narinfo names is kept: the file may be repaired. The file itself is never deleted.
- Leftovers go, whatever the size is: archives and listings that no narinfo names, temporary files of uploads that broke
  off; all more than an hour old.
- The others go in the order of `eviction_order`, until the limit is kept. A path whose build time is not known counts
  as 0 s: mostly it was not built by this pipeline, but came from another cache, and can come from there again. So does
  a path whose archive is missing: it cannot be fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from nanna_ci.cache.collection.eviction_order import Candidate, EvictionOrder
from nanna_ci.cache.collection.inventory import CachedPath, CacheFile, Inventory, own_bytes
from nanna_ci.cache.collection.kept_roots import Root
from nanna_ci.cache.collection.reference_graph import closure, order_by_references
from nanna_ci.cache.gc_roots import RootKind
from nanna_ci.store.build_times import BuildTime, BuildTimes

GRACE_S = 3600.0


class Why(Enum):
    """Why a path is kept; the first that holds, in this order."""

    RELEASE = "release"
    PIN = "pin"
    COMMIT = "commit"
    FRESH = "fresh"
    NAMED = "named"  # by a faulty narinfo
    CIRCLE = "circle"  # it refers to itself over others, or is below such a path: no order is safe
    FITS = "fits"  # within the limit


@dataclass(frozen=True, slots=True)
class KeptRoot:
    """A root, how many paths its closure has in the cache, and their bytes. Closures overlap: do not add these up."""

    root: Root
    closure_paths: int
    closure_bytes: int


@dataclass(frozen=True, slots=True)
class Eviction:
    """A path that goes. `freed_bytes` leaves out an archive that others still need.

    `build_time` is None if it is not known. `rate` is what the path was worth: seconds a byte, together with what
    only it held. `has_nar` is False if its archive was missing.
    """

    path: CachedPath
    freed_bytes: int
    build_time: BuildTime | None
    used_s: float
    rate: float
    has_nar: bool


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """The plan for a cache. `kept` is by hash, `evictions` in the order in which they are safe.

    `bytes_by` has the bytes of each reason to keep, a shared archive counted once, by its first reason. `young_bytes`
    are of files that belong to nothing, but are too young to be leftovers.
    """

    roots: tuple[KeptRoot, ...]
    kept: Mapping[str, Why]
    bytes_by: Mapping[Why, int]
    evictions: tuple[Eviction, ...]
    leftovers: tuple[CacheFile, ...]
    young_bytes: int
    before_bytes: int
    after_bytes: int
    limit_bytes: int

    @property
    def is_reached(self) -> bool:
        """Whether the size will be within the limit."""
        return self.after_bytes <= self.limit_bytes


def plan_collection(
    inventory: Inventory, roots: Sequence[Root], limit_bytes: int, times: BuildTimes, now_s: float
) -> CollectionPlan:
    """Plan a collection by the rules above. `now_s` is since 1970, `roots` are most important first."""
    references = {key: path.references for key, path in inventory.paths.items()}
    kept: dict[str, Why] = {}
    shares = []
    for root in roots:
        held = closure(root.present, references)
        shares.append(KeptRoot(root, len(held), _bytes_of(held, inventory, set())))
        for key in held:
            kept.setdefault(key, _WHY[root.kind])
    fresh = [key for key, path in inventory.paths.items() if _is_fresh(path, inventory, now_s)]
    for why, names in ((Why.FRESH, fresh), (Why.NAMED, inventory.named.hashes)):
        for key in closure(names, references):
            kept.setdefault(key, why)
    free = {key: needed for key, needed in references.items() if key not in kept}
    for key in free.keys() - set(order_by_references(free)):
        kept[key] = Why.CIRCLE
    users = count_users(inventory)
    stray = list(_unowned(inventory, users))
    leftovers = tuple(file for file in stray if not is_fresh(file, now_s))
    before = after = inventory.total_bytes
    after -= sum(file.size_bytes for file in leftovers)
    candidates = {key: _candidate(path, inventory, times) for key, path in inventory.paths.items() if key not in kept}
    order = iter(EvictionOrder(candidates))
    evictions = []
    while after > limit_bytes and (following := next(order, None)) is not None:
        key, rate = following
        path = inventory.paths[key]
        freed = _remove(path, inventory, users)
        after -= freed
        time = build_time(path, times)
        evictions.append(Eviction(path, freed, time, candidates[key].used_s, rate, path.nar in inventory.nars))
    gone = {eviction.path.store_path.hash for eviction in evictions}
    kept |= {key: Why.FITS for key in candidates if key not in gone}
    return CollectionPlan(
        roots=tuple(shares),
        kept=kept,
        bytes_by=_bytes_by(kept, inventory),
        evictions=tuple(evictions),
        leftovers=leftovers,
        young_bytes=sum(file.size_bytes for file in stray if is_fresh(file, now_s)),
        before_bytes=before,
        after_bytes=after,
        limit_bytes=limit_bytes,
    )


_WHY = {RootKind.RELEASE: Why.RELEASE, RootKind.PIN: Why.PIN, RootKind.COMMIT: Why.COMMIT}


def build_time(path: CachedPath, times: BuildTimes) -> BuildTime | None:
    """How long the path takes to build, by its derivation or else its name."""
    name = path.store_path.name if path.deriver is None else path.deriver.name.removesuffix(".drv")
    return times.of(path.deriver, name)


def count_users(inventory: Inventory) -> Counter[str]:
    """How many narinfo files need each archive, faulty ones too."""
    users = Counter(path.nar for path in inventory.paths.values())
    users.update(inventory.named.nars)
    return users


def _remove(path: CachedPath, inventory: Inventory, users: Counter[str]) -> int:
    """The bytes that come free with a path: its archive goes with the last one that needs it."""
    freed = own_bytes(path) + _companions_bytes(inventory, path.store_path.hash)
    users[path.nar] -= 1
    nar = inventory.nars.get(path.nar)
    if nar is not None and users[path.nar] == 0:
        freed += nar.size_bytes + _companions_bytes(inventory, path.nar)
    return freed


def _candidate(path: CachedPath, inventory: Inventory, times: BuildTimes) -> Candidate:
    nar = inventory.nars.get(path.nar)
    time = None if nar is None else build_time(path, times)
    return Candidate(
        seconds=0.0 if time is None else time.seconds,
        size_bytes=own_bytes(path) + (0 if nar is None else nar.size_bytes),
        used_s=max(path.narinfo.used_s, 0.0 if nar is None else nar.used_s),
        references=path.references,
    )


def _is_fresh(path: CachedPath, inventory: Inventory, now_s: float) -> bool:
    nar = inventory.nars.get(path.nar)
    return any(file is not None and is_fresh(file, now_s) for file in (path.narinfo, nar))


def is_fresh(file: CacheFile, now_s: float) -> bool:
    """Whether it may belong to an upload under way: added within the last hour, or in the future by a wrong clock."""
    return file.added_s > now_s - GRACE_S


def _unowned(inventory: Inventory, users: Mapping[str, int]) -> Iterator[CacheFile]:
    """Files that belong to nothing; those about an archive before it."""
    yield from inventory.strays
    for name, archive in inventory.nars.items():
        if name not in users:
            yield from inventory.companions.get(name, ())
            yield archive


def _bytes_by(kept: Mapping[str, Why], inventory: Inventory) -> dict[Why, int]:
    keys: dict[Why, list[str]] = {why: [] for why in Why}
    for key, why in kept.items():
        keys[why].append(key)
    counted: set[str] = set()
    return {why: _bytes_of(keys[why], inventory, counted) for why in Why}


def _bytes_of(keys: Iterable[str], inventory: Inventory, counted: set[str]) -> int:
    """All files of some paths; an archive only if it is not among `counted` yet."""
    total = 0
    for key in keys:
        path = inventory.paths[key]
        total += own_bytes(path) + _companions_bytes(inventory, key)
        nar = inventory.nars.get(path.nar)
        if nar is not None and nar.name not in counted:
            counted.add(nar.name)
            total += nar.size_bytes + _companions_bytes(inventory, nar.name)
    return total


def _companions_bytes(inventory: Inventory, key: str) -> int:
    """The files about a path or an archive, which go with it."""
    return sum(file.size_bytes for file in inventory.companions.get(key, ()))
