"""`cache-push`: filter and push to a cache, then ask for every path again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from nanna_ci.cache.gc_roots import RootKind
    from nanna_ci.cache.push.destination import Destination
    from nanna_ci.cache.push.push_report import PushReport, Skip, Watched
    from nanna_ci.cache.push.pusher import Pusher
    from nanna_ci.cache.push.selection import Selection
    from nanna_ci.cache.push_filter import PushFilter
    from nanna_ci.outcome import Context, Outcome
    from nanna_ci.pipeline.definition import Pipeline
    from nanna_ci.store.nix import Nix

NAME = "cache-push"
SUMMARY = "filter and push to a cache, then ask for every path again"
DESCRIPTION = """\
Pushes store paths with their run-time closures, and asks for every one of them again with a client that knows nothing:
a path that is not there afterwards is a no (exit 1), by name. What is there already is not sent again. A cache has 60 s
for all its answers, and 0.02 more for each path, retries and waits included; then it counts as down (exit 3).

A PATH is a store path, a link to one, or an installable: of a derivation its outputs that are here, all of them. `-`
reads them from standard input. Without any it is the outputs of the pipeline's pure jobs that are here.

--to takes the URL of a Nix store, which `nix copy` writes to, or the name of a Cachix cache, for the cachix program
with CACHIX_AUTH_TOKEN in the environment. Without a token, as on forks, nothing is pushed: a notice, and exit 0.

The filter keeps paths back whose names match, but not those that a pushed path refers to: it could not be used without
them. --filter '^$' keeps nothing back.

--build-closure adds what the build needed: of every derivation behind the paths, down to the first, the outputs that
are here, with their run-time closures; no .drv files, and no sources but those that are outputs or referred to.

--watch runs the command after `--`, and when it ends, also where it fails, pushes what was built in the local store
meanwhile, whoever built it; not what came from a cache. The command's output goes to standard error.

