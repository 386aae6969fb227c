"""`cache-push`: filter and push to a cache, then query every path again."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from nanna_ci.cache.folder_lock import push_lock
from nanna_ci.cache.gc_roots import RootKind, RootRecord, parse_root_name, write_root_record
from nanna_ci.cache.push.cachix import has_credentials
from nanna_ci.cache.push.destination import Destination, parse_destination
from nanna_ci.cache.push.push_plan import plan_push
from nanna_ci.cache.push.push_report import PushReport, Skip, Watched, decide_verdict, push_to_json, render_push
from nanna_ci.cache.push.pusher import Pusher
from nanna_ci.cache.push.selection import Selection, WantedPaths, parse_wanted, select_derivations, select_paths
from nanna_ci.cache.push_filter import PushFilter
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import UsageError
from nanna_ci.foundation.redact import known_secrets
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import Pipeline, find_pipeline, load_pipeline
from nanna_ci.pipeline.host_evaluation import planned_derivations
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.nix import BUILD_TIMEOUT_S, Nix
from nanna_ci.store.nix_copy import query_built_since, query_closure, watched_folder


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Select, plan, send, verify. A path that was not pushed, or is not there afterwards, is a fail."""
    ports = context.ports
    begun = ports.clock()
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    destination = parse_destination(arguments.to, pipeline.cache.name)
    patterns = tuple(arguments.patterns or pipeline.cache.push_filter)
    push_filter = PushFilter(patterns)
    _check(arguments, destination, dry_run=context.dry_run)
    root = None if arguments.root is None else parse_root_name(arguments.root)
    report = PushReport(destination, patterns)
    if _lacks_token(destination, context):
        watched = _run_command(arguments.words, context) if arguments.watch else None
        report = replace(report, watched=watched, skipped=Skip.NO_RIGHTS)
    else:
        with _lock(destination, dry_run=context.dry_run):
            report = _push(report, arguments, pipeline, push_filter, context)
            report = report if root is None else _record(report, root, context)
    return _outcome(replace(report, seconds=ports.clock() - begun), context)


def _check(arguments: argparse.Namespace, destination: Destination, *, dry_run: bool) -> None:
    """Refuse flags that do not go together."""
    if arguments.watch and not arguments.words:
        raise UsageError("--watch needs a command", hint="put it after `--`")
    if arguments.watch and dry_run:
        raise UsageError("--watch runs its command, so there is no dry run of it")
    folder = None if destination.substituter is None else destination.substituter.folder
    if arguments.root is not None and folder is None:
        raise UsageError("--as keeps paths in a cache that is a folder", hint="such as --to file:///var/cache/nix")


def _lock(destination: Destination, *, dry_run: bool) -> AbstractContextManager[None]:
    """Keeps collections out of a folder, so that nothing is deleted that the push relies on."""
    folder = None if destination.substituter is None else destination.substituter.folder
    if folder is None or dry_run:
        return nullcontext()

    return push_lock(folder)


def _lacks_token(destination: Destination, context: Context) -> bool:
    return destination.cachix is not None and not context.dry_run and not has_credentials(context.ports.environ)


def _push(
    report: PushReport,
    arguments: argparse.Namespace,
    pipeline: Pipeline,
    push_filter: PushFilter,
    context: Context,
) -> PushReport:
    """All stages from the list to the receipt, or to the plan on a dry run."""
    nix = Nix(context.ports.run, environ=context.ports.environ)
    pusher = _pusher(report.destination, nix, context)
    if not context.dry_run:
        pusher.check_program()
    if arguments.watch:
        watched, selection = _watch_store(arguments, nix, context)
        report, empty = replace(report, watched=watched), Skip.NOTHING_BUILT
    else:
        selection, empty = _select(arguments, pipeline, nix, context)
    plan = plan_push(selection.paths, query_closure(nix, selection.paths), push_filter.matching)
    report = replace(report, selection=selection, plan=plan)
    if not plan.push:
        is_empty = not selection.paths and not selection.unbuilt
        return replace(report, skipped=empty if is_empty else Skip.ALL_FILTERED if plan.filtered else None)
    if context.dry_run:
        return report
    context.say(f"pushing {len(plan.push)} paths, {len(plan.closure)} with all that they need")
    sent = pusher.send(plan)
    receipt = pusher.verify(plan, sent, public_keys=pipeline.cache.public_keys, others=pipeline.cache.substituters)
    return replace(report, sent=sent, receipt=receipt)


