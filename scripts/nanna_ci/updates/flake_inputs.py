"""The newest inputs of the flake: Nix writes the lock that it would write, to another place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nanna_ci.foundation.json_data import JsonValue
from nanna_ci.store.flake_lock import LockedInput, parse_flake_lock
from nanna_ci.store.nix import QUERY_TIMEOUT_S, Nix
from nanna_ci.updates.updated_part import Moved, PartName, UpdatedPart, read_present

LOCK: Final = "flake.lock"
_SHOWN: Final = 12  # digits of a commit


def update_inputs(folder: Path, nix: Nix, scratch: Path) -> UpdatedPart:
    """The lock of the flake in `folder` with all inputs as they are now; nothing but `scratch` is written.

    Raises as `Nix.call` does, and MalformedData for a lock that cannot be read.
    """
    if not (folder / "flake.nix").is_file():
        return UpdatedPart(PartName.INPUTS, note="there is no flake.nix here")
    present = read_present(folder, LOCK)
    made = scratch / LOCK
    words = ["flake", "update", "--flake", str(folder), "--output-lock-file", str(made)]
    nix.call(words, QUERY_TIMEOUT_S)
    data = read_present(scratch, LOCK)
    if data is None:  # Nix need not write what did not change
        return UpdatedPart(PartName.INPUTS)
    before = {} if present is None else parse_flake_lock(present, LOCK).nodes
    moved = tuple(_moved(before, parse_flake_lock(data, "the new flake.lock").nodes))
    return UpdatedPart(PartName.INPUTS, {LOCK: data} if moved else {}, moved)


def _moved(before: Mapping[str, LockedInput], after: Mapping[str, LockedInput]) -> Iterator[Moved]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        was, now = (None if one is None else one.locked for one in (old, new))
        if old is None or new is None or (was, old.original, old.inputs) != (now, new.original, new.inputs):
            yield Moved(name, _version(was), _version(now), _page(was, now))


def _version(locked: Mapping[str, JsonValue] | None) -> str | None:
    """The commit, or the hash of what has none."""
    if locked is None:
        return None
    commit = locked.get("rev")
    return commit[:_SHOWN] if isinstance(commit, str) else str(locked.get("narHash") or locked.get("path"))


def _page(was: Mapping[str, JsonValue] | None, now: Mapping[str, JsonValue] | None) -> str | None:
    """The commits in between, for what is on github.com."""
    if was is None or now is None or now.get("host", "github.com") != "github.com" or now.get("type") != "github":
        return None
    place = [now.get("owner"), now.get("repo"), was.get("rev"), now.get("rev")]
    if (was.get("owner"), was.get("repo")) != (now.get("owner"), now.get("repo")) or None in place:
        return None
    return "https://github.com/{}/{}/compare/{}...{}".format(*place)
