"""`doctor`: checks the setup of this machine, or of a repository on GitHub; each finding with its fix."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nanna_ci.cache.cachix_api import CACHIX_TOKEN_VARIABLE, CachixCache, query_cache
from nanna_ci.cache.client.folder import query_size_bytes
from nanna_ci.cache.client.narinfo_query import make_query
from nanna_ci.cache.health import (
    KeyFacts,
    check_filter,
    check_keys,
    check_negative,
    check_probe,
    check_settings,
    check_signatures,
    check_size,
    check_token,
)
from nanna_ci.cache.negative_entries import load_negative_entries
from nanna_ci.cache.probe import query_probe
from nanna_ci.cache.substituters import Substituter, choose_keys, choose_substituters, named_cache_url
from nanna_ci.containers.doctor.container_facts import check_containers, choose_base
from nanna_ci.containers.registry.reference import Repository
from nanna_ci.forge.settings.repository_doctor import query_findings
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import NannaError, RequestRefused, UsageError
from nanna_ci.foundation.finding import Finding, Health
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.measure.metrics.github_runs import parse_repository
from nanna_ci.pipeline.definition import Cache, Pipeline, find_pipeline, load_pipeline
from nanna_ci.pipeline.host_evaluation import HostEvaluation, query_evaluation
from nanna_ci.pipeline.subject import source_folder
from nanna_ci.report.blocks import Block, Cell, Document, Notice, Table, Tone
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.debian_root import check_debian_root
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.scanning.baseline_file import load_baseline
from nanna_ci.supply_chain.scanning.scan_health import check_scans
from nanna_ci.usage.lock_models import LOCK_FILE


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Check everything. Findings are the answer; only a wrong pipeline.toml or flag is an error."""
    if arguments.github is not None:
        return _github(arguments, context)
    ports = context.ports
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    cache = pipeline.cache
    nix = Nix(ports.run, environ=ports.environ)
    settings, no_nix = _settings(nix)
    substituters = choose_substituters(arguments.substituter, settings, cache.name, cache.substituters)
    base = _base(arguments.to, context) if pipeline.images else None
    evaluated = _evaluated(nix, context) if no_nix is None else no_nix
    found = list(check_debian_root(ports.environ))
    found += list(_checked(pipeline, substituters, context, nix=nix, settings=settings, evaluated=evaluated))
    found += check_scans(
        load_baseline(source_folder(ports.cwd, nix.overrides) / pipeline.security.baseline),
        max_age_days=pipeline.security.database_max_age_days,
        today=datetime.datetime.fromtimestamp(ports.now(), datetime.UTC).date(),
        run=ports.run,
        environ=ports.environ,
    )
    if pipeline.images:
        found += check_containers(pipeline, base, evaluated, LOCK_FILE, context)
    title = "Setup of caches, scans and containers" if pipeline.images else "Setup of caches and scans"
    return _outcome(title, tuple(found))


