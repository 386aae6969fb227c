from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.supply_chain.bill.bill_of_materials import Completeness
from nanna_ci.supply_chain.bill.embedded_crates import read_embedded_crates
from nanna_ci.supply_chain.bill.program import Program
from nanna_ci.supply_chain.bill.program_crates import Agreement, compare_lists, draft_programs
from support.fake_bills import DATA, SYSTEMS, program, recorded_facts
from support.fake_listed_programs import crate, elf_with, reader_of, root


def listed(*changes: dict[str, Any], without: str = "") -> Program:
    names = {(one.package.name, one.package.version) for one in recorded_facts().crates.values()}
    crates = [crate(*one) for one in sorted(names) if one[0] not in {"harness", without}]
    return program([root(), *crates, *changes])


def test_a_list_that_names_what_was_built_agrees() -> None:
    assert compare_lists(listed(), recorded_facts()).agreement is Agreement.AGREES


def test_a_list_with_another_version_differs_and_both_are_named() -> None:
    view = compare_lists(listed(crate("clap", "1.0.0"), without="clap"), recorded_facts())
    ours = next(one.package for one in recorded_facts().crates.values() if one.package.name == "clap")
    assert view.agreement is Agreement.DIFFERS
    assert (view.only_in_program, view.only_in_facts) == (("clap 1.0.0",), (f"clap {ours.version}",))


@pytest.mark.parametrize(
    ("one", "agreement"),
    [
        (program(None), Agreement.NO_LIST),
        (program([root("other")]), Agreement.NOT_COMPARED),
        (program([root()], name="other"), Agreement.NOT_COMPARED),
        (program(None, problem="is cut short"), Agreement.UNREADABLE),
    ],
)
def test_what_cannot_be_compared_is_not_called_agreement(one: Program, agreement: Agreement) -> None:
    assert compare_lists(one, recorded_facts()).agreement is agreement


def test_without_facts_no_list_is_compared() -> None:
    assert compare_lists(listed(), None).agreement is Agreement.NOT_COMPARED


def test_a_known_program_leads_to_the_crates_of_the_build() -> None:
    one = listed()
    draft = draft_programs([one], recorded_facts())
    assert draft.edges[one.ref] == {"pkg:cargo/harness@0.1.0?download_url=file://harness"}
    assert sum(ref.startswith("pkg:cargo/") for ref in draft.components) == 39
    assert draft.gaps == {}


def test_a_program_without_a_list_is_of_unknown_completeness() -> None:
    one = program(None)
    draft = draft_programs([one], recorded_facts())
    assert draft.gaps == {one.ref: Completeness.UNKNOWN}
    assert len(draft.components) == 40


def test_what_only_the_list_has_comes_on_top() -> None:
    draft = draft_programs([listed(crate("extra"))], recorded_facts())
    assert "pkg:cargo/extra@1.0.0" in draft.components


def test_a_list_alone_gives_crates_and_purls_only_where_it_says_which_they_are() -> None:
    packages = [root(dependencies=[1, 2]), crate("a", dependencies=[2]), crate("b", source="git", kind="build")]
    one = program(packages)
    draft = draft_programs([one], None)
    assert draft.edges == {
        one.ref: {"crate:local:harness@0.1.0"},
        "crate:local:harness@0.1.0": {"pkg:cargo/a@1.0.0", "crate:git:b@1.0.0"},
        "pkg:cargo/a@1.0.0": {"crate:git:b@1.0.0"},
        "crate:git:b@1.0.0": set(),
    }
    assert draft.components["pkg:cargo/a@1.0.0"].purl == "pkg:cargo/a@1.0.0"
    assert draft.components["crate:git:b@1.0.0"].purl is None
    assert dict(draft.components["crate:git:b@1.0.0"].properties)["nanna-ci:crate:kind"] == "build"


def test_what_any_program_links_is_no_build_dependency() -> None:
    first = program([root(), crate("a", kind="build")])
    second = program([root("other"), crate("a")], name="other", sha512="cd" * 64)
    for order in ([first, second], [second, first]):
        draft = draft_programs(order, None)
        assert dict(draft.components["pkg:cargo/a@1.0.0"].properties)["nanna-ci:crate:kind"] == "normal"


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_list_in_the_recorded_program_the_build_and_syft_agree(system: str) -> None:
    crates = read_embedded_crates(reader_of(elf_with({".dep-v0": (DATA / system / "harness.dep-v0").read_bytes()})))
    facts = recorded_facts(system)
    one = Program("bin/harness", None, "ab" * 64, 10, None, is_rust=True, crates=crates)
    assert compare_lists(one, facts).agreement is Agreement.AGREES
    seen = json.loads((DATA / "syft-1.18.1-harness-x86_64.json").read_text())["components"]
    ours = {(crate.package.name, crate.package.version) for crate in facts.crates.values()}
    assert {(one["name"], one["version"]) for one in seen} == ours
