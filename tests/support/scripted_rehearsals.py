"""Workflows run by the rehearsal's own schedule, with what each job's steps come to said beforehand."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.rehearsal_report import rows_of
from nanna_ci.rehearsal.rehearsal_schedule import RehearsalSchedule
from nanna_ci.rehearsal.running_workflow import RunningEntry, RunningWorkflow
from nanna_ci.rehearsal.steps.job_steps import JobOutcome
from nanna_ci.rehearsal.this_machine import TakenOut
from nanna_ci.rehearsal.workflow_library import LoadedWorkflow, WorkflowLibrary, WorkflowSource
from nanna_ci.rehearsal.workflow_model import parse_workflow

CI = ".github/workflows/ci.yml"
GITHUB: dict[str, Any] = {"event_name": "push", "ref": "refs/heads/main", "event": {}, "sha": "a" * 40}


def load_workflows(files: Mapping[str, str], others: Mapping[str, Mapping[str, str]] | None = None) -> LoadedWorkflow:
    """ci.yml with all that it calls; `files` are texts by name, `others` those of other repositories."""

    def source(name: str, ref: str) -> WorkflowSource:
        if name not in (others or {}):
            raise MalformedData(name, "not here")
        return source_of(name, ref, (others or {})[name])

    library = WorkflowLibrary(source, lambda workflow, job: None)
    return library.load(parse_workflow(files["ci.yml"].encode(), CI), source_of("me/mine", "refs/heads/main", files))


def source_of(repository: str, ref: str, files: Mapping[str, str]) -> WorkflowSource:
    def read(path: str) -> bytes | None:
        text = files.get(path.removeprefix(".github/workflows/"))
        return None if text is None else text.encode()

    return WorkflowSource(repository, ref, "b" * 40, read)


@dataclass
class ScriptedRehearsal:
    """What came of it. `ran` are the entries whose steps ran, in the order in which they began."""

    workflow: RunningWorkflow
    ran: list[str] = field(default_factory=list)
    contexts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    taken_out: list[TakenOut] = field(default_factory=list)
    most_at_once: int = 0

    @property
    def results(self) -> dict[str, str]:
        """Name -> result."""
        return {row.name: row.shown_result for row in rows_of(self.workflow)}

    def reason(self, name: str) -> str:
        return next(row.reason for row in rows_of(self.workflow) if row.name == name) or ""

    def needs(self, name: str) -> Any:
        return self.contexts[name]["needs"]


def run_scripted(
    files: Mapping[str, str] | str,
    *,
    failing: tuple[str, ...] = (),
    outputs: Mapping[str, dict[str, str]] | None = None,
    host: str = "x86_64-linux",
    processors: int = 1,
    github: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    error: Exception | None = None,
) -> ScriptedRehearsal:
    """Run ci.yml. `failing` and `outputs` are by the names of entries; `error` is raised by the failing ones."""
    loaded = load_workflows({"ci.yml": files} if isinstance(files, str) else files)
    contexts = {
        "github": {**GITHUB, **(github or {})},
        "inputs": {},
        "vars": {"LEVEL": "high"},
        "secrets": {"GITHUB_TOKEN": "t", **(secrets or {})},
        "job": {},
    }
    done = ScriptedRehearsal(RunningWorkflow(loaded, contexts))
    lock, beside = threading.Lock(), threading.Semaphore(0)
    at_once = 0

    def run_entry(entry: RunningEntry) -> JobOutcome:
        nonlocal at_once
        with lock:
            at_once += 1
            done.most_at_once = max(done.most_at_once, at_once)
        beside.acquire(timeout=0.02)  # room for others to begin
        with lock:
            at_once -= 1
        if entry.shown_name in failing and error is not None:
            raise error
        result = "failure" if entry.shown_name in failing else "success"
        return JobOutcome(result, dict((outputs or {}).get(entry.shown_name, {})), (), "")

    def begin(entry: RunningEntry) -> None:
        done.ran.append(entry.shown_name)
        done.contexts[entry.shown_name] = {**entry.contexts}

    schedule = RehearsalSchedule(host, processors, run_entry, lambda: 0.0, begin, lambda entry: None)
    schedule.run([done.workflow])
    done.taken_out = schedule.taken_out
    return done
