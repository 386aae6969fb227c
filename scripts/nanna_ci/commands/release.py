"""`release`: from a tag and a folder of files to a published release, every byte compared before and after."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from nanna_ci.forge.github_api import GithubApi, check_api_url
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import GateFailed, Interrupted, NannaError, UsageError, shorten
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.measure.history.history_place import open_history
from nanna_ci.pipeline.definition import load_pipeline
from nanna_ci.releases.github_releases import ReleasesApi
from nanna_ci.releases.release_assets import read_assets
from nanna_ci.releases.release_evidence import PROVENANCE, evidence_notes, read_evidence
from nanna_ci.releases.release_figures import changed_figures, figure_notes
from nanna_ci.releases.release_notes import body_of, notes_of, read_notes
from nanna_ci.releases.release_publisher import ReleasePublisher, WantedRelease, verify_release
from nanna_ci.releases.release_report import ReleaseReport, release_document, release_to_json
from nanna_ci.releases.release_version import ReleaseTag, parse_tag, version_problem
from nanna_ci.releases.tagged_commit import TaggedCommit
from nanna_ci.report.github import TOKEN_VARIABLE, api_of, change_of, tag_of
from nanna_ci.report.outcome import Outcome
from nanna_ci.report.units import names_text

_DEADLINE_S: Final = 1800.0
"""Of one request: a file of 2 GB at 10 Mbit/s takes half an hour."""
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.\.?$)[A-Za-z0-9._-]{1,100}")
_RUNS_ON: Final = "what is on GitHub stays a draft; the same command goes on from there"


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The verdict is pass if the release is published and every asset of it, downloaded anew, is what it should be."""
    tag = parse_tag(_tag(arguments, context))
    repository = _repository(arguments, context)
    if arguments.verify:
        for flag in ("notes", "clobber", "version", "history"):
            if getattr(arguments, flag):
                raise UsageError(f"--verify changes nothing: it takes no --{flag}")
        report = _verify_only(arguments, context, tag, repository)
    else:
        if arguments.assets is None:
            raise UsageError("--assets is missing", hint="the folder of the files to publish; or --verify")
        report = _release(arguments, context, tag, repository)
    return Outcome(report.verdict, release_document(report), release_to_json(report))


def _verify_only(arguments: argparse.Namespace, context: Context, tag: ReleaseTag, repository: str) -> ReleaseReport:
    assets = () if arguments.assets is None else read_assets(context.ports.cwd / arguments.assets)
    report = ReleaseReport(repository, tag.name, None, context.dry_run, assets=assets)
    with _client(context) as client:
        release = _releases_api(context, client, repository).published(tag.name)
    if release is None:
        return replace(report, problems=(f"no release {tag.name} of {repository} is published",))
    return _verified(context, replace(report, release=release, commit=release.commit))


def _release(arguments: argparse.Namespace, context: Context, tag: ReleaseTag, repository: str) -> ReleaseReport:
    ports = context.ports
    if not api_of(ports.environ)[1]:
        raise UsageError(f"{TOKEN_VARIABLE} is not set", hint="a job needs `permissions: contents: write` for it")
    folder = ports.cwd / arguments.assets
    notes_file = None if arguments.notes is None else ports.cwd / arguments.notes
    source = TaggedCommit(ports.cwd, tag.name, ports.run, ports.environ)
    commit = source.commit()
    assets = read_assets(folder)
    report = ReleaseReport(repository, tag.name, commit, context.dry_run, assets=assets)
    apart = [folder] if notes_file is None else [folder, notes_file]
    evidence = read_evidence(assets, commit)
    if not evidence.has_attestation and any(one.name == PROVENANCE for one in assets):
        context.say(f"{PROVENANCE} has no signed statement: the notes name no attestation")
    problems = (
        *_local_problems(source, tag, _wanted_version(arguments.version), _workspace(context), apart),
        *evidence.problems,
    )
    if problems or commit is None:
        return replace(report, problems=problems)
    if notes_file is None:
        before, commits = source.messages()
        sections = [evidence_notes(evidence, repository)]
        if arguments.history is not None and before is not None:
            sections.append(_figures(arguments.history, source, before, commit, context))
        notes = notes_of(commits, before, "\n".join(filter(None, sections)))
    else:
        notes = read_notes(notes_file, f"--notes {shorten(arguments.notes)}")
    notes = context.redactor.redact_text(notes)
    wanted = WantedRelease(tag, commit, body_of(commit, notes), assets)
    with _client(context) as client:
        publisher = ReleasePublisher(
            _releases_api(context, client, repository), context.say, time.sleep, arguments.clobber
        )
        if context.dry_run:
            release, plan = publisher.plan(wanted)
            return replace(report, release=release, steps=plan.steps, problems=plan.problems, notes=notes)
        try:
            release = publisher.publish(wanted)
        except GateFailed as error:
            more = () if error.hint is None else (error.hint,)
            return replace(report, steps=tuple(publisher.done), problems=(error.message, *more))
        except Interrupted:
            raise
        except NannaError:
            context.say(_RUNS_ON)
            raise
    return _verified(context, replace(report, release=release, steps=tuple(publisher.done)))


