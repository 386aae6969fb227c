"""What people read: rates, notices, the picture, a list of misses that is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nanna_ci.cache.analysis.analysis_report import percent, render_document
from nanna_ci.cache.analysis.baseline import Baseline
from nanna_ci.cache.analysis.hits import HitRate, Holdings, Weights, combine, decide_gate, measure_hit_rate
from nanna_ci.cache.analysis.misses import Miss, MissCause, Reason
from nanna_ci.cache.analysis.substitution import SubstitutionPlan
from nanna_ci.cache.analysis.values import Analysis, AnalysisSubject, StoreSize
from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.report.blocks import Bars, Facts, Notice, Paragraph, Stacks, Table, Tone
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust
from support.fake_derivations import holdings, query_result, store_path

PATHS = [store_path(f"path-{number}") for number in range(4)]


def with_numbers(one: Holdings) -> Holdings:
    result: Any = one.result
    result.requests, result.seconds = 5, 0.25
    return one


def analysis(*caches: Holdings, **changes: Any) -> Analysis:
    caches = caches or (holdings(PATHS[:3], PATHS[3:]),)
    tally = combine(caches)
    sizes = Weights(600, 200, 0)
    values: dict[str, Any] = {
        "subject": AnalysisSubject((), tuple(PATHS), {}),
        "holdings": tuple(map(with_numbers, caches)),
        "tally": tally,
        "view": {path: info for one in caches for path, info in one.result.found.items()},
        "sizes": sizes,
        "seconds_to_build": Weights(0, 0, 4),
        "rate": measure_hit_rate(tally, sizes, Weights(0, 0, 4)),
        "plan": SubstitutionPlan(frozenset(), frozenset(PATHS[:3]), frozenset(), frozenset(), 300, 600),
        "gate": None,
        "misses": (),
        "baseline": None,
        "store_sizes": (StoreSize(None, None),) * len(caches),
        "limit_bytes": None,
        "target": 0.85,
        "notes": (),
        "seconds": 1.5,
    }
    return Analysis(**(values | changes))


def blocks(one: Analysis, kind: type) -> list[Any]:
    return [block for block in render_document(one).blocks if isinstance(block, kind)]


def notices(one: Analysis) -> list[tuple[Tone, str]]:
    return [(notice.tone, notice.text) for notice in blocks(one, Notice)]


def facts(one: Analysis) -> dict[str, str | None]:
    return dict(blocks(one, Facts)[0].items)


def misses(roots: int, cascade: int) -> tuple[Miss, ...]:
    many = [Miss(store_path(f"r{n}"), None, MissCause.ROOT, Reason.NEW, "new") for n in range(roots)]
    return (
        *many,
        *[Miss(store_path(f"c{n}"), None, MissCause.CASCADE, Reason.FOLLOWS, "follows") for n in range(cascade)],
    )


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.85, "85.0 %"), (1.0, "100.0 %"), (0.0, "0.0 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (None, None)],
)
def test_only_all_is_100_percent_and_only_nothing_is_0(share: float | None, text: str | None) -> None:
    assert percent(share) == text


def test_the_title_and_the_facts_tell_the_rates() -> None:
    one = analysis()
    assert render_document(one).title == "Cache hit rate: 75.0 % of 4 paths"
    assert facts(one) == {
        "Hit rate, paths": "75.0 %",
        "Hit rate, bytes": "75.0 %",
        "Hit rate, build time": None,
        "Target": "85.0 %",
        "Nix would download": "3 paths (300 B, 600 B unpacked)",
        "Archives": "not looked at over HTTP: a narinfo does not prove them, --verify-archives asks",
        "Took": "1.5 s",
    }
    assert notices(one) == []


def test_a_rate_that_is_not_known_is_said_so() -> None:
    one = analysis(holdings(PATHS[:1], [], unknown={PATHS[1]: "timed out"}), rate=HitRate(None, None, None))
    assert render_document(one).title == "Cache hit rate: not known"
    assert notices(one) == [(Tone.BAD, "1 answer not known, path-1 first: timed out")]
    assert blocks(one, Table)[-1].rows[0][1].text == "timed out"
    assert facts(one)["Nix would download"] is None


def test_a_cache_that_could_not_be_queried_is_bad_only_if_it_leaves_something_open() -> None:
    error = ToolMissing("host", "is not there", hint="look elsewhere")
    broken = Holdings(query_result(url="http://gone", error=error), {}, {}, frozenset(), dict.fromkeys(PATHS, "x"))
    assert notices(analysis(broken)) == [
        (Tone.BAD, "http://gone could not be queried: host: is not there (look elsewhere)")
    ]
    assert notices(analysis(broken, holdings(PATHS)))[0][0] is Tone.WARN


def test_the_gate_is_the_first_thing_said() -> None:
    one = analysis()
    passed = replace(one, gate=decide_gate(0.75, one.rate, one.tally))
    failed = replace(one, gate=decide_gate(0.9, one.rate, one.tally))
    said = "Hit rate 75.0 %, at least {} is required: 3 of 4 paths hit."
    assert notices(passed) == [(Tone.GOOD, said.format("75.0 %"))]
    assert notices(failed) == [(Tone.BAD, said.format("90.0 %"))]


def test_untrusted_and_hidden_paths_and_notes_are_warned_of() -> None:
    cache = holdings(PATHS[1:], [], {PATHS[0]: Trust.UNSIGNED})
    hidden = Miss(PATHS[1], None, MissCause.ROOT, Reason.HIDDEN, "hidden")
    shown = notices(analysis(cache, misses=(hidden,), notes=("cache.sqlite: locked",)))
    assert shown == [
        (
            Tone.WARN,
            "1 path without a trusted signature, which Nix will not take; 1 that its dry run downloads must be built "
            "instead.",
        ),
        (Tone.WARN, "1 hit hidden from Nix on this machine: its own narinfo cache says absent."),
        (Tone.WARN, "cache.sqlite: locked"),
    ]


def test_the_size_of_a_folder_is_reported_with_its_growth_and_its_limit() -> None:
    small = analysis(store_sizes=(StoreSize(2000, -500),), limit_bytes=2000)
    assert facts(small)["Size of http://cache"] == "2.0 kB of 2.0 kB, -500 B since the baseline"
    assert notices(small) == []
    ((tone, text),) = notices(analysis(store_sizes=(StoreSize(2001, 1),), limit_bytes=2000))
    assert (tone, text.endswith("nanna-ci cache-gc --store http://cache")) == (Tone.WARN, True)


def test_the_picture_shows_hits_against_misses_of_all_and_of_each() -> None:
    caches = (holdings(PATHS[:3], PATHS[3:]), holdings([], PATHS, url="http://empty"))
    (picture,) = blocks(analysis(*caches, seconds_to_build=Weights(60, 20, 1)), Stacks)
    assert picture.items == (
        ("Paths", (3, 0, 1, 0), "3 of 4"),
        ("Bytes, unpacked", (600, 0, 200), "600 B of 800 B"),
        ("Build time", (), "1 min 00 s hit, 1 of unknown time"),
        ("http://cache", (3, 0, 1, 0), "3 of 4"),
        ("http://empty", (0, 0, 4, 0), "0 of 4"),
    )


def test_where_the_bytes_are() -> None:
    (bars,) = blocks(analysis(), Bars)
    assert [(label, text) for label, _, text in bars.items] == [(path.name, "200 B, hit") for path in PATHS[:3]]


def test_roots_come_first_and_a_long_list_is_cut() -> None:
    one = analysis(misses=misses(5, 40))
    table = blocks(one, Table)[-1]
    assert len(table.rows) == 20
    assert [row[1].text for row in table.rows] == ["root"] * 5 + ["cascade"] * 15
    texts = [paragraph.text for paragraph in blocks(one, Paragraph)]
    assert texts == ["5 root causes; 40 paths only follow.", "and 25 more; --format json has all"]


def test_the_baseline_is_named() -> None:
    baseline = Baseline("old.json", {}, {}, frozenset(), {})
    assert facts(analysis(baseline=baseline))["Baseline"] == "old.json"


def test_nothing_requested_is_no_data() -> None:
    empty: list[StorePath] = []
    one = analysis(holdings(empty), sizes=Weights(0, 0, 0))
    assert notices(one) == [(Tone.BAD, "No data: nothing was requested.")]
