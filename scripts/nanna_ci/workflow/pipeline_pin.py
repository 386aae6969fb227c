"""Which commit of the pipeline a repository runs: the one that its flake.lock has, on GitHub too."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import ConfigError, shorten
from nanna_ci.foundation.json_data import JsonValue
from nanna_ci.store.flake_lock import FlakeLock, LockedInput

LOCK: Final = "flake.lock"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*")
_RELEASE: Final = re.compile(r"v\d[\w.+-]{0,60}")
_ADDRESS: Final = "github:DominicBurkart/nanna-coder-ci, or your copy of it"


@dataclass(frozen=True, slots=True)
class PipelinePin:
    """A commit of the pipeline's repository, `owner/name`.

    `version` is the release that the flake asks for, or says of which day the commit is; `seen` is that day.
    """

    repository: str
    commit: str
    version: str
    seen: datetime.date


def find_pin(lock: FlakeLock, name: str) -> PipelinePin:
    """What the lock has for an input of the flake. ConfigError where no workflow on GitHub could be called by it."""
    node = lock.nodes.get(lock.inputs.get(name, lock.root))
    if node is None:
        known = ", ".join(sorted(lock.inputs)) or "none"
        raise ConfigError(
            LOCK,
            f"the flake has no input {shorten(name)}; its inputs: {known}",
            hint=f"name the pipeline's with --input, or add it: inputs.{name}.url = {_ADDRESS}; then nix flake lock",
        )
    return _pin(node, name)


def pins_from(lock: FlakeLock, repository: str) -> tuple[PipelinePin, ...]:
    """What the inputs of the flake that come from a repository on GitHub are locked to, without repetitions."""
    found = []
    for name, target in sorted(lock.inputs.items()):
        node = lock.nodes.get(target)
        if node is not None and _repository(node.locked).lower() == repository.lower():
            found.append(_pin(node, name))
    return tuple(dict.fromkeys(found))


def _repository(locked: Mapping[str, JsonValue]) -> str:
    return f"{locked.get('owner')}/{locked.get('repo')}" if locked.get("type") == "github" else ""


def _pin(node: LockedInput, name: str) -> PipelinePin:
    locked, kind = node.locked, node.locked.get("type")
    asks = f"set inputs.{name}.url = {_ADDRESS}; then nix flake update {name}"
    if "dirtyRev" in locked or "dirtyShortRev" in locked:
        raise ConfigError(LOCK, f"input {name} is locked to a work tree with changes that no commit has", hint=asks)
    if kind != "github":
        said = f"is of type {shorten(str(kind))}"
        raise ConfigError(LOCK, f"input {name} {said}: GitHub runs workflows of its own repositories only", hint=asks)
    owner, repository, commit = (locked.get(key) for key in ("owner", "repo", "rev"))
    names_it = isinstance(owner, str) and isinstance(repository, str) and _NAME.fullmatch(owner)
    if not names_it or not _NAME.fullmatch(str(repository)) or locked.get("host", "github.com") != "github.com":
        raise ConfigError(LOCK, f"input {name} is no repository on github.com", hint=asks)
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise ConfigError(LOCK, f"input {name} has no commit of 40 digits", hint=f"nix flake update {name}")
    seen = _day(locked.get("lastModified"), name)
    release = node.original.get("ref")
    is_release = isinstance(release, str) and _RELEASE.fullmatch(release) is not None
    return PipelinePin(f"{owner}/{repository}", commit, str(release) if is_release else f"unstable-{seen}", seen)


def _day(modified: JsonValue, name: str) -> datetime.date:
    if isinstance(modified, int) and not isinstance(modified, bool) and 0 < modified < 1 << 36:
        return datetime.datetime.fromtimestamp(modified, datetime.UTC).date()
    raise ConfigError(LOCK, f"input {name} does not say of which day it is", hint=f"nix flake update {name}")
