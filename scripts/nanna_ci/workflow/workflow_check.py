"""All rules over all workflows of a repository."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence

from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.job_plan import Event, plan_jobs
from nanna_ci.workflow.hardening_rules import find_hardening
from nanna_ci.workflow.pin_rules import find_pin_rules
from nanna_ci.workflow.pin_table import WorkflowPolicy
from nanna_ci.workflow.plan_rules import (
    ReadWords,
    find_command_lines,
    find_events,
    find_plan_rules,
    find_runner_rules,
    is_pipeline,
)
from nanna_ci.workflow.secret_rules import find_secret_rules
from nanna_ci.workflow.summary_rules import find_documented_jobs, find_summary_rules
from nanna_ci.workflow.workflow_file import WorkflowFile
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule


def check_workflows(
    workflows: Sequence[WorkflowFile],
    policy: WorkflowPolicy,
    pipeline: Pipeline,
    *,
    pages: Mapping[str, str],
    read_words: ReadWords,
    today: datetime.date,
    is_whole: bool = True,
) -> tuple[WorkflowFinding, ...]:
    """Each broken rule once, by file and line.

    `pages` are the project's documents, path to text. `is_whole`: these are all workflows of the repository; of some
    of them it is not known what no workflow uses, runs or documents.
    """
    found = [one for workflow in workflows for one in _of_one(workflow, policy, pipeline, read_words)]
    pins = find_pin_rules(workflows, policy, today)
    found += [one for one in pins if is_whole or one.rule is not WorkflowRule.PIN_UNUSED]
    if is_whole:
        planned = frozenset(job.id for event in Event for job in plan_jobs(pipeline, event))
        found += find_documented_jobs(workflows, planned, pages)
        found += _starts(workflows, policy)
    return tuple(sorted(set(found), key=lambda one: (one.path, one.line, one.rule, one.says)))


def _starts(workflows: Sequence[WorkflowFile], policy: WorkflowPolicy) -> Iterator[WorkflowFinding]:
    """The plan must be run, by a workflow that each event starts, or that is called by one."""
    called = {f"./{one.path}" for one in workflows if is_pipeline(one)} | {policy.pipeline}
    callers = [
        one for one in workflows if any((job.body.text("uses") or "").split("@")[0] in called for job in one.jobs)
    ]
    started = [one for one in workflows if is_pipeline(one) and not one.starts_on("workflow_call")] + callers
    if workflows and not started:
        yield WorkflowFinding(
            workflows[0].path,
            workflows[0].root.line,
            WorkflowRule.JOB_PLACE,
            "no workflow runs the plan: none of its jobs has a place",
            f"take over ci.yml of nanna-coder-ci; or name the workflow that you call as [pipeline] in {policy.path}",
        )
    for workflow in started:
        yield from find_events(workflow)


def _of_one(
    workflow: WorkflowFile, policy: WorkflowPolicy, pipeline: Pipeline, read_words: ReadWords
) -> Iterator[WorkflowFinding]:
    yield from find_hardening(workflow)
    yield from find_secret_rules(workflow)
    yield from find_runner_rules(workflow)
    yield from find_command_lines(workflow, policy.apps, read_words)
    if is_pipeline(workflow):
        yield from find_plan_rules(workflow, pipeline)
        yield from find_summary_rules(workflow, policy.reports, read_words)
