"""What the header parsers share: checked reads of an untrusted file, and the facts read from it."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO, Final, assert_never

from nanna_ci.binaries.targets import Format, Machine
from nanna_ci.foundation.errors import MalformedData

_LONGEST_STRING_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Executable:
    """An executable's header facts.

    `architectures` has one machine, more only for a fat Mach-O archive. `operating_system` is set if an ELF header
    asks for another kernel than Linux. `interpreter` is the program loader's path, None for a static executable.
    `glibc_floor` is the oldest GNU C library it loads under, such as `2.34`; None when it needs none.
    `needed` are the libraries it names, in its order, and `search_paths` where its loader looks for them first. Of a PE
    program only format, machine and bits are read.
    """

    format: Format
    architectures: tuple[Machine, ...]
    bits: int
    interpreter: str | None = None
    glibc_floor: str | None = None
    needed: tuple[str, ...] = ()
    operating_system: str | None = None
    search_paths: tuple[str, ...] = ()

    @property
    def loader_facts(self) -> tuple[tuple[str, str], ...]:
        """How it is loaded, by its header, for people; only what its format was searched for."""
        loader = ("Loader", self.interpreter or "none: static")
        match self.format:
            case Format.ELF:
                return (loader, ("Oldest glibc", self.glibc_floor or "none"))
            case Format.MACHO:
                return (loader,)
            case Format.PE:
                return ()
            case _:
                assert_never(self.format)

    def references_below(self, folder: str) -> tuple[str, ...]:
        """The loader, libraries and search paths that lie in a folder."""
        named = (self.interpreter or "", *self.needed, *self.search_paths)
        return tuple(dict.fromkeys(path for path in named if path.startswith(f"{folder}/")))

    @property
    def machine(self) -> str:
        """The machine's name; those of a fat archive joined by `+`."""
        return "+".join(machine.value for machine in self.architectures)

    def describe(self) -> str:
        """For people: `an ELF executable for x86_64`."""
        article = "an" if self.format is Format.ELF else "a"
        system = f" on {self.operating_system}" if self.operating_system else ""
        return f"{article} {self.format.value} executable for {self.machine}{system}"


class Reader:
    """Reads at absolute offsets of a seekable file. A read beyond the end is MalformedData, never an IndexError."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._stream = stream
        self.source = source
        self.size_bytes = stream.seek(0, os.SEEK_END)

    def refuse(self, problem: str) -> MalformedData:
        """The error to raise for this file."""
        return MalformedData(self.source, problem)

    def read(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes."""
        if offset + size <= self.size_bytes:
            self._stream.seek(offset)
            data = self._stream.read(size)
            if len(data) == size:
                return data
        raise self.refuse(f"cut short: {size} bytes at offset {offset} lie beyond its end ({self.size_bytes} bytes)")

    def unpack(self, layout: struct.Struct, offset: int) -> tuple[int, ...]:
        """The integers of `layout` at `offset`."""
        return layout.unpack(self.read(offset, layout.size))

    def string(self, offset: int, end: int) -> str:
        """Printable text from `offset` to its NUL, which must come before `end`."""
        available = min(end - offset, _LONGEST_STRING_BYTES)
        raw, terminator, _ = self.read(offset, max(available, 0)).partition(b"\0")
        if not terminator:
            raise self.refuse(f"a name at offset {offset} does not end")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.refuse(f"a name at offset {offset} is not UTF-8") from error
        if not text.isprintable():
            raise self.refuse(f"a name at offset {offset} has control characters")
        return text
