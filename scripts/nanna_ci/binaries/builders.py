"""Which systems this machine's Nix can build for besides its own: remote builders and emulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from nanna_ci.guarded_read import MEBIBYTE, read_file

_MOST_INCLUDES: Final = 10


def has_builder(settings: Mapping[str, Any], system: str, read: Callable[[str], str | None]) -> bool:
    """Whether derivations of `system` can be built from here, by emulation or on a remote builder.

    `settings` are Nix's own, name → value. `read` gives the text of a machines file, None where there is none.
    """
    platforms = settings.get("extra-platforms", [])
    if isinstance(platforms, list) and system in platforms:
        return True
    machines = settings.get("builders", "")
    return any(system in systems for systems in parse_machines(machines if isinstance(machines, str) else "", read))


def parse_machines(text: str, read: Callable[[str], str | None]) -> list[frozenset[str]]:
    """The systems of each machine in Nix's `builders` setting: entries `URI SYSTEM,SYSTEM …` between `;` or newlines.

    `@FILE` stands for a file of them. A machine without systems has those of this one, which need no builder.
    """
    machines: list[frozenset[str]] = []
    waiting = [text]
    for _ in range(_MOST_INCLUDES):  # a file that names itself must not hold us
        if not waiting:
            break
        for line in waiting.pop().replace(";", "\n").splitlines():
            words = line.partition("#")[0].split()
            if words and words[0].startswith("@"):
                waiting.append(read(words[0][1:]) or "")
            elif len(words) > 1:
                machines.append(frozenset(words[1].split(",")))
    return machines


def read_machines_file(path: str) -> str | None:
    """The text of a machines file; None where it cannot be read, which Nix takes as having none."""
    try:
        return read_file(Path(path), MEBIBYTE).decode("utf-8", "replace")
    except OSError:
        return None
