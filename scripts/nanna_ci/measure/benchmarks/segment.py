"""On what benchmarks ran: values of one segment of a history are compared, and those of two are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.process import Completed
from nanna_ci.measure.history.records import Segment

_CPUINFO: Final = Path("/proc/cpuinfo")
_MODEL: Final = re.compile(rb"(?m)^(?:model name|Model|cpu model)\s*:\s*(.+)$")
_PART: Final = re.compile(rb"(?m)^CPU (implementer|part)\s*:\s*(\S+)$")  # all that an Arm processor says
_SYSCTL_S: Final = 10.0


def query_segment(
    runner: str, toolchain: str | None, run: Callable[..., Completed], environ: Mapping[str, str]
) -> Segment:
    """This machine's; `runner` is its kind. Its processor is None where the system does not name it."""
    try:
        text = read_file(_CPUINFO, MEBIBYTE * 16)
    except OSError:
        return Segment(runner, _sysctl(run, environ), toolchain)
    return Segment(runner, parse_cpu(text), toolchain)


def parse_cpu(text: bytes) -> str | None:
    """The first processor's model in /proc/cpuinfo; an Arm's implementer and part, which it has in its place."""
    if found := _MODEL.search(text):
        return " ".join(found[1].decode("utf-8", "replace").split())
    parts = {name: value.decode() for name, value in _PART.findall(text)}
    return f"Arm {parts[b'implementer']}/{parts[b'part']}" if len(parts) == 2 else None


def _sysctl(run: Callable[..., Completed], environ: Mapping[str, str]) -> str | None:
    try:
        said = run(["sysctl", "-n", "machdep.cpu.brand_string"], timeout_s=_SYSCTL_S, env=environ).text().strip()
    except NannaError:
        return None
    return said or None


def runner_kind(environ: Mapping[str, str]) -> str:
    """`local`, or what a runner of GitHub says of itself: who hosts it, its image, its architecture."""
    words = [environ.get(name, "") for name in ("RUNNER_ENVIRONMENT", "ImageOS", "RUNNER_ARCH")]
    return " ".join(filter(None, words)) or "local"
