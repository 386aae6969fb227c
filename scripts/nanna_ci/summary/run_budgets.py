"""A run beside the budgets: by what its results and its artifacts say, and no more."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.budget_rule import BudgetResult, decide_budgets
from nanna_ci.measure.budgets.measured import measured_from
from nanna_ci.measure.history.records import RunIdentity, RunRecord
from nanna_ci.measure.metrics.run_record import record_of_results
from nanna_ci.pipeline.definition import Budget
from nanna_ci.pipeline.results import JobResult
from nanna_ci.summary.accounting import RunAccount, Standing
from nanna_ci.summary.command_answers import CommandAnswers
from nanna_ci.summary.measures import benchmark_answers, path_hit_rate

_THIS_RUN = "this-run"


def budgets_of(
    budget: Budget,
    account: RunAccount,
    answers: CommandAnswers,
    history: Sequence[RunRecord],
    *,
    machines: int | None,
    strict: bool,
) -> tuple[BudgetResult, ...]:
    """All targets. `machines` is how many the plan keeps busy at once, `history` earlier runs, for the trend.

    `strict`: what nobody measured fails.

    When the run began is not known here, so that the time of the whole pipeline is n/a.
    """
    # no record of a history has this name or time: it is compared, and never kept
    origin = RunIdentity(_THIS_RUN, account.event, datetime.datetime.fromtimestamp(0, datetime.UTC))
    record = record_of_results(origin, _longest(account), account.verdict, None)
    run = replace(record, cache_hit_rate=path_hit_rate(answers))
    measured = measured_from(run, history, machines=machines, worst_ratio=_worst_ratio(answers))
    return decide_budgets(budget, measured, strict=strict)


def held_to_budgets(account: RunAccount, budgets: Iterable[BudgetResult]) -> RunAccount:
    """The account, failed by each budget that is not kept."""
    broken = tuple(f"budget not kept: {one.line}" for one in budgets if one.verdict is Verdict.FAIL)
    return replace(account, problems=(*account.problems, *broken))


def _longest(account: RunAccount) -> Iterable[JobResult]:
    """Each job that passed, once: of one that ran on several machines, the longest run counts."""
    longest: dict[str, JobResult] = {}
    for one in account.jobs:
        if one.standing is Standing.PASSED and (one.result.seconds or 0) >= _seconds(longest.get(one.job)):
            longest[one.job] = one.result
    return longest.values()


def _seconds(result: JobResult | None) -> float:
    return -1 if result is None else result.seconds or 0


def _worst_ratio(answers: CommandAnswers) -> float | None:
    try:
        return max((one.median for one in benchmark_answers(answers) if one.median is not None), default=None)
    except MalformedData:
        return None
