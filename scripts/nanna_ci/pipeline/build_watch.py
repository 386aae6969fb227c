"""Watches one `nix build` for the jobs in it: which run, which are done and how, and each job's own log lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.pipeline.crates import is_progress_bar
from nanna_ci.pipeline.live import duration
from nanna_ci.pipeline.log_text import plain_line
from nanna_ci.pipeline.nix_failures import explain
from nanna_ci.pipeline.progress import Tracker
from nanna_ci.pipeline.run_folder import JobFolders
from nanna_ci.report.blocks import Tone
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_state import BuildState, DerivationLog
from nanna_ci.store.build_times import BuildTimes
from nanna_ci.store.internal_json import ActivityType, Event, Message, Result, ResultType, Start, Stop
from nanna_ci.store.store_path import StorePath, parse_store_path

HASH_CHARACTERS = 32 + 1

Note = Callable[[str, Tone], None]


@dataclass(frozen=True, slots=True)
class NixJob:
    """A job whose derivation one `nix build` makes.

    `is_answer`: that derivation is all there is to the job. `is_tests`: it runs tests, and its JUnit says which.
    """

    id: str
    attribute: str
    derivation: StorePath
    is_answer: bool
    is_tests: bool = False


def derivation_name(path: StorePath) -> str:
    """The derivation's name as people know it: without hash and `.drv`."""
    return path.name.removesuffix(".drv")


def say_builds(say: Callable[[str], None]) -> Callable[[BuildLog, Event], None]:
    """What a build is at, a line for each derivation that it begins: for a command that waits for one output."""

    def on_event(_log: BuildLog, event: Event) -> None:
        match event:
            case Start(activity=ActivityType.BUILD, fields=[str(path), *_]):
                say(f"building {_short(path)}")
            case _:
                pass

    return on_event


class BuildWatch:
    """Folds the events of a `nix build` into the tracker, notes and job logs.

    `log` is the build log, once there is one. `verbose` notes every line of every build. `on_there` is called for each
    job whose outputs are in the store, as soon as that is known. `build_times` say what is left of a build.
    """

    def __init__(
        self,
        jobs: Iterable[NixJob],
        folder: JobFolders,
        tracker: Tracker,
        note: Note,
        *,
        verbose: bool,
        on_there: Callable[[NixJob], None],
        build_times: BuildTimes | None = None,
    ) -> None:
        self.log: BuildLog | None = None
        self.announced: set[str] = set()
        self._jobs: defaultdict[str, list[NixJob]] = defaultdict(list)
        for job in jobs:
            self._jobs[str(job.derivation)].append(job)
        self._folder = folder
        self._tracker = tracker
        self._note = note
        self._verbose = verbose
        self._on_there = on_there
        self._build_times = build_times or BuildTimes()
        self._running: dict[int, str] = {}

    def on_event(self, log: BuildLog, event: Event) -> None:
        """Take one event; `log` has folded it already."""
        self.log = log
        match event:
            case Start(activity=ActivityType.BUILD, fields=[str(path), *_]):
                self._running[event.id] = path
                self._tracker.begin(event.id, self._label(path), expected_s=self._expected_s(path))
            case Start(activity=ActivityType.SUBSTITUTE, fields=[str(path), *_]):
                self._tracker.begin(event.id, f"fetching {_short(path)}")
            case Result(type=ResultType.BUILD_LOG_LINE, fields=[text, *_]):
                self._log_line(event.id, plain_line(str(text)))
            case Result(type=ResultType.SET_PHASE, fields=[text, *_]) if is_progress_bar(plain_line(str(text))):
                self._tracker.output(event.id, plain_line(str(text)))
            case Result(type=ResultType.PROGRESS):
                counters = log.counters()
                self._tracker.count(
                    built=counters.built, substituted=counters.substituted, failed=counters.builds_failed
                )
                self._settle(log)
            case Stop():
                self._tracker.end(event.id)
                self._settle(log)
                self._running.pop(event.id, None)
            case Message():
                self._settle(log)
            case _:
                pass

    def _label(self, path: str) -> str:
        jobs = self._jobs.get(path)
        return ", ".join(job.id for job in jobs) if jobs else _short(path)

    def _expected_s(self, path: str) -> float | None:
        try:
            derivation = parse_store_path(path)
        except MalformedData:
            return None
        known = self._build_times.of(derivation, derivation_name(derivation))
        return None if known is None else known.seconds

    def _log_line(self, activity: int, line: str) -> None:
        self._tracker.output(activity, line)
        if self._verbose:
            self._note(f"{self._label(self._running.get(activity, ''))}> {line}", Tone.NEUTRAL)
        for job in self._jobs.get(self._running.get(activity, ""), ()):
            self._folder.job(job.id).log(line)

    def _settle(self, log: BuildLog) -> None:
        """Announce each job whose derivation has come to an end; Nix may say so long before it stops the activity."""
        for activity, path in list(self._running.items()):
            jobs = [job for job in self._jobs.get(path, ()) if job.id not in self.announced]
            heard = self._heard(log, path)
            if heard is None or heard.ended_s is None:
                continue
            self._tracker.end(activity)
            if heard.state is BuildState.BUILDING:  # over, but not known how
                continue
            for job in jobs:
                self.announce(job, failed=heard.state is BuildState.FAILED, seconds=heard.seconds)
            if heard.state is BuildState.FAILED and path not in self._jobs:
                self._announce_blocker(path, heard)

    def _heard(self, log: BuildLog, path: str) -> DerivationLog | None:
        try:
            return log.derivation(parse_store_path(path))
        except MalformedData:
            return None

    def _announce_blocker(self, path: str, heard: DerivationLog) -> None:
        """One line, once, for what failed and is not a job: jobs that need it will say so, but it can be fixed now."""
        if path in self.announced:
            return
        self.announced.add(path)
        spent = "" if heard.seconds is None else f" after {duration(heard.seconds)}"
        why = explain([*map(plain_line, heard.log_tail)]) or "it does not say why"
        self._note(f"{_short(path)}, which jobs need: failed{spent}: {why}", Tone.BAD)

    def announce(self, job: NixJob, *, failed: bool, seconds: float | None, how: str | None = None) -> None:
        """One line for a job that came to an end, once; with the reason if it failed."""
        if job.id in self.announced:
            return
        self.announced.add(job.id)
        spent = "" if seconds is None else f" after {duration(seconds)}"
        what = how or ("failed" if failed else "built")
        why = explain(self._folder.job(job.id).log_lines()) if failed and how is None else None
        self._note(
            f"{job.id}: {what}{spent}" + (f": {why}" if why else ""),
            Tone.BAD if failed else Tone.GOOD,
        )
        if job.is_answer:
            self._tracker.finish_job(job.id, failed=failed)
        if not failed:
            self._on_there(job)


def _short(path: str) -> str:
    return path.rpartition("/")[2][HASH_CHARACTERS:].removesuffix(".drv")
