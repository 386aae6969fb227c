"""What Nix says of the flake that was built: its source, its locked inputs, and what the caller put in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from nanna_ci.foundation.errors import CommandFailed, MalformedData, ToolMissing, hide_logins
from nanna_ci.foundation.json_data import JsonValue, as_object, as_text, load_json
from nanna_ci.foundation.process import Completed
from nanna_ci.store.flake_lock import FlakeLock, LockedInput, parse_flake_lock
from nanna_ci.store.hashes import NixHash, parse_json_hash
from nanna_ci.store.made_paths import make_source_path
from nanna_ci.store.nix import QUERY_TIMEOUT_S, Nix
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.evidence.in_toto import render_json

SOURCE_NAME: Final = "source"  # Nix gives every fetched tree this name
_GIT_S: Final = 60.0
_REVISION: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})(-dirty)?")
_FORGES: Final = {"github": "github.com", "gitlab": "gitlab.com", "sourcehut": "git.sr.ht"}


@dataclass(frozen=True, slots=True)
class FlakeInput:
    """An input of the flake: `route` is how overrides name it, `nixpkgs/tools`. `is_overridden` by the caller."""

    route: str
    locked: LockedInput
    is_overridden: bool


@dataclass(frozen=True, slots=True)
class FlakeFacts:
    """The flake's own tree and all its inputs.

    `revision` is the commit that has this very content, or that the content was changed from where `is_dirty`; None
    where no git work tree at hand has it. `modified_s` is seconds since 1970, None where unknown.
    """

    nar_hash: NixHash
    revision: str | None
    is_dirty: bool
    modified_s: int | None
    inputs: tuple[FlakeInput, ...]

    @property
    def source_path(self) -> StorePath:
        """Where the flake's tree lies in every Nix store that has it."""
        return make_source_path(SOURCE_NAME, self.nar_hash)

    def built_sources(self) -> dict[str, StorePath]:
        """The trees that may be the workspace under CI, by route: the flake itself, and inputs that are no flakes."""
        found = {"": self.source_path}
        for one in self.inputs:
            if not one.locked.is_flake and one.locked.nar_hash is not None and "/" not in one.route:
                found[one.route] = make_source_path(SOURCE_NAME, one.locked.nar_hash)
        return found


def query_flake(nix: Nix, run: Callable[..., Completed], environ: Mapping[str, str], cwd: Path) -> FlakeFacts:
    """The facts of the flake that our own nix calls stand on. Raises what nix raises, and MalformedData.

    A flake that comes without its revision, as a store path, gets that of the work tree around `cwd`, if Nix says that
    the work tree has the same content.
    """
    facts = parse_metadata(_metadata(nix, nix.flake, nix.flake_flags()), tuple(name for name, _ in nix.overrides))
    if facts.revision is not None:
        return facts
    top = _work_tree(run, environ, cwd)
    if top is None:
        return facts
    try:
        seen = parse_metadata(_metadata(nix, f"git+file://{quote(str(top))}", ["--no-write-lock-file"]), ())
    except (CommandFailed, MalformedData):  # no flake of its own, or one that cannot be read from git
        return facts
    if seen.nar_hash != facts.nar_hash:
        return facts
    return replace(facts, revision=seen.revision, is_dirty=seen.is_dirty, modified_s=seen.modified_s)


def _metadata(nix: Nix, flake: str, flags: list[str]) -> bytes:
    return nix.call(["flake", "metadata", "--json", *flags, flake], QUERY_TIMEOUT_S).stdout


def _work_tree(run: Callable[..., Completed], environ: Mapping[str, str], cwd: Path) -> Path | None:
    git = ("git", "-c", "core.fsmonitor=false", "-C", str(cwd), "rev-parse", "--show-toplevel")
    try:
        return Path(run(git, timeout_s=_GIT_S, env=environ).text().rstrip("\n"))
    except (CommandFailed, ToolMissing):
        return None


def parse_metadata(data: bytes, overrides: tuple[str, ...]) -> FlakeFacts:
    """Read what `nix flake metadata --json` printed. MalformedData for anything else."""
    source = "nix flake metadata"
    document = as_object(load_json(data, source), source, "it")
    locked = as_object(document.get("locked"), source, "locked")
    revision, is_dirty = _revision(document.get("revision") or document.get("dirtyRevision"), source)
    modified = document.get("lastModified")
    lock = parse_flake_lock(render_json(as_object(document.get("locks"), source, "locks")), f"{source}: locks")
    return FlakeFacts(
        nar_hash=parse_json_hash(locked.get("narHash"), source, "locked.narHash"),
        revision=revision,
        is_dirty=is_dirty,
        modified_s=modified if isinstance(modified, int) and modified > 1 else None,
        inputs=tuple(_inputs(lock, frozenset(overrides))),
    )


def _revision(value: JsonValue, source: str) -> tuple[str | None, bool]:
    if value is None:
        return None, False
    match = _REVISION.fullmatch(as_text(value, source, "revision"))
    if match is None:
        raise MalformedData(source, "revision is not a commit")
    return match[1], match[2] is not None


def _inputs(lock: FlakeLock, overrides: frozenset[str]) -> Iterator[FlakeInput]:
    """Each locked source once, by the shortest route that leads to it."""
    ahead = sorted(lock.inputs.items())
    seen: set[str] = set()
    for route, node in ahead:  # grows while it is read: breadth first
        if node == lock.root or node in seen:
            continue
        seen.add(node)
        locked = lock.nodes[node]
        yield FlakeInput(route, locked, route in overrides)
        ahead += [(f"{route}/{name}", below) for name, below in sorted(locked.inputs.items())]


def dependency(one: FlakeInput) -> dict[str, Any]:
    """An input as in-toto's resource descriptor."""
    locked, nar_hash = one.locked.locked, one.locked.nar_hash
    digest = {}
    if isinstance(revision := locked.get("rev"), str):
        digest["gitCommit"] = revision
    if nar_hash is not None:
        digest["nixNarSha256"] = nar_hash.digest.hex()
    annotations: dict[str, Any] = {"isOverridden": one.is_overridden, "isFlake": one.locked.is_flake}
    if nar_hash is not None:
        annotations |= {"narHash": str(nar_hash), "storePath": str(make_source_path(SOURCE_NAME, nar_hash))}
    return {"name": one.route, "uri": _uri(one.locked), "digest": digest, "annotations": annotations}


def _uri(locked: LockedInput) -> str:
    """Where it comes from. A folder of this machine is nobody else's affair: its place in the store names it."""
    values = {name: value for name, value in locked.locked.items() if isinstance(value, str)}
    kind = values.get("type", "")
    if kind in _FORGES:
        host = values.get("host", _FORGES[kind])
        return f"git+https://{host}/{values.get('owner', '')}/{values.get('repo', '')}@{values.get('rev', '')}"
    if kind == "path":
        if locked.nar_hash is None:
            return f"path:{values.get('path', '')}"
        return f"path:{make_source_path(SOURCE_NAME, locked.nar_hash)}"
    revision = f"@{values['rev']}" if "rev" in values else ""
    return f"{kind}+{hide_logins(values.get('url', ''))}{revision}"
