from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from nanna_ci.supply_chain.bill.bill_of_materials import ComponentKind
from nanna_ci.supply_chain.bill.program import inspect_program, listed_programs_in, programs_in
from support.fake_executables import elf, macho
from support.fake_listed_programs import elf_with, packed, root
from support.fake_store_paths import path

LISTED = elf_with({".dep-v0": packed([root(version="0.2.0")])})
RUST = elf_with({".comment": b"GCC: 14\0rustc version 1.97.1\0"})


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    for name, data in {
        "bin/listed": LISTED,
        "bin/rust": RUST,
        "bin/plain": elf(),
        "bin/script": b"#!/bin/sh\n",
        "bin/empty": b"",
        "libexec/deep/listed": LISTED,
        "share/listed": LISTED,
    }.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (folder / "bin/link").symlink_to("listed")
    return folder


def test_the_programs_of_a_folder_are_found_hashed_and_told_apart(package: Path) -> None:
    found = programs_in(package, None)
    assert [(one.path, one.is_rust, one.crates is not None) for one in found] == [
        ("bin/listed", True, True),
        ("bin/plain", False, False),
        ("bin/rust", True, False),
        ("libexec/deep/listed", True, True),
    ]
    assert found[0].sha512 == hashlib.sha512(LISTED).hexdigest()
    assert found[0].size_bytes == len(LISTED)


def test_of_other_paths_only_programs_with_a_list_are_read(package: Path) -> None:
    assert [one.path for one in listed_programs_in(package, None)] == ["bin/listed", "libexec/deep/listed"]


def test_a_program_is_a_component_with_what_the_bsi_wants(package: Path) -> None:
    owner = path("harness-0.2.0")
    component = programs_in(package, owner)[0].component()
    assert component.ref == f"{owner}/bin/listed#{hashlib.sha512(LISTED).hexdigest()[:16]}"
    assert (component.kind, component.version) == (ComponentKind.APPLICATION, "0.2.0")
    assert component.properties == (
        ("nanna-ci:file:crateList", "present"),
        ("nanna-ci:file:machine", "x86_64"),
        ("nanna-ci:file:path", "bin/listed"),
    )
    file = component.deployable
    assert file is not None
    assert (file.filename, file.is_executable, file.is_archive, file.is_structured) == ("listed", True, False, True)


def test_a_list_that_cannot_be_read_is_a_problem_and_not_a_missing_list() -> None:
    broken = elf_with({".dep-v0": b"no zlib"})
    one = inspect_program(io.BytesIO(broken), "bin/x", None, "", "file")
    assert one is not None
    assert one.is_rust
    assert str(one.problem).startswith(".dep-v0: cannot be unpacked")


def test_a_mach_o_program_without_a_list_may_be_of_rust() -> None:
    one = inspect_program(io.BytesIO(macho()), "bin/x", None, "", "file")
    assert one is not None
    assert one.is_rust


def test_a_shared_library_counts_only_with_a_list() -> None:
    library = elf(interpreter=None)
    assert inspect_program(io.BytesIO(library), "lib/x.so", None, "", "file") is None
    listed = bytearray(LISTED)
    listed[16] = 3
    assert inspect_program(io.BytesIO(bytes(listed)), "lib/x.so", None, "", "file") is not None


def test_a_folder_without_programs_has_none(tmp_path: Path) -> None:
    assert programs_in(tmp_path, None) == ()
