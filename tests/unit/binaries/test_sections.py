from __future__ import annotations

import struct

import pytest

from nanna_ci.binaries.sections import read_section
from nanna_ci.foundation.errors import MalformedData
from support.fake_executables import elf, fat, pe
from support.fake_listed_programs import elf_with, macho_with, pe_with, reader_of

CONTENT = b"what is looked for"


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("little", [True, False])
def test_a_section_of_an_elf_file_is_found_by_its_name(bits: int, little: bool) -> None:
    data = elf_with({".text": b"code", ".dep-v0": CONTENT, ".dep-v00": b"no"}, bits=bits, little=little)
    assert read_section(reader_of(data), ".dep-v0", 100) == CONTENT
    assert read_section(reader_of(data), ".dep", 100) is None


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("little", [True, False])
def test_a_section_of_a_mach_o_file_is_found_thin_and_fat(bits: int, little: bool) -> None:
    data = macho_with(".dep-v0", CONTENT, bits=bits, little=little)
    assert read_section(reader_of(data), ".dep-v0", 100) == CONTENT
    assert read_section(reader_of(fat((0x0100000C, data))), ".dep-v0", 100) == CONTENT
    assert read_section(reader_of(data), ".text", 100) is None


def test_a_section_of_a_pe_file_is_found_by_its_name() -> None:
    data = pe_with(".dep-v0", CONTENT)
    assert read_section(reader_of(data), ".dep-v0", 100) == CONTENT
    assert read_section(reader_of(data), ".text", 100) is None


def test_a_section_that_has_no_bytes_in_the_file_is_none() -> None:
    data = bytearray(elf_with({".bss": b"12345"}))
    table = struct.unpack_from("<Q", data, 40)[0]
    assert read_section(reader_of(bytes(data)), ".bss", 100) == b"12345"
    struct.pack_into("<I", data, table + 64 + 4, 8)  # SHT_NOBITS
    assert read_section(reader_of(bytes(data)), ".bss", 100) is None


def test_an_elf_file_without_section_headers_has_no_section() -> None:
    assert read_section(reader_of(elf()), ".dep-v0", 100) is None


def test_a_section_over_the_limit_is_refused_with_its_size() -> None:
    with pytest.raises(MalformedData, match=r"section \.dep-v0 has 18 bytes, more than the 17 that are read"):
        read_section(reader_of(elf_with({".dep-v0": CONTENT})), ".dep-v0", 17)


@pytest.mark.parametrize("data", [b"text", b"\x7fELF", b"MZ" + bytes(70), b"\xca\xfe\xba\xbe" + bytes(4), b"\xcf\xfa"])
def test_what_is_no_executable_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedData):
        read_section(reader_of(data), ".dep-v0", 100)


def test_a_table_that_leads_beyond_the_file_is_refused() -> None:
    data = bytearray(elf_with({".dep-v0": CONTENT}))
    struct.pack_into("<Q", data, 40, len(data) + 1)
    with pytest.raises(MalformedData, match="cut short"):
        read_section(reader_of(bytes(data)), ".dep-v0", 100)
    short = pe()[: 0x80 + 20]
    with pytest.raises(MalformedData, match="cut short"):
        read_section(reader_of(short), ".dep-v0", 100)
