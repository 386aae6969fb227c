"""Executables with a section of a given name and content, made by hand: ELF, Mach-O and PE."""

from __future__ import annotations

import io
import json
import struct
import zlib
from typing import Any

from nanna_ci.binaries.headers import Reader
from support.fake_executables import elf, macho, pe


def packed(packages: list[dict[str, Any]]) -> bytes:
    """The bytes of a `.dep-v0` section."""
    return zlib.compress(json.dumps({"packages": packages}).encode())


def root(name: str = "harness", version: str = "0.1.0", **more: Any) -> dict[str, Any]:
    return {"name": name, "version": version, "source": "local", "root": True, **more}


def crate(name: str, version: str = "1.0.0", source: str = "crates", **more: Any) -> dict[str, Any]:
    return {"name": name, "version": version, "source": source, **more}


def elf_with(sections: dict[str, bytes], *, bits: int = 64, little: bool = True) -> bytes:
    """An ELF executable with section headers; `sections` are besides `.shstrtab`."""
    body = elf(bits=bits, little=little, interpreter=None, versions=(), needed=(), flags_1=0x08000000)
    order, is_64 = ("<" if little else ">"), bits == 64
    layout = struct.Struct(f"{order}IIQQQQIIQQ" if is_64 else f"{order}IIIIIIIIII")
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*sections, ".shstrtab"))
    rows, data = [layout.pack(*[0] * 10)], b""
    for name, content in (*sections.items(), (".shstrtab", names)):
        at = names.index(b"\0" + name.encode() + b"\0") + 1
        kind = 3 if name == ".shstrtab" else 1
        rows.append(layout.pack(at, kind, 0, 0, len(body) + len(data), len(content), 0, 0, 1, 0))
        data += content
    table_at = len(body) + len(data)
    head = bytearray(body + data + b"".join(rows))
    struct.pack_into(f"{order}{'Q' if is_64 else 'I'}", head, 40 if is_64 else 32, table_at)
    struct.pack_into(f"{order}HHH", head, 58 if is_64 else 46, layout.size, len(rows), len(rows) - 1)
    return bytes(head)


def macho_with(section: str, content: bytes, *, bits: int = 64, little: bool = True) -> bytes:
    """A Mach-O executable with one segment of one section behind its other commands."""
    body = macho(bits=bits, little=little)
    order, is_64 = ("<" if little else ">"), bits == 64
    start = 32 if is_64 else 28
    count, size = struct.unpack_from(f"{order}II", body, 16)
    words = "QQQQ" if is_64 else "IIII"
    segment_bytes = struct.calcsize(f"{order}II16s{words}IIII") + (80 if is_64 else 68)
    at = start + size + segment_bytes
    segment = struct.pack(
        f"{order}II16s{words}IIII", 0x19 if is_64 else 1, segment_bytes, b"__DATA", *[0] * 4, 0, 0, 1, 0
    )
    entry = struct.pack(
        f"{order}16s16s{'QQ' if is_64 else 'II'}I", section.encode(), b"__DATA", 0, len(content), at
    ).ljust(80 if is_64 else 68, b"\0")
    head = bytearray(body[:start])
    struct.pack_into(f"{order}II", head, 16, count + 1, size + segment_bytes)
    return bytes(head) + body[start : start + size] + segment + entry + content


def pe_with(section: str, content: bytes) -> bytes:
    """A Windows program with one section."""
    body = pe().ljust(0x80 + 24 + 240, b"\0")
    at = len(body) + 40
    return body + struct.pack("<8sIIIIIIHHI", section.encode(), len(content), 0, len(content), at, *[0] * 5) + content


def reader_of(data: bytes, source: str = "program") -> Reader:
    return Reader(io.BytesIO(data), source)
