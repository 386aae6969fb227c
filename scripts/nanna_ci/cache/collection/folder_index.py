"""Reads the folder of a `file://` cache: every narinfo, and all files with their sizes and times."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final

from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.collection.inventory import (
    NAR_FOLDER,
    NOTHING_NAMED,
    CachedPath,
    CacheFile,
    FileFault,
    Inventory,
    Named,
)
from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.json_data import as_object, as_text, load_json
from nanna_ci.store.narinfo import NarInfo, parse_narinfo
from nanna_ci.store.store_path import BASE_NAME_PATTERN, STORE_DIR, StorePath

NARINFO: Final = ".narinfo"
_LISTING: Final = ".ls"
_REALISATIONS: Final = "realisations"
_SYMBOLS: Final = "debuginfo"
_READ_FOLDERS: Final = frozenset((NAR_FOLDER, _REALISATIONS, _SYMBOLS))
_IRREGULAR: Final = "is a link, or not a regular file"
_LIMIT_BYTES: Final = 4 * 1024 * 1024
_NAR_NAME: Final = re.compile(rf"{NAR_FOLDER}/[^/]+\.nar(\.[a-z0-9]{{1,16}})?")
# Nix writes FILE.tmp.PID.NUMBER, our own files are made as .FILE.XXXXXXXX.tmp; both are renamed when they are whole.
_TEMPORARY: Final = re.compile(r".+\.tmp\.[0-9]+\.[0-9]+|\..+\.[a-z0-9_]{8}\.tmp")
_URL: Final = re.compile(rb"^URL: *([!-~]+)", re.MULTILINE)
_NAMES: Final = re.compile(BASE_NAME_PATTERN.encode())


def check_cache_info(folder: GuardedFolder) -> None:
    """Make sure that the folder is a binary cache of /nix/store.

    Raises:
        UsageError: it is not one. Nothing should be deleted in a folder that was named by mistake.
    """
    hint = "`nix copy --to file:///FOLDER` makes one; its nix-cache-info says so"
    try:
        text = folder.read("nix-cache-info", _LIMIT_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"{folder.path} is not a binary cache: nix-cache-info: {error.strerror}", hint=hint) from error
    store = re.search(r"^StoreDir: *(.*?) *$", text, re.MULTILINE)
    if store is None or store[1] != STORE_DIR:
        what = "no StoreDir" if store is None else f"StoreDir: {shorten(store[1])}"
        raise UsageError(
            f"{folder.path} is not a binary cache of {STORE_DIR}: its nix-cache-info has {what}", hint=hint
        )


def read_inventory(folder: GuardedFolder) -> Inventory:
    """The folder as it is now. What cannot be read or parsed becomes a fault; nothing is written.

    Raises:
        MalformedData: a subfolder is a link.
    """
    return _Reader(folder).read()


class _Reader:
    def __init__(self, folder: GuardedFolder) -> None:
        self._folder = folder
        self._faults: list[FileFault] = []
        self._other_bytes = 0
        self._strays: list[CacheFile] = []
        self._irregular: set[str] = set()
        self._named = NOTHING_NAMED
        self._known: dict[str, StorePath] = {}

    def read(self) -> Inventory:
        narinfos, listings = [], {}
        for file in self._files(""):
            if file.name.endswith(NARINFO):
                narinfos.append(file)
            elif file.name.endswith(_LISTING):
                listings[file.name.removesuffix(_LISTING)] = file
            else:
                self._other_bytes += file.size_bytes
        archives = {file.name: file for file in self._files(NAR_FOLDER)}  # after the narinfo files, as uploads write
        paths = {}
        for file in narinfos:
            info = self._read_narinfo(file)
            if info is not None:
                key = info.store_path.hash
                paths[key] = _cached_path(info, file, listings.pop(key, None))
        self._strays += listings.values()
        used = {path.nar for path in paths.values()} | self._named.nars
        for name in [name for name in archives if name not in used and _NAR_NAME.fullmatch(name) is None]:
            self._other_bytes += archives.pop(name).size_bytes
        companions = self._read_companions(paths.keys(), archives.keys())
        for name, status in self._folder.entries():
            if stat.S_ISDIR(status.st_mode) and name not in _READ_FOLDERS:
                self._other_bytes += _tree_bytes(self._folder.path / name)
        return Inventory(
            paths=paths,
            nars=archives,
            companions=companions,
            strays=tuple(self._strays),
            faults=tuple(sorted(self._faults, key=lambda fault: fault.file)),
            named=self._named,
            other_bytes=self._other_bytes,
        )

    def _files(self, subfolder: str) -> Iterator[CacheFile]:
        """The regular files right in a subfolder; temporary ones become strays."""
        prefix = f"{subfolder}/" if subfolder else ""
        for base, status in self._folder.entries(subfolder):
            name = prefix + base
            if stat.S_ISDIR(status.st_mode):
                self._other_bytes += _tree_bytes(self._folder.path / name) if subfolder else 0
            elif not stat.S_ISREG(status.st_mode):
                self._faults.append(FileFault(name, _IRREGULAR))
                self._irregular.add(name)
            elif _TEMPORARY.fullmatch(base):
                self._strays.append(file_of(name, status))
            else:
                yield file_of(name, status)

    def _read_narinfo(self, file: CacheFile) -> NarInfo | None:
        """A narinfo of this cache; None for a faulty one, once what it names is noted down."""
        data = b""
        try:
            data = self._folder.read(file.name, _LIMIT_BYTES)
            info = parse_narinfo(data, file.name, self._known)
            problem = _problem(info, file.name)
            if problem is None and info.url in self._irregular:
                problem = f"{info.url} {_IRREGULAR}"
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        except MalformedData as error:
            problem = error.message.removeprefix(f"{file.name}: ")
        if problem is None:
            return info
        self._other_bytes += file.size_bytes
        self._faults.append(FileFault(file.name, problem))
        self._named = self._named.union(names_in(data))
        return None

    def _read_companions(self, hashes: Container[str], nars: Container[str]) -> dict[str, tuple[CacheFile, ...]]:
        """Realisations by the hash of their path, symbols by their NAR."""
        companions: defaultdict[str, tuple[CacheFile, ...]] = defaultdict(tuple)
        for file in self._files(_REALISATIONS):
            path = self._read_word(file, "outPath")
            key = None if path is None else path.rpartition("/")[2].partition("-")[0]
            if key is not None and key in hashes:
                companions[key] += (file,)
            else:  # of a path in another cache, perhaps
                self._other_bytes += file.size_bytes
        for file in self._files(_SYMBOLS):
            archive = self._read_word(file, "archive")
            nar = None if archive is None else archive.removeprefix("../")
            if nar is None:
                self._other_bytes += file.size_bytes
            elif nar in nars:
                companions[nar] += (file,)
            else:
                self._strays.append(file)
        return dict(companions)

    def _read_word(self, file: CacheFile, key: str) -> str | None:
        """One string of a JSON file; None, and a fault, if it cannot be had."""
        try:
            document = load_json(self._folder.read(file.name, _LIMIT_BYTES), file.name)
            return as_text(as_object(document, file.name, "it").get(key), file.name, key)
        except OSError as error:
            self._faults.append(FileFault(file.name, f"cannot be read: {error.strerror}"))
        except MalformedData as error:
            self._faults.append(FileFault(file.name, error.message.removeprefix(f"{file.name}: ")))
        return None


def read_names(folder: GuardedFolder, name: str) -> Named:
    """What a narinfo names, whether it is a good one or not; nothing if it cannot be read."""
    try:
        return names_in(folder.read(name, _LIMIT_BYTES))
    except OSError:
        return NOTHING_NAMED


def names_in(data: bytes) -> Named:
    """The store path, by hash, the references and the NAR that a narinfo seems to name, however damaged it is."""
    lines = [line for line in data.split(b"\n") if line.startswith((b"StorePath:", b"References:"))]
    hashes = {name[:32].decode() for line in lines for name in _NAMES.findall(line)}
    return Named(frozenset(hashes), frozenset(match.decode() for match in _URL.findall(data)))


def file_of(name: str, status: os.stat_result) -> CacheFile:
    """A file by its status."""
    return CacheFile(
        name=name,
        size_bytes=status.st_size,
        added_s=status.st_mtime,
        used_s=max(status.st_mtime, status.st_atime),
        stamp=(status.st_ino, status.st_mtime_ns),
    )


def _cached_path(info: NarInfo, narinfo: CacheFile, listing: CacheFile | None) -> CachedPath:
    own = info.store_path.hash
    return CachedPath(
        store_path=info.store_path,
        narinfo=narinfo,
        listing=listing,
        nar=info.url,
        references=tuple(dict.fromkeys([path.hash for path in info.references if path.hash != own])),
        deriver=info.deriver,
    )


def _problem(info: NarInfo, file_name: str) -> str | None:
    """Why a well-formed narinfo is not one of this cache."""
    if file_name != info.store_path.hash + NARINFO:
        return f"is of {info.store_path}, which has another hash"
    folder, _, base = info.url.partition("/")
    if folder != NAR_FOLDER or "/" in base or base in {"", ".", ".."}:
        return f"its URL {shorten(info.url)} is not in {NAR_FOLDER}/ of this cache"
    return None


def _tree_bytes(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - a Path each is slow
    return total
