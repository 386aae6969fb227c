"""Asking a store what it holds as a client that knows nothing yet: over HTTP, in a folder, or through nix."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nanna_ci.cache.client import bulk
from nanna_ci.cache.push.receipt import Ask, Remote, StoreAnswer
from nanna_ci.cache.substituters import Substituter
from nanna_ci.errors import CommandFailed, CommandTimedOut, MalformedData
from nanna_ci.store.nix import Nix
from nanna_ci.store.nix_copy import query_store
from nanna_ci.store.store_path import StorePath


def make_cache_ask(
    substituters: Sequence[Substituter],
    *,
    environ: Mapping[str, str],
    netrc: Path | None,
    log: Callable[[str], None],
) -> Ask:
    """Ask binary caches; the first that knows a path answers. In a folder a path's archive must be there too.

    `environ` names the token of a Cachix cache, `netrc` users and passwords of other ones.
    """

    def ask(paths: Sequence[StorePath]) -> StoreAnswer:
        found: dict[StorePath, Remote] = {}
        wrong: dict[StorePath, str] = {}
        failed: dict[StorePath, str] = {}
        for result in bulk.query(substituters, paths, environ=environ, netrc=netrc, log=log):
            if result.error is not None:
                failed |= dict.fromkeys(paths, _unasked(result.error.message))
            failed |= {path: _unasked(problem) for path, problem in result.failed.items()}
            wrong |= {path: f"has a narinfo that is refused: {problem}" for path, problem in result.corrupt.items()}
            wrong |= {path: f"has no archive that Nix could take: {problem}" for path, problem in result.hollow.items()}
            for path, info in result.found.items():
                found.setdefault(path, info)
        return StoreAnswer(found, {path: problem for path, problem in wrong.items() if path not in found}, failed)

    return ask


def _unasked(problem: str) -> str:
    return f"could not be asked for: {problem}"


def make_nix_ask(nix: Nix, url: str) -> Ask:
    """Ask a store that only nix can reach (s3://, ssh://), with an empty cache of nix's own."""

    def ask(paths: Sequence[StorePath]) -> StoreAnswer:
        with tempfile.TemporaryDirectory(prefix="nanna-ci-") as folder:
            try:
                known = query_store(nix, url, paths, cache_home=Path(folder))
            except (CommandFailed, CommandTimedOut) as error:
                return StoreAnswer({}, failed=dict.fromkeys(paths, _unasked(error.message)))
            except MalformedData as error:
                return StoreAnswer({}, wrong=dict.fromkeys(paths, _unasked(error.message)))
        return StoreAnswer({path: info for path, info in known.items() if info is not None})

    return ask
