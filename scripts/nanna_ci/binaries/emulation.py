"""Runs an executable of a foreign machine once, under qemu's user emulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.binaries.headers import Executable
from nanna_ci.binaries.targets import System, expected_machine
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.redact import without_secrets

TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether an executable ran. None: not tried, or no answer either way; `reason` says which, or how it ran."""

    ran: bool | None
    reason: str


def try_run(
    path: Path,
    facts: Executable,
    system: System,
    host: System | None,
    *,
    run: Callable[..., Completed],
    environ: Mapping[str, str],
    which: Callable[[str], str | None],
) -> Trial:
    """Run `path --version`, then `path --help`, if qemu can run it: foreign Linux executables on Linux.

    It ran when one of them exits with 0. It did not when a signal ended it: an instruction or a library was wrong.
    """
    if host is None or host.kernel != "linux" or system.kernel != "linux":
        return Trial(None, "only Linux executables are tried, on Linux")
    if system is host:
        return Trial(None, "an executable of this machine: its tests run it")
    machine = expected_machine(system).value
    emulator = next((found for name in (f"qemu-{machine}", f"qemu-{machine}-static") if (found := which(name))), None)
    if emulator is None:
        return Trial(None, f"qemu-{machine} is not on PATH")
    root = _find_root(facts.interpreter, machine)
    if root is None:
        return Trial(None, f"its loader {facts.interpreter} is not on this machine")
    codes = []
    for flag in ("--version", "--help"):
        argv = [emulator, *(["-L", root] if root != "/" else []), str(path), flag]
        try:
            run(argv, timeout_s=TIMEOUT_S, env=without_secrets(environ), cwd=path.parent)
        except CommandFailed as error:
            if error.returncode < 0:
                return Trial(False, f"`{flag}` under {Path(emulator).name} was ended by signal {-error.returncode}")
            codes.append(error.returncode)
        except CommandTimedOut:
            return Trial(None, f"`{flag}` did not end within {TIMEOUT_S:g} s under {Path(emulator).name}")
        else:
            return Trial(True, f"`{flag}` under {Path(emulator).name}")
    return Trial(None, f"exits with {codes[0]} on --version and {codes[1]} on --help under {Path(emulator).name}")


def _find_root(interpreter: str | None, machine: str) -> str | None:
    """Where the loader is found: `/`, or the cross libraries' folder on Debian; None if it is in neither."""
    if interpreter is None or Path(interpreter).exists():
        return "/"
    cross = Path(f"/usr/{machine}-linux-gnu")
    return str(cross) if cross.joinpath(interpreter.lstrip("/")).exists() else None
