from __future__ import annotations

import zlib
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.bill.embedded_crates import EmbeddedCrate, read_embedded_crates
from support.fake_bills import DATA, SYSTEMS
from support.fake_listed_programs import crate, elf_with, macho_with, packed, pe_with, reader_of, root

LIST = packed([root(dependencies=[1]), crate("a", kind="build")])


@pytest.mark.parametrize(
    "program",
    [elf_with({".dep-v0": LIST}), macho_with(".dep-v0", LIST), pe_with(".dep-v0", LIST)],
    ids=["ELF", "Mach-O", "PE"],
)
def test_the_list_is_read_out_of_every_format(program: bytes) -> None:
    crates = read_embedded_crates(reader_of(program))
    assert crates == (
        EmbeddedCrate("harness", "0.1.0", "local", is_build=False, is_root=True, dependencies=(1,)),
        EmbeddedCrate("a", "1.0.0", "crates", is_build=True, is_root=False, dependencies=()),
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_list_that_cargo_auditable_wrote_is_read(system: str) -> None:
    program = elf_with({".dep-v0": (DATA / system / "harness.dep-v0").read_bytes()})
    crates = read_embedded_crates(reader_of(program))
    assert crates is not None
    assert len(crates) == 39
    assert [one.name for one in crates if one.is_root] == ["harness"]


def test_a_program_without_the_section_has_no_list() -> None:
    assert read_embedded_crates(reader_of(elf_with({".text": b"x"}))) is None


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (b"not zlib", "cannot be unpacked"),
        (LIST[:-4], "is cut short"),
        (LIST[:10], "is cut short"),
        (zlib.compress(b" " * (8 * 1024 * 1024 + 1)), "unpacks to more than 8,388,608 bytes"),
        (zlib.compress(b"[]"), "the document is an array"),
        (zlib.compress(b"{"), "line 1"),
        (packed([]), "has not exactly one root"),
        (packed([root(), root()]), "has not exactly one root"),
        (packed([root(dependencies=[1])]), "depends on package 1, which is absent"),
        (packed([root(kind="dev")]), "kind is neither runtime nor build"),
        (packed([{"name": 1, "root": True}]), "name is '1', not a string"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_list_that_cannot_be_read_is_refused_with_the_reason(section: bytes, problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        read_embedded_crates(reader_of(elf_with({".dep-v0": section})))


def test_a_packed_list_is_read_up_to_a_size(monkeypatch: Any) -> None:
    monkeypatch.setattr("nanna_ci.supply_chain.bill.embedded_crates._MOST_PACKED_BYTES", len(LIST) - 1)
    with pytest.raises(MalformedData, match="more than the"):
        read_embedded_crates(reader_of(elf_with({".dep-v0": LIST})))
