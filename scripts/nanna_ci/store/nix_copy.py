"""The nix program: what is pushed from the local store, and the copy of it to another one."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs

from nanna_ci.foundation.errors import CommandFailed, MalformedData, UsageError, shorten
from nanna_ci.store.derivation import Derivation, parse_derivations
from nanna_ci.store.nix import MISSING_ATTRIBUTE, QUERY_TIMEOUT_S, Nix
from nanna_ci.store.path_info import PathInfo, parse_path_info
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_base_name, parse_store_path

COPY_TIMEOUT_S = 6 * 3600.0
_COPYING = re.compile(rb"copying path '(/nix/store/[^']+)' to ")
_CLOCK_GRAIN_S = 2.0  # a file system's clock may lag behind, and Nix registers in whole seconds


def query_closure(nix: Nix, paths: Iterable[StorePath]) -> dict[StorePath, PathInfo | None]:
    """`paths` and all that they refer to, from the local store; None for one of `paths` that it lacks.

    A path that is collected while this asks is one that the store lacks.
    """
    wanted = sorted(set(paths))
    if not wanted:
        return {}
    known = nix.path_info(wanted)
    try:
        closure = _closure(nix, known)
    except CommandFailed:
        known = nix.path_info(wanted)
        closure = _closure(nix, known)
    return {**known, **closure}


def _closure(nix: Nix, known: Mapping[StorePath, PathInfo | None]) -> dict[StorePath, PathInfo | None]:
    valid = [path for path, info in known.items() if info is not None]
    return _path_info(nix, ["--offline", "--recursive"], valid) if valid else {}


def query_store(
    nix: Nix, url: str, paths: Sequence[StorePath], *, cache_home: Path
) -> dict[StorePath, PathInfo | None]:
    """What the store at `url` knows of `paths`; None for one that it lacks.

    `cache_home` is an empty folder: what Nix remembers of the store from before does not count.
    """
    return _path_info(nix, ["--store", url], paths, {"XDG_CACHE_HOME": str(cache_home)}) if paths else {}


def _path_info(
    nix: Nix, flags: Sequence[str], paths: Sequence[StorePath], environ: Mapping[str, str] | None = None
) -> dict[StorePath, PathInfo | None]:
    shape = ["--json-format", "2"] if nix.version().has_json_format else []
    argv = ["path-info", "--json", *shape, *flags, "--stdin"]
    completed = nix.call(argv, QUERY_TIMEOUT_S, environ=environ, stdin=_lines(paths))
    return parse_path_info(completed.stdout, "nix path-info")


def query_derivations(nix: Nix, installables: Sequence[str], *, recursive: bool = False) -> dict[StorePath, Derivation]:
    """The derivations behind installables, with the caller's flake overrides, and with `recursive` all they need.

    An installable is whatever nix takes: `.#attribute`, `/nix/store/….drv`, the output of a known derivation.

    Raises:
        UsageError: a flake has no such attribute.
    """
    if not installables:
        return {}
    argv = ["derivation", "show", *(["--recursive"] if recursive else []), *nix.flake_flags()]
    try:
        completed = nix.call([*argv, "--stdin"], QUERY_TIMEOUT_S, stdin=_lines(installables))
    except CommandFailed as error:
        if MISSING_ATTRIBUTE.search(error.stderr_tail):
            raise UsageError(error.message) from error
        raise
    return parse_derivations(completed.stdout, "nix derivation show")


def copy_paths(
    nix: Nix,
    url: str,
    paths: Sequence[StorePath],
    *,
    secrets: Sequence[str],
    on_path: Callable[[StorePath], None],
    on_silence: Callable[[float], None] | None = None,
) -> None:
    """Copy `paths` and their closures to the store at `url`; what it has already is not copied again.

    `on_path` gets each path that is sent, when its copy begins. What is not here is not fetched from elsewhere.

    Raises:
        CommandFailed: one of them was not copied; others may have been.
    """

    def on_stderr(line: bytes) -> None:
        match = _COPYING.search(line)
        if match is not None:
            on_path(parse_store_path(match[1].decode("utf-8", "replace"), "nix copy"))

    nix.call(
        ["copy", "--option", "substitute", "false", "--to", url, "--stdin"],
        COPY_TIMEOUT_S,
        stdin=_lines(paths),
        secrets=secrets,
        on_stderr=on_stderr,
        on_silence=on_silence,
    )


def watched_folder(nix: Nix) -> Path:
    """The folder on this machine that holds the local store's paths.

    Raises:
        UsageError: the store is on another machine, or its folder is not there.
    """
    setting = str(nix.settings().get("store") or "auto")
    folder = _store_folder(setting)
    if folder is None or not folder.is_dir():
        raise UsageError(f"the store {shorten(setting)} has no folder here that could be watched")
    return folder


def _store_folder(setting: str) -> Path | None:
    base, _, query = setting.partition("?")
    if base.startswith("/"):
        root = base
    elif base in {"auto", "daemon", "local"} or base.startswith(("local://", "unix://")):
        root = parse_qs(query).get("root", ["/"])[0]
    else:
        return None
    return Path(root) / STORE_DIR.removeprefix("/")


def query_built_since(nix: Nix, folder: Path, started_s: float) -> list[StorePath]:
    """The outputs that were built for the local store since `started_s` (Unix time), whoever built them.

    Built is what Nix says it built itself, and what came without a signature: from a remote builder, not from a
    cache. Asking nix for all of a store costs up to 0.2 ms a path; the folder shows in 6 µs which ones are new.
    """
    fresh: list[StorePath] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError, MalformedData):  # collected just now; a lock, a folder of links
                if entry.stat(follow_symlinks=False).st_ctime >= started_s - _CLOCK_GRAIN_S:
                    fresh.append(parse_base_name(entry.name))
    known = nix.path_info([path for path in sorted(fresh) if not path.is_derivation])
    return [path for path, info in known.items() if info is not None and _is_built(info, int(started_s))]


def _is_built(info: PathInfo, since_s: int) -> bool:
    is_new = (info.registered_s or 0) >= since_s
    return is_new and info.deriver is not None and (info.is_ultimate or not info.signatures)


def _lines(words: Iterable[object]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()
