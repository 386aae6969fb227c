"""PE headers (Windows): machine and whether it is a program. Layout from Microsoft's PE specification."""

from __future__ import annotations

import struct
from typing import Final

from nanna_ci.binaries.headers import Executable, Reader
from nanna_ci.binaries.targets import Format, Machine

MAGIC: Final = b"MZ"

_MACHINES: Final = {
    (0x8664, 0x20B): Machine.X86_64,
    (0xAA64, 0x20B): Machine.AARCH64,
    (0x14C, 0x10B): Machine.I686,
    (0x1C4, 0x10B): Machine.ARM,
}
_EXECUTABLE_IMAGE, _DLL = 0x0002, 0x2000


def parse_pe(reader: Reader) -> Executable:
    """The facts of a Windows program. Raises MalformedData for DOS programs, libraries and unknown machines."""
    (start,) = reader.unpack(struct.Struct("<I"), 0x3C)
    if reader.read(start, 4) != b"PE\0\0":
        raise reader.refuse("a DOS program, not a Windows executable")
    number, _sections, _time, _symbols, _count, _optional_size, flags, magic = reader.unpack(
        struct.Struct("<HHIIIHHH"), start + 4
    )
    machine = _MACHINES.get((number, magic))
    if machine is None:
        raise reader.refuse(f"a PE file for an unknown machine (number {number:#x}, header {magic:#x})")
    if flags & _DLL or not flags & _EXECUTABLE_IMAGE:
        raise reader.refuse(f"a library or object for {machine.value}, not an executable")
    return Executable(Format.PE, (machine,), 64 if magic == 0x20B else 32)
