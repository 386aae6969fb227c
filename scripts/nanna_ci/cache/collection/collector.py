"""Carries a collection out in the cache's folder, while others may read it and write to it.

A path's narinfo goes before its archive, and nothing goes before what refers to it, so that an end at any moment leaves
a cache that is whole; a later run finds the archives left over. Deletions go in batches. Before each the folder is
listed anew: what a narinfo that came meanwhile names stays. An upload that began before, and ends after, may still miss
what it found there; what can be seen of that is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from nanna_ci.cache.collection.eviction_plan import CollectionPlan, Eviction, count_users
from nanna_ci.cache.collection.folder_index import NARINFO, file_of, read_names
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.collection.inventory import CacheFile, FileFault, Inventory, Named
from nanna_ci.cache.collection.reference_graph import closure

_BATCH: Final = 64
_MOST_BATCHES: Final = 128  # listing a large folder takes longer than deleting a few files
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Collected:
    """What was done. `deleted` are hashes; `spared` those that were planned and stayed, because they came into use.

    `broken` are narinfo files that came meanwhile, and name what was deleted.
    """

    deleted: frozenset[str]
    spared: frozenset[str]
    deleted_files: int
    freed_bytes: int
    broken: tuple[FileFault, ...]


def collect(folder: GuardedFolder, inventory: Inventory, plan: CollectionPlan) -> Collected:
    """Delete what the plan, made of this inventory, says. The caller holds the collection lock.

    Raises:
        NannaError: a file cannot be deleted. What is left is whole, and another run goes on from there.
    """
    return _Collector(folder, inventory).run(plan)


class _Collector:
    def __init__(self, folder: GuardedFolder, inventory: Inventory) -> None:
        self._folder = folder
        self._inventory = inventory
        self._references = {key: path.references for key, path in inventory.paths.items()}
        self._users = count_users(inventory)
        self._seen = {path.narinfo.name for path in inventory.paths.values()}
        self._seen.update(fault.file for fault in inventory.faults)
        self._came: dict[str, Named] = {}
        self._held_hashes: set[str] = set()
        self._held_files: set[str] = set()
        self._deleted: set[str] = set()
        self._deleted_files: set[str] = set()
        self._freed_bytes = 0

    def run(self, plan: CollectionPlan) -> Collected:
        for files in _batches(plan.leftovers):
            self._look()
            for file in files:
                if file.name not in self._held_files and not self._is_rewritten(file):
                    self._delete(file)
        waiting: list[str] = []
        for evictions in _batches(plan.evictions):
            self._look()
            self._delete_archives(waiting)
            self._look()
            waiting = self._delete_paths(evictions)
        self._look()
        self._delete_archives(waiting)
        self._look()
        planned = {eviction.path.store_path.hash for eviction in plan.evictions}
        return Collected(
            deleted=frozenset(self._deleted),
            spared=frozenset(planned - self._deleted),
            deleted_files=len(self._deleted_files),
            freed_bytes=self._freed_bytes,
            broken=tuple(self._broken()),
        )

    def _look(self) -> None:
        """Hold what narinfo files name that were not there at the last look."""
        for name in self._folder.names():
            if name.endswith(NARINFO) and name not in self._seen:
                self._hold(name)

    def _hold(self, narinfo: str) -> None:
        named = read_names(self._folder, narinfo)
        self._seen.add(narinfo)
        self._came[narinfo] = named
        self._held_hashes |= closure(named.hashes, self._references)
        self._held_files |= named.nars

    def _delete_paths(self, evictions: Iterable[Eviction]) -> list[str]:
        """Delete narinfo files; their archives that nothing needs any more wait for the next look."""
        waiting = []
        for path in (eviction.path for eviction in evictions):
            key, narinfo = path.store_path.hash, path.narinfo
            if self._is_rewritten(narinfo):
                self._hold(narinfo.name)
                self._held_hashes |= closure([key], self._references)
            if key in self._held_hashes:
                continue
            for file in self._inventory.companions.get(key, ()):
                self._delete(file)
            self._delete(narinfo)
            self._seen.discard(narinfo.name)  # it may come again
            self._deleted.add(key)
            if path.listing is not None:
                self._delete(path.listing)
            self._users[path.nar] -= 1
            if self._users[path.nar] == 0:
                waiting.append(path.nar)
        return waiting

    def _delete_archives(self, names: Iterable[str]) -> None:
        for name in names:
            archive = self._inventory.nars.get(name)
            if archive is not None and name not in self._held_files and not self._is_rewritten(archive):
                for file in self._inventory.companions.get(name, ()):
                    self._delete(file)
                self._delete(archive)

    def _is_rewritten(self, file: CacheFile) -> bool:
        """Whether there is another file of its name by now."""
        status = self._folder.status(file.name)
        return status is not None and file_of(file.name, status).stamp != file.stamp

    def _delete(self, file: CacheFile) -> None:
        if self._folder.delete(file.name):
            self._deleted_files.add(file.name)
            self._freed_bytes += file.size_bytes

    def _broken(self) -> Iterator[FileFault]:
        for narinfo, named in sorted(self._came.items()):
            lost = [key for key in named.hashes & self._deleted if self._folder.status(key + NARINFO) is None]
            paths = [str(self._inventory.paths[key].store_path) for key in sorted(lost)]
            lost = sorted(name for name in named.nars & self._deleted_files if self._folder.status(name) is None)
            if paths or lost:
                yield FileFault(narinfo, f"came meanwhile, and needs {', '.join([*paths, *lost])}, which was deleted")


def _batches(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    size = max(_BATCH, -(-len(items) // _MOST_BATCHES))
    return (items[start : start + size] for start in range(0, len(items), size))
