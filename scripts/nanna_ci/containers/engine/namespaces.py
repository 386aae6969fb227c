"""Namespaces for an engine: a program in a network, mounts, processes and IPC of its own, as root."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nanna_ci.containers.engine.engine import last_line
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut
from nanna_ci.foundation.process import Completed

PROGRAMS: Final = ("podman", "unshare", "setpriv", "mount")
_ENTER_S: Final = 30.0


def why_no_namespaces(environ: Mapping[str, str], user: int, run: Callable[..., Completed]) -> str | None:
    """Why podman cannot have namespaces of its own here; None if it can be tried."""
    if user != 0:
        return "only root can give podman namespaces and a store of its own"
    absent = [name for name in PROGRAMS if shutil.which(name, path=environ.get("PATH", "")) is None]
    if absent:
        return f"{', '.join(absent)}: not found"
    try:  # in a container root may not be what it seems
        run(namespace_words(["true"]), timeout_s=_ENTER_S, env=environ)
    except (CommandFailed, CommandTimedOut) as error:
        return f"podman cannot be given namespaces of its own: {last_line(error.stderr_tail) or error.message}"
    return None


def namespace_words(words: Sequence[str]) -> list[str]:
    """The command line of a program in new namespaces, which ends with its parent process."""
    flags = ["--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child=KILL", "--mount-proc"]
    return ["setpriv", "--pdeathsig", "KILL", "--", "unshare", *flags, "--", *words]
