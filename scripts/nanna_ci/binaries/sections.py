"""One section of an executable by its name: ELF, Mach-O (thin; of a fat archive the first part) and PE."""

from __future__ import annotations

import struct
from typing import Final

from nanna_ci.binaries import elf, macho, pe
from nanna_ci.binaries.headers import Reader

_MOST_SECTIONS: Final = 65_535
_MOST_COMMANDS: Final = 4_096
_SHT_NOBITS: Final = 8
_LC_SEGMENT, _LC_SEGMENT_64 = 0x1, 0x19


def read_section(reader: Reader, name: str, limit_bytes: int) -> bytes | None:
    """The bytes of the section, None where there is none of that name.

    Mach-O has no dots in names and cuts them at 16 bytes: `.dep-v0` is looked for as `.dep-v0` in any segment.

    Raises:
        MalformedData: no executable of a known format, a table that leads nowhere, a section over the limit.
    """
    start = reader.read(0, min(4, reader.size_bytes))
    if start == elf.MAGIC:
        place = _find_in_elf(reader, name.encode())
    elif start in macho.THIN_MAGICS:
        place = _find_in_macho(reader, name.encode(), 0)
    elif start in macho.FAT_MAGICS:
        layout = macho.FAT_MAGICS[start]
        (count,) = reader.unpack(struct.Struct(">I"), 4)
        if not count:
            raise reader.refuse("a fat archive without parts")
        offset = reader.unpack(layout, 8)[2]
        if reader.read(offset, 4) not in macho.THIN_MAGICS:
            raise reader.refuse("a fat archive whose first part is not a Mach-O file")
        place = _find_in_macho(reader, name.encode(), offset)
    elif start.startswith(pe.MAGIC):
        place = _find_in_pe(reader, name.encode())
    else:
        raise reader.refuse("not an executable (neither ELF nor Mach-O nor PE)")
    if place is None:
        return None
    at, size = place
    if size > limit_bytes:
        raise reader.refuse(f"its section {name} has {size:,} bytes, more than the {limit_bytes:,} that are read")
    return reader.read(at, size)


def _find_in_elf(reader: Reader, name: bytes) -> tuple[int, int] | None:
    ident = reader.read(0, 16)
    if ident[4] not in {1, 2} or ident[5] not in {1, 2}:
        raise reader.refuse(f"an ELF header of class {ident[4]} and byte order {ident[5]}")
    order, is_64 = ("<" if ident[5] == 1 else ">"), ident[4] == 2
    table = struct.Struct(f"{order}{'QQ' if is_64 else 'II'}IHHHHHH")
    _, offset, _, _, _, _, entry_bytes, count, names_index = reader.unpack(table, 32 if is_64 else 28)
    layout = struct.Struct(f"{order}IIQQQQIIQQ" if is_64 else f"{order}IIIIIIIIII")
    if offset == 0:
        return None
    if entry_bytes != layout.size:
        raise reader.refuse(f"an ELF file with section headers of {entry_bytes} bytes")
    if count == 0:  # too many for the field: the first header has the number
        count = reader.unpack(layout, offset)[5]
    if names_index == 0xFFFF:
        names_index = reader.unpack(layout, offset)[6]
    if count > _MOST_SECTIONS or names_index >= count:
        raise reader.refuse(f"an ELF file of {count} sections, whose names are in number {names_index}")
    headers = reader.read(offset, count * layout.size)
    _, _, _, _, names_at, names_bytes, *_ = layout.unpack_from(headers, names_index * layout.size)
    for index in range(count):
        name_at, kind, _, _, at, size, *_ = layout.unpack_from(headers, index * layout.size)
        is_there = name_at + len(name) < names_bytes and kind not in {0, _SHT_NOBITS}
        if is_there and reader.read(names_at + name_at, len(name) + 1) == name + b"\0":
            return at, size
    return None


def _find_in_macho(reader: Reader, name: bytes, start: int) -> tuple[int, int] | None:
    bits, order = macho.THIN_MAGICS[reader.read(start, 4)]
    _, _, _, count, size_bytes, _ = reader.unpack(struct.Struct(f"{order}IIIIII"), start + 4)
    if count > _MOST_COMMANDS:
        raise reader.refuse(f"a Mach-O header with {count} load commands")
    at = start + (32 if bits == 64 else 28)
    end = at + size_bytes
    wanted = _LC_SEGMENT_64 if bits == 64 else _LC_SEGMENT
    segment = struct.Struct(f"{order}16s{'QQQQ' if bits == 64 else 'IIII'}IIII")
    section = struct.Struct(f"{order}16s16s{'QQ' if bits == 64 else 'II'}I")
    section_bytes = 80 if bits == 64 else 68
    for _ in range(count):
        command, length = reader.unpack(struct.Struct(f"{order}II"), at)
        if length < 8 or at + length > end:
            raise reader.refuse(f"a Mach-O load command of {length} bytes")
        if command == wanted:
            sections = segment.unpack(reader.read(at + 8, segment.size))[7]
            first = at + 8 + segment.size
            if first + sections * section_bytes > at + length:
                raise reader.refuse(f"a Mach-O segment of {sections} sections in {length} bytes")
            for index in range(sections):
                head = reader.read(first + index * section_bytes, section.size)
                found, _, _, size, offset = section.unpack(head)
                if found.rstrip(b"\0") == name[:16]:
                    return start + offset, size
        at += length
    return None


def _find_in_pe(reader: Reader, name: bytes) -> tuple[int, int] | None:
    (start,) = reader.unpack(struct.Struct("<I"), 0x3C)
    if reader.read(start, 4) != b"PE\0\0":
        raise reader.refuse("a DOS program, not a Windows executable")
    _, count, _, _, _, optional_bytes, _ = reader.unpack(struct.Struct("<HHIIIHH"), start + 4)
    section = struct.Struct("<8sIIIIIIHHI")
    at = start + 24 + optional_bytes
    for index in range(count):
        found, virtual_bytes, _, raw_bytes, raw_at, *_ = section.unpack(
            reader.read(at + index * section.size, section.size)
        )
        if found.rstrip(b"\0") == name[:8]:
            return raw_at, min(raw_bytes, virtual_bytes) or raw_bytes
    return None
