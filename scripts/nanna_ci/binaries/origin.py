"""Where executables come from: the Nix store's facts, the source tree they were built in, or the job that did it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from nanna_ci.binaries.manifest import BinaryOrigin
from nanna_ci.foundation.errors import CommandFailed, GateFailed, MalformedData, ToolMissing, UsageError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import parse_result
from nanna_ci.pipeline.vocabulary import Strategy
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_base_name

_GIT_S: Final = 60.0
_RESULT_LIMIT_BYTES: Final = 16 * MEBIBYTE
_CARGO: Final = frozenset({Strategy.CARGO_CROSS, Strategy.CARGO_APPLE})


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


def built_by_job(folder: Path) -> tuple[Path, Strategy] | None:
    """What the build job of `run-job`'s folder made: a Nix result or cargo's target folder, and how. None: no such
    folder, for it has no result.json.

    Raises:
        GateFailed: the job did not pass.
        MalformedData: the result is none, or of a job that builds no executables.
    """
    path = folder / "result.json"
    if not path.exists():
        return None
    try:
        result = parse_result(read_file(path, _RESULT_LIMIT_BYTES), str(path))
    except OSError as error:
        raise MalformedData(str(path), error.strerror or str(error)) from error
    if result.verdict is not Verdict.PASS:
        raise GateFailed(f"{result.id} did not pass ({result.verdict.value}): {result.reason}", hint="see its log")
    built, how = result.evidence.get("result"), result.evidence.get("strategy")
    if not isinstance(built, str) or not Path(built).is_absolute() or how not in [one.value for one in Strategy]:
        raise MalformedData(str(path), f"{result.id} names no executables: it is not a build job")
    source, strategy = Path(built), Strategy(str(how))
    # cargo's own folder, TARGET/TRIPLE/release in it: whether a hard link is cargo's shows only there
    return (source.parent.parent if strategy in _CARGO else source), strategy


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
