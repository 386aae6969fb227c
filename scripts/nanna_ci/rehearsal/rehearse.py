"""Rehearses an event: all workflows that it starts on GitHub, job by job, on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nanna_ci.foundation.context import Context, Ports
from nanna_ci.foundation.errors import Interrupted, MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.pipeline.live import LiveView, duration, live_view
from nanna_ci.pipeline.progress import Tracker
from nanna_ci.rehearsal.event_filters import crons, is_started_by
from nanna_ci.rehearsal.expressions.expression import Scope
from nanna_ci.rehearsal.expressions.expression_value import Value
from nanna_ci.rehearsal.known_nodes import evaluated
from nanna_ci.rehearsal.rehearsal_folder import RehearsalFolder, forget_scratch
from nanna_ci.rehearsal.rehearsal_schedule import RehearsalSchedule
from nanna_ci.rehearsal.rehearsed_event import RehearsedEvent, StartedEvent, followed_by_workflow_run, start_event
from nanna_ci.rehearsal.rehearsed_repository import (
    RehearsedRepository,
    changes_named,
    clone_for_rehearsal,
    git_settings,
)
from nanna_ci.rehearsal.running_workflow import RehearsedResult, RunningEntry, RunningWorkflow
from nanna_ci.rehearsal.stand_in_file import StandIns
from nanna_ci.rehearsal.steps.artifact_store import ArtifactStore
from nanna_ci.rehearsal.steps.job_steps import JobOutcome, JobRequest, check_job, run_steps
from nanna_ci.rehearsal.steps.rehearsal_services import RehearsalServices
from nanna_ci.rehearsal.this_machine import TakenOut
from nanna_ci.rehearsal.token_permissions import read_only
from nanna_ci.rehearsal.workflow_library import LoadedWorkflow, WorkflowLibrary
from nanna_ci.rehearsal.workflow_model import ModelJob, ModelWorkflow, parse_workflow
from nanna_ci.rehearsal.workflow_places import SOURCE_VARIABLE, WorkflowPlaces
from nanna_ci.report.blocks import Tone
from nanna_ci.report.github import API_VARIABLE, TOKEN_VARIABLE
from nanna_ci.store.nix import FLAKE_VARIABLE, OVERRIDES_VARIABLE, parse_overrides
from nanna_ci.workflow.workflow_file import read_workflow
from nanna_ci.workflow.yaml_nodes import YamlNode

CLOSED_API: Final = "http://127.0.0.1:9"
"""Where GitHub's API is without a stand-in: a port of this machine that nobody listens at."""
TOKEN: Final = "rehearsal-token"  # noqa: S105 - it opens nothing
_GIT_SETTINGS: Final = "gitconfig"
CONFIG_VARIABLE: Final = "NANNA_CI_CONFIG"
_TONES: Final = {RehearsedResult.SUCCESS: Tone.GOOD, RehearsedResult.FAILURE: Tone.BAD}
_OF_THE_OUTER_COMMAND: Final = (FLAKE_VARIABLE, CONFIG_VARIABLE)  # of the work tree, not of what is rehearsed


@dataclass(slots=True)
class RehearsedRun:
    """What a rehearsal has come to. `workflows` are those that were started, each with what started it.

    `config` is the pipeline.toml that steps read instead of the checkout's, None if there is no other.
    """

    event: RehearsedEvent
    repository: RehearsedRepository
    started: StartedEvent
    artifacts: ArtifactStore
    workflows: list[tuple[StartedEvent, RunningWorkflow]] = field(default_factory=list)
    taken_out: list[TakenOut] = field(default_factory=list)
    config: str | None = None
    interrupted: Interrupted | None = None


