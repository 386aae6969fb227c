"""`update`: newer inputs, models and actions, in the work tree or as one pull request."""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nanna_ci.containers.models.model_registry import SMALL_BYTES, ModelRegistry
from nanna_ci.containers.models.model_registry import TOKEN_VARIABLE as MODEL_TOKEN_VARIABLE
from nanna_ci.forge.github_api import GithubApi, check_api_url
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import GateFailed, Interrupted, NannaError, UsageError, shorten
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.measure.metrics.github_runs import parse_repository
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.report.files import write_atomic
from nanna_ci.report.github import TOKEN_VARIABLE, api_of, change_of, server_of
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.nix import Nix
from nanna_ci.updates.action_releases import ActionReleases
from nanna_ci.updates.flake_inputs import update_inputs
from nanna_ci.updates.locked_models import update_models
from nanna_ci.updates.pinned_actions import update_actions
from nanna_ci.updates.remote_login import RemoteLogin
from nanna_ci.updates.update_branch import ProposedCommit, UpdateBranch, WorkflowsRefused
from nanna_ci.updates.update_pull_request import UpdatePullRequests
from nanna_ci.updates.update_report import (
    UpdateReport,
    commit_message,
    pull_request_text,
    update_document,
    update_to_json,
)
from nanna_ci.updates.updated_part import PartName, UpdatedPart, UpdateProblem
from nanna_ci.usage.lock_models import LOCK_FILE

_NO_WORKFLOWS = "it may not change workflows: that takes a token of an app or a person with `workflows: write`"


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Pass if every part could be asked, whether or not something is newer; a part that fails costs only itself."""
    repository = _repository(arguments, context)
    api_url, value = api_of(context.ports.environ)
    direct = check_api_url(api_url)
    if repository is not None and value is None:
        hint = "a job needs `permissions: contents: write` and `pull-requests: write` for it"
        raise UsageError(f"{TOKEN_VARIABLE} is not set", hint=hint)
    with WebClient(direct=direct, log=context.say) as client:
        api = GithubApi(client, Token(TOKEN_VARIABLE, value), now=context.ports.now, sleep=time.sleep, log=context.say)
        parts = tuple(_parts(arguments, context, ActionReleases(api, api_url)))
        report = UpdateReport(parts, context.dry_run)
        changed = tuple(part for part in parts if part.files)
        if repository is None:
            report = replace(report, written=_write(changed, context))
        elif changed:
            pull_requests = UpdatePullRequests(api, api_url, repository)
            login = RemoteLogin(server_of(context.ports.environ), repository, value or "")
            report = _propose(report, changed, pull_requests, login, context)
    return Outcome(report.verdict, update_document(report), update_to_json(report))


def _repository(arguments: argparse.Namespace, context: Context) -> str | None:
    """Where the pull request is to be, None if none is wanted."""
    if not arguments.pull_request:
        if arguments.repository is not None:
            raise UsageError("--repository is for the pull request", hint="add --pull-request")
        return None
    change = change_of(context.ports.environ) if arguments.repository is None else None
    text = arguments.repository or (change.repository if change is not None else None)
    if text is None:
        raise UsageError("--repository is missing", hint="such as --repository nanna-coder/nanna-coder")
    try:
        return parse_repository(text)
    except UsageError as error:
        raise UsageError(f"--repository {shorten(text)} is not a repository", hint="OWNER/REPO") from error


def _parts(arguments: argparse.Namespace, context: Context, releases: ActionReleases) -> list[UpdatedPart]:
    ports = context.ports

    def inputs() -> UpdatedPart:
        context.say("flake inputs: asking Nix for the newest")
        with scratch_folder("nanna-ci-update-") as scratch:
            return update_inputs(ports.cwd, Nix(ports.run, environ=ports.environ), scratch)

    def models() -> UpdatedPart:
        # the work tree's own: as an app this command is given the configuration of the flake that it comes from
        own = ports.cwd / "pipeline.toml"
        given = own if context.config is None and own.is_file() else context.config
        pipeline = load_pipeline(find_pipeline(given, ports.environ, ports.cwd))
        token = Token(MODEL_TOKEN_VARIABLE, ports.environ.get(MODEL_TOKEN_VARIABLE) or None)
        with WebClient(body_limit_bytes=SMALL_BYTES, log=context.say) as client:
            return update_models(
                ports.cwd,
                LOCK_FILE,
                tuple(model.name for model in pipeline.models),
                lambda name, url: ModelRegistry(client, url, token).resolve(name),
            )

    def actions() -> UpdatedPart:
        now = datetime.datetime.fromtimestamp(ports.now(), datetime.UTC)
        return update_actions(ports.cwd, releases, now, context.say, any_major=arguments.major)

    made = {PartName.INPUTS: inputs, PartName.MODELS: models, PartName.ACTIONS: actions}
    return [_alone(name, make) for name, make in made.items()]


def _alone(name: PartName, make: Callable[[], UpdatedPart]) -> UpdatedPart:
    """The part, or why there is none: the others go on."""
    try:
        return make()
    except Interrupted:
        raise
    except NannaError as error:
        return UpdatedPart(name, problems=(UpdateProblem(error.message, isinstance(error, GateFailed)),))


def _write(parts: tuple[UpdatedPart, ...], context: Context) -> tuple[str, ...]:
    """The files of the work tree; what would be written in a dry run is in the parts."""
    written = []
    for path, data in ((path, data) for part in parts for path, data in part.files.items() if not context.dry_run):
        target: Path = context.ports.cwd / path
        mode = target.stat().st_mode & 0o777 if target.is_file() else 0o644
        write_atomic(target, data, mode=mode, redacted=False)  # a redacted lock or workflow would be another one
        written.append(path)
    return tuple(written)


def _propose(
    report: UpdateReport,
    parts: tuple[UpdatedPart, ...],
    pull_requests: UpdatePullRequests,
    login: RemoteLogin,
    context: Context,
) -> UpdateReport:
    """The branch, then its pull request; a refusal is part of the report, so that what moved is shown with it."""
    ports = context.ports
    base = pull_requests.query_default_branch()
    branch = UpdateBranch(ports.cwd, login, run=ports.run, environ=ports.environ)
    try:
        try:
            commit = _push(branch, parts, base, context)
        except WorkflowsRefused:
            # a workflow's own token never may: what else is newer still gets its pull request
            why = f"the actions were left out, {TOKEN_VARIABLE} cannot push them: {_NO_WORKFLOWS}"
            refused = UpdateProblem(why, is_expected=True)
            report = replace(report, problems=(*report.problems, refused))
            parts = tuple(part for part in parts if part.name is not PartName.ACTIONS)
            if not parts:
                return report
            commit = _push(branch, parts, base, context)
    except GateFailed as error:
        said = error.message if error.hint is None else f"{error.message}: {error.hint}"
        return replace(report, problems=(*report.problems, UpdateProblem(said, is_refusal=True)))
    text = context.redactor.redact_value(pull_request_text(parts, report.all_problems))
    made = pull_requests.propose(text, base, commit, dry_run=context.dry_run)
    return replace(report, commit=commit, pull_request=made)


def _push(branch: UpdateBranch, parts: tuple[UpdatedPart, ...], base: str, context: Context) -> ProposedCommit:
    files = {path: data for part in parts for path, data in part.files.items()}
    message = context.redactor.redact_text(commit_message(parts))
    return branch.propose(files, base, message, dry_run=context.dry_run)
