"""`ci-summary`: the one required check."""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import ConfigError, Interrupted, NannaError, UsageError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.measure.budgets.budget_rule import BudgetResult, budgets_to_json
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.history_place import open_history
from nanna_ci.measure.history.records import RunIdentity, RunRecord, RunTests
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.pipeline.job_plan import Event
from nanna_ci.report.files import write_atomic
from nanna_ci.report.github import GithubRun, change_of, run_of, tag_of
from nanna_ci.report.outcome import Outcome
from nanna_ci.summary.accounting import JobAnswer, RunAccount, account
from nanna_ci.summary.alerts import alerts_of, alerts_to_json, badge_to_json
from nanna_ci.summary.cache_tiers import measure_tiers
from nanna_ci.summary.command_answers import CommandAnswers, read_answers
from nanna_ci.summary.expectations import ExpectedRun, parse_needs, parse_plan
from nanna_ci.summary.found_results import FoundResult, read_results
from nanna_ci.summary.measures import Measure, measures_of
from nanna_ci.summary.pull_request_comment import comment_text
from nanna_ci.summary.run_budgets import budgets_of, held_to_budgets
from nanna_ci.summary.step_summary import RunSummary, summary_document

INPUT_LIMIT_BYTES = 64 * MEBIBYTE


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The verdict is pass or fail. The files are written whatever it is."""
    ports = context.ports
    needs = parse_needs(*_input(arguments.needs, "NEEDS", "--needs", context))
    plan = parse_plan(*_input(arguments.plan, "MATRIX", "--plan", context))
    run = run_of(ports.environ)
    event = _event(arguments.event, _event_of_runner(run, context), plan)
    folder = ports.cwd / arguments.results
    # before a log is cut or a name escaped: half a secret is not recognised any more
    redactor = context.redactor
    results = read_results(folder)
    found = account(needs, arguments.required, plan, results, event, optional=arguments.optional)
    answer = redactor.redact_value(found)
    answers = redactor.redact_value(read_answers(folder))
    history, unread = _history(arguments.history, context)
    budgets = _budgets(answer, answers, plan, history, context, strict=arguments.strict)
    if arguments.strict:
        answer = _hold_to_budgets(answer, budgets)
    summary = RunSummary(
        account=answer,
        measures=(*measures_of(answers, answer.results), *redactor.redact_value(measure_tiers(folder))),
        budgets=budgets,
        url=None if run is None else run.url,
        problems=(*answers.problems, *unread),
    )
    if not context.dry_run:
        _write_texts(arguments, summary, answers, ports.cwd)
        if arguments.record is not None:
            _record_tests(arguments.record, answer, redactor.redact_value(results), context)
    return Outcome(
        verdict=answer.verdict,
        document=summary_document(summary),
        data=_to_json(answer, summary),
        outputs={"verdict": answer.verdict.value},
    )


def _write_texts(arguments: argparse.Namespace, summary: RunSummary, answers: CommandAnswers, cwd: Path) -> None:
    texts: list[tuple[str | None, Callable[[], str]]] = [
        (arguments.comment, lambda: comment_text(summary)),
        (arguments.alert, lambda: _json_text(alerts_to_json(alerts_of(summary, answers)))),
        (arguments.badge, lambda: _json_text(badge_to_json(summary.account.verdict))),
    ]
    for name, make in texts:
        if name is not None:
            write_atomic(cwd / name, make().encode("utf-8", "backslashreplace"))


def _record_tests(place: str, answer: RunAccount, results: Sequence[FoundResult], context: Context) -> None:
    """The tests of the planned jobs, for a history; on GitHub, whose run it is. The jobs' times are GitHub's to say."""
    ports = context.ports
    change = change_of(ports.environ)
    planned = {(job.machine, job.job) for job in answer.jobs}
    tests = tuple(one.tests for one in results if one.tests is not None and (one.machine, one.job) in planned)
    if change is None:
        context.say(f"--record {place}: nothing is recorded, for this is not a run on GitHub")
    if change is None or not tests:
        return
    run = run_of(ports.environ)
    now = datetime.datetime.fromtimestamp(ports.now(), datetime.UTC).replace(microsecond=0)
    url = None if run is None else run.url
    origin = RunIdentity(change.run, change.event, now, change.commit, change.branch, url)
    HistoryFolder(ports.cwd / place).append(RunTests(origin, tests))


def _history(place: str | None, context: Context) -> tuple[list[RunRecord], tuple[str, ...]]:
    """Earlier runs; one that cannot be read costs the trends, and is named: it decides nothing."""
    try:
        return ([] if place is None else open_history(place, context.ports).read_runs()), ()
    except (Interrupted, UsageError):
        raise
    except NannaError as error:
        return [], (f"no trends: {error.message}",)


def _budgets(
    answer: RunAccount,
    answers: CommandAnswers,
    plan: ExpectedRun,
    history: Sequence[RunRecord],
    context: Context,
    *,
    strict: bool,
) -> tuple[BudgetResult, ...] | str:
    """Without a pipeline.toml that can be read there are none; then why."""
    ports = context.ports
    try:
        budget = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd)).budget
    except (ConfigError, UsageError) as error:
        return error.message
    machines = None if any(machine.is_anywhere for machine in plan.machines) else len(plan.machines)
    return budgets_of(budget, answer, answers, history, machines=machines, strict=strict)


def _hold_to_budgets(answer: RunAccount, budgets: tuple[BudgetResult, ...] | str) -> RunAccount:
    if isinstance(budgets, str):
        return replace(answer, problems=(*answer.problems, f"no budgets: {budgets}"))
    return held_to_budgets(answer, budgets)


def _input(name: str | None, variable: str, flag: str, context: Context) -> tuple[bytes, str]:
    """What the flag's file or the variable holds, and what to call it in messages."""
    ports = context.ports
    if name is None:
        if variable not in ports.environ:
            raise UsageError(f"neither {flag} nor ${variable} is given", hint=f"{flag} FILE")
        return ports.environ[variable].encode("utf-8", "surrogateescape"), f"${variable}"
    path = ports.cwd / name
    try:
        return read_file(path, INPUT_LIMIT_BYTES, or_pipe=True), str(Path(name))
    except OSError as error:
        raise UsageError(f"{flag} {name}: {error.strerror}") from error


