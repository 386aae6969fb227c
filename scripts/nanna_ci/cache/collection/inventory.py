"""The contents of the folder of a `file://` cache, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nanna_ci.store.store_path import StorePath

NAR_FOLDER = "nar"


@dataclass(frozen=True, slots=True)
class CacheFile:
    """A regular file. `name` is relative to the cache; times are seconds since 1970.

    `added_s` is when it was written: when it came there, unless something copied it with its old time. `used_s` is when
    it was last read or written, as far as the file system records it. `stamp` distinguishes it from a later file of
    its name.
    """

    name: str
    size_bytes: int
    added_s: float
    used_s: float
    stamp: tuple[int, int]


@dataclass(frozen=True, slots=True)
class CachedPath:
    """A store path of the cache, by its narinfo.

    `nar` is the name of its archive, which other paths may share. `listing` is its `.ls` file. `references` are the
    hashes of the other paths that it refers to, in this cache or not.
    """

    store_path: StorePath
    narinfo: CacheFile
    listing: CacheFile | None
    nar: str
    references: tuple[str, ...]
    deriver: StorePath | None


@dataclass(frozen=True, slots=True)
class FileFault:
    """A faulty file; it is left alone."""

    file: str
    problem: str


@dataclass(frozen=True, slots=True)
class Named:
    """Hashes of store paths, and NAR files, that a narinfo names."""

    hashes: frozenset[str]
    nars: frozenset[str]

    def union(self, other: Named) -> Named:
        """The union of both."""
        return Named(self.hashes | other.hashes, self.nars | other.nars)


NOTHING_NAMED = Named(frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Inventory:
    """A cache's folder. Each file of it is in one place here, or in `other_bytes`.

    `paths` are by hash, `nars` by file name. `companions` are by the hash or the NAR that they describe: realisations
    and the index of debugging symbols. `strays` are temporary files, and listings and symbols without what they
    describe. `named` is what faulty narinfo files name. `other_bytes` is of what is never deleted: build logs, root
    records, faulty files, files of unknown kind.
    """

    paths: Mapping[str, CachedPath]
    nars: Mapping[str, CacheFile]
    companions: Mapping[str, tuple[CacheFile, ...]]
    strays: tuple[CacheFile, ...]
    faults: tuple[FileFault, ...]
    named: Named
    other_bytes: int

    @property
    def total_bytes(self) -> int:
        """All files together."""
        return sum(
            (
                self.other_bytes,
                *(file.size_bytes for file in self.nars.values()),
                *(file.size_bytes for files in self.companions.values() for file in files),
                *(file.size_bytes for file in self.strays),
                *(own_bytes(path) for path in self.paths.values()),
            )
        )


def own_bytes(path: CachedPath) -> int:
    """A path's files that it shares with no other: its narinfo and its listing."""
    return path.narinfo.size_bytes + (0 if path.listing is None else path.listing.size_bytes)