def _pusher(destination: Destination, nix: Nix, context: Context) -> Pusher:
    return Pusher(
        destination,
        nix,
        run=context.ports.run,
        environ=context.ports.environ,
        say=context.say,
        clock=context.ports.clock,
        sleep=time.sleep,
        verbose=context.verbosity > 0,
    )


def _select(arguments: argparse.Namespace, pipeline: Pipeline, nix: Nix, context: Context) -> tuple[Selection, Skip]:
    """What the words name, or the pipeline's outputs; and what it means if that is nothing."""
    if not arguments.words:
        return _select_pipeline(arguments, pipeline, nix, context), Skip.NOTHING_HERE
    stdin = context.ports.stdin
    words = [word for word in arguments.words if word != "-"]
    if len(words) < len(arguments.words) and stdin is not None:
        words += stdin.read().split()
    wanted = parse_wanted(words, context.ports.cwd)
    return select_paths(nix, wanted, with_builds=arguments.build_closure), Skip.NOTHING_NAMED


def _select_pipeline(arguments: argparse.Namespace, pipeline: Pipeline, nix: Nix, context: Context) -> Selection:
    derivations = sorted(set(planned_derivations(nix, pipeline).values()))
    shown = nix.derivation_show(derivations, recursive=False)
    selection = select_derivations(nix, tuple(shown.values()), with_builds=arguments.build_closure)
    here = len(derivations) - len(selection.unbuilt)
    context.say(f"{here} of the {len(derivations)} jobs of the pipeline have an output here")
    return replace(selection, unbuilt=())  # not all of them need to exist


def _watch_store(arguments: argparse.Namespace, nix: Nix, context: Context) -> tuple[Watched, Selection]:
    """Run the command; what the local store has built since."""
    folder = watched_folder(nix)
    started_s = context.ports.now()
    before = frozenset(query_built_since(nix, folder, started_s))  # Nix registers in whole seconds
    watched = _run_command(arguments.words, context)
    built = [path for path in query_built_since(nix, folder, started_s) if path not in before]
    return watched, select_paths(nix, WantedPaths(tuple(built), ()), with_builds=arguments.build_closure)


def _run_command(argv: Sequence[str], context: Context) -> Watched:
    """Run the caller's command, its output on stderr without secrets: stdout is for the result."""
    ports = context.ports

    def pass_on(line: bytes) -> None:
        ports.stderr.write(line.decode("utf-8", "replace") + "\n")
        ports.stderr.flush()

    completed = ports.run(
        argv,
        timeout_s=BUILD_TIMEOUT_S,
        accept=frozenset(range(-64, 256)),
        env=dict(ports.environ),
        cwd=ports.cwd,
        secrets=known_secrets(ports.environ),
        on_stdout=pass_on,
        on_stderr=pass_on,
    )
    return Watched(completed.argv, completed.returncode, completed.seconds)


def _record(report: PushReport, root: tuple[RootKind, str], context: Context) -> PushReport:
    """Keep what is there, under the name that was requested."""
    substituter = report.destination.substituter
    if not report.pushed or substituter is None or substituter.folder is None:
        return report
    record = RootRecord(*root, int(context.ports.now()), report.pushed)
    write_root_record(substituter.folder, record)
    return replace(report, recorded_as=record.label)


def _outcome(report: PushReport, context: Context) -> Outcome:
    verdict = decide_verdict(report)
    return Outcome(
        verdict,
        render_push(report, dry_run=context.dry_run),
        push_to_json(report, dry_run=context.dry_run),
        exit_code=0 if verdict is Verdict.UNAVAILABLE and report.skipped is Skip.NO_RIGHTS else None,
        outputs={"pushed": str(len(report.pushed))},
    )