def _event(given: str | None, of_runner: str | None, plan: ExpectedRun) -> str:
    event = given or of_runner or plan.event
    if event is None:
        raise UsageError("the event is not known: a matrix does not say what it was planned for", hint="--event EVENT")
    return event


def _event_of_runner(run: GithubRun | None, context: Context) -> str | None:
    """A tag that is pushed makes a release, and was planned as one."""
    if run is None or run.event != Event.PUSH or tag_of(context.ports.environ) is None:
        return None if run is None else run.event
    return Event.RELEASE


def _json_text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _to_json(answer: RunAccount, summary: RunSummary) -> dict[str, Any]:
    return {
        "event": answer.event,
        "summary": answer.line,
        "needs": [{"name": need.name, "result": need.result, "isGood": need.is_good} for need in answer.needs],
        "jobs": [_job_to_json(job) for job in answer.jobs],
        "problems": list(answer.problems),
        "unplanned": list(answer.unplanned),
        "unread": list(summary.problems),
        "measures": [_measure_to_json(measure) for measure in summary.measures],
        "budgets": None if isinstance(summary.budgets, str) else budgets_to_json(summary.budgets),
        "url": summary.url,
    }


def _job_to_json(job: JobAnswer) -> dict[str, Any]:
    return {
        "id": job.job,
        "machine": job.machine,
        "standing": job.standing.value,
        "isGood": job.standing.is_good,
        "seconds": job.result.seconds,
        "reason": job.result.reason,
        "executedTests": job.executed,
        "flakyTests": [{"name": test.name, "attempts": test.attempts} for test in job.flaky],
        "failingTests": list(job.result.failing_tests),
        "reproduce": job.result.reproduce,
    }


def _measure_to_json(measure: Measure) -> dict[str, Any]:
    return {"name": measure.name, "value": measure.value, "note": measure.note}
