from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.bill.bill_of_materials import BillDraft, Completeness, Phase, make_bill
from support.fake_bills import bill_of, component


def test_a_bill_is_sorted_and_has_an_entry_for_every_ref() -> None:
    bill = bill_of(component("b"), component("a"), edges={"b": {"a", "b"}})
    assert [one.ref for one in bill.components] == ["a", "b"]
    assert bill.dependencies == {"a": (), "b": ("a",), "subject": ("a", "b")}


def test_the_same_component_twice_is_one_with_the_edges_of_both() -> None:
    draft = BillDraft()
    draft.add(component("a"), ["b"])
    draft.add(component("a"), ["c"])
    assert draft.edges["a"] == {"b", "c"}


def test_two_components_with_one_ref_are_refused() -> None:
    draft = BillDraft()
    draft.add(component("a", version="1"))
    with pytest.raises(MalformedData, match="two components have the bom-ref 'a'"):
        draft.add(component("a", version="2"))


def test_a_dependency_on_what_is_not_there_is_refused() -> None:
    with pytest.raises(MalformedData, match="'a' depends on 'x', which is absent"):
        bill_of(component("a"), edges={"a": {"x"}})


def test_a_bill_of_nothing_is_refused() -> None:
    with pytest.raises(MalformedData, match="thing is made of nothing"):
        make_bill(component("thing"), BillDraft(), phase=Phase.BUILD, created_s=None, creator=None)


def test_only_what_is_not_complete_is_a_gap() -> None:
    gaps = {"a": Completeness.COMPLETE, "b": Completeness.UNKNOWN}
    assert bill_of(component("a"), component("b"), gaps=gaps).gaps == {"b": Completeness.UNKNOWN}


def test_joining_drafts_keeps_what_was_there_first() -> None:
    first, second = BillDraft(), BillDraft()
    first.add(component("a", version="1"))
    second.add(component("a", version="2"), ["b"])
    second.gaps["a"] = Completeness.UNKNOWN
    first.join(second)
    assert first.components["a"].version == "1"
    assert (first.edges["a"], first.gaps) == ({"b"}, {"a": Completeness.UNKNOWN})
