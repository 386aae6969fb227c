"""Laws of bills of materials: the graph closes, the order of the input does not show, and no input crashes a reader."""

from __future__ import annotations

import contextlib
import io
import json
import random
import tarfile
from dataclasses import replace
from typing import IO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.bill.bill_making import closure_bill, crates_bill
from nanna_ci.supply_chain.bill.bill_of_materials import Bill, BillDraft, Completeness, Phase, make_bill
from nanna_ci.supply_chain.bill.bill_sources import NixClosure
from nanna_ci.supply_chain.bill.closure_components import roots_of
from nanna_ci.supply_chain.bill.crate_facts import CrateFacts
from nanna_ci.supply_chain.bill.cyclonedx import CycloneDxVersion, render_cyclonedx
from nanna_ci.supply_chain.bill.cyclonedx_check import check_cyclonedx
from nanna_ci.supply_chain.bill.embedded_crates import read_embedded_crates
from nanna_ci.supply_chain.bill.layer_stream import LayerStream
from nanna_ci.supply_chain.bill.licence import parse_licence
from nanna_ci.supply_chain.bill.package_url import render_package_url
from nanna_ci.supply_chain.bill.program import inspect_program
from nanna_ci.supply_chain.bill.spdx import render_spdx
from support.fake_bills import HEAD, component, program, recorded_facts
from support.fake_listed_programs import crate, elf_with, packed, reader_of, root
from support.fake_store_paths import info, path

NAMES = st.text("abcdef", min_size=1, max_size=3)
GRAPHS = st.dictionaries(NAMES, st.sets(NAMES, max_size=4), min_size=1, max_size=12)
LISTED = elf_with({".dep-v0": packed([root(dependencies=[1]), crate("a")])})


def renderings(bill: Bill) -> tuple[bytes, ...]:
    return (*(render_cyclonedx(bill, version) for version in CycloneDxVersion), render_spdx(bill))


@given(GRAPHS, st.randoms(use_true_random=False))
def test_a_closure_closes_and_the_order_of_its_paths_does_not_show(
    graph: dict[str, set[str]], shuffle: random.Random
) -> None:
    names = {*graph, *(one for every in graph.values() for one in every)}
    infos = {path(name): info(path(name), *map(path, sorted(graph.get(name, ())))) for name in sorted(names)}
    shuffled = list(infos.items())
    shuffle.shuffle(shuffled)
    first, second = (
        closure_bill(NixClosure(roots_of(one), one, {}), None, HEAD).bill if len(one) > 1 else None
        for one in (infos, dict(shuffled))
    )
    if first is None or second is None:
        return
    assert renderings(first) == renderings(second)
    refs = {first.subject.ref, *(one.ref for one in first.components)}
    assert first.dependencies.keys() == refs
    assert {one for needed in first.dependencies.values() for one in needed} <= refs
    for version in CycloneDxVersion:
        assert check_cyclonedx(render_cyclonedx(first, version), "bill").version is version


@given(st.randoms(use_true_random=False))
def test_the_order_of_crates_does_not_show(shuffle: random.Random) -> None:
    facts = recorded_facts()
    crates = list(facts.crates.items())
    shuffle.shuffle(crates)
    other = CrateFacts(
        facts.triple, facts.system, facts.profile, facts.workspace_folder, dict(crates), facts.members, facts.binaries
    )
    assert renderings(crates_bill(facts, HEAD).bill) == renderings(crates_bill(other, HEAD).bill)


@given(st.lists(st.tuples(NAMES, st.booleans()), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_programs_does_not_show(crates: list[tuple[str, bool]], shuffle: random.Random) -> None:
    programs = [
        program(
            [root(f"p{number}"), crate(name, kind="build" if build else "runtime")],
            sha512=f"{number + 1:x}".ljust(128, "0"),
        )
        for number, (name, build) in enumerate(crates)
    ]
    infos = {path("a-1"): info(path("a-1")), path("b-1"): info(path("b-1"))}
    texts = []
    for _ in range(2):
        shuffle.shuffle(programs)
        placed = tuple(replace(one, store_path=path("a-1")) for one in programs)
        texts.append(renderings(closure_bill(NixClosure(tuple(infos), infos, {}, placed), None, HEAD).bill))
    assert texts[0] == texts[1]


@given(GRAPHS)
def test_a_draft_with_a_loose_end_makes_no_bill(graph: dict[str, set[str]]) -> None:
    draft = BillDraft()
    for ref, needed in graph.items():
        draft.add(component(ref), needed)
    loose = {one for every in graph.values() for one in every} - graph.keys()
    if loose:
        with pytest.raises(MalformedData, match="which is absent"):
            make_bill(component("subject"), draft, phase=Phase.BUILD, created_s=None, creator=None)
    else:
        bill = make_bill(component("subject"), draft, phase=Phase.BUILD, created_s=0, creator=None)
        assert bill.dependencies.keys() == {*graph, "subject"}


@given(st.text(max_size=40), st.text(max_size=20), st.sampled_from([None, *Completeness]))
def test_any_text_gives_json_that_is_read_back(name: str, version: str, how: Completeness | None) -> None:
    draft = BillDraft()
    draft.add(
        component("a", name=name.encode("utf-8", "ignore").decode(), version=version.encode("utf-8", "ignore").decode())
    )
    if how is not None:
        draft.gaps["a"] = how
    draft.add(component("subject"), ["a"])
    bill = make_bill(component("subject"), draft, phase=Phase.BUILD, created_s=0, creator=None)
    for text in renderings(bill):
        json.loads(text)


@given(st.binary(max_size=200))
def test_no_section_crashes_the_reader_of_lists(section: bytes) -> None:
    with contextlib.suppress(MalformedData):
        read_embedded_crates(reader_of(elf_with({".dep-v0": section})))


@given(st.integers(0, len(LISTED) - 1), st.integers(0, 255))
def test_no_flipped_byte_crashes_the_reader_of_programs(at: int, value: int) -> None:
    data = bytearray(LISTED)
    data[at] = value
    inspect_program(io.BytesIO(bytes(data)), "bin/x", None, "", "file")


@given(st.binary(max_size=3000), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 100)), max_size=8))
def test_a_layer_that_is_read_in_any_steps_has_the_same_digest(data: bytes, steps: list[tuple[int, int]]) -> None:
    stream = LayerStream(io.BytesIO(data), "layer")
    for offset, size in steps:
        stream.seek(offset)
        assert stream.read(size) == data[offset : offset + size]
    assert stream.finish() == LayerStream(io.BytesIO(data), "layer").finish()


@given(st.binary(max_size=1500))
def test_no_bytes_crash_the_reader_of_tars(data: bytes) -> None:
    try:
        stream = cast("IO[bytes]", LayerStream(io.BytesIO(data), "layer"))
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            while archive.next() is not None:
                pass
    except (tarfile.TarError, MalformedData):
        pass


@given(st.text(max_size=60))
def test_a_licence_that_was_read_is_read_the_same_again(stated: str) -> None:
    once = parse_licence(stated)
    assert parse_licence(once.text) == once


@given(NAMES, st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_a_purl_has_no_character_that_ends_it_early(name: str, version: str, value: str) -> None:
    purl = render_package_url(
        "cargo",
        name,
        version.encode("utf-8", "ignore").decode(),
        qualifiers={"q": value.encode("utf-8", "ignore").decode()},
    )
    assert purl.count("?") + purl.count("#") <= 1
    assert purl.count("@") <= 1
    assert purl.isascii()
