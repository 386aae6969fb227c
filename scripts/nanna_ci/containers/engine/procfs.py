"""What the kernel says about a container's first process: its limits and privileges, its memory, where it listens.

Everything here may be unknown: the engine may run in another machine, in other namespaces, for another user.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nanna_ci.containers.engine.confinement import Confinement, ListeningPort, parse_listeners
from nanna_ci.containers.engine.limits import Effective

_UNLIMITED_BYTES: Final = 1 << 60  # version 1 of control groups has no word for it, but a number near 2**63


class ProcFs:
    """Reads /proc and the control groups; both folders may be others, for tests."""

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._proc = proc
        self._cgroups = cgroups

    def is_in(self, pid: int | None, container: str) -> bool:
        """Whether this process is the container's: the engine's number may be another machine's."""
        return pid is not None and bool(self._groups(pid, container))

    def effective_limits(self, pid: int, container: str) -> Effective:
        """The limits of the container's control groups."""
        return Effective(
            memory_bytes=self._limit(pid, container, "memory", "memory.limit_in_bytes", "memory.max"),
            pids=self._limit(pid, container, "pids", "pids.max", "pids.max"),
        )

    def peak_memory_bytes(self, pid: int, container: str) -> int | None:
        """The most memory that the container has had since its start."""
        text = self._value(self._groups(pid, container), "memory", "memory.max_usage_in_bytes", "memory.peak")
        return int(text) if text is not None and text.isdecimal() else None

    def confinement(self, pid: int) -> Confinement:
        """The process's privileges, and whether its root is read-only."""
        status = dict(line.split(":\t", 1) for line in self._lines(pid, "status") if ":\t" in line)
        capabilities, privileges = status.get("CapEff"), status.get("NoNewPrivs")
        roots = [fields for line in self._lines(pid, "mountinfo") if (fields := line.split())[4:5] == ["/"]]
        return Confinement(
            capabilities=None if capabilities is None else int(capabilities, 16),
            no_new_privileges=None if privileges is None else privileges == "1",
            read_only_root=None if not roots else "ro" in roots[-1][5].split(","),
        )

    def listeners(self, pid: int) -> tuple[ListeningPort, ...] | None:
        """Where processes of the container listen; None if that cannot be read."""
        lines = [line for name in ("net/tcp", "net/tcp6") for line in self._lines(pid, name)]
        return parse_listeners(lines) if lines else None

    def _lines(self, pid: int, name: str) -> list[str]:
        with contextlib.suppress(OSError):
            return (self._proc / str(pid) / name).read_text(errors="replace").splitlines()
        return []

    def _groups(self, pid: int, container: str) -> dict[str, str]:
        """Controller -> the container's own group, "" for version 2; the process itself may be further down."""
        groups: dict[str, str] = {}
        for line in self._lines(pid, "cgroup"):
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            match = re.match(rf"(.*?/[^/]*{re.escape(container)}[^/]*)(/|$)", path)
            if match is not None:
                groups |= dict.fromkeys(controllers.split(","), match[1])
        return groups

    def _limit(self, pid: int, container: str, controller: str, version_1: str, version_2: str) -> float | None:
        """A limit; infinity also if the container has control groups, and this controller is in none of them."""
        groups = self._groups(pid, container)
        text = self._value(groups, controller, version_1, version_2)
        if text is None:
            known = any(path.parent.is_dir() for path in self._files(groups, "", version_1, version_2))
            absent = bool(groups) and controller not in groups and ("" not in groups or known)
            return math.inf if absent else None
        if text == "max":
            return math.inf
        if not text.isdecimal():
            return None
        return math.inf if int(text) >= _UNLIMITED_BYTES else float(text)

    def _value(self, groups: Mapping[str, str], controller: str, version_1: str, version_2: str) -> str | None:
        for path in self._files(groups, controller, version_1, version_2):
            with contextlib.suppress(OSError):
                return path.read_text().strip()
        return None

    def _files(self, groups: Mapping[str, str], controller: str, version_1: str, version_2: str) -> Iterator[Path]:
        if controller and controller in groups:
            yield self._cgroups / controller / groups[controller].lstrip("/") / version_1
        if "" in groups:
            for mount in (self._cgroups, self._cgroups / "unified"):
                yield mount / groups[""].lstrip("/") / version_2
