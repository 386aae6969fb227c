"""The store of this machine: where its folder is, and which paths are valid in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.store.nix import Nix
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import STORE_DIR, StorePath

_LOCAL: Final = frozenset({"", "auto", "daemon", "local"})  # stores whose folder is /nix/store


def store_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder on this machine that holds what Nix calls /nix/store; None if the store is not here."""
    remote = environ.get("NIX_REMOTE", "")
    if remote in _LOCAL:
        return Path(STORE_DIR)
    kind, _, query = remote.partition("?")
    if kind.startswith("/"):
        root = kind
    elif kind == "local":
        root = parse_qs(query).get("root", [""])[-1]
    else:
        return None
    return Path(f"{root}{STORE_DIR}") if root.startswith("/") else None


class LocalStore:
    """What is valid in the local store. `nix` makes the program, once it is needed; `is_optional`: if there is none,
    nothing is valid."""

    def __init__(self, nix: Callable[[], Nix], folder: Path | None, *, is_optional: bool) -> None:
        self._nix = nix
        self._folder = folder
        self._is_optional = is_optional
        self._queried: set[StorePath] = set()
        self.valid: dict[StorePath, PathInfo] = {}

    def load(self, paths: Iterable[StorePath]) -> None:
        """Fill `valid`. What is not in the store's folder is not queried: it cannot be valid.

        Raises:
            ToolMissing: there is no nix, and it is not optional.
        """
        new = [path for path in paths if path not in self._queried]
        self._queried.update(new)
        there = new if self._folder is None else [path for path in new if _lies_in(self._folder, path)]
        if not there:
            return
        try:
            infos = self._nix().path_info(there)
        except ToolMissing:
            if not self._is_optional:
                raise
            return
        self.valid.update((path, info) for path, info in infos.items() if info is not None)


def _lies_in(folder: Path, path: StorePath) -> bool:
    return os.path.lexists(f"{folder}/{path.base_name}")
