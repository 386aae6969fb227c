"""`metrics`: the figures of runs, here or on GitHub, into a history, and beside those of earlier runs."""

from __future__ import annotations

import argparse
import datetime
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nanna_ci.dashboard.run_page import read_run
from nanna_ci.forge.github_api import GithubApi, check_api_url
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import Interrupted, NannaError, UsageError, shorten
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.measure.export.open_metrics import render_open_metrics
from nanna_ci.measure.export.otlp_traces import render_otlp
from nanna_ci.measure.history.history import History
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.history_place import DEFAULT_PLACE, open_history
from nanna_ci.measure.history.records import Record, RunIdentity, RunRecord, RunTests
from nanna_ci.measure.metrics.github_runs import (
    ACTIONS_HINTS,
    GithubRunHead,
    parse_repository,
    parse_runs,
    parse_workflow,
    query_run,
    runs_url,
)
from nanna_ci.measure.metrics.list_etags import LISTS_FILE, ListEtags
from nanna_ci.measure.metrics.metrics_report import MetricsReport, comparable_runs, metrics_document, metrics_to_json
from nanna_ci.measure.metrics.run_record import record_of_results
from nanna_ci.measure.tests.job_tests import read_job_tests
from nanna_ci.pipeline.run_folder import HISTORY_FOLDER, ensure_base
from nanna_ci.report.github import TOKEN_VARIABLE, api_of
from nanna_ci.report.outcome import Outcome

