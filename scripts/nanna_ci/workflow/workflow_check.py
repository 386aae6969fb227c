"""All rules over all workflows of a repository."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.job_plan import Event, plan_jobs
from nanna_ci.workflow.call_graph import CALL, CallGraph
from nanna_ci.workflow.call_rules import called_pipeline, find_call_rules, find_local_actions
from nanna_ci.workflow.caller_files import PIPELINE
from nanna_ci.workflow.event_rules import find_events, find_run_sources
from nanna_ci.workflow.hardening_rules import find_hardening
from nanna_ci.workflow.lock_rules import find_lock_rules
from nanna_ci.workflow.pin_rules import find_pin_rules
from nanna_ci.workflow.pin_table import WorkflowPolicy
from nanna_ci.workflow.plan_rules import (
    ReadWords,
    find_command_lines,
    find_plan_rules,
    find_runner_rules,
    is_pipeline,
)
from nanna_ci.workflow.repository_files import RepositoryFiles
from nanna_ci.workflow.secret_rules import find_secret_rules
from nanna_ci.workflow.step_rules import find_step_rules, serves_strangers
from nanna_ci.workflow.summary_rules import find_documented_jobs, find_summary_rules
from nanna_ci.workflow.workflow_file import WorkflowFile
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule


def check_workflows(
    files: RepositoryFiles, pipeline: Pipeline, *, read_words: ReadWords, today: datetime.date
) -> tuple[WorkflowFinding, ...]:
    """Each broken rule once, by file and line.

    Where only some workflows are judged, the others are read for what these call; what no workflow uses, runs or
    documents is then not said. MalformedData for what is no workflow or action.
    """
    workflows, actions, policy, locked = files.workflows, files.actions, files.policy, files.locked
    graph = CallGraph(workflows)
    found = [one for workflow in workflows for one in _of_one(workflow, graph, policy, pipeline, read_words)]
    for action in actions:
        found += [*find_step_rules(action), *find_command_lines(action, policy.apps, read_words)]
    found += find_call_rules(graph, policy)
    found += find_pin_rules((*workflows, *actions), policy, today)
    found += find_lock_rules(workflows, policy, locked)
    found += find_local_actions((*workflows, *actions), frozenset(action.path for action in actions))
    if files.judged is not None:
        found = [one for one in found if one.path in files.judged]
    else:
        planned = frozenset(job.id for event in Event for job in plan_jobs(pipeline, event))
        found += find_documented_jobs(workflows, planned, files.pages)
        found += find_run_sources(workflows)
        found += _starts(graph, policy)
    return tuple(sorted(set(found), key=lambda one: (one.path, one.line, one.rule, one.says)))


def _starts(graph: CallGraph, policy: WorkflowPolicy) -> Iterator[WorkflowFinding]:
    """The plan must be run, by a workflow that each event starts, or that is called by one."""
    workflows = graph.workflows
    planning = [one for one in workflows if is_pipeline(one)]
    callers = [one for one in workflows if any(called_pipeline(job, policy) == PIPELINE for job in one.jobs)]
    callers += [one for one in workflows if any(graph.reaches(one, plan) for plan in planning)]
    started = [one for one in (*planning, *callers) if not one.starts_on(CALL)]
    if workflows and not started:
        yield WorkflowFinding(
            workflows[0].path,
            workflows[0].root.line,
            WorkflowRule.JOB_PLACE,
            "no workflow runs the plan: none of its jobs has a place",
            f"nanna-ci workflow init writes one; or name the workflow that you call as [pipeline] in {policy.path}",
        )
    for workflow in started:
        yield from find_events(workflow)


def _of_one(
    workflow: WorkflowFile, graph: CallGraph, policy: WorkflowPolicy, pipeline: Pipeline, read_words: ReadWords
) -> Iterator[WorkflowFinding]:
    yield from find_hardening(workflow)
    strangers = [one for one in graph.workflows if serves_strangers(one)]
    is_for_strangers = workflow in strangers or any(graph.reaches(one, workflow) for one in strangers)
    yield from find_step_rules(workflow, is_for_strangers=is_for_strangers)
    yield from find_secret_rules(workflow)
    yield from find_runner_rules(workflow)
    yield from find_command_lines(workflow, policy.apps, read_words)
    if is_pipeline(workflow):
        yield from find_plan_rules(workflow, graph, pipeline)
        yield from find_summary_rules(workflow, policy.reports, read_words)
