"""Mach-O headers, thin and fat: CPU type, file type, loader, libraries. Layouts from Apple's loader.h and fat.h."""

from __future__ import annotations

import struct
from typing import Final

from nanna_ci.binaries.headers import Executable, Reader
from nanna_ci.binaries.targets import Format, Machine

THIN_MAGICS: Final = {  # as the file begins: bits and byte order
    b"\xce\xfa\xed\xfe": (32, "<"),
    b"\xcf\xfa\xed\xfe": (64, "<"),
    b"\xfe\xed\xfa\xce": (32, ">"),
    b"\xfe\xed\xfa\xcf": (64, ">"),
}
FAT_MAGICS: Final = {b"\xca\xfe\xba\xbe": struct.Struct(">IIIII"), b"\xca\xfe\xba\xbf": struct.Struct(">IIQQII")}

_MACHINES: Final = {
    0x01000007: Machine.X86_64,
    0x0100000C: Machine.AARCH64,
    0x0200000C: Machine.AARCH64_ILP32,
    7: Machine.I686,
    12: Machine.ARM,
    18: Machine.POWERPC,
    0x01000012: Machine.POWERPC64,
}
_TYPES: Final = {
    1: "a relocatable object",
    4: "a core dump",
    6: "a dynamic library",
    8: "a bundle",
    9: "a stub",
    10: "debug symbols",
}
_EXECUTE: Final = 2
_LOAD_DYLIBS: Final = frozenset({0xC, 0x80000018, 0x8000001F})  # load, load weakly, re-export
_LOAD_DYLIBS_LATE: Final = frozenset({0x20, 0x80000023})  # lazily, upward
_LOAD_DYLINKER: Final = 0xE
_RPATH: Final = 0x8000001C
_MOST_COMMANDS: Final = 4_096
_MOST_ARCHITECTURES: Final = 30  # a Java class begins like a fat archive; its version makes this number 45 and more


def parse_thin(reader: Reader, start: int = 0, end: int | None = None) -> Executable:
    """The facts of one architecture's executable, which lies from `start` to `end` (None: the file's end)."""
    limit = reader.size_bytes if end is None else end
    bits, order = THIN_MAGICS[reader.read(start, 4)]
    header = struct.Struct(f"{order}IIIIII")
    cpu, _subtype, kind, count, commands_size, _flags = reader.unpack(header, start + 4)
    machine = _MACHINES.get(cpu)
    if machine is None:
        raise reader.refuse(f"a Mach-O file for an unknown machine (number {cpu:#x})")
    if kind != _EXECUTE:
        raise reader.refuse(
            f"{_TYPES.get(kind, f'a Mach-O file of type {kind}')} for {machine.value}, not an executable"
        )
    commands = start + (32 if bits == 64 else 28)
    if count > _MOST_COMMANDS or commands + commands_size > limit:
        raise reader.refuse(f"a Mach-O header with {count} load commands in {commands_size} bytes")
    interpreter, needed, searched = _read_commands(reader, commands, commands + commands_size, count, order)
    return Executable(Format.MACHO, (machine,), bits, interpreter=interpreter, needed=needed, search_paths=searched)


def _read_commands(
    reader: Reader, offset: int, end: int, count: int, order: str
) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """The loader, the libraries, and where they are looked for."""
    layout = struct.Struct(f"{order}III")
    interpreter: str | None = None
    needed, searched = [], []
    for _ in range(count):
        if offset + 8 > end:
            raise reader.refuse("a Mach-O header whose load commands are cut short")
        # The third word is a string's place in the two commands that are looked at, and is not used otherwise.
        command, size = reader.unpack(struct.Struct(f"{order}II"), offset)
        if size < 8 or offset + size > end:
            raise reader.refuse(f"a Mach-O load command of {size} bytes")
        if command in {_LOAD_DYLINKER, _RPATH} | _LOAD_DYLIBS | _LOAD_DYLIBS_LATE:
            place = reader.unpack(layout, offset)[2]
            text = reader.string(offset + place, offset + size)
            if command == _LOAD_DYLINKER:
                interpreter = text
            elif command == _RPATH:
                searched.append(text)
            else:
                needed.append(text)
        offset += size
    return interpreter, tuple(needed), tuple(searched)


def parse_fat(reader: Reader) -> Executable:
    """The facts of a fat archive: all its architectures, and what any of them names; the loader is the first one's."""
    layout = FAT_MAGICS[reader.read(0, 4)]
    (count,) = reader.unpack(struct.Struct(">I"), 4)
    if not 1 <= count <= _MOST_ARCHITECTURES:
        raise reader.refuse("not an executable (a Java class or a fat archive without architectures)")
    slices: list[Executable] = []
    for index in range(count):
        cpu, _subtype, offset, size, *_rest = reader.unpack(layout, 8 + index * layout.size)
        end = offset + size
        if end > reader.size_bytes or reader.read(offset, 4) not in THIN_MAGICS:
            raise reader.refuse(f"a fat archive whose part {index + 1} is not a Mach-O file")
        part = parse_thin(reader, offset, end)
        if _MACHINES.get(cpu) is not part.architectures[0]:
            raise reader.refuse(f"a fat archive that calls part {index + 1} something else than {part.machine}")
        slices.append(part)
    architectures = tuple(dict.fromkeys(part.architectures[0] for part in slices))  # arm64 and arm64e are one
    first = slices[0]
    return Executable(
        Format.MACHO,
        architectures,
        first.bits,
        interpreter=first.interpreter,
        needed=tuple(dict.fromkeys(name for part in slices for name in part.needed)),
        search_paths=tuple(dict.fromkeys(path for part in slices for path in part.search_paths)),
    )
