from __future__ import annotations

from dataclasses import replace

import pytest

from nanna_ci.measure.budgets.forecast import Forecast, Remedy, make_forecast
from nanna_ci.measure.budgets.forecast_report import forecast_blocks, forecast_to_json
from nanna_ci.measure.budgets.machine_schedule import AccountPlan, MachineLimits
from nanna_ci.measure.budgets.recorded_times import recorded_times
from nanna_ci.measure.history.records import RunRecord
from nanna_ci.pipeline.definition import parse_pipeline
from nanna_ci.pipeline.job_plan import Event, plan_jobs
from nanna_ci.report.blocks import Document, Notice, Tone
from nanna_ci.report.text import render_text
from support.fake_recorded_runs import built, github_runs, local_run

JOBS = plan_jobs(
    parse_pipeline(
        'test = [{ kind = "unit", runners = ["ubuntu-24.04", "macos-15"] }, { kind = "clippy" }]\n'
        '[workspace]\nname = "app"\n',
        "test",
    ),
    Event.PUSH,
)
UNIT, UNIT_MAC, CLIPPY = (job.id for job in JOBS)
TIMES = {UNIT: 300.0, UNIT_MAC: 60.0, CLIPPY: 90.0}


def forecast(history: list[RunRecord], limit_s: float = 1200, total: int = 20) -> Forecast:
    limits = MachineLimits(total, 5)
    return make_forecast(recorded_times(JOBS, history, limits), limits, limit_s)


def notices(answer: Forecast) -> list[tuple[Tone, str]]:
    blocks = forecast_blocks(answer, "history", AccountPlan.FREE)
    return [(block.tone, block.text) for block in blocks if isinstance(block, Notice)]


def text(answer: Forecast) -> str:
    return render_text(
        Document("Plan", tuple(forecast_blocks(answer, "history", AccountPlan.FREE))), width=120, color=False
    )


def test_the_answer_comes_first_with_band_budget_and_how_often_it_is_kept():
    assert notices(forecast(github_runs(*[TIMES] * 20))) == [
        (
            Tone.GOOD,
            "A run takes about 5 min 10 s (90 % of runs: 5 min 10 s to 5 min 10 s): within the budget of 20 min 00 s;"
            " 100 % of 500 simulated runs keep it.",
        )
    ]
    ((tone, line),) = notices(forecast(github_runs(*[TIMES] * 10), limit_s=300))
    assert tone is Tone.WARN
    assert line == (
        "A run takes about 5 min 10 s (81 % of runs: 5 min 10 s to 5 min 10 s): over the budget of 5 min 00 s;"
        " 0 % of 500 simulated runs keep it."
    )


def test_a_share_is_not_rounded_up_to_certainty():
    answer = replace(forecast(github_runs(*[TIMES] * 20)), within=0.998)
    assert "99 % of 500 simulated runs keep it" in notices(answer)[0][1]


def test_a_lower_bound_says_so_and_names_what_is_missing():
    answer = forecast(github_runs(*[{UNIT: 300.0, CLIPPY: 90.0}] * 20))
    assert notices(answer) == [
        (
            Tone.NEUTRAL,
            "A run takes at least 5 min 10 s: whether it keeps the budget of 20 min 00 s is not known:"
            " no time is recorded for 1 of 3 jobs.",
        ),
        (Tone.WARN, f"Without {UNIT_MAC}: no run in which it was built is recorded."),
    ]
    first, second = notices(forecast(github_runs({UNIT: 1300.0})))[:2]
    assert first[1] == "A run takes at least 21 min 50 s: over the budget of 20 min 00 s."
    assert second[1] == f"Without {UNIT_MAC}, {CLIPPY}: no run in which they were built is recorded."


def test_without_records_there_is_no_number_and_the_reason():
    assert notices(forecast([])) == [(Tone.WARN, "No forecast: no run is recorded in history.")]
    ((_, line),) = notices(forecast(github_runs({"another": 1.0})))
    assert line == "No forecast: history has 1 run, and in none of them was one of these jobs built and measured."


