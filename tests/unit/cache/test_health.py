"""What the facts about caches mean."""

from __future__ import annotations

from typing import Any

import pytest

from nanna_ci.cache import health
from nanna_ci.cache.health import KeyFacts, Probe
from nanna_ci.foundation.finding import Finding, Health
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust

URL = "https://cache.example.org"
KEY = "mine-1:" + "A" * 43 + "="
OTHER = "other-1:" + "B" * 43 + "="


def path(name: str) -> StorePath:
    return StorePath("0" * 32, name)


def keys(**what: Any) -> Finding:
    return health.check_keys(
        KeyFacts(**{"cache_name": "mine", "configured": (KEY,), "announced": (KEY,), "problem": None} | what)
    )


def test_a_cache_without_a_configured_key_is_bad_and_the_fix_names_its_key():
    finding = keys(configured=())
    assert finding.health is Health.BAD
    assert finding.fix is not None
    assert KEY in finding.fix


def test_a_key_that_is_not_the_caches_is_bad_and_the_fix_names_the_right_one():
    finding = keys(announced=(OTHER,))
    assert finding.health is Health.BAD
    assert finding.fix is not None
    assert OTHER in finding.fix


def test_one_of_the_caches_keys_is_enough():
    assert keys(announced=(OTHER, KEY)).health is Health.GOOD


def test_a_cache_that_does_not_name_its_keys_leaves_the_check_open():
    finding = keys(announced=None, problem="HTTP 503")
    assert finding.health is Health.UNAVAILABLE
    assert "HTTP 503" in finding.says


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"is_set": False, "permission": None, "refused": False}, Health.WARN),
        ({"is_set": True, "permission": None, "refused": True}, Health.BAD),
        ({"is_set": True, "permission": "Read", "refused": False}, Health.BAD),
        ({"is_set": True, "permission": "Write", "refused": False}, Health.GOOD),
        ({"is_set": True, "permission": "Admin", "refused": False}, Health.GOOD),
        ({"is_set": True, "permission": None, "refused": False}, Health.UNAVAILABLE),
    ],
)
def test_a_token_is_judged_by_what_it_may_do(facts, expected):
    assert health.check_token("CACHIX_AUTH_TOKEN", **facts).health is expected


def test_a_substituter_that_does_not_answer_is_bad_with_its_reason():
    (finding,) = health.check_probe(Probe(URL, (), None, "cannot connect"))
    assert (finding.health, finding.says, finding.subject) == (Health.BAD, "cannot connect", URL)


@pytest.mark.parametrize(("seconds", "expected"), [((0.02, 0.5, 9.0), Health.GOOD), ((0.51, 0.6, 0.1), Health.WARN)])
def test_the_median_latency_counts(seconds, expected):
    speed, _ = health.check_probe(Probe(URL, seconds, 0.0, None))
    assert speed.health is expected


@pytest.mark.parametrize(
    ("skew_s", "expected"),
    [
        (None, Health.UNAVAILABLE),
        (60.0, Health.GOOD),
        (-60.0, Health.GOOD),
        (61.0, Health.WARN),
        (-300.0, Health.WARN),
        (301.0, Health.BAD),
        (-86_400.0, Health.BAD),
    ],
)
def test_a_clock_is_judged_by_its_distance(skew_s, expected):
    _, clock = health.check_probe(Probe(URL, (0.01,), skew_s, None))
    assert clock.health is expected


def test_a_folder_has_no_clock_to_compare():
    (finding,) = health.check_probe(Probe("file:///cache", (), None, None))
    assert finding.health is Health.GOOD


def test_signatures_are_good_only_when_every_path_is_trusted():
    assert health.check_signatures(URL, [Trust.SIGNED, Trust.CONTENT_ADDRESSED], frozenset()).health is Health.GOOD
    finding = health.check_signatures(URL, [Trust.SIGNED, Trust.UNKNOWN_KEY], frozenset({"theirs-1"}))
    assert finding.health is Health.BAD
    assert finding.says.startswith("1 of 2 paths")
    assert finding.fix is not None
    assert "theirs-1" in finding.fix


@pytest.mark.parametrize("trust", [trust for trust in Trust if not trust.is_trusted])
def test_every_way_of_not_being_trusted_has_a_fix(trust):
    finding = health.check_signatures(URL, [trust], frozenset())
    assert finding.health is Health.BAD
    assert finding.fix


def test_without_paths_the_signatures_are_not_called_good():
    assert health.check_signatures(URL, [], frozenset()).health is Health.UNAVAILABLE


def test_a_filter_that_excludes_a_jobs_result_is_a_warning_with_pattern_and_path():
    outputs = [path("app"), path("app-source"), path("lib")]
    finding = health.check_filter(outputs, ["-source$", "^app$"], frozenset({path("app")}), None)
    assert finding.health is Health.WARN
    assert finding.fix is not None
    assert "'^app$'" in finding.fix
    assert "of 3 current outputs 1 are pushed, 2 are not" in finding.says


def test_a_filter_that_passes_nothing_is_bad():
    assert health.check_filter([path("app")], ["a"], frozenset(), None).health is Health.BAD


def test_a_filter_is_not_called_good_on_nothing():
    finding = health.check_filter([], ["-source$"], frozenset(), "there is no nix")
    assert (finding.health, finding.says) == (Health.UNAVAILABLE, "there is no nix")


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(None, Health.UNAVAILABLE), (90, Health.GOOD), (91, Health.WARN), (100, Health.WARN), (101, Health.BAD)],
)
def test_a_size_is_judged_against_its_limit(size_bytes, expected):
    assert health.check_size("file:///cache", size_bytes, 100).health is expected


def test_hidden_paths_are_named_with_how_long_they_stay_hidden():
    finding = health.check_negative(URL, {path("app"): 1200.0, path("lib"): 30.0}, None)
    assert finding.health is Health.WARN
    assert "1200 s" in finding.says
    assert "app" in finding.says
    assert health.check_negative(URL, {}, None).health is Health.GOOD


def test_entries_that_cannot_be_read_are_not_called_good():
    finding = health.check_negative(URL, {}, "of an unknown format")
    assert (finding.health, finding.says) == (Health.UNAVAILABLE, "of an unknown format")


def test_a_setting_that_lacks_a_word_is_bad_and_names_it():
    wanted = {"substituters": [URL, "https://other.example.org"]}
    (finding,) = health.check_settings(wanted, {"substituters": [f"{URL}/"]})
    assert finding.health is Health.BAD
    assert "other.example.org" in finding.says
    assert URL not in finding.says.replace("https://other.example.org", "")


def test_settings_without_nix_are_unavailable():
    (finding,) = health.check_settings({"substituters": [URL]}, None)
    assert finding.health is Health.UNAVAILABLE


def test_whatever_is_bad_has_a_fix():
    findings = [
        keys(configured=()),
        keys(announced=(OTHER,)),
        *health.check_probe(Probe(URL, (), None, "no")),
        *health.check_probe(Probe(URL, (1.0,), 1000.0, None)),
        health.check_filter([path("a")], ["a"], frozenset(), None),
        health.check_size(URL, 2, 1),
        *health.check_settings({"substituters": [URL]}, {}),
    ]
    assert all(finding.fix for finding in findings if finding.health in {Health.BAD, Health.WARN})
