"""The workflow against the plan: every call is one that the command takes, every planned job has its place."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.job_plan import Event, JobRoute, Stage, matrix_entries, plan_jobs
from nanna_ci.pipeline.vocabulary import RUNNERS
from nanna_ci.workflow.call_graph import CallGraph
from nanna_ci.workflow.command_calls import CommandCall, find_calls
from nanna_ci.workflow.matrix_places import MatrixPlace, find_places
from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowJob
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule
from nanna_ci.workflow.yaml_nodes import YamlSequence, scalars_in

ReadWords = Callable[[Sequence[str]], argparse.Namespace | str]
"""Reads the words of a command line: its flags, or why the command does not take them."""

_LISTED: Final = re.compile(
    r"\$\{\{ contains\(fromJSON\('(\[[^']*])'\), matrix\.runner\) && matrix\.runner \|\| '([\w.-]+)' }}"
)
_REFUSED: Final = re.compile(r"(?:\$\{\{ )?!contains\(fromJSON\('(\[[^']*])'\), matrix\.runner\)(?: }})?")
_OF_A_MATRIX: Final = re.compile(r"\$\{\{ matrix\.(\w+) }}")
_ROUTE: Final = re.compile(r"matrix\.route == '(\w*)'")


def find_runner_rules(workflow: WorkflowFile) -> Iterator[WorkflowFinding]:
    """Each job that could be sent to a runner that is not on the list."""
    for job in workflow.jobs:
        if job.body.get("uses") is not None:
            continue
        listed = _LISTED.fullmatch(job.body.text("runs-on") or "")
        if listed is not None and {*_names(listed[1]), listed[2]} <= RUNNERS.keys():
            condition = job.steps[0].body.text("if") if job.steps else None
            refused = _REFUSED.fullmatch(condition or "")
            if refused is None or refused[1] != listed[1] or job.steps[0].body.text("run") != "exit 1":
                yield WorkflowFinding(
                    workflow.path,
                    job.key.line,
                    WorkflowRule.RUNNER_REFUSAL,
                    f"job {job.id} runs jobs of unknown runners on another machine instead of refusing them",
                    "let its first step be `run: exit 1`, `if: !contains(…)` with the list of its runs-on",
                )
        elif not _runners(job) or not _runners(job) <= RUNNERS.keys():
            yield WorkflowFinding(
                workflow.path,
                job.key.line,
                WorkflowRule.RUNNER_LIST,
                f"job {job.id} does not say which of the known runners it runs on",
                f"name one of {', '.join(RUNNERS)}; choose from a list of them by contains(fromJSON('[…]'), …)",
            )


def _names(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError:
        return [""]
    return [name if isinstance(name, str) else "" for name in names]


def _runners(job: WorkflowJob) -> set[str]:
    """The runners that a job may run on; none where that is not known."""
    text = job.body.text("runs-on") or ""
    if (listed := _LISTED.fullmatch(text)) is not None:
        return {*_names(listed[1]), listed[2]}
    if (chosen := _OF_A_MATRIX.fullmatch(text)) is None:
        return {text}
    strategy = job.body.mapping("strategy")
    matrix = strategy.mapping("matrix") if strategy is not None else None
    values = matrix.get(chosen[1]) if matrix is not None else None
    has_more = matrix is not None and matrix.get("include") is not None
    return {one.text for one in scalars_in(values)} if isinstance(values, YamlSequence) and not has_more else set()


def find_command_lines(workflow: WorkflowFile, apps: Sequence[str], read_words: ReadWords) -> Iterator[WorkflowFinding]:
    """Each call that its command would refuse; `apps` are no commands of ours."""
    for job in workflow.jobs:
        for call in find_calls(job):
            if call.name in apps:
                continue
            answer = "no shell can read it" if call.words is None else read_words(call.words)
            if isinstance(answer, str):
                yield WorkflowFinding(
                    workflow.path,
                    call.line,
                    WorkflowRule.COMMAND_LINE,
                    f"step {call.step.name!r} calls nanna-ci {call.name}, which would refuse it: {answer}",
                    "see nanna-ci --help and nanna-ci COMMAND --help; name an app of your own as [pipeline] apps in"
                    " .github/workflow.toml",
                )


def is_pipeline(workflow: WorkflowFile) -> bool:
    """Whether it runs the plan."""
    return any(call.name == "plan" for job in workflow.jobs for call in find_calls(job))


def find_plan_rules(workflow: WorkflowFile, graph: CallGraph, pipeline: Pipeline) -> Iterator[WorkflowFinding]:
    """Of the workflow that runs the plan: each job and scan of the plan without a place in it, or in what it calls."""
    entries = {event: matrix_entries(plan_jobs(pipeline, event)) for event in Event}
    places = list(find_places(workflow, graph))
    for place in places:
        yield from _matrix_keys(place.workflow, place.job, entries[Event.PUSH])
        yield from _result_kept(place.workflow, place.job)
    yield from _places(workflow, places, entries)


def _matrix_keys(
    workflow: WorkflowFile, job: WorkflowJob, entries: Sequence[Mapping[str, Any]]
) -> Iterator[WorkflowFinding]:
    known = {key for entry in entries for key in entry}
    for scalar in scalars_in(job.body):
        wrong = [f"matrix.{name}" for name in re.findall(r"\bmatrix\.(\w+)", scalar.text) if name not in known]
        wrong += [f"route {name!r}" for name in _ROUTE.findall(scalar.text) if name not in list(JobRoute)]
        if entries and wrong:
            yield WorkflowFinding(
                workflow.path,
                scalar.line,
                WorkflowRule.MATRIX_KEY,
                f"the plan gives job {job.id} no {wrong[0]}: it would be empty, or never true",
                f"it gives {', '.join(sorted(known))}; routes are {', '.join(JobRoute)}",
            )


def _result_kept(workflow: WorkflowFile, job: WorkflowJob) -> Iterator[WorkflowFinding]:
    for step in job.steps:
        inputs = step.body.mapping("with")
        name = inputs.text("name") if inputs is not None else None
        if (
            step.action == "actions/upload-artifact"
            and name == "job-${{ matrix.id }}"
            and _always(step.body.text("if"))
        ):
            return
    yield WorkflowFinding(
        workflow.path,
        job.key.line,
        WorkflowRule.RESULT_KEPT,
        f"job {job.id} does not keep the result of every job, also of one that fails, where ci-summary looks for it",
        "upload .nanna-ci/jobs/ as job-${{ matrix.id }} in a step with `if: always()`",
    )


def _always(condition: str | None) -> bool:
    return condition in {"always()", "${{ always() }}"}


def _places(
    workflow: WorkflowFile, places: Sequence[MatrixPlace], entries: Mapping[Event, Sequence[Mapping[str, Any]]]
) -> Iterator[WorkflowFinding]:
    """One finding a reason, with the first job and all events that it holds for."""
    lacking: dict[tuple[str, int, WorkflowRule, str], tuple[str, set[str]]] = {}
    run_job = {place: [call for call in find_calls(place.job) if call.name == "run-job"] for place in places}
    for event, planned in entries.items():
        for entry in planned:
            output = Stage(entry["stage"]).output
            mine = [place for place in places if place.output in {output, "matrix"}]
            says = f"{len(mine)} jobs take the plan's {output} or matrix, not one"
            problems = [(workflow.path, workflow.root.line, WorkflowRule.JOB_PLACE, says)]
            if len(mine) == 1:
                path, line, calls = mine[0].workflow.path, mine[0].job.key.line, run_job[mine[0]]
                problems = [(path, line, *one) for one in _problems(mine[0], calls, entry)]
            for problem in problems:
                lacking.setdefault(problem, (entry["id"], set()))[1].add(event.value)
    for (path, line, rule, why), (name, events) in lacking.items():
        yield WorkflowFinding(
            path,
            line,
            rule,
            f"planned job {name} has no place on {', '.join(sorted(events))}: {why}",
            "see what is planned with nanna-ci plan; pipeline.yml of nanna-coder-ci shows a place for each",
        )


def _problems(
    place: MatrixPlace, calls: Sequence[CommandCall], entry: Mapping[str, Any]
) -> Iterator[tuple[WorkflowRule, str]]:
    """Why a job of the workflow does not run an entry of the plan."""
    job = place.job
    is_there = f"{place.given} != ''"  # GitHub refuses an empty matrix
    if any(re.sub(r"^\$\{\{ | }}$", "", condition) not in {"", is_there} for condition in place.conditions):
        yield WorkflowRule.JOB_PLACE, f"job {job.id} has an `if` that may leave it out, and that is not {is_there}"
    if entry["runner"] not in _runners(job):
        yield WorkflowRule.JOB_PLACE, f"job {job.id} has no runner {entry['runner']}"
    mains = [call for call in calls if call.value_of(1) == "${{ matrix.id }}" and _takes(call, entry["route"])]
    if len(mains) != 1:
        yield WorkflowRule.JOB_PLACE, f"{len(mains)} steps of job {job.id} run it on route {entry['route']}, not one"
    scans = [call for call in calls if call.value_of(1) == "${{ matrix.scan }}"]
    if entry["scan"] and not any("matrix.scan != ''" in (call.step.body.text("if") or "") for call in scans):
        yield WorkflowRule.SCAN_PLACE, f"no step of job {job.id} scans its image `if: matrix.scan != ''`"


def _takes(call: CommandCall, route: str) -> bool:
    """Whether the step of a call runs for a route, and for all jobs of it."""
    condition = call.step.body.text("if") or ""
    return re.sub(r"^\$\{\{ | }}$", "", condition) in {"", f"matrix.route == '{route}'"}
