"""The confinement of a container's process, and where it listens: values, and the kernel's table of sockets read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_LISTEN: Final = "0A"
_DOCKERS_OWN: Final = "127.0.0.11"  # docker's name server in each network namespace
_LOOPBACK_6: Final = ("0" * 24 + "01000000", "0000000000000000FFFF00000100007F")  # ::1 and ::ffff:127.0.0.1


@dataclass(frozen=True, slots=True)
class ListeningPort:
    """A TCP port that somebody in the container listens on; `loopback`: nobody outside of it is answered."""

    port: int
    loopback: bool


@dataclass(frozen=True, slots=True)
class Confinement:
    """The confinement of a process; None if the kernel does not say."""

    capabilities: int | None = None
    no_new_privileges: bool | None = None
    read_only_root: bool | None = None


def parse_listeners(lines: Sequence[str]) -> tuple[ListeningPort, ...]:
    """Read the lines of /proc/PID/net/tcp and tcp6. A port that is open to others is not on loopback alone."""
    found: dict[int, bool] = {}
    for line in lines:
        fields = line.split()
        match = re.fullmatch(r"([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})", fields[1]) if len(fields) > 3 else None
        if match is None or fields[3] != _LISTEN:
            continue
        address, port = match[1], int(match[2], 16)
        if len(address) == 8:
            dotted = ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))
            if dotted == _DOCKERS_OWN:
                continue
            loopback = dotted.startswith("127.")
        else:
            loopback = address in _LOOPBACK_6
        found[port] = found.get(port, True) and loopback
    return tuple(ListeningPort(port, found[port]) for port in sorted(found))
