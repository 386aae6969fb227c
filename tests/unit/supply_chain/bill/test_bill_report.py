from __future__ import annotations

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Areas
from nanna_ci.report.markdown import render_markdown
from nanna_ci.supply_chain.bill.bill_of_materials import Bill, Completeness, Deployable
from nanna_ci.supply_chain.bill.bill_report import (
    BillReport,
    WrittenBill,
    bill_document,
    bill_to_json,
    count_components,
    missing_fields,
)
from nanna_ci.supply_chain.bill.image_contents import LayerShare, ProgramShare, StorePathShare
from nanna_ci.supply_chain.bill.licence import parse_licence
from nanna_ci.supply_chain.bill.program_crates import Agreement, ProgramView
from support.fake_bills import bill_of, component, program
from support.fake_listed_programs import root
from support.fake_store_paths import path
from support.json_schemas import check

WRITTEN = WrittenBill("CycloneDX 1.7", 1234, "ab" * 32, "bill.json", is_written=True)
AGREES = ProgramView(program([root()]), Agreement.AGREES)
DIFFERS = ProgramView(program([root()]), Agreement.DIFFERS, ("a 1.0.0",), ("a 2.0.0",))
NO_LIST = ProgramView(program(None), Agreement.NO_LIST)
BILL = bill_of(
    component("pkg:cargo/a@1.0.0", version="1.0.0", creator="a@b.org", licence=parse_licence("MIT")),
    component("crate:git:b@1.0.0"),
    component(str(path("x-1"))),
    component(str(path("x-1.drv"))),
    component("pkg:deb/debian/libc6@1"),
    component("sha256:00"),
    component("bin/harness#00"),
)


def report_of(*views: ProgramView, bill: Bill = BILL, written: WrittenBill = WRITTEN) -> BillReport:
    layer = LayerShare(f"sha256:{'0' * 64}", 10, None, (), ("libc6 1",), ())
    return BillReport("image", bill, written, views, (layer,))


def text_of(report: BillReport) -> str:
    return render_markdown(bill_document(report))


def test_components_are_counted_by_what_they_are() -> None:
    assert list(count_components(BILL).values()) == [2, 1, 1, 1, 1, 1]
    assert "2 crates, 1 store path, 1 derivation, 1 Debian package, 1 layer, 1 program" in text_of(report_of())


def test_a_list_that_agrees_passes() -> None:
    assert report_of(AGREES).verdict is Verdict.PASS


def test_a_list_that_differs_fails_and_names_the_crates_on_both_sides() -> None:
    report = report_of(AGREES, DIFFERS)
    assert report.verdict is Verdict.FAIL
    expected = "bin/harness is not what was built: only in its own list: a 1.0.0; only in the build: a 2.0.0"
    assert report.reason == expected
    assert expected in text_of(report)


def test_a_list_that_cannot_be_read_fails_with_the_reason() -> None:
    view = ProgramView(program(None, problem=".dep-v0: is cut short"), Agreement.UNREADABLE)
    assert report_of(view).reason == "bin/harness: its list of crates .dep-v0: is cut short"
    assert report_of(view).verdict is Verdict.FAIL


def test_a_rust_program_without_a_list_passes_and_is_named() -> None:
    report = report_of(NO_LIST)
    assert report.verdict is Verdict.PASS
    assert "bin/harness carries no list of its crates" in text_of(report)


def test_a_program_of_another_language_is_not_expected_to_have_one() -> None:
    report = report_of(ProgramView(program(None, is_rust=False), Agreement.NO_LIST))
    assert "carries no list" not in text_of(report)
    assert "not Rust" in text_of(report)


def test_fields_that_nobody_knows_are_counted() -> None:
    store = Deployable("x", is_executable=None, is_archive=True, is_structured=True)
    named = component("a", version="1", creator="https://a.org", licence=parse_licence("SEE X"), deployable=store)
    lacking = missing_fields(bill_of(named, created_s=None))
    assert lacking == {
        "SBOM creator": 0,
        "timestamp": 1,
        "creator": 1,  # of the subject, as its licence
        "version": 0,
        "licence": 2,
        "executable": 1,
        "SHA-512": 1,
    }


def test_a_bill_without_gaps_says_that_every_field_is_there() -> None:
    every = {"version": "1", "creator": "https://a.org", "licence": parse_licence("MIT")}
    bill = bill_of(component("a", **every))
    full = type(bill)(component("s", **every), *(getattr(bill, name) for name in bill.__slots__[1:]))
    assert "Every component has every field" in text_of(report_of(bill=full))


def test_the_json_is_as_the_schema_has_it() -> None:
    bill = bill_of(component("a"), gaps={"a": Completeness.UNKNOWN})
    body = bill_to_json(report_of(AGREES, NO_LIST, bill=bill))
    check({"schemaVersion": 1, "command": "sbom", "verdict": "pass", **body})
    assert (body["unknown"], body["incomplete"]) == (["a"], [])
    assert [view["agreement"] for view in body["programs"]] == ["agrees", "no list"]


def test_the_layers_of_an_image_are_a_picture_by_size() -> None:
    programs = (ProgramShare("bin/x", ("a 1.0.0", "b 1.0.0")),)
    paths = (StorePathShare(str(path("x-1")), "x 1", 30, programs), StorePathShare(str(path("y-1")), "y 1", None, ()))
    layers = (
        LayerShare("sha256:0", 40, 10, paths, ("libc6 1",), ()),
        LayerShare("sha256:1", 5, 5, (), (), ()),
        LayerShare("sha256:2", None, None, (), (), ()),
    )
    blocks = bill_document(BillReport("image", BILL, WRITTEN, (), layers)).blocks
    (areas,) = (block for block in blocks if isinstance(block, Areas))
    assert areas.groups == (
        ("sha256:0", (("x 1", 30.0, "30 B", f"{path('x-1')}, 2 crates"), ("Debian packages", 10.0, "10 B", "libc6 1"))),
        ("sha256:1", (("of no store path", 5.0, "5 B", ""),)),
        ("sha256:2", ()),
    )


def test_a_dry_run_says_where_the_bill_would_be() -> None:
    written = WrittenBill("SPDX 3.0.1", 10, "ab" * 32, "bill.json", is_written=False)
    assert "no: bill.json would be" in text_of(report_of(written=written))