def test_doubts_about_the_records_are_stated():
    few = github_runs(*[TIMES] * 4)
    assert (Tone.WARN, f"No band: fewer than 5 runs are recorded of {UNIT}, {UNIT_MAC}, {CLIPPY}.") in notices(
        forecast(few)
    )
    vague = [replace(run, jobs=tuple(replace(job, state=None, queue_s=None) for job in run.jobs)) for run in few]
    lines = [line for _, line in notices(forecast(vague))]
    assert f"Whether {UNIT}, {UNIT_MAC}, {CLIPPY} were really built is not recorded." in lines
    assert "No wait for a machine is recorded of macos-15, ubuntu-24.04: there it counts as nothing." in lines
    here = [local_run(number, run.jobs) for number, run in enumerate(few)]
    assert any(line.startswith("These are times of local runs") for _, line in notices(forecast(here)))


def test_the_report_shows_path_remedies_and_times():
    shown = text(forecast(github_runs(*[TIMES] * 20), total=1))
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert "Machines 3, 1 at once" in rows
    assert "Account free: 1 machines at once, 5 of them with macOS" in rows
    assert f"{CLIPPY} 6 min 10 s 7 min 50 s" in rows  # all but the first waited for its machine in those runs too
    assert f"{UNIT} in half its time 2 min 30 s" in rows
    assert "one more machine at once 2 min 40 s" in rows
    assert f"{UNIT_MAC} macos-15 20 1 min 00 s 1 min 00 s to 1 min 00 s" in rows


def test_each_kind_of_remedy_has_its_name():
    remedies = (Remedy(30.0, UNIT), Remedy(20.0), Remedy(10.0, macos=True))
    answer = replace(forecast(github_runs(*[TIMES] * 20)), remedies=remedies)
    assert forecast_to_json(answer, "history", AccountPlan.FREE)["remedies"] == [
        {"change": "half", "job": UNIT, "savedSeconds": 30.0},
        {"change": "machine", "job": None, "savedSeconds": 20.0},
        {"change": "macos-machine", "job": None, "savedSeconds": 10.0},
    ]
    rows = [" ".join(line.split()) for line in text(answer).splitlines()]
    start = rows.index(f"{UNIT} in half its time 30 s")
    assert rows[start + 1 : start + 3] == ["one more machine at once 20 s", "one more machine with macOS at once 10 s"]


def test_a_machine_of_which_only_a_part_is_recorded_has_a_lower_bound():
    image = '[[image]]\nname = "app"\ncontents = ["app"]\nprobe_commands = ["app --help"]\n'
    jobs = plan_jobs(
        parse_pipeline(f'test = []\n[workspace]\nname = "app"\nbinaries = ["app"]\n{image}', "test"), Event.PUSH
    )
    limits = MachineLimits(20, 5)
    times = recorded_times(jobs, [local_run(1, [built("container-test-app-x86_64-linux", 14.0)])], limits)
    rows = [" ".join(line.split()) for line in text(make_forecast(times, limits, 1200)).splitlines()]
    assert "History history: 1 run here" in rows
    assert "container-test-app-x86_64-linux ubuntu-24.04 0 at least 14 s n/a" in rows
    assert "build-x86_64-linux ubuntu-24.04 0 n/a n/a" in rows
    assert "Machines 2" in rows


@pytest.mark.parametrize("history", [[], github_runs({UNIT: 300.0})])
def test_what_is_not_known_is_null_in_json_and_never_0(history: list[RunRecord]):
    answer = forecast_to_json(forecast(history), "history", AccountPlan.TEAM)
    assert (answer["lowSeconds"], answer["highSeconds"], answer["bandShare"], answer["withinLimit"]) == (None,) * 4
    assert [machine["medianSeconds"] for machine in answer["machines"]][1:] == [None, None]
    assert answer["machinesAtOnce"] is None
    assert answer["seconds"] == (310 if history else None)
    assert answer["source"] == ("github" if history else None)
    assert bool(answer["criticalPath"]) == bool(history)
    assert set(answer["unmeasured"]) >= {UNIT_MAC, CLIPPY}