example: nanna-ci cache-push --watch -- nix build .#default
         nanna-ci cache-push --to 'file:///var/cache/nix?secret-key=key.sec' --as release:v1.2 ./result
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("words", nargs="*", metavar="PATH", help="what to push; with --watch: the command, after `--`")
    parser.add_argument("--to", metavar="STORE", help="a store's URL or a Cachix cache (default: [cache] name)")
    parser.add_argument(
        "--filter",
        dest="patterns",
        action="append",
        metavar="PATTERN",
        help="keep names back that match; repeatable (default: [cache] push_filter)",
    )
    parser.add_argument("--build-closure", action="store_true", help="and what was needed to build them")
    parser.add_argument("--watch", action="store_true", help="run a command, and push what was built meanwhile")
    parser.add_argument(
        "--as",
        dest="root",
        metavar="KIND:NAME",
        help="keep them: commit:REVISION, release:TAG, pin:NAME (file:// only)",
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Select, plan, send, verify. A path that was not pushed, or is not there afterwards, is a fail."""
    from dataclasses import replace  # noqa: PLC0415

    from nanna_ci.cache.gc_roots import parse_root_name  # noqa: PLC0415
    from nanna_ci.cache.push.destination import parse_destination  # noqa: PLC0415
    from nanna_ci.cache.push.push_report import PushReport, Skip  # noqa: PLC0415
    from nanna_ci.cache.push_filter import PushFilter  # noqa: PLC0415
    from nanna_ci.pipeline.definition import find_pipeline, load_pipeline  # noqa: PLC0415

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
    from nanna_ci.errors import UsageError  # noqa: PLC0415

    if arguments.watch and not arguments.words:
        raise UsageError("--watch needs a command", hint="put it after `--`")
    if arguments.watch and dry_run:
        raise UsageError("--watch runs its command, so there is no dry run of it")
    folder = None if destination.substituter is None else destination.substituter.folder
    if arguments.root is not None and folder is None:
        raise UsageError("--as keeps paths in a cache that is a folder", hint="such as --to file:///var/cache/nix")


def _lock(destination: Destination, *, dry_run: bool) -> AbstractContextManager[None]:
    """Keeps collections out of a folder, so that nothing goes that the push counts on."""
    from contextlib import nullcontext  # noqa: PLC0415

    folder = None if destination.substituter is None else destination.substituter.folder
    if folder is None or dry_run:
        return nullcontext()
    from nanna_ci.cache.folder_lock import push_lock  # noqa: PLC0415 - POSIX only

    return push_lock(folder)


def _lacks_token(destination: Destination, context: Context) -> bool:
    from nanna_ci.cache.push.cachix import has_credentials  # noqa: PLC0415

    return destination.cachix is not None and not context.dry_run and not has_credentials(context.ports.environ)


def _push(
    report: PushReport,
    arguments: argparse.Namespace,
    pipeline: Pipeline,
    push_filter: PushFilter,
    context: Context,
) -> PushReport:
    """All stages from the list to the receipt, or to the plan on a dry run."""
    from dataclasses import replace  # noqa: PLC0415

    from nanna_ci.cache.push.push_plan import plan_push  # noqa: PLC0415
    from nanna_ci.cache.push.push_report import Skip  # noqa: PLC0415
    from nanna_ci.store.nix import Nix  # noqa: PLC0415
    from nanna_ci.store.nix_copy import query_closure  # noqa: PLC0415

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
    import time  # noqa: PLC0415

    from nanna_ci.cache.push.pusher import Pusher  # noqa: PLC0415

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
    from nanna_ci.cache.push.push_report import Skip  # noqa: PLC0415
    from nanna_ci.cache.push.selection import parse_wanted, select_paths  # noqa: PLC0415

    if not arguments.words:
        return _select_pipeline(arguments, pipeline, nix, context), Skip.NOTHING_HERE
    stdin = context.ports.stdin
    words = [word for word in arguments.words if word != "-"]
    if len(words) < len(arguments.words) and stdin is not None:
        words += stdin.read().split()
    wanted = parse_wanted(words, context.ports.cwd)
    return select_paths(nix, wanted, with_builds=arguments.build_closure), Skip.NOTHING_NAMED


def _select_pipeline(arguments: argparse.Namespace, pipeline: Pipeline, nix: Nix, context: Context) -> Selection:
    from dataclasses import replace  # noqa: PLC0415

    from nanna_ci.cache.push.selection import select_derivations  # noqa: PLC0415
    from nanna_ci.pipeline.host_evaluation import planned_derivations  # noqa: PLC0415

    derivations = sorted(set(planned_derivations(nix, pipeline).values()))
    shown = nix.derivation_show(derivations, recursive=False)
    selection = select_derivations(nix, tuple(shown.values()), with_builds=arguments.build_closure)
    here = len(derivations) - len(selection.unbuilt)
    context.say(f"{here} of the {len(derivations)} jobs of the pipeline have an output here")
    return replace(selection, unbuilt=())  # nobody said that all of them should be


def _watch_store(arguments: argparse.Namespace, nix: Nix, context: Context) -> tuple[Watched, Selection]:
    """Run the command; what the local store has built since."""
    from nanna_ci.cache.push.selection import WantedPaths, select_paths  # noqa: PLC0415
    from nanna_ci.store.nix_copy import query_built_since, watched_folder  # noqa: PLC0415

    folder = watched_folder(nix)
    started_s = context.ports.now()
    before = frozenset(query_built_since(nix, folder, started_s))  # Nix registers in whole seconds
    watched = _run_command(arguments.words, context)
    built = [path for path in query_built_since(nix, folder, started_s) if path not in before]
    return watched, select_paths(nix, WantedPaths(tuple(built), ()), with_builds=arguments.build_closure)


def _run_command(argv: Sequence[str], context: Context) -> Watched:
    """Run the caller's command, its output on stderr without secrets: stdout is for the result."""
    from nanna_ci.cache.push.push_report import Watched  # noqa: PLC0415
    from nanna_ci.redact import known_secrets  # noqa: PLC0415
    from nanna_ci.store.nix import BUILD_TIMEOUT_S  # noqa: PLC0415

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
    """Keep what is there, under the name that was asked for."""
    from dataclasses import replace  # noqa: PLC0415

    from nanna_ci.cache.gc_roots import RootRecord, write_root_record  # noqa: PLC0415

    substituter = report.destination.substituter
    if not report.pushed or substituter is None or substituter.folder is None:
        return report
    record = RootRecord(*root, int(context.ports.now()), report.pushed)
    write_root_record(substituter.folder, record)
    return replace(report, recorded_as=record.label)


def _outcome(report: PushReport, context: Context) -> Outcome:
    from nanna_ci.cache.push.push_report import Skip, decide_verdict, push_to_json, render_push  # noqa: PLC0415
    from nanna_ci.outcome import Outcome, Verdict  # noqa: PLC0415

    verdict = decide_verdict(report)
    return Outcome(
        verdict,
        render_push(report, dry_run=context.dry_run),
        push_to_json(report, dry_run=context.dry_run),
        exit_code=0 if verdict is Verdict.UNAVAILABLE and report.skipped is Skip.NO_RIGHTS else None,
        outputs={"pushed": str(len(report.pushed))},
    )
