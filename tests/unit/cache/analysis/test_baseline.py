"""What a report is held against: earlier reports and other revisions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.cache.analysis.baseline import baseline_of_revision, parse_baseline
from nanna_ci.cache.analysis.derivation_record import DerivationRecords, records_to_json
from nanna_ci.cache.analysis.substitution import WantedOutputs
from nanna_ci.foundation.errors import MalformedData
from support.fake_derivations import Spec, instantiate, store_path

GRAPH, PATHS = instantiate({"low": Spec("low"), "top": Spec("top", inputs={"low": ("out",)})})
HIT = store_path("hit")


def report(**changes: Any) -> bytes:
    body: dict[str, Any] = {
        "schemaVersion": 1,
        "command": "cache-analytics",
        "installables": [{"installable": ".#top", "derivation": str(PATHS["top"]), "outputs": ["out"]}],
        "substituters": [{"url": "file:///a", "sizeBytes": 7}, {"url": "http://b", "sizeBytes": None}],
        "present": [HIT.base_name],
        "derivations": records_to_json(DerivationRecords(GRAPH).values()),
    }
    return json.dumps({name: value for name, value in (body | changes).items() if value is not ...}).encode()


def test_an_earlier_report() -> None:
    baseline = parse_baseline(report(), "old.json")
    assert baseline.source == "old.json"
    assert baseline.records == dict(DerivationRecords(GRAPH))
    assert baseline.roots == {".#top": PATHS["top"]}
    assert baseline.present == {HIT}
    assert baseline.sizes == {"file:///a": 7}


def test_of_a_walk_no_derivations_are_kept() -> None:
    assert parse_baseline(report(derivations={}), "old.json").roots == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"command": "plan"},
        {"schemaVersion": 2},
        {"present": ...},
        {"present": ["/nix/store"]},
        {"derivations": []},
        {"installables": [{"installable": 1}]},
        {"substituters": [{"url": "file:///a", "sizeBytes": -1}]},
        {"substituters": ["x"]},
    ],
)
def test_anything_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedData, match=r"old\.json"):
        parse_baseline(report(**changes), "old.json")


def test_what_is_not_a_report_says_how_to_make_one() -> None:
    with pytest.raises(MalformedData) as caught:
        parse_baseline(b"{}", "x.json")
    assert caught.value.hint == "`nanna-ci cache-analytics --format json --output FILE` writes one"


def test_another_revision_has_derivations_and_no_caches() -> None:
    baseline = baseline_of_revision("git+file:.?rev=1", (WantedOutputs(".#top", PATHS["top"], ("out",)),), GRAPH)
    assert (baseline.roots, baseline.present, baseline.sizes) == ({".#top": PATHS["top"]}, None, {})
    assert set(baseline.records) == set(GRAPH)
