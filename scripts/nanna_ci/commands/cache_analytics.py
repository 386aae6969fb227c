"""`cache-analytics`: hit rate by paths, bytes and build time; why each miss missed; a gate."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from nanna_ci.cache.analysis.baseline import Baseline
    from nanna_ci.cache.analysis.values import Analysis, AnalysisSubject
    from nanna_ci.cache.substituters import Substituter
    from nanna_ci.outcome import Context, Outcome
    from nanna_ci.pipeline.definition import Pipeline
    from nanna_ci.store.nix import Nix
    from nanna_ci.store.trust import TrustedKeys

NAME = "cache-analytics"
SUMMARY = "hit rate by paths, bytes and build time; why each miss missed; a gate"
DESCRIPTION = """\
Asks all binary caches at once which paths they have, verifies the signatures, and tells what Nix would download and
what it would build, how much of it hits (paths, bytes, recorded build time), and why each of the rest missed.

What is looked at:
  INSTALLABLE…           every output of every derivation that these need, such as .#default or /nix/store/….drv;
                         without any: the jobs of the pipeline on this system, tests and builds
  --walk INSTALLABLE…    what their outputs, or store paths, refer to, as far as the caches know
  --paths-from FILE      these store paths; needs no nix. With --walk also what they refer to

A miss is a root (mend this one) or cascade (it misses because of others). Its reason is one of: changed, new, follows
(against --baseline: an earlier report of --format json, or another revision of the flake); never-pushed, filtered,
dragged, untrusted, no-archive, evicted, hidden (by Nix's own narinfo cache), input-missing.

A path whose signature is missing, bad or by an unknown key is no hit. Exit 1 where the gate does not hold: exactly at
the minimum holds, nothing measured does not. Exit 3 where a cache did not answer, 4 where an answer was corrupt.
A cache that has not given all answers by its deadline, or whose references have no end, fails alone, by name.

example: nanna-ci cache-analytics --minimum-hit-rate 0.85 --baseline last-week.json
example: nanna-ci cache-analytics --paths-from paths.txt --substituter https://cache.example.org --format json
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "words", nargs="*", metavar="INSTALLABLE", help="what to look at (default: the pipeline's jobs)"
    )
    parser.add_argument("--paths-from", metavar="FILE", help="store paths, one a line; - for standard input")
    parser.add_argument("--walk", action="store_true", help="follow references from the given roots")
    parser.add_argument(
        "--substituter",
        action="append",
        default=[],
        metavar="URL",
        help="a cache to ask; repeatable (default: those of Nix and of pipeline.toml)",
    )
    parser.add_argument(
        "--trusted-key",
        action="append",
        default=[],
        metavar="KEY",
        help="a public key, NAME:BASE64; repeatable (default: those of Nix and of pipeline.toml)",
    )
    parser.add_argument("--concurrency", metavar="N", help="connections to a host at most (default: by its nearness)")
    parser.add_argument(
        "--verify-archives",
        action="store_true",
        help="ask caches over HTTP for the archive behind each narinfo, too (HEAD): one that is not there is no hit",
    )
    parser.add_argument(
        "--deadline",
        metavar="SECONDS",
        help="how long one cache may take, with retries and waits (default: 60, and 0.02 more for each path)",
    )
    parser.add_argument("--minimum-hit-rate", metavar="R", help="fail where fewer paths hit: 0 to 1, such as 0.85")
    parser.add_argument(
        "--baseline", metavar="REPORT|FLAKE", help="an earlier report, or another revision of the flake"
    )
    parser.add_argument(
        "--build-times", metavar="FILE", help="recorded build times (default: .nanna-ci/build-times.json)"
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Collect what is known, ask, report."""
    import gc  # noqa: PLC0415

    # Hundreds of thousands of values are made, and all of them stay: to look for garbage takes a tenth of the time.
    gc.disable()
    try:
        return _outcome(_analyse(arguments, context), arguments)
    finally:
        gc.enable()


def _analyse(arguments: argparse.Namespace, context: Context) -> Analysis:
    from functools import cache  # noqa: PLC0415

    from nanna_ci.cache.analysis.hits import parse_minimum  # noqa: PLC0415
    from nanna_ci.cache.analysis.survey import SurveyRequest, analyse, find_build_times  # noqa: PLC0415
    from nanna_ci.cache.client.narinfo_query import make_query, parse_concurrency, parse_deadline  # noqa: PLC0415
    from nanna_ci.cache.negative_entries import load_negative_entries  # noqa: PLC0415
    from nanna_ci.cache.push_filter import PushFilter  # noqa: PLC0415
    from nanna_ci.store.local_store import LocalStore, store_folder  # noqa: PLC0415

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
    from nanna_ci.store.nix import Nix  # noqa: PLC0415

    return Nix(context.ports.run, environ=environ)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse flags that do not go together."""
    from nanna_ci.errors import UsageError  # noqa: PLC0415

    if arguments.words and arguments.paths_from is not None:
        raise UsageError("--paths-from and installables do not go together")
    if arguments.walk and not arguments.words and arguments.paths_from is None:
        raise UsageError("--walk needs roots: installables, store paths, or --paths-from")


def _pipeline(context: Context) -> Pipeline:
    """pipeline.toml; its defaults where nobody named a file and none is there."""
    from nanna_ci.pipeline.definition import find_pipeline, load_pipeline, parse_pipeline  # noqa: PLC0415

    path = find_pipeline(context.config, context.ports.environ, context.ports.cwd)
    if context.config is None and "NANNA_CI_CONFIG" not in context.ports.environ and not path.exists():
        return parse_pipeline('[workspace]\nname = "none"\n', "the defaults")
    return load_pipeline(path)


def _caches(
    arguments: argparse.Namespace, pipeline: Pipeline, nix: Callable[[], Nix]
) -> tuple[Mapping[str, Any] | None, tuple[Substituter, ...], TrustedKeys | None]:
    """Nix's settings, the caches to ask, the keys to trust. For a list of paths nix is only asked where flags leave
    something open, and may be absent."""
    from nanna_ci.cache.substituters import choose_keys, choose_substituters  # noqa: PLC0415
    from nanna_ci.errors import ToolMissing, UsageError  # noqa: PLC0415

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
        raise UsageError("there is no cache to ask: Nix has none, nor has pipeline.toml", hint="--substituter URL")
    if (settings or {}).get("require-sigs") is False or all(one.is_trusted for one in substituters):
        return settings, substituters, None
    return settings, substituters, choose_keys(arguments.trusted_key, settings, cache.public_keys)


def _baseline(
    arguments: argparse.Namespace, pipeline: Pipeline, nix: Callable[[], Nix], folder: Path | None, context: Context
) -> Baseline | None:
    if arguments.baseline is None:
        return None
    from nanna_ci.cache.analysis.inputs import baseline_of_jobs, baseline_of_words, read_baseline  # noqa: PLC0415
    from nanna_ci.errors import UsageError  # noqa: PLC0415
    from nanna_ci.store.nix import FLAKE_VARIABLE  # noqa: PLC0415

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
    from nanna_ci.pipeline.host_evaluation import planned_derivations  # noqa: PLC0415

    return baseline_of_jobs(other, planned_derivations(other, pipeline), folder)


def _subject(
    arguments: argparse.Namespace, pipeline: Pipeline, nix: Callable[[], Nix], folder: Path | None, context: Context
) -> AnalysisSubject:
    ports, words = context.ports, arguments.words
    if arguments.paths_from is not None:
        from nanna_ci.cache.analysis.path_list import read_paths  # noqa: PLC0415
        from nanna_ci.cache.analysis.values import AnalysisSubject  # noqa: PLC0415

        return AnalysisSubject((), read_paths(arguments.paths_from, ports.stdin, ports.cwd), {})
    from nanna_ci.cache.analysis.inputs import roots_of_words, subject_of_jobs, subject_of_words  # noqa: PLC0415

    context.say("evaluating")
    if arguments.walk:
        return roots_of_words(nix(), words, ports.cwd)
    if words:
        return subject_of_words(nix(), words, ports.cwd, folder)
    from nanna_ci.pipeline.host_evaluation import planned_derivations  # noqa: PLC0415

    return subject_of_jobs(nix(), planned_derivations(nix(), pipeline), folder)


def _outcome(analysis: Analysis, arguments: argparse.Namespace) -> Outcome:
    from nanna_ci.cache.analysis.analysis_json import analysis_to_json  # noqa: PLC0415
    from nanna_ci.cache.analysis.analysis_report import render_document  # noqa: PLC0415
    from nanna_ci.outcome import Outcome  # noqa: PLC0415

    rate = analysis.rate.paths
    return Outcome(
        verdict=analysis.verdict,
        document=render_document(analysis),
        data=analysis_to_json(analysis) if arguments.format == "json" else {},
        exit_code=analysis.exit_code,
        outputs={} if rate is None else {"hit-rate": f"{rate:.4f}"},
    )
