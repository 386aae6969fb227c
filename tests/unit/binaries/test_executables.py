"""What an executable is, by its header. Mach-O and PE files are made by hand: no compiler here makes them."""

from __future__ import annotations

import io
import struct

import pytest

from nanna_ci.binaries.executables import WrongMachine, parse_executable, verify_machine
from nanna_ci.binaries.targets import Format, Machine, System
from nanna_ci.foundation.errors import MalformedData
from support.fake_executables import AARCH64, MACHO_ARM64, MACHO_X86_64, X86_64, elf, fat, macho, pe


def refused(data: bytes) -> str:
    with pytest.raises(MalformedData) as caught:
        parse_executable(data, "bin/x")
    assert caught.value.message.startswith("bin/x: ")
    return caught.value.message.removeprefix("bin/x: ")


def test_an_elf_executable_gives_machine_loader_libraries_and_glibc_version() -> None:
    found = parse_executable(elf(versions=("GLIBC_2.4", "GLIBC_2.34", "GLIBC_2.2.5"), needed=("libm.so.6",)), "x")
    assert (found.format, found.machine, found.bits) == (Format.ELF, "x86_64", 64)
    assert found.interpreter == "/lib64/ld-linux-x86-64.so.2"
    assert (found.glibc_floor, found.needed) == ("2.34", ("libm.so.6",))


def test_versions_compare_as_numbers_and_others_do_not_count() -> None:
    assert parse_executable(elf(versions=("GLIBC_2.9", "GLIBC_2.10", "GLIBCXX_3.4")), "x").glibc_floor == "2.10"
    assert parse_executable(elf(versions=("GLIBC_PRIVATE", "GCC_3.0")), "x").glibc_floor is None


def test_the_marker_for_packed_relocations_needs_2_36() -> None:
    assert parse_executable(elf(versions=("GLIBC_2.17", "GLIBC_ABI_DT_RELR")), "x").glibc_floor == "2.36"


def test_a_static_executable_has_no_loader_and_no_floor() -> None:
    found = parse_executable(elf(kind=2, interpreter=None, versions=(), needed=()), "x")
    assert (found.interpreter, found.glibc_floor, found.needed) == (None, None, ())


def test_a_static_position_independent_executable_is_one() -> None:
    found = parse_executable(elf(interpreter=None, versions=(), needed=(), flags_1=0x08000001), "x")
    assert found.interpreter is None


@pytest.mark.parametrize(
    ("number", "bits", "little", "machine"),
    [
        (X86_64, 64, True, Machine.X86_64),
        (X86_64, 32, True, Machine.X32),
        (AARCH64, 64, True, Machine.AARCH64),
        (AARCH64, 64, False, Machine.AARCH64_BE),
        (40, 32, True, Machine.ARM),
        (20, 32, False, Machine.POWERPC),
        (22, 64, False, Machine.S390X),
    ],
)
def test_class_and_byte_order_belong_to_the_machine(number: int, bits: int, little: bool, machine: Machine) -> None:
    found = parse_executable(elf(number, bits=bits, little=little), "x")
    assert found.architectures == (machine,)
    assert (found.glibc_floor, found.needed) == ("2.34", ("libc.so.6",))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\x7fEL", "not an executable"),
        (b"#!/bin/sh\nexec true\n", "a script"),
        (b"hello, world\n", "not an executable"),
        (elf(kind=1), "a relocatable object for x86_64"),
        (elf(kind=4), "a core dump for x86_64"),
        (elf(interpreter=None), "a shared library for x86_64"),
        (elf(0xBEEF), "unknown machine (number 48879"),
        (elf(osabi=77), "unknown operating system (number 77)"),
        (macho(kind=6), "a dynamic library for aarch64"),
        (macho(0x99), "unknown machine"),
        (pe(flags=0x2022), "a library or object for x86_64"),
        (pe(0x1234), "unknown machine"),
        (b"MZ" + bytes(200), "a DOS program"),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x3d" + bytes(64), "a Java class"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_is_not_an_executable_is_refused_by_what_it_is(data: bytes, says: str) -> None:
    assert says in refused(data)


@pytest.mark.parametrize("whole", [elf(), elf(bits=32, machine=3), macho(), fat((MACHO_ARM64, macho())), pe()])
def test_a_file_cut_anywhere_is_refused_and_never_crashes_the_parser(whole: bytes) -> None:
    parse_executable(whole, "x")
    for length in range(len(whole)):
        refused(whole[:length])


