"""`cache-analytics`: hit rate by paths, bytes and build time; why each miss missed; a gate."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from nanna_ci.cache.analysis.analysis_json import analysis_to_json
from nanna_ci.cache.analysis.analysis_report import render_document
from nanna_ci.cache.analysis.baseline import Baseline
from nanna_ci.cache.analysis.hits import parse_minimum
from nanna_ci.cache.analysis.inputs import (
    baseline_of_jobs,
    baseline_of_words,
    read_baseline,
    read_paths,
    roots_of_words,
    subject_of_jobs,
    subject_of_words,
)
from nanna_ci.cache.analysis.survey import SurveyRequest, analyse, find_build_times
from nanna_ci.cache.analysis.values import Analysis, AnalysisSubject
from nanna_ci.cache.client.narinfo_query import make_query, parse_concurrency, parse_deadline
from nanna_ci.cache.negative_entries import load_negative_entries
from nanna_ci.cache.push_filter import PushFilter
from nanna_ci.cache.substituters import Substituter, choose_keys, choose_substituters
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import ToolMissing, UsageError
from nanna_ci.pipeline.definition import Pipeline, find_pipeline, load_pipeline, parse_pipeline
from nanna_ci.pipeline.host_evaluation import planned_derivations
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.local_store import LocalStore, store_folder
from nanna_ci.store.nix import FLAKE_VARIABLE, Nix
from nanna_ci.store.trust import TrustedKeys


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Collect what is known, query, report."""
    # Hundreds of thousands of values are made, and all of them stay: to look for garbage takes a tenth of the time.
    gc.disable()
    try:
        return _outcome(_analyse(arguments, context), arguments)
    finally:
        gc.enable()


def _analyse(arguments: argparse.Namespace, context: Context) -> Analysis:
    ports = context.ports
    _check(arguments)
    minimum = None if arguments.minimum_hit_rate is None else parse_minimum(arguments.minimum_hit_rate)
    concurrency = None if arguments.concurrency is None else parse_concurrency(arguments.concurrency)
    deadline_s = None if arguments.deadline is None else parse_deadline(arguments.deadline)
    pipeline = _pipeline(context)
    folder = store_folder(ports.environ)
    nix = cache(lambda: _nix(ports.environ, context))  # a list of paths may do without it
    settings, substituters, keys = _caches(arguments, pipeline, nix)
    baseline = _baseline(arguments, pipeline, nix, folder, context)
    request = SurveyRequest(
        subject=_subject(arguments, pipeline, nix, folder, context),
        substituters=substituters,
        keys=keys,
        walk=arguments.walk,
        minimum=minimum,
        baseline=baseline,
        push_filter=PushFilter(pipeline.cache.push_filter),
        build_times=find_build_times(arguments.build_times, ports.cwd),
        negative=load_negative_entries(ports.environ, settings, now=ports.now()),
        always_allow=(settings or {}).get("always-allow-substitutes") is True,
        limit_bytes=pipeline.cache.maximum_size_bytes,
        target=pipeline.budget.cache_hit_rate,
    )
    local = LocalStore(nix, folder, is_optional=arguments.paths_from is not None)
    query = make_query(
        substituters,
        settings,
        concurrency,
        deadline_s=deadline_s,
        verify_archives=arguments.verify_archives,
        environ=ports.environ,
        say=context.say,
        clock=ports.clock,
    )
    return analyse(request, local, query, ports.clock)


def _nix(environ: Mapping[str, str], context: Context) -> Nix:
    return Nix(context.ports.run, environ=environ)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse flags that do not go together."""
    if arguments.words and arguments.paths_from is not None:
        raise UsageError("--paths-from and installables do not go together")
    if arguments.walk and not arguments.words and arguments.paths_from is None:
        raise UsageError("--walk needs roots: installables, store paths, or --paths-from")


def _pipeline(context: Context) -> Pipeline:
    """pipeline.toml; its defaults if nobody named a file and none is there."""
    path = find_pipeline(context.config, context.ports.environ, context.ports.cwd)
    if context.config is None and "NANNA_CI_CONFIG" not in context.ports.environ and not path.exists():
        return parse_pipeline('[workspace]\nname = "none"\n', "the defaults")
    return load_pipeline(path)


def _caches(
    arguments: argparse.Namespace, pipeline: Pipeline, nix: Callable[[], Nix]
) -> tuple[Mapping[str, Any] | None, tuple[Substituter, ...], TrustedKeys | None]:
    """Nix's settings, the caches to query, the keys to trust. For a list of paths nix is only queried where flags leave
    something open, and may be absent."""
    cache, flags = pipeline.cache, arguments.substituter
    substituters = choose_substituters(flags, None, None, ()) if flags else ()
    needs_keys = not arguments.trusted_key and not all(one.is_trusted for one in substituters)
    settings = None
    if arguments.paths_from is None or not flags or needs_keys:
        try:
            settings = nix().settings()
        except ToolMissing:
            if arguments.paths_from is None:
                raise
    if not flags:
        substituters = choose_substituters((), settings, cache.name, cache.substituters)
    if not substituters:
        raise UsageError("there is no cache to query: Nix has none, nor has pipeline.toml", hint="--substituter URL")
    if (settings or {}).get("require-sigs") is False or all(one.is_trusted for one in substituters):
        return settings, substituters, None
    return settings, substituters, choose_keys(arguments.trusted_key, settings, cache.public_keys)


def _baseline(
    arguments: argparse.Namespace, pipeline: Pipeline, nix: Callable[[], Nix], folder: Path | None, context: Context
) -> Baseline | None:
    if arguments.baseline is None:
        return None

    named = arguments.baseline
    report = read_baseline(named, context.ports.cwd)
    if report is not None:
        return report
    if arguments.paths_from is not None or arguments.walk:
        raise UsageError(f"--baseline {named}: there is no such file, and only installables have another revision")
    context.say(f"evaluating {named}")
    if arguments.words:
        return baseline_of_words(nix(), arguments.words, named, folder)
    other = _nix({**context.ports.environ, FLAKE_VARIABLE: named}, context)

    return baseline_of_jobs(other, planned_derivations(other, pipeline), folder)


def _subject(
    arguments: argparse.Namespace, pipeline: Pipeline, nix: Callable[[], Nix], folder: Path | None, context: Context
) -> AnalysisSubject:
    ports, words = context.ports, arguments.words
    if arguments.paths_from is not None:
        return AnalysisSubject((), read_paths(arguments.paths_from, ports.stdin, ports.cwd), {})

    context.say("evaluating")
    if arguments.walk:
        return roots_of_words(nix(), words, ports.cwd)
    if words:
        return subject_of_words(nix(), words, ports.cwd, folder)

    return subject_of_jobs(nix(), planned_derivations(nix(), pipeline), folder)


def _outcome(analysis: Analysis, arguments: argparse.Namespace) -> Outcome:
    rate = analysis.rate.paths
    return Outcome(
        verdict=analysis.verdict,
        document=render_document(analysis),
        data=analysis_to_json(analysis) if arguments.format == "json" else {},
        exit_code=analysis.exit_code,
        outputs={} if rate is None else {"hit-rate": f"{rate:.4f}"},
    )