def _figures(place: str, source: TaggedCommit, before: str, commit: str, context: Context) -> str:
    """What changed since the tag before. A history that cannot be read costs these lines, and is named."""
    older = replace(source, tag=before).commit()
    try:
        changes = () if older is None else changed_figures(open_history(place, context.ports), older, commit)
    except (Interrupted, UsageError):
        raise
    except NannaError as error:
        context.say(f"the notes have no figures: {error.message}")
        return ""
    return figure_notes(changes, before, source.tag)


def _verified(context: Context, report: ReleaseReport) -> ReleaseReport:
    """The report of a published release after it was downloaded by a client that has seen nothing of it yet."""
    assert report.release is not None
    if context.dry_run:
        return report
    expected = {one.name: one.sha256 for one in report.assets} if report.assets else None
    with _client(context) as client:
        api = _releases_api(context, client, report.repository)
        verified, problems = verify_release(api, report.release, expected, context.say)
    return replace(report, verified=verified, problems=problems)


def _workspace(context: Context) -> str:
    """Where Cargo.toml is, by the pipeline.toml of this repository.

    Not by NANNA_CI_CONFIG: on GitHub the app is that of the workflow's own source, and so is the file that it names.
    """
    path = context.ports.cwd / (context.config or "pipeline.toml")
    return load_pipeline(path).workspace.folder if path.exists() else "."


def _wanted_version(text: str | None) -> str | None:
    """Of --version, which may be a tag: v1.2.3 is version 1.2.3; a workflow that has none to say hands over nothing."""
    return text.removeprefix("v") if text else None


def _local_problems(
    source: TaggedCommit, tag: ReleaseTag, version: str | None, workspace: str, apart: list[Path]
) -> Iterator[str]:
    """Why this tree must not be released; all reasons at once."""
    head, commit = source.head(), source.commit()
    if commit is None:
        yield f"there is no tag {tag.name} here: git tag {tag.name}, then push it; or git fetch --tags"
    elif commit != head:
        yield f"the tag {tag.name} is of commit {commit[:12]}, and {head[:12]} is checked out"
    if changed := source.changed_files(apart):
        yield f"the tree is not that of its commit: {names_text(changed, 5)}"
    members = {} if version is not None else source.versions(workspace)
    if problem := version_problem(tag, version, members):
        yield problem


def _client(context: Context) -> WebClient:
    direct = check_api_url(api_of(context.ports.environ)[0])
    return WebClient(direct=direct, timeout_s=60.0, deadline_s=_DEADLINE_S, log=context.say)


def _releases_api(context: Context, client: WebClient, repository: str) -> ReleasesApi:
    url, value = api_of(context.ports.environ)
    token = Token(TOKEN_VARIABLE, value)
    api = GithubApi(client, token, now=context.ports.now, sleep=time.sleep, log=context.say)
    return ReleasesApi(api, url, repository)


def _tag(arguments: argparse.Namespace, context: Context) -> str:
    tag = arguments.tag or tag_of(context.ports.environ)
    if not tag:
        raise UsageError("no tag is given", hint="release v1.2.3; on GitHub, the tag that was pushed")
    return str(tag)


def _repository(arguments: argparse.Namespace, context: Context) -> str:
    change = None if arguments.repository else change_of(context.ports.environ)
    text = arguments.repository or (change.repository if change is not None else None)
    if not text:
        raise UsageError("--repository is missing", hint="such as --repository nanna-coder/nanna-coder")
    if _REPOSITORY.fullmatch(text) is None:
        raise UsageError(f"--repository {shorten(text)} is not a repository", hint="OWNER/REPO")
    return str(text)