def test_too_many_symbol_versions_are_refused() -> None:
    assert parse_executable(elf(versions=("GLIBC_2.17",) * 16_384), "x").glibc_floor == "2.17"
    assert "more than 16384 symbol versions" in refused(elf(versions=("GLIBC_2.17",) * 16_385))


def test_a_name_with_escape_codes_is_refused() -> None:
    assert "control characters" in refused(elf(interpreter="/lib/\x1b[31mld.so"))


def test_a_thin_mach_o_gives_cpu_loader_and_libraries() -> None:
    for data, machine in (
        (macho(), "aarch64"),
        (macho(MACHO_X86_64), "x86_64"),
        (macho(18, little=False, bits=32), "powerpc"),
    ):
        found = parse_executable(data, "x")
        assert (found.format, found.machine) == (Format.MACHO, machine)
        assert (found.interpreter, found.needed) == ("/usr/lib/dyld", ("/usr/lib/libSystem.B.dylib",))


def test_a_fat_archive_has_all_its_machines() -> None:
    both = fat((MACHO_X86_64, macho(MACHO_X86_64)), (MACHO_ARM64, macho(MACHO_ARM64)))
    assert parse_executable(both, "x").machine == "x86_64+aarch64"


def test_a_fat_archive_that_mislabels_a_part_is_refused() -> None:
    assert "something else than x86_64" in refused(fat((MACHO_ARM64, macho(MACHO_X86_64))))
    assert "is not a Mach-O file" in refused(fat((MACHO_ARM64, elf())))


def test_load_commands_may_not_point_out_of_themselves() -> None:
    data = bytearray(macho())
    struct.pack_into("<I", data, 32 + 8, 5000)
    refused(bytes(data))
    struct.pack_into("<II", data, 32, 0xE, 4)
    assert "a Mach-O load command of 4 bytes" in refused(bytes(data))


def test_a_windows_program_gives_its_machine() -> None:
    found = parse_executable(pe(), "x")
    assert (found.format, found.machine, found.bits) == (Format.PE, "x86_64", 64)


def test_a_stream_is_read_as_its_bytes_are() -> None:
    assert parse_executable(io.BytesIO(elf()), "x") == parse_executable(elf(), "x")


def test_a_file_that_shrinks_while_it_is_read_is_refused() -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(size)[:3]

    with pytest.raises(MalformedData, match="cut short"):
        parse_executable(Shrinking(elf()), "x")


RIGHT = {
    System.X86_64_LINUX: elf(),
    System.AARCH64_LINUX: elf(AARCH64),
    System.X86_64_DARWIN: macho(MACHO_X86_64),
    System.AARCH64_DARWIN: macho(),
    System.X86_64_WINDOWS: pe(),
}


@pytest.mark.parametrize("system", System)
@pytest.mark.parametrize("other", System)
def test_an_executable_passes_for_its_own_system_only(system: System, other: System) -> None:
    found = parse_executable(RIGHT[system], "x")
    if system is other:
        verify_machine(found, other, "x")
    else:
        with pytest.raises(WrongMachine):
            verify_machine(found, other, "x")


def test_a_wrong_machine_is_reported_with_both_names() -> None:
    with pytest.raises(WrongMachine) as caught:
        verify_machine(parse_executable(elf(), "x"), System.AARCH64_LINUX, "result/bin/harness")
    assert caught.value.exit_code == 1
    assert caught.value.message == (
        "result/bin/harness is an ELF executable for x86_64, but aarch64-linux was requested"
    )


def test_an_executable_for_another_kernel_is_not_for_linux() -> None:
    with pytest.raises(WrongMachine, match="for x86_64 on FreeBSD, but x86_64-linux"):
        verify_machine(parse_executable(elf(osabi=9), "x"), System.X86_64_LINUX, "x")


def test_32_bit_pointers_and_big_endian_are_other_machines() -> None:
    for data, system in (
        (elf(X86_64, bits=32), System.X86_64_LINUX),
        (elf(AARCH64, little=False), System.AARCH64_LINUX),
    ):
        with pytest.raises(WrongMachine):
            verify_machine(parse_executable(data, "x"), system, "x")


def test_a_fat_archive_passes_for_each_machine_in_it() -> None:
    both = parse_executable(fat((MACHO_X86_64, macho(MACHO_X86_64)), (MACHO_ARM64, macho())), "x")
    verify_machine(both, System.X86_64_DARWIN, "x")
    verify_machine(both, System.AARCH64_DARWIN, "x")
    only = parse_executable(fat((MACHO_X86_64, macho(MACHO_X86_64))), "x")
    with pytest.raises(WrongMachine):
        verify_machine(only, System.AARCH64_DARWIN, "x")
