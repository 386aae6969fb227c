"""Where executables come from: the Nix store's facts about them, or the source tree they were built in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from nanna_ci.binaries.manifest import BinaryOrigin
from nanna_ci.foundation.errors import CommandFailed, MalformedData, ToolMissing, UsageError
from nanna_ci.foundation.process import Completed
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_base_name

_GIT_S: Final = 60.0


def query_origin(
    source: Path,
    *,
    revision: str | None,
    strategy: str | None,
    run: Callable[..., Completed],
    environ: Mapping[str, str],
) -> BinaryOrigin:
    """The origin of a resolved folder; `revision` and `strategy` are what the caller knows.

    In the Nix store nix is queried, and the revision stays unknown unless given: nothing there says it. Elsewhere the
    revision is that of the clean work tree which the folder lies in. Raises as store.nix does, and MalformedData
    if nix does not know the path.
    """
    if revision is not None and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", revision) is None:
        raise UsageError(f"--revision {revision!r} is not a full commit hash")
    path = store_path_of(source)
    if path is None:
        return BinaryOrigin(revision=revision or query_revision(source, run=run, environ=environ), strategy=strategy)
    info = Nix(run, environ=environ).path_info([path])[path]
    if info is None:
        raise MalformedData(str(path), "is not a valid path of the Nix store")
    return BinaryOrigin(
        revision=revision,
        derivation=None if info.deriver is None else str(info.deriver),
        output=str(path),
        nar_hash=str(info.nar_hash),
        strategy=strategy,
    )


def store_path_of(path: Path) -> StorePath | None:
    """The store path that a resolved path is, or lies in; None outside of the store."""
    if not path.is_relative_to(STORE_DIR) or path == Path(STORE_DIR):
        return None
    return parse_base_name(path.relative_to(STORE_DIR).parts[0])


def query_revision(folder: Path, *, run: Callable[..., Completed], environ: Mapping[str, str]) -> str | None:
    """The commit of the work tree that `folder` lies in; None without git or work tree, or with uncommitted changes."""
    git = ("git", "-c", "core.fsmonitor=false", "-C", str(folder))
    try:
        commit = run((*git, "rev-parse", "--verify", "HEAD"), timeout_s=_GIT_S, env=environ).text().strip()
        changes = run((*git, "status", "--porcelain", "--untracked-files=no"), timeout_s=_GIT_S, env=environ)
    except (CommandFailed, ToolMissing):
        return None
    return None if changes.stdout else commit
