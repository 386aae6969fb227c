"""Alerts and the badge: whom nobody watches, with a key that stays the same."""

from __future__ import annotations

import json
import re

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.github import COMMENT_LIMIT_CHARACTERS
from nanna_ci.summary.alerts import alert_marker, alerts_of, alerts_to_json, badge_to_json
from nanna_ci.summary.command_answers import CommandAnswers
from support.fake_summaries import BENCH, HOSTILE, answers, found, green_run, large_run, passed, red_run, run_summary

NOTHING = CommandAnswers({})


def test_a_failed_run_and_each_slower_benchmark_raise_an_alert() -> None:
    alerts = alerts_of(red_run(), answers(BENCH))
    assert [(one.key, one.title, one.labels) for one in alerts] == [
        ("ci-failed-push", "CI fails on push", ("ci", "ci-failed")),
        ("benchmark-time-parse", "Benchmark parse is slower (time)", ("ci", "performance")),
        ("benchmark-vanished-gone", "Benchmark gone has vanished", ("ci", "performance")),
    ]
    assert "1 file is not formatted" in alerts[0].body
    assert "2.500, 2.200 to 2.900" in alerts[1].body
    assert all(one.body.startswith(alert_marker(one.key) + "\n") for one in alerts)


def test_a_run_that_passed_raises_none() -> None:
    assert alerts_of(green_run(), NOTHING) == ()


@pytest.mark.parametrize(("event", "count"), [("push", 1), ("release", 1), ("pull_request", 0), ("merge_group", 0)])
def test_only_what_nobody_waits_for_raises_alerts(event: str, count: int) -> None:
    summary = run_summary(found(passed("fmt-x")), event=event)
    assert summary.account.verdict is Verdict.FAIL
    assert len(alerts_of(summary, NOTHING)) == count


def test_the_same_trouble_has_the_same_key_in_another_run() -> None:
    keys = [[one.key for one in alerts_of(summary, answers(BENCH))] for summary in (red_run(), large_run(3, 100))]
    assert keys[0] == keys[1]


@pytest.mark.parametrize("line", HOSTILE)
def test_a_benchmark_named_to_break_out_stays_in_its_alert(line: str) -> None:
    bench = {**BENCH, "benchmarks": [{**BENCH["benchmarks"][0], "name": f"{line} -->"}], "vanished": []}
    (alert,) = alerts_of(run_summary(found(passed("unit-x"))), answers(bench))
    assert re.fullmatch(r"<!-- nanna-ci: alert [0-9a-f]+ -->", alert.body.partition("\n")[0])
    assert not re.search("[\x00-\x1f\u202e\ud800]", alert.key + alert.title)
    json.dumps(alerts_to_json((alert,)), ensure_ascii=False).encode()


def test_an_alert_fits_into_an_issue() -> None:
    (alert,) = alerts_of(large_run(256, 1_000_000), NOTHING)
    assert len(alert.body) <= COMMENT_LIMIT_CHARACTERS


def test_benchmarks_that_cannot_be_read_raise_no_alert() -> None:
    assert alerts_of(green_run(), answers({**BENCH, "benchmarks": [{}]})) == ()


@pytest.mark.parametrize(
    ("verdict", "message", "color"),
    [(Verdict.PASS, "passing", "brightgreen"), (Verdict.FAIL, "failing", "red"), (Verdict.ERROR, "failing", "red")],
)
def test_the_badge_is_what_shields_reads(verdict: Verdict, message: str, color: str) -> None:
    assert badge_to_json(verdict) == {"schemaVersion": 1, "label": "CI", "message": message, "color": color}