MOST_RUNS: Final = 1000
"""GitHub lists no more of a filtered list."""
_LATEST: Final = ".nanna-ci/latest"
_LOCAL: Final = "local"
_STAMP: Final = re.compile(r"(\d{8}T\d{6}Z)-\d+(-\d+)?")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The verdict is pass if all that was asked for was read and kept, whatever it shows."""
    place = arguments.history or DEFAULT_PLACE
    history = open_history(arguments.history, context.ports)
    others = [] if arguments.records is None else list(_records_below(context.ports.cwd / arguments.records))
    if others and not context.dry_run:
        history.append_all(others)
    if arguments.github is None:
        report, new = _local(arguments, context, history, place)
    else:
        report, new = _github(arguments, context, history, place)
    report = replace(report, recorded=tuple(dict.fromkeys((*(one.origin.run for one in others), *report.recorded))))
    verdict = Verdict.PASS if report.problem is None else Verdict.UNAVAILABLE
    text = _exported(arguments.format, report, history, new)
    return Outcome(verdict, metrics_document(report), metrics_to_json(report), report.exit_code, text=text)


def _records_below(folder: Path) -> Iterator[Record]:
    """The records of all histories in a folder of artifacts, as jobs with no right to write left them there."""
    if not folder.is_dir():
        raise UsageError(f"--records {folder}: there is no such folder")
    places = {path.parent for path in folder.rglob("*.jsonl") if not path.is_symlink()}
    for place in sorted(places):
        left = HistoryFolder(place)
        yield from left.read_runs()
        yield from left.read_tests()
        yield from left.read_coverage()
        yield from left.read_benchmarks()


def _local(
    arguments: argparse.Namespace, context: Context, history: History, place: str
) -> tuple[MetricsReport, list[Record]]:
    given = context.ports.cwd / (arguments.run or _LATEST)
    run, tests, is_partial = _read_local(given)
    known = history.read_runs()
    is_known = any(one.origin.run == run.origin.run for one in known)
    new: list[Record] = []
    problem = None
    if is_partial:
        problem = f"{given} was interrupted: its figures are partial, and not kept"
    elif not is_known:
        new = [*([] if tests is None else [tests]), run]
    if new and not context.dry_run:
        history.append_all(new)
    recorded = (run.origin.run,) if new else ()
    report = MetricsReport(
        place, context.dry_run, recorded, int(is_known), run, comparable_runs(run, known), problem=problem
    )
    return report, new


def _read_local(given: Path) -> tuple[RunRecord, RunTests | None, bool]:
    """A run of `ci`, its tests, and whether it was interrupted; the run as `ci` recorded it, if it did."""
    report = read_run(given)
    folder = given.resolve()
    name = f"{_LOCAL}-{folder.name}"
    kept = HistoryFolder(folder.parent.parent / HISTORY_FOLDER)
    run = next((one for one in kept.read_runs() if one.origin.run == name), None)
    if run is None:
        run = record_of_results(
            RunIdentity(name, _LOCAL, _started(folder, report.seconds)), report.results, report.verdict, report.seconds
        )
    tests = read_job_tests(folder / "jobs")
    return run, RunTests(run.origin, tests) if tests else None, report.interrupted


def _started(folder: Path, seconds: float) -> datetime.datetime:
    """By the folder's name; by its last file's time if it was renamed."""
    found = _STAMP.fullmatch(folder.name)
    if found is not None:
        try:
            return datetime.datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        except ValueError:
            pass
    ended = (folder / "result.json").stat().st_mtime
    return datetime.datetime.fromtimestamp(ended - seconds, datetime.UTC).replace(microsecond=0)


def _github(
    arguments: argparse.Namespace, context: Context, history: History, place: str
) -> tuple[MetricsReport, list[Record]]:
    ports = context.ports
    repository, workflow = parse_repository(arguments.github), parse_workflow(arguments.workflow)
    newest = _count(arguments.newest)
    api_url, value = api_of(ports.environ)
    direct = check_api_url(api_url)
    before = history.read_runs()
    known = {run.origin.run: run for run in before}
    url = runs_url(api_url, repository, workflow, newest)
    etags = ListEtags(ports.cwd / ".nanna-ci" / LISTS_FILE)
    key = f"{url} {newest} {ports.cwd / place}"
    new: list[Record] = []
    problem = exit_code = None
    with WebClient(direct=direct, log=context.say) as client:
        api = GithubApi(client, Token(TOKEN_VARIABLE, value), now=ports.now, sleep=time.sleep, log=context.say)
        heads, etag = _heads(api, url, etags.etag(key, known), newest)
        missing = [head for head in reversed(heads) if head.origin.run not in known]
        try:
            for number, head in enumerate(missing, start=1):
                context.say(f"{number} of {len(missing)}: {head.origin.run}, {head.origin.started:%Y-%m-%d %H:%M} UTC")
                new.append(query_run(api, api_url, repository, head))
        except Interrupted:
            raise
        except NannaError as error:  # what was read before is kept: the next time goes on from there
            hint = "" if error.hint is None else f"; {error.hint}"
            problem = f"{len(new)} of {len(missing)} new runs read. {error.message}{hint}"
            exit_code = error.exit_code
    if not context.dry_run:
        if new:
            history.append_all(new)
        if problem is None and etag is not None:
            ensure_base(ports.cwd)
            etags.keep(key, etag, heads[0].origin.run if heads else "")
    runs = [run for run in (*before, *new) if isinstance(run, RunRecord)]
    names = tuple(record.origin.run for record in new)
    run = _shown(runs, heads)
    earlier = () if run is None else comparable_runs(run, runs)
    there = len(heads) - len(missing)
    return MetricsReport(place, context.dry_run, names, there, run, earlier, problem, exit_code), new


def _heads(api: GithubApi, url: str, etag: str | None, newest: int) -> tuple[list[GithubRunHead], str | None]:
    """The list's runs, newest first, and its ETag; nothing and None if it still has the old one."""
    heads: dict[str, GithubRunHead] = {}
    fresh = None
    for page in api.pages(url, etag=etag, hints=ACTIONS_HINTS):
        fresh = fresh or page.etag
        heads.update((head.origin.run, head) for head in parse_runs(page))  # a new run moves others to the next page
        if len(heads) >= newest:
            break
    return list(heads.values())[:newest], fresh


def _shown(runs: Sequence[RunRecord], heads: Sequence[GithubRunHead]) -> RunRecord | None:
    """The newest run of the list; of a list that is as it was, the newest of GitHub's that the history has."""
    listed = {head.origin.run for head in heads}
    found = [run for run in runs if (run.origin.run in listed if listed else run.origin.run.startswith("github-"))]
    return max(found, key=lambda run: run.origin.started) if found else None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST_RUNS:
        raise UsageError(f"--newest {shorten(text)} is not a number from 1 to {MOST_RUNS}")
    return int(text)


def _exported(chosen: str, report: MetricsReport, history: History, new: Sequence[Record]) -> str | None:
    """What another program reads; None for the formats that all commands have."""
    if chosen == "openmetrics":
        unwritten = new if report.dry_run else ()
        runs = [*history.read_runs(), *(one for one in unwritten if isinstance(one, RunRecord))]
        tests = [*history.read_tests(), *(one for one in unwritten if isinstance(one, RunTests))]
        return render_open_metrics(runs, tests, history.read_coverage(), history.read_benchmarks()).decode()
    if chosen == "otlp":
        if report.run is None:
            raise NannaError("there is no run to give as a trace", hint="it takes a finished one")
        return render_otlp(report.run).decode()
    return None