def _github(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The settings of a repository on GitHub: nothing of this machine, and no pipeline.toml."""
    if arguments.substituter or arguments.to is not None:
        raise UsageError("--github checks a repository's settings, not this machine's", hint="run doctor twice")
    repository = parse_repository(arguments.github)
    return _outcome(f"Settings of {repository} on GitHub", query_findings(repository, context))


def _outcome(title: str, findings: tuple[Finding, ...]) -> Outcome:
    healths = {finding.health for finding in findings}
    verdict = Verdict.FAIL if Health.BAD in healths else Verdict.PASS
    if healths == {Health.UNAVAILABLE}:
        verdict = Verdict.UNAVAILABLE
    return Outcome(verdict, document_of(title, findings), {"findings": [_to_json(finding) for finding in findings]})


def _base(to: str | None, context: Context) -> Repository | None:
    """Where images would go, known before any request: --to may be wrong."""
    return choose_base(to, context.ports.environ)


def _settings(nix: Nix) -> tuple[Mapping[str, Any] | None, str | None]:
    """Nix's settings, or None and why."""
    try:
        return nix.settings(), None
    except NannaError as error:
        return None, error.message


def _evaluated(nix: Nix, context: Context) -> HostEvaluation | str:
    """What the flake has on this system, or why that is not known."""
    context.say("evaluating the pipeline's jobs")
    try:
        return query_evaluation(nix)
    except NannaError as error:
        return error.message


def _checked(
    pipeline: Pipeline,
    substituters: Sequence[Substituter],
    context: Context,
    *,
    nix: Nix,
    settings: Mapping[str, Any] | None,
    evaluated: HostEvaluation | str,
) -> Iterator[Finding]:
    ports, cache = context.ports, pipeline.cache
    token = Token(CACHIX_TOKEN_VARIABLE, ports.environ.get(CACHIX_TOKEN_VARIABLE) or None)
    named = [] if cache.name is None else [named_cache_url(cache.name)]
    wanted = {"substituters": [*named, *cache.substituters], "trusted-public-keys": list(cache.public_keys)}
    yield from check_settings(wanted, settings)
    reachable = []
    with WebClient(timeout_s=10.0, deadline_s=20.0, attempts=2) as client:
        for substituter in substituters:
            context.say(f"asking {substituter.url}")
            takes_token = substituter.cachix is not None and substituter.cachix.takes_token
            own_token = token if takes_token and token.value is not None else None
            probe = query_probe(client, substituter, own_token, clock=ports.clock, now=ports.now)
            yield from check_probe(probe)
            reachable += [substituter] if probe.error is None else []
            if substituter.cachix is not None and substituter.cachix.name == cache.name:
                yield from _check_cachix(cache, substituter.cachix, client, token, probe.error)
    job_outputs, outputs, problem = _outputs(nix, pipeline, evaluated)
    yield check_filter(outputs, cache.push_filter, frozenset(job_outputs), problem)
    yield from _check_contents(cache, reachable, job_outputs, settings, context)


def _check_cachix(
    cache: Cache, cachix: CachixCache, client: WebClient, token: Token, problem: str | None
) -> Iterator[Finding]:
    """Key and token of the cache that pipeline.toml names. `problem`: why it cannot be queried."""
    announced, permission, refused = None, None, False
    if problem is None:
        try:
            own_token = token if token.value is not None and cachix.takes_token else None
            description = query_cache(client, cachix, own_token)
            announced, permission = description.public_signing_keys, description.permission
        except NannaError as error:
            problem = error.message
            refused = isinstance(error, RequestRefused) and error.status in {401, 403}
    yield check_keys(KeyFacts(cachix.name, cache.public_keys, announced, problem))
    yield check_token(token.variable, is_set=token.value is not None, permission=permission, refused=refused)


def _outputs(
    nix: Nix, pipeline: Pipeline, evaluated: HostEvaluation | str
) -> tuple[tuple[StorePath, ...], tuple[StorePath, ...], str | None]:
    """Outputs that are built here: of the pipeline's jobs, and of all that these are built from; or why not."""
    if isinstance(evaluated, str):
        return (), (), evaluated
    try:
        jobs = set(evaluated.planned(pipeline).values())
        shown = nix.derivation_show(sorted(jobs), recursive=True) if jobs else {}
        made_by = {
            output.path: path
            for path, derivation in shown.items()
            for output in derivation.outputs.values()
            if output.path is not None
        }
        valid = sorted(path for path, info in nix.path_info(sorted(made_by)).items() if info is not None)
    except NannaError as error:
        return (), (), error.message
    return tuple(path for path in valid if made_by[path] in jobs), tuple(valid), None


def _check_contents(
    cache: Cache,
    substituters: Sequence[Substituter],
    job_outputs: Sequence[StorePath],
    settings: Mapping[str, Any] | None,
    context: Context,
) -> Iterator[Finding]:
    """What each cache holds of the jobs' outputs: signatures, entries that hide it; and how large a folder is."""
    keys = choose_keys((), settings, cache.public_keys)
    entries = load_negative_entries(context.ports.environ, settings, now=context.ports.now())
    ports = context.ports
    query = make_query(substituters, settings, None, environ=ports.environ, say=context.say, clock=ports.clock)
    for answer in query(substituters if job_outputs else (), job_outputs, walk=False):
        url = answer.substituter.url
        if answer.error is None:
            names = frozenset(signature.key_name for info in answer.found.values() for signature in info.signatures)
            judged = [keys.judge(info) for info in answer.found.values()]
            if not answer.substituter.is_trusted:
                yield check_signatures(url, judged, names)
            ages_s = entries.for_(url, [path.hash for path in answer.found])
            hidden = {path: entries.ttl_s - ages_s[path.hash] for path in answer.found if path.hash in ages_s}
            yield check_negative(url, hidden, entries.problem)
    for substituter in substituters:
        folder = substituter.folder
        size_bytes = None if folder is None else query_size_bytes(folder)
        yield check_size(substituter.url, size_bytes, cache.maximum_size_bytes)


def _to_json(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "subject": finding.subject,
        "health": finding.health.value,
        "says": finding.says,
        "fix": finding.fix,
    }


def document_of(title: str, findings: Sequence[Finding]) -> Document:
    """Each finding once: what is to be fixed first, as a sentence with its fix; the others in a table."""
    blocks: list[Block] = []
    for health, tone in ((Health.BAD, Tone.BAD), (Health.WARN, Tone.WARN)):
        for finding in findings:
            if finding.health is health:
                subject = f" ({finding.subject})" if finding.subject else ""
                fix = f"; fix: {finding.fix}" if finding.fix else ""
                blocks.append(Notice(tone, f"{finding.check}{subject}: {finding.says}{fix}"))
    others = [finding for finding in findings if finding.health in {Health.GOOD, Health.UNAVAILABLE}]
    if not blocks:
        unchecked = sum(finding.health is Health.UNAVAILABLE for finding in others)
        if unchecked == len(others):
            blocks.append(Notice(Tone.WARN, "nothing could be checked"))
        else:
            rest = f"; {unchecked} could not be checked" if unchecked else ""
            blocks.append(Notice(Tone.GOOD, f"nothing to fix{rest}"))
    rows = tuple(
        (
            Cell(finding.health.value, Tone.GOOD if finding.health is Health.GOOD else Tone.NEUTRAL),
            Cell(finding.check),
            Cell(finding.subject or ""),
            Cell(finding.says),
        )
        for finding in others
    )
    blocks += [Table(("Health", "Check", "Of", "Found"), rows)] if rows else []
    return Document(title, tuple(blocks))
