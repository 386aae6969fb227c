"""The run as a record, and that beside the budgets: by what its results and its artifacts say, and no more."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import as_count, as_object
from nanna_ci.measure.budgets.budget_rule import budgets_table, decide_budgets
from nanna_ci.measure.budgets.measured import measured_from
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord
from nanna_ci.pipeline.definition import Budget
from nanna_ci.pipeline.results import JobResult
from nanna_ci.report.blocks import Table
from nanna_ci.summary.accounting import RunAccount, Standing
from nanna_ci.summary.command_answers import CommandAnswers
from nanna_ci.summary.measures import benchmark_answers, path_hit_rate

_THIS_RUN = "this-run"


def budgets_of(
    budget: Budget, account: RunAccount, answers: CommandAnswers, history: Sequence[RunRecord], machines: int | None
) -> Table:
    """The table of all targets. `machines` is how many the plan keeps busy at once.

    When the run began is not known here, so that the time of the whole pipeline is n/a.
    """
    measured = measured_from(_record(account, answers), history, machines=machines, worst_ratio=_worst_ratio(answers))
    return budgets_table(decide_budgets(budget, measured, strict=False))


def _record(account: RunAccount, answers: CommandAnswers) -> RunRecord:
    # no record of a history has this name or time: it is compared, and never kept
    origin = RunIdentity(_THIS_RUN, account.event, datetime.datetime.fromtimestamp(0, datetime.UTC))
    return RunRecord(origin, account.verdict, tuple(_jobs(account)), cache_hit_rate=path_hit_rate(answers))


def _jobs(account: RunAccount) -> Iterator[JobRecord]:
    """Each job once: of one that ran on several machines, the longest run counts."""
    longest: dict[str, JobResult] = {}
    for one in account.jobs:
        if one.standing is Standing.PASSED and (one.result.seconds or 0) >= _seconds(longest.get(one.job)):
            longest[one.job] = one.result
    for job, result in longest.items():
        state = None if result.state is None else result.state.value
        yield JobRecord(job, result.verdict, state, run_s=result.seconds, artifact_bytes=_artifact_bytes(result))


def _seconds(result: JobResult | None) -> float:
    return -1 if result is None else result.seconds or 0


def _artifact_bytes(result: JobResult) -> int | None:
    executables = result.evidence.get("executables")
    if not isinstance(executables, list) or not executables:
        return None
    try:
        files = [as_object(one, result.id, "an executable") for one in executables]
        return sum(as_count(file.get("sizeBytes"), result.id, "sizeBytes") for file in files)
    except MalformedData:
        return None


def _worst_ratio(answers: CommandAnswers) -> float | None:
    try:
        return max((one.median for one in benchmark_answers(answers) if one.median is not None), default=None)
    except MalformedData:
        return None
