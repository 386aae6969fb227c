"""What is free on this machine: disk and memory."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")


def query_free_bytes(folder: Path) -> int | None:
    """The free space of the file system that holds `folder`; None where that is not there."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def query_available_memory_bytes(meminfo: Path = _MEMINFO) -> int | None:
    """The memory that programs can still have without swapping; None where the kernel does not say."""
    try:
        text = meminfo.read_text(errors="replace")
    except OSError:
        return None
    match = re.search(r"^MemAvailable:\s+([0-9]+) kB$", text, re.MULTILINE)
    return None if match is None else int(match[1]) * 1024
