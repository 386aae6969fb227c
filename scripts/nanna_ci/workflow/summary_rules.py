"""The one required check waits for every job that decides, always runs; and what pages say of jobs is so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from nanna_ci.workflow.command_calls import CommandCall, find_calls
from nanna_ci.workflow.plan_rules import ReadWords
from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowJob
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule

_ALWAYS: Final = re.compile(r"(?:\$\{\{ )?always\(\)(?: && github\.event_name != 'release')?(?: }})?")
"""A published release is nothing that a required check could keep back."""
_NAMED: Final = re.compile(
    r"\b(?:[Rr]equire|[Rr]equired check|[Jj]ob|check) `([a-z][a-z0-9_-]*(?: / [a-z][a-z0-9_-]*)*)`"
)
_ROW: Final = re.compile(r"\| `([\w-]+)` \|")
_HEAD: Final = re.compile(r"\| workflow job \|")


def find_summary_rules(
    workflow: WorkflowFile, reports: Sequence[str], read_words: ReadWords
) -> Iterator[WorkflowFinding]:
    """Of the workflow that runs the plan: what could make the required check green too early."""
    found = next(
        ((job, call) for job in workflow.jobs for call in find_calls(job) if call.name == "ci-summary"),
        None,
    )
    if found is None:
        yield WorkflowFinding(
            workflow.path,
            workflow.root.line,
            WorkflowRule.SUMMARY_ALWAYS,
            "no job runs ci-summary: nobody accounts for what was planned",
            "add the job ci-summary, `if: always()`, and require it",
        )
        return
    job, call = found
    for place, condition in (
        (job.key.line, job.condition),
        (call.step.body.line, call.step.body.text("if") or ""),
    ):
        if not _ALWAYS.fullmatch(condition):
            yield WorkflowFinding(
                workflow.path,
                place,
                WorkflowRule.SUMMARY_ALWAYS,
                "the summary may be skipped, and GitHub takes a required check that was skipped for one that passed",
                "give both the job and its step that calls ci-summary `if: always()`",
            )
    yield from _needs(workflow, job, reports)
    yield from _command(workflow, job, call, read_words)


def _needs(workflow: WorkflowFile, summary: WorkflowJob, reports: Sequence[str]) -> Iterator[WorkflowFinding]:
    decides = [one.id for one in workflow.jobs if one.id not in {*reports, *_after(workflow, summary.id)}]
    for name in decides:
        if name not in summary.needs:
            yield WorkflowFinding(
                workflow.path,
                summary.key.line,
                WorkflowRule.SUMMARY_NEEDS,
                f"{summary.id} does not wait for job {name}: it is green whatever becomes of that",
                f"add {name} to its needs; or to [summary] reports of .github/workflow.toml if it decides nothing",
            )
    for name in reports:
        if workflow.job(name) is None or name in summary.needs:
            yield WorkflowFinding(
                workflow.path,
                summary.key.line,
                WorkflowRule.SUMMARY_NEEDS,
                f"[summary] reports names {name}, which is no job of the workflow, or one that the summary waits for",
                "take it out of .github/workflow.toml",
            )


def _after(workflow: WorkflowFile, name: str) -> set[str]:
    """The job itself, and those that wait for it."""
    after = {name}
    while more := {job.id for job in workflow.jobs if after & {*job.needs}} - after:
        after |= more
    return after


def _command(
    workflow: WorkflowFile, job: WorkflowJob, call: CommandCall, read_words: ReadWords
) -> Iterator[WorkflowFinding]:
    arguments = "" if call.words is None else read_words(call.words)
    required = [*getattr(arguments, "required", ()), *getattr(arguments, "optional", ())]
    if sorted(required) != sorted(job.needs):
        yield WorkflowFinding(
            workflow.path,
            call.line,
            WorkflowRule.SUMMARY_COMMAND,
            f"ci-summary requires {', '.join(required) or 'nothing'}, which is not what its job needs",
            f"end the command with {' '.join(job.needs)}",
        )


def find_documented_jobs(
    workflows: Sequence[WorkflowFile], planned: frozenset[str], pages: Mapping[str, str]
) -> Iterator[WorkflowFinding]:
    """Each job that a page names, in its text or in a table of workflow jobs, and that is not there."""
    known = {job.id for workflow in workflows for job in workflow.jobs} | planned
    for path, text in pages.items():
        in_table = False
        for number, line in enumerate(text.splitlines(), 1):
            in_table = bool(_HEAD.match(line)) or (in_table and line.startswith("|"))
            row = _ROW.match(line) if in_table else None
            for name in (*_NAMED.findall(line), *([row[1]] if row else [])):
                if not known.issuperset(name.split(" / ")):
                    yield WorkflowFinding(
                        path,
                        number,
                        WorkflowRule.DOCUMENTED_JOB,
                        f"it names the job {name}, which no workflow has",
                        "name one that there is",
                    )
