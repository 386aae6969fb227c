"""ELF headers: machine, loader, libraries, and the oldest GNU C library an executable loads under.

Layouts from the System V ABI and the GNU symbol versioning extension (verneed, vernaux).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nanna_ci.binaries.headers import Executable, Reader
from nanna_ci.binaries.targets import Format, Machine

MAGIC: Final = b"\x7fELF"

_MACHINES: Final = {  # (e_machine, bits, little endian)
    (62, 64, True): Machine.X86_64,
    (62, 32, True): Machine.X32,
    (183, 64, True): Machine.AARCH64,
    (183, 64, False): Machine.AARCH64_BE,
    (183, 32, True): Machine.AARCH64_ILP32,
    (3, 32, True): Machine.I686,
    (40, 32, True): Machine.ARM,
    (40, 32, False): Machine.ARMEB,
    (243, 32, True): Machine.RISCV32,
    (243, 64, True): Machine.RISCV64,
    (20, 32, False): Machine.POWERPC,
    (21, 64, False): Machine.POWERPC64,
    (21, 64, True): Machine.POWERPC64LE,
    (22, 64, False): Machine.S390X,
    (258, 64, True): Machine.LOONGARCH64,
    (8, 32, True): Machine.MIPS,
    (8, 32, False): Machine.MIPS,
    (8, 64, True): Machine.MIPS,
    (8, 64, False): Machine.MIPS,
    (43, 64, False): Machine.SPARC64,
}
_KERNELS: Final = {0: None, 3: None, 2: "NetBSD", 6: "Solaris", 9: "FreeBSD", 12: "OpenBSD"}  # EI_OSABI
_TYPES: Final = {1: "a relocatable object", 4: "a core dump"}
_EXEC, _DYN = 2, 3
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_STRSZ = 1, 5, 10
_DT_RPATH, _DT_RUNPATH = 15, 29
_DT_FLAGS_1, _DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFB, 0x6FFFFFFE, 0x6FFFFFFF
_DF_1_PIE: Final = 0x08000000
_MOST_DYNAMIC_ENTRIES: Final = 65_536
_MOST_VERSIONS: Final = 16_384

# The loader refuses this marker before 2.36, though it is not a number.
_GLIBC_MARKERS: Final = {"GLIBC_ABI_DT_RELR": (2, 36)}


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


def parse_elf(reader: Reader) -> Executable:
    """The facts of an ELF executable. Raises MalformedData for anything else that begins like one."""
    ident = reader.read(0, 16)
    if ident[4] not in {1, 2} or ident[5] not in {1, 2}:
        raise reader.refuse(f"an ELF header of class {ident[4]} and byte order {ident[5]}")
    bits, little = 32 * ident[4], ident[5] == 1
    order = "<" if little else ">"
    word = "Q" if bits == 64 else "I"
    kind, machine_number, _version, _entry, phoff, _shoff, _flags, _ehsize, phentsize, phnum = reader.unpack(
        struct.Struct(f"{order}HHI{word}{word}{word}IHHH"), 16
    )
    machine = _MACHINES.get((machine_number, bits, little))
    if machine is None:
        raise reader.refuse(f"an ELF file for an unknown machine (number {machine_number}, {bits} bits)")
    if kind not in {_EXEC, _DYN}:
        raise reader.refuse(f"{_TYPES.get(kind, f'an ELF file of type {kind}')} for {machine.value}, not an executable")
    if ident[7] not in _KERNELS:
        raise reader.refuse(f"an ELF file for an unknown operating system (number {ident[7]})")
    segments = _read_segments(reader, order, bits, (phoff, phentsize, phnum))
    interpreter = _read_interpreter(reader, segments)
    dynamic = _read_dynamic(reader, segments, struct.Struct(f"{order}{word}{word}"))
    if kind == _DYN and interpreter is None and not dynamic.flags & _DF_1_PIE:
        raise reader.refuse(f"a shared library for {machine.value}, not an executable")
    return Executable(
        format=Format.ELF,
        architectures=(machine,),
        bits=bits,
        interpreter=interpreter,
        glibc_floor=_read_glibc_floor(reader, dynamic, order),
        needed=tuple(dynamic.string(reader, position) for position in dynamic.needed),
        operating_system=_KERNELS[ident[7]],
        search_paths=tuple(
            path for position in dynamic.searched for path in dynamic.string(reader, position).split(":") if path
        ),
    )


def _read_segments(reader: Reader, order: str, bits: int, table: tuple[int, int, int]) -> list[_Segment]:
    phoff, phentsize, phnum = table
    layout = struct.Struct(f"{order}IIQQQQQQ" if bits == 64 else f"{order}IIIIIIII")
    if phnum == 0:
        raise reader.refuse("an ELF file without program headers, not an executable")
    if phentsize != layout.size or phnum == 0xFFFF:
        raise reader.refuse(f"an ELF file with {phnum} program headers of {phentsize} bytes")
    segments = []
    for index in range(phnum):
        fields = reader.unpack(layout, phoff + index * layout.size)
        kind, offset, address, size = (
            (fields[0], fields[2], fields[3], fields[5]) if bits == 64 else (fields[0], fields[1], fields[2], fields[4])
        )
        segments.append(_Segment(kind, offset, address, size))
    return segments


def _read_interpreter(reader: Reader, segments: list[_Segment]) -> str | None:
    found = next((segment for segment in segments if segment.kind == _PT_INTERP), None)
    return None if found is None else reader.string(found.offset, found.offset + found.size)


@dataclass(frozen=True, slots=True)
class _Dynamic:
    """The dynamic section. `needed` and `searched` are positions in the string table, `verneed` is a file offset (0:
    none)."""

    flags: int = 0
    needed: tuple[int, ...] = ()
    searched: tuple[int, ...] = ()
    strings: int = 0
    strings_end: int = 0
    verneed: int = 0
    verneed_count: int = 0

    def string(self, reader: Reader, position: int) -> str:
        return reader.string(self.strings + position, self.strings_end)


def _read_dynamic(reader: Reader, segments: list[_Segment], layout: struct.Struct) -> _Dynamic:
    section = next((segment for segment in segments if segment.kind == _PT_DYNAMIC), None)
    if section is None:
        return _Dynamic()
    values: dict[int, int] = {}
    needed: list[int] = []
    for index in range(min(section.size // layout.size, _MOST_DYNAMIC_ENTRIES)):
        tag, value = reader.unpack(layout, section.offset + index * layout.size)
        if tag == 0:
            break
        if tag == _DT_NEEDED:
            needed.append(value)
        else:
            values[tag] = value
    strings = _file_offset(reader, segments, values[_DT_STRTAB]) if _DT_STRTAB in values else 0
    return _Dynamic(
        flags=values.get(_DT_FLAGS_1, 0),
        needed=tuple(needed),
        searched=tuple(values[tag] for tag in (_DT_RPATH, _DT_RUNPATH) if tag in values),
        strings=strings,
        strings_end=strings + values.get(_DT_STRSZ, 0),
        verneed=_file_offset(reader, segments, values[_DT_VERNEED]) if _DT_VERNEED in values else 0,
        verneed_count=values.get(_DT_VERNEEDNUM, 0),
    )


def _file_offset(reader: Reader, segments: list[_Segment], address: int) -> int:
    for segment in segments:
        if segment.kind == _PT_LOAD and segment.address <= address < segment.address + segment.size:
            return segment.offset + address - segment.address
    raise reader.refuse(f"an ELF file whose address {address:#x} lies in no segment")


def _read_glibc_floor(reader: Reader, dynamic: _Dynamic, order: str) -> str | None:
    """The highest GLIBC_ version required of any library. Both chains are bounded together."""
    if not dynamic.verneed:
        return None
    need_layout, aux_layout = struct.Struct(f"{order}HHIII"), struct.Struct(f"{order}IHHII")
    highest: tuple[int, ...] = ()
    need, seen = dynamic.verneed, 0
    for _ in range(dynamic.verneed_count):
        _version, aux_count, _file, aux_step, need_step = reader.unpack(need_layout, need)
        aux = need + aux_step
        for _ in range(aux_count):
            seen += 1
            if seen > _MOST_VERSIONS:
                raise reader.refuse(f"an ELF file that asks for more than {_MOST_VERSIONS} symbol versions")
            _hash, _flags, _other, name, step = reader.unpack(aux_layout, aux)
            highest = max(highest, _glibc_version(dynamic.string(reader, name)))
            if step == 0:
                break
            aux += step
        if need_step == 0:
            break
        need += need_step
    return ".".join(map(str, highest)) or None


def _glibc_version(name: str) -> tuple[int, ...]:
    """`GLIBC_2.34` → (2, 34); () for names that are not GLIBC versions, such as GLIBC_PRIVATE."""
    if name in _GLIBC_MARKERS:
        return _GLIBC_MARKERS[name]
    prefix, _, numbers = name.partition("_")
    parts = numbers.split(".")
    if prefix != "GLIBC" or len(numbers) > 32 or not all(part.isascii() and part.isdigit() for part in parts):
        return ()
    return tuple(int(part) for part in parts)
