"""Hit rates lie in 0..1 and equal a plain count, whatever the caches answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.cache.analysis.hits import Holdings, combine, decide_gate, measure_hit_rate, weigh
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.store.trust import Trust
from support.fake_derivations import holdings, store_path

PATHS = [store_path(f"path-{number}") for number in range(8)]
ANSWERS = st.sampled_from(["present", "missing", "untrusted", "unknown"])
WEIGHTS = st.lists(st.none() | st.floats(0, 1e9), max_size=6)


@st.composite
def caches(draw: st.DrawFn) -> list[dict[int, str]]:
    requested = draw(st.integers(0, len(PATHS)))
    one = st.fixed_dictionaries(dict.fromkeys(range(requested), ANSWERS))
    return draw(st.lists(one, min_size=1, max_size=3))


def as_holdings(answers: dict[int, str]) -> Holdings:
    def having(answer: str) -> list:
        return [PATHS[index] for index, one in answers.items() if one == answer]

    return holdings(
        having("present"),
        having("missing"),
        dict.fromkeys(having("untrusted"), Trust.UNSIGNED),
        dict.fromkeys(having("unknown"), "failed"),
    )


@given(caches(), WEIGHTS, WEIGHTS, st.floats(0, 1))
def test_rates(answers: list[dict[int, str]], hit: list, absent: list, minimum: float) -> None:
    tally = combine([as_holdings(one) for one in answers])
    requested = len(answers[0])
    seen = [{one[index] for one in answers} for index in range(requested)]
    hits = sum("present" in each for each in seen)
    unknown = sum("present" not in each and "unknown" in each for each in seen)
    assert tally.paths == requested
    assert (len(tally.present), len(tally.unknown)) == (hits, unknown)
    rate = measure_hit_rate(tally, weigh(hit, absent), weigh(absent, hit))
    assert rate.paths == (None if unknown or not requested else hits / requested)
    for share in (rate.paths, rate.bytes, rate.build_seconds):
        assert share is None or 0 <= share <= 1
    verdict = decide_gate(minimum, rate, tally).verdict
    if unknown:
        assert verdict is Verdict.UNAVAILABLE
    else:
        assert (verdict is Verdict.PASS) == (requested > 0 and hits / requested >= minimum)


@given(WEIGHTS, WEIGHTS)
def test_a_share_of_weights_is_known_only_if_all_are(hit: list, absent: list) -> None:
    share = weigh(hit, absent).share
    known = None not in (*hit, *absent)
    total = sum(value or 0 for value in (*hit, *absent))
    assert (share is not None) == (known and total > 0)
    assert share is None or 0 <= share <= 1
