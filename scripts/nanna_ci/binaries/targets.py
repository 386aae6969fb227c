"""The systems that are built for: system doubles, target triples, and the machine code each one runs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import UsageError


class Machine(enum.Enum):
    """A processor, by the field's usual name. Others are recognised only for a clear error message."""

    X86_64 = "x86_64"
    AARCH64 = "aarch64"
    I686 = "i686"
    X32 = "x86_64 with 32-bit pointers (x32)"
    ARM = "arm"
    ARMEB = "big-endian arm"
    AARCH64_BE = "big-endian aarch64"
    AARCH64_ILP32 = "aarch64 with 32-bit pointers"
    RISCV32 = "riscv32"
    RISCV64 = "riscv64"
    POWERPC = "powerpc"
    POWERPC64 = "powerpc64"
    POWERPC64LE = "powerpc64le"
    S390X = "s390x"
    LOONGARCH64 = "loongarch64"
    MIPS = "mips"
    SPARC64 = "sparc64"


class Format(enum.Enum):
    """An executable's file format."""

    ELF = "ELF"
    MACHO = "Mach-O"
    PE = "PE"


class System(enum.Enum):
    """A system double, as Nix writes it."""

    X86_64_LINUX = "x86_64-linux"
    AARCH64_LINUX = "aarch64-linux"
    X86_64_DARWIN = "x86_64-darwin"
    AARCH64_DARWIN = "aarch64-darwin"
    X86_64_WINDOWS = "x86_64-windows"

    @property
    def kernel(self) -> str:
        """`linux`, `darwin` or `windows`."""
        return self.value.partition("-")[2]

    @property
    def executable_suffix(self) -> str:
        """What cargo appends to a program's name there."""
        return ".exe" if self.kernel == "windows" else ""


_FORMATS: Final = {"linux": Format.ELF, "darwin": Format.MACHO, "windows": Format.PE}
_MACHINES: Final = {
    "x86_64": Machine.X86_64,
    "amd64": Machine.X86_64,
    "aarch64": Machine.AARCH64,
    "arm64": Machine.AARCH64,
}
_KERNELS: Final = {"linux": "linux", "darwin": "darwin", "win32": "windows"}


@dataclass(frozen=True, slots=True)
class BuildTarget:
    """What is built for: the system, and the triple that rustc calls it by."""

    system: System
    triple: str


def parse_system(text: str) -> System:
    """A system double from the command line. Raises UsageError with the known ones."""
    try:
        return System(text)
    except ValueError as error:
        known = ", ".join(system.value for system in System)
        raise UsageError(f"unknown system `{text}`", hint=f"one of {known}") from error


def host_system(platform: str, machine: str) -> System | None:
    """The system this program runs on, from `sys.platform` and `platform.machine()`; None if unsupported."""
    kernel, processor = _KERNELS.get(platform), _MACHINES.get(machine.lower())
    if kernel is None or processor is None:
        return None
    return next((system for system in System if system.value == f"{processor.value}-{kernel}"), None)


def expected_machine(system: System) -> Machine:
    """The machine that an executable for this system must have in its header."""
    return _MACHINES[system.value.partition("-")[0]]


def expected_format(system: System) -> Format:
    """The format that an executable for this system must have."""
    return _FORMATS[system.kernel]