def rehearse(
    event: RehearsedEvent, stand_ins: StandIns, folder: RehearsalFolder, host: str | None, context: Context
) -> RehearsedRun:
    """Run what the event starts, then what `workflow_run` starts; `host` is this machine's system double.

    Raises:
        UsageError: there is no repository to rehearse, or GitHub would start nothing (conflicts).
        MalformedData: a workflow that is not known to the last key, before anything runs.
    """
    ports = context.ports
    repository = clone_for_rehearsal(ports.cwd, folder.path / "repository.git", ports.run, ports.environ)
    if repository.uncommitted:
        context.say(f"warning: not rehearsed, because it is not committed: {changes_named(repository.uncommitted)}")
    api = stand_ins.environment.get(API_VARIABLE, CLOSED_API).rstrip("/")
    run = RehearsedRun(
        event, repository, start_event(event, repository, api, ports.now()), ArtifactStore(folder.path / "artifacts")
    )
    server_url = run.started.github["server_url"]
    assert isinstance(server_url, str)
    folder.write([(_GIT_SETTINGS, git_settings(repository, server_url).encode())])
    run.config = _overridden_config(repository, ports.environ)
    source = ports.environ.get(SOURCE_VARIABLE)
    # what a job leaves may take as long to remove as the job took: that holds up no other one
    remover = ThreadPoolExecutor(1, thread_name_prefix="remover")
    stage = _Stage(
        run,
        stand_ins,
        folder,
        host,
        context,
        WorkflowPlaces(repository, stand_ins.repositories, Path(source) if source else None),
        remover,
    )
    loaded = stage.load(run.started)
    if not loaded:
        return run
    default = repository.git.commit(f"refs/heads/{repository.default_branch}") or repository.head

    def followers_of(model: ModelWorkflow, result: str) -> tuple[StartedEvent, list[LoadedWorkflow]]:
        later = followed_by_workflow_run(run.started, model.name, model.path, result, default)
        return later, stage.load(later)

    for one in loaded:  # whatever the result: they are read now, so that nothing unknown is met after an hour
        followers_of(one.model, "success")
    tracker = Tracker(0, ports.clock)
    with remover, live_view(context, tracker) as view:
        try:
            stage.run(run.started, loaded, tracker, view)
            for _, workflow in tuple(run.workflows):
                later, followers = followers_of(workflow.loaded.model, str(workflow.result))
                if followers:
                    stage.run(later, followers, tracker, view)
        except Interrupted as signal:
            run.interrupted = signal
    if run.interrupted is None:
        forget_scratch(folder.path, ports.run)
    return run


