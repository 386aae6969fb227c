"""Executables made by hand, byte by byte, for machines and formats that no compiler here makes."""

from __future__ import annotations

import struct
from collections.abc import Sequence

X86_64, AARCH64 = 62, 183
MACHO_X86_64, MACHO_ARM64 = 0x01000007, 0x0100000C


def elf(
    machine: int = X86_64,
    *,
    bits: int = 64,
    little: bool = True,
    kind: int = 3,
    osabi: int = 0,
    interpreter: str | None = "/lib64/ld-linux-x86-64.so.2",
    versions: Sequence[str] = ("GLIBC_2.17", "GLIBC_2.34"),
    needed: Sequence[str] = ("libc.so.6",),
    flags_1: int = 0,
    padding: int = 0,
) -> bytes:
    """An ELF executable with a loader, libraries and symbol versions; `padding` bytes make it larger."""
    order, word, size = ("<" if little else ">"), ("Q" if bits == 64 else "I"), (8 if bits == 64 else 4)
    strings = b"\0" + b"".join(text.encode() + b"\0" for text in (*needed, *versions, "libc.so.6"))
    place = {text: strings.index(b"\0" + text.encode() + b"\0") + 1 for text in (*needed, *versions, "libc.so.6")}
    header_size, entry_size = (64, 56) if bits == 64 else (52, 32)
    interp_at = header_size + 3 * entry_size
    interp = b"" if interpreter is None else interpreter.encode() + b"\0"
    strings_at = interp_at + len(interp)
    needs_at = strings_at + len(strings)
    auxes = b"".join(
        struct.pack(f"{order}IHHII", 0, 0, 2, place[version], 16 if index + 1 < len(versions) else 0)
        for index, version in enumerate(versions)
    )
    needs = struct.pack(f"{order}HHIII", 1, len(versions), place["libc.so.6"], 16, 0) + auxes if versions else b""
    dynamic_at = needs_at + len(needs)
    tags = [(1, place[name]) for name in needed] + [(5, strings_at), (10, len(strings)), (0x6FFFFFFB, flags_1)]
    tags += [(0x6FFFFFFE, needs_at), (0x6FFFFFFF, 1)] if versions else []
    dynamic = b"".join(struct.pack(f"{order}{word}{word}", *tag) for tag in [*tags, (0, 0)])
    total = dynamic_at + len(dynamic)

    def segment(kind: int, at: int, length: int) -> bytes:
        if bits == 64:
            return struct.pack(f"{order}IIQQQQQQ", kind, 4, at, at, at, length, length, 1)
        return struct.pack(f"{order}IIIIIIII", kind, at, at, at, length, length, 4, 1)

    segments = [segment(1, 0, total), segment(2, dynamic_at, len(dynamic))]
    segments.append(segment(4, 0, 0) if interpreter is None else segment(3, interp_at, len(interp)))
    ident = b"\x7fELF" + bytes([bits // 32, 1 if little else 2, 1, osabi]) + bytes(8)
    header = ident + struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        *(kind, machine, 1, 0, header_size, 0, 0, header_size, entry_size, len(segments), 0, 0, 0),
    )
    assert len(header) == header_size
    assert size in {4, 8}
    return header + b"".join(segments) + interp + strings + needs + dynamic + bytes(padding)


def macho(cpu: int = MACHO_ARM64, *, kind: int = 2, little: bool = True, bits: int = 64) -> bytes:
    """A thin Mach-O executable with a loader and one library."""
    order = "<" if little else ">"

    def command(number: int, text: str, head: int) -> bytes:
        body = text.encode() + b"\0"
        size = -(-(head + len(body)) // 8) * 8
        return struct.pack(f"{order}III", number, size, head) + bytes(head - 12) + body.ljust(size - head, b"\0")

    commands = [command(0xE, "/usr/lib/dyld", 12), command(0xC, "/usr/lib/libSystem.B.dylib", 24)]
    joined = b"".join(commands)
    magic = 0xFEEDFACF if bits == 64 else 0xFEEDFACE
    header = struct.pack(f"{order}IIIIIII", magic, cpu, 0, kind, len(commands), len(joined), 0)
    return header + (bytes(4) if bits == 64 else b"") + joined


def fat(*parts: tuple[int, bytes]) -> bytes:
    """A fat Mach-O archive of (CPU type, executable)."""
    at = 8 + 20 * len(parts)
    table, bodies = b"", b""
    for cpu, body in parts:
        table += struct.pack(">IIIII", cpu, 0, at + len(bodies), len(body), 0)
        bodies += body
    return struct.pack(">II", 0xCAFEBABE, len(parts)) + table + bodies


def pe(machine: int = 0x8664, *, magic: int = 0x20B, flags: int = 0x22) -> bytes:
    """A Windows program, as far as its headers go."""
    start = 0x80
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", start)
    return dos.ljust(start, b"\0") + b"PE\0\0" + struct.pack("<HHIIIHHH", machine, 1, 0, 0, 0, 240, flags, magic)
