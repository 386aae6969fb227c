"""What an executable is, by its header and never by its name."""

from __future__ import annotations

import io
from typing import BinaryIO

from nanna_ci.binaries import elf, macho, pe
from nanna_ci.binaries.headers import Executable, Reader
from nanna_ci.binaries.targets import System, expected_format, expected_machine
from nanna_ci.foundation.errors import GateFailed


class WrongMachine(GateFailed):
    """An executable is for another machine than was requested."""

    def __init__(self, source: str, executable: Executable, system: System) -> None:
        super().__init__(f"{source} is {executable.describe()}, but {system.value} was requested")
        self.executable = executable
        self.system = system


def parse_executable(data: bytes | BinaryIO, source: str) -> Executable:
    """Read the header of a file, given whole or as a seekable stream; `source` names it in errors.

    Raises MalformedData for whatever is not a well-formed ELF, Mach-O or PE executable: scripts, text, libraries,
    objects, truncated files.
    """
    reader = Reader(io.BytesIO(data) if isinstance(data, bytes) else data, source)
    if reader.size_bytes == 0:
        raise reader.refuse("empty, not an executable")
    start = reader.read(0, min(4, reader.size_bytes))
    if start == elf.MAGIC:
        return elf.parse_elf(reader)
    if start in macho.THIN_MAGICS:
        return macho.parse_thin(reader)
    if start in macho.FAT_MAGICS:
        return macho.parse_fat(reader)
    if start.startswith(pe.MAGIC):
        return pe.parse_pe(reader)
    if start.startswith(b"#!"):
        raise reader.refuse("a script, not an executable")
    raise reader.refuse("not an executable (neither ELF nor Mach-O nor PE)")


def verify_machine(executable: Executable, system: System, source: str) -> None:
    """Check an executable against the system it is offered for. Raises WrongMachine, which names both.

    A fat Mach-O archive passes when the machine is among its architectures.
    """
    if (
        executable.format is not expected_format(system)
        or expected_machine(system) not in executable.architectures
        or executable.operating_system is not None
    ):
        raise WrongMachine(source, executable, system)