@dataclass(slots=True)
class _Stage:
    run_so_far: RehearsedRun
    stand_ins: StandIns
    folder: RehearsalFolder
    host: str | None
    context: Context
    places: WorkflowPlaces
    remover: ThreadPoolExecutor

    def load(self, started: StartedEvent) -> list[LoadedWorkflow]:
        """The workflows that an event starts, read and checked with all that they call."""
        library = WorkflowLibrary(self.places.find_source, check_steps)
        found = []
        for path, data in self.run_so_far.repository.workflows(started.commit).items():
            if is_started_by(read_workflow(data, path), started.occasion):
                model = parse_workflow(data, path)
                ref = started.github["ref"]
                assert isinstance(ref, str)
                found.append(library.load(model, self.places.own(started.commit, ref)))
        return found

    def run(self, started: StartedEvent, loaded: list[LoadedWorkflow], tracker: Tracker, view: LiveView) -> None:
        """Run workflows to their end, side by side."""
        workflows = [RunningWorkflow(one, self._contexts(started, one)) for one in loaded]
        run = self.run_so_far
        run.workflows += [(started, workflow) for workflow in workflows]
        ports = self.context.ports

        def begin(entry: RunningEntry) -> None:
            tracker.expect(sum(1 for _, one in run.workflows for _ in one.entries()))
            tracker.begin(id(entry), entry.shown_name)

        def end(entry: RunningEntry) -> None:
            tracker.end(id(entry))
            if entry.result is RehearsedResult.UNAVAILABLE:
                tracker.leave_out(str(id(entry)))
            else:
                tracker.finish_job(str(id(entry)), failed=entry.result is RehearsedResult.FAILURE)
            spent = "" if entry.seconds is None else f" after {duration(entry.seconds)}"
            why = "" if entry.reason is None else f": {entry.reason}"
            assert entry.result is not None
            view.note(f"{entry.shown_name}: {entry.result}{spent}{why}", _TONES.get(entry.result, Tone.NEUTRAL))

        schedule = RehearsalSchedule(
            self.host,
            os.cpu_count() or 1,
            lambda entry: self._run_entry(started, entry),
            ports.clock,
            begin,
            end,
        )
        view.note(f"rehearsing {started.shown}: {', '.join(one.model.path for one in loaded)}", Tone.NEUTRAL)
        try:
            schedule.run(workflows)
        finally:
            run.taken_out += schedule.taken_out

    def _contexts(self, started: StartedEvent, loaded: LoadedWorkflow) -> Mapping[str, Value]:
        model = loaded.model
        own = loaded.source.context(model.path)
        payload = started.github["event"]
        on = model.root.mapping("on")
        if started.occasion.event == "schedule" and isinstance(payload, dict) and on is not None:
            node = on.get("schedule")
            assert node is not None
            payload = {**payload, "schedule": crons(node, model.path)[0]}
        github: dict[str, Value] = {
            **started.github,
            "event": payload,
            "token": self._token,
            "workflow": model.name,
            "workflow_ref": own["workflow_ref"],
            "workflow_sha": own["workflow_sha"],
        }
        secrets: dict[str, Value] = {} if started.is_fork else {**self.stand_ins.secrets}
        return {
            "github": github,
            "inputs": {},
            "vars": {**self.stand_ins.variables},
            "secrets": {**secrets, TOKEN_VARIABLE: self._token},
            "job": own,
        }

    @property
    def _token(self) -> str:
        return self.stand_ins.secrets.get(TOKEN_VARIABLE, TOKEN)

    def _run_entry(self, started: StartedEvent, entry: RunningEntry) -> JobOutcome:
        """The steps of a job, in a thread."""
        job, workflow = entry.job, entry.job.workflow
        place = self.folder.job(entry.shown_name)
        entry.folder = str(place)
        root = workflow.loaded.model.root
        contexts = dict(entry.contexts)
        github = contexts["github"]
        assert isinstance(github, dict)
        contexts["github"] = {**github, "job": job.id}
        contexts["env"] = _workflow_env(root.get("env"), contexts, workflow.loaded.model.path)
        granted = job.loaded.permissions
        outcome = run_steps(
            JobRequest(
                name=job.id,
                path=workflow.loaded.model.path,
                body=job.loaded.model.body,
                contexts=contexts,
                defaults=root.mapping("defaults"),
                folder=place,
                services=self._services(),
                ports=_without_outer(self.context.ports),
                permissions=read_only(granted) if started.is_fork else granted,
            )
        )
        if outcome.result == "success":
            self.remover.submit(forget_scratch, place, self.context.ports.run)
        return outcome

    def _services(self) -> RehearsalServices:
        overrides = parse_overrides(self.context.ports.environ.get(OVERRIDES_VARIABLE, ""))
        words = [word for name, url in overrides for word in ("--override-input", name, url)]
        return RehearsalServices(
            artifacts=self.run_so_far.artifacts,
            repositories=self.places.find_repository,
            environment={
                **({CONFIG_VARIABLE: self.run_so_far.config} if self.run_so_far.config is not None else {}),
                **self.stand_ins.environment,
                # a step before the checkout must not find the repository that the rehearsal lies in
                "GIT_CEILING_DIRECTORIES": str(self.folder.path / "jobs"),
                "GIT_CONFIG_SYSTEM": str(self.folder.path / _GIT_SETTINGS),
                "GIT_CONFIG_NOSYSTEM": "0",
            },
            nix_words=("--no-write-lock-file", *words) if words else (),
            token=self._token,
        )


def _overridden_config(repository: RehearsedRepository, environ: Mapping[str, str]) -> str | None:
    """The pipeline.toml of a workspace under CI that an override put in place of the locked one; None without.

    `plan` in a step would read the checkout's, and `nix run` with the overrides that one: two plans in one run.
    """
    path = environ.get(CONFIG_VARIABLE)
    if not path or not environ.get(OVERRIDES_VARIABLE) or "pipeline.toml" in repository.uncommitted:
        return None
    try:
        given = read_file(Path(path), MEBIBYTE)
    except OSError:
        return None
    return None if given == repository.file_at(repository.head, "pipeline.toml") else path


def check_steps(workflow: ModelWorkflow, job: ModelJob) -> None:
    """Raise MalformedData, with file and line, for a step that the rehearsal does not know."""
    check_job(workflow.path, job.body, workflow.root.mapping("defaults"))


def _workflow_env(node: YamlNode | None, contexts: Mapping[str, Value], path: str) -> Value:
    if node is None:
        return {}
    names = ("github", "inputs", "vars", "secrets")
    value = evaluated(node, Scope({name: contexts[name] for name in names}), path)
    if not isinstance(value, dict):
        raise MalformedData(f"{path}:{node.line}", "env is not a mapping of names to values")
    return value


def _without_outer(ports: Ports) -> Ports:
    environ = {name: value for name, value in ports.environ.items() if name not in _OF_THE_OUTER_COMMAND}
    return replace(ports, environ=environ)
