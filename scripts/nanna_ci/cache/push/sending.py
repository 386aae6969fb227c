"""Sends paths in batches, so that one that fails does not hold up the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import CommandFailed
from nanna_ci.store.store_path import StorePath

BATCH: Final = 200
GIVE_UP_AFTER: Final = 10  # consecutive failures of single paths before giving up: no network, no rights
COLLECTED: Final = "was collected from the store between list and push"

Send = Callable[[Sequence[StorePath]], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """What the program took, and what it did not, with the reason. Every path is in one of the two."""

    accepted: tuple[StorePath, ...]
    failed: Mapping[StorePath, str]


def send_paths(
    paths: Sequence[StorePath],
    send: Send,
    find_absent: Callable[[Sequence[StorePath]], Collection[StorePath]],
    log: Callable[[str], None],
) -> Sent:
    """Send all of `paths`: by batches, and a batch that fails again, without what is gone, then path by path.

    `send` raises CommandFailed if a path of its batch was not taken, and sending one again does no harm.
    `find_absent` returns which of the paths the local store has lost. After GIVE_UP_AFTER single failures in a row
    nothing more is tried.
    """
    accepted: list[StorePath] = []
    failed: dict[StorePath, str] = {}
    in_a_row = 0
    for start in range(0, len(paths), BATCH):
        batch = list(paths[start : start + BATCH])
        if in_a_row < GIVE_UP_AFTER:
            problem = _attempt(send, batch)
            if problem is None:
                accepted += batch
                continue
            log(f"{problem}; {len(batch)} paths again, one by one")
            gone = find_absent(batch)
            failed |= {path: COLLECTED for path in batch if path in gone}
            batch = [path for path in batch if path not in gone]
            if gone and batch and _attempt(send, batch) is None:
                accepted += batch
                continue
        for path in batch:
            if in_a_row >= GIVE_UP_AFTER:
                failed[path] = f"was not tried: {GIVE_UP_AFTER} failures in a row before it"
            elif (problem := _attempt(send, [path])) is None:
                accepted.append(path)
                in_a_row = 0
            else:
                failed[path] = f"was not pushed: {problem}"
                in_a_row += 1
    return Sent(tuple(accepted), failed)


def _attempt(send: Send, paths: Sequence[StorePath]) -> str | None:
    """None, or what the program said."""
    try:
        send(paths)
    except CommandFailed as error:
        return error.message
    return None
