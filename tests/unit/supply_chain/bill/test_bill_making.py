from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.bill.bill_making import BillHead, build_closure_bill, closure_bill, crates_bill
from nanna_ci.supply_chain.bill.bill_of_materials import ComponentKind, Phase
from nanna_ci.supply_chain.bill.bill_sources import NixClosure
from nanna_ci.supply_chain.bill.crate_facts import load_crate_facts
from nanna_ci.supply_chain.bill.program_crates import Agreement
from support.fake_bills import HEAD, SYSTEMS, closure_of, derivation, facts_folder, program, recorded_facts
from support.fake_listed_programs import root
from support.fake_store_paths import path

ROOT = path("harness")


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_workspace_leads_to_its_members_and_says_what_it_is_built_for(system: str) -> None:
    bill = crates_bill(recorded_facts(system), HEAD).bill
    assert (bill.subject.name, bill.subject.version, bill.phase) == ("thing", "0.1.0", Phase.BUILD)
    assert dict(bill.subject.properties) == {
        "nanna-ci:build:profile": "release",
        "nanna-ci:build:system": system,
        "nanna-ci:build:target": f"{system.removesuffix('-linux')}-unknown-linux-gnu",
    }
    members = {ref.partition("@")[0] for ref in bill.dependencies[bill.subject.ref]}
    assert members == {"pkg:cargo/harness", "pkg:cargo/model", "pkg:cargo/prompts"}
    assert len(bill.components) == 39


def test_a_workspace_without_a_name_is_called_as_its_only_member(tmp_path: Path) -> None:
    only = [f"path+file:///source/harness#{recorded_facts().crates[recorded_facts().members[0]].package.version}"]
    facts = load_crate_facts(
        facts_folder(tmp_path / "facts", metadata=lambda document: document.update(workspace_members=only))
    )
    assert crates_bill(facts, BillHead()).bill.subject.name == "harness"
    assert crates_bill(recorded_facts(), BillHead()).bill.subject.name == "workspace"
    with pytest.raises(MalformedData, match="no member of the workspace is built"):
        crates_bill(replace(facts, members=()), HEAD)


def test_a_closure_is_about_its_root_with_the_crates_of_its_programs() -> None:
    infos = closure_of("harness", "openssl-3.0.14")
    one = program([root()], store_path=ROOT)
    made = closure_bill(NixClosure((ROOT,), infos, {}, (one,)), recorded_facts(), HEAD)
    subject = made.bill.subject
    assert (subject.ref, subject.kind) == (str(ROOT), ComponentKind.APPLICATION)
    assert subject.version == "0.1.0"  # the crate's: the store path has none
    assert subject.ref not in {component.ref for component in made.bill.components}
    assert one.ref in made.bill.dependencies[str(ROOT)]
    assert [view.agreement for view in made.views] == [Agreement.DIFFERS]


def test_a_closure_of_several_roots_is_about_all_of_them() -> None:
    infos = {**closure_of("a-1"), **closure_of("b-1")}
    bill = closure_bill(NixClosure(tuple(infos), infos, {}), None, HEAD).bill
    assert bill.subject.ref == "closure:thing"
    assert set(bill.dependencies["closure:thing"]) == {str(one) for one in infos}


def test_a_root_that_is_not_in_its_closure_is_refused() -> None:
    with pytest.raises(MalformedData, match=r"does not hold .*harness, which it should be of"):
        closure_bill(NixClosure((ROOT,), closure_of("a-1"), {}), None, HEAD)


def test_what_the_subject_does_not_lead_to_is_left_out() -> None:
    infos = {**closure_of("harness", "b-1"), **closure_of("c-1")}
    bill = closure_bill(NixClosure((ROOT,), infos, {}), None, HEAD).bill
    assert [one.name for one in bill.components] == ["b"]


def test_a_build_closure_is_about_the_derivation() -> None:
    compiler = derivation("rustc-1.97.1")
    main = derivation("harness-0.1.0", compiler.path)
    bill = build_closure_bill({one.path: one for one in (main, compiler)}, [main.path], HEAD).bill
    assert (bill.subject.ref, bill.phase) == (str(main.path), Phase.BUILD)
    assert [one.cpe for one in bill.components] == ["cpe:2.3:a:rust-lang:rust:1.97.1:*:*:*:*:*:*:*"]
