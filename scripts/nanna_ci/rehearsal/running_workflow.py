"""Workflows while they run: what has become of each job and each entry of its matrix, and what they can refer to."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nanna_ci.rehearsal.expressions.expression import JobStatus, Scope
from nanna_ci.rehearsal.expressions.expression_value import Value
from nanna_ci.rehearsal.job_matrix import Combination
from nanna_ci.rehearsal.known_nodes import evaluated
from nanna_ci.rehearsal.steps.job_steps import JobOutcome
from nanna_ci.rehearsal.workflow_library import LoadedJob, LoadedWorkflow
from nanna_ci.rehearsal.workflow_model import ancestors
from nanna_ci.workflow.yaml_nodes import YamlNode


class RehearsedResult(enum.StrEnum):
    """What became of a job; UNAVAILABLE is ours: this machine cannot run it, and nothing that waits for it sees it."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    UNAVAILABLE = "unavailable"


@dataclass(slots=True)
class RunningEntry:
    """A job for one combination of its matrix, or its only one: its steps, or the workflow that it calls.

    `number` is its place in the matrix, `runs_on_error` its continue-on-error, `group` its concurrency group. `result`
    is None until it has ended; `conclusion` is how the job counts it. `reason` says why it is no success, where we
    know. `is_our_fault`: the rehearsal itself failed.
    """

    job: RehearsedJob
    name: str
    combination: Combination | None
    number: int
    contexts: Mapping[str, Value]
    called: RunningWorkflow | None = None
    runs_on_error: bool = False
    group: str | None = None
    is_started: bool = False
    result: RehearsedResult | None = None
    reason: str | None = None
    is_our_fault: bool = False
    outputs: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    outcome: JobOutcome | None = None
    folder: str | None = None

    @property
    def conclusion(self) -> RehearsedResult | None:
        """Its result as later jobs see it: with continue-on-error a failure is a success."""
        if self.result is RehearsedResult.FAILURE and self.runs_on_error:
            return RehearsedResult.SUCCESS
        return self.result

    @property
    def shown_name(self) -> str:
        """The name as GitHub shows it: `caller / called`."""
        return self.job.workflow.prefix + self.name


@dataclass(slots=True)
class RehearsedJob:
    """A job. `result` is None until all its entries have ended; `ended` are those that did, in that order."""

    loaded: LoadedJob
    workflow: RunningWorkflow
    entries: list[RunningEntry] = field(default_factory=list)
    ended: list[RunningEntry] = field(default_factory=list)
    result: RehearsedResult | None = None
    reason: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    fail_fast: bool = True
    at_once: int | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return self.loaded.model.id

    @property
    def node_path(self) -> str:
        """The file that it stands in."""
        return self.workflow.loaded.model.path

    def evaluate(self, node: YamlNode, contexts: Mapping[str, Value], *names: str) -> Value:
        """A node of the job, which may refer to these contexts and no others, as GitHub has it for the key."""
        return evaluated(node, Scope({name: contexts[name] for name in names if name in contexts}), self.node_path)

    def end(self, result: RehearsedResult, reason: str | None = None) -> None:
        """It has ended, without entries."""
        self.result, self.reason = result, reason


@dataclass(slots=True)
class RunningWorkflow:
    """A workflow that runs, alone or called by an entry. `prefix` stands before the names of its jobs.

    `contexts` are github, inputs, vars, secrets, and `job` as far as the workflow decides it.
    """

    loaded: LoadedWorkflow
    contexts: Mapping[str, Value]
    prefix: str = ""
    jobs: dict[str, RehearsedJob] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.jobs = {name: RehearsedJob(loaded, self) for name, loaded in self.loaded.jobs.items()}

    @property
    def is_over(self) -> bool:
        """Whether all its jobs have ended."""
        return all(job.result is not None for job in self.jobs.values())

    @property
    def result(self) -> RehearsedResult:
        """What all its jobs come to."""
        return combined(job.result for job in self.jobs.values())

    def entries(self) -> Iterator[RunningEntry]:
        """All entries with steps, of this workflow and all that it calls."""
        for job in self.jobs.values():
            for entry in job.entries:
                if entry.called is None:
                    yield entry
                else:
                    yield from entry.called.entries()

    def running_jobs(self) -> Iterator[RehearsedJob]:
        """All jobs, of this workflow and all that it calls."""
        for job in self.jobs.values():
            yield job
            for entry in job.entries:
                if entry.called is not None:
                    yield from entry.called.running_jobs()

    def is_ready(self, job: RehearsedJob) -> bool:
        """Whether all that it needs has ended."""
        return all(self.jobs[need].result is not None for need in job.loaded.model.needs)

    def needs_of(self, job: RehearsedJob) -> Value:
        """The context `needs`: what ran of the jobs that it names."""
        return {
            name: {"result": str(need.result), "outputs": dict(need.outputs)}
            for name in job.loaded.model.needs
            if (need := self.jobs[name]).result is not RehearsedResult.UNAVAILABLE
        }

    def status_of(self, job: RehearsedJob) -> JobStatus:
        """What success() and failure() answer from in its `if`: all that it waits for, also through others."""
        names = ancestors(self.loaded.model.jobs, job.loaded.model)
        results = {self.jobs[name].result for name in names} - {RehearsedResult.UNAVAILABLE}
        if RehearsedResult.FAILURE in results:
            return JobStatus.FAILURE
        return JobStatus.SUCCESS if results <= {RehearsedResult.SUCCESS} else JobStatus.SKIPPED


def combined(results: Iterable[RehearsedResult | None]) -> RehearsedResult:
    """What several results come to; those that this machine cannot have count only if there are no others."""
    found = set(results)
    if RehearsedResult.FAILURE in found or RehearsedResult.CANCELLED in found or None in found:
        return RehearsedResult.FAILURE if RehearsedResult.FAILURE in found else RehearsedResult.CANCELLED
    if RehearsedResult.SUCCESS in found:
        return RehearsedResult.SUCCESS
    if RehearsedResult.UNAVAILABLE in found and RehearsedResult.SKIPPED not in found:
        return RehearsedResult.UNAVAILABLE
    return RehearsedResult.SKIPPED
