"""Runs a plan on this machine: one `nix build` for all pure jobs, and the jobs with effects, each with a result.

A job that needs others starts as soon as they are there, beside the build; the rest of them when it is over.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, Interrupted, NannaError, ToolMissing
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.build_watch import BuildWatch, NixJob, Note
from nanna_ci.pipeline.evaluation import Evaluation, Unavailable, parse_evaluation, pipeline_attribute
from nanna_ci.pipeline.job_plan import TEST_KINDS, Effect, Job, JobRoute
from nanna_ci.pipeline.log_text import plain_line, useful_lines
from nanna_ci.pipeline.nix_jobs import (
    INTERRUPTED,
    PRESENT,
    Prebuilt,
    build_jobs,
    interrupted_results,
    judge_jobs,
    look_up_outputs,
)
from nanna_ci.pipeline.output_facts import DatabaseRule
from nanna_ci.pipeline.progress import Tracker
from nanna_ci.pipeline.results import JobResult, no_answer, unavailable
from nanna_ci.pipeline.run_folder import JobFolder, JobFolders
from nanna_ci.pipeline.run_report import result_note
from nanna_ci.pipeline.vocabulary import RUNNERS
from nanna_ci.report.blocks import Tone
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_times import BuildTimes
from nanna_ci.store.nix import Nix

AT_ONCE: Final = 2  # most of a container test is waiting; more would share this machine's memory with models


@dataclass(frozen=True, slots=True)
class Needed:
    """A job that has passed, and its output in the store."""

    job: Job
    output: Path


@dataclass(frozen=True, slots=True)
class EffectRequest:
    """A job for our own code. `prebuilt` is what the one `nix build` made of its attribute, None if there is none.

    `needed` are the jobs that it needs, which passed. `on_line` takes each plain line of output, for the log and the
    live view, `on_progress` what is for the view alone; `folder` takes the job's other files.
    """

    job: Job
    prebuilt: Prebuilt | None
    needed: Sequence[Needed]
    folder: JobFolder
    on_line: Callable[[str], None]
    on_progress: Callable[[str], None] | None = None


class Followers:
    """Runs jobs in threads of its own, at most two at a time.

    At the end of its `with` block a job that runs is waited for, and one that has not begun never will.
    """

    def __init__(self, jobs: Sequence[Job], run: Callable[[Job, Sequence[Needed]], None]) -> None:
        self._waiting = {job.id: job for job in jobs}
        self._run = run
        self._there: dict[str, Needed] = {}
        self._started: list[Future[None]] = []
        self._threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="followers")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    @property
    def needs(self) -> frozenset[str]:
        """The ids of all jobs that somebody waits for."""
        return frozenset(need for job in self._waiting.values() for need in job.needs)

    def there(self, job: Job, output: Path) -> None:
        """A job has passed: start those that waited for nothing else. Repeated calls count once."""
        self._there[job.id] = Needed(job, output)
        for follower in [one for one in self._waiting.values() if self._there.keys() >= set(one.needs)]:
            del self._waiting[follower.id]
            needed = [self._there[need] for need in follower.needs]
            self._started.append(self._threads.submit(self._run, follower, needed))

    def finish(self) -> tuple[Job, ...]:
        """Wait for those that were started; the others. Raises what running one of them raised."""
        for future in self._started:
            future.result()
        return tuple(self._waiting.values())


RunEffect = Callable[[EffectRequest], JobResult]


@dataclass(frozen=True, slots=True)
class LocalRun:
    """What a run needs. `host` is this machine's system double, None if unknown.

    `nix` is only called if a job on this machine needs it. `reproduce` gives the command that builds an attribute.
    `on_built` gets the log of the one `nix build` once it is over, whatever its end.
    """

    host: str | None
    nix: Nix
    run_effect: RunEffect
    reproduce: Callable[[str], str]
    on_built: Callable[[BuildLog], None]
    folders: JobFolders
    tracker: Tracker
    note: Note
    clock: Callable[[], float]
    verbose: bool
    rule: DatabaseRule
    build_times: BuildTimes = field(default_factory=BuildTimes)

    def run(self, jobs: Sequence[Job]) -> tuple[dict[str, JobResult], Interrupted | None]:
        """A result for every job; after a signal the results so far, and the signal.

        Raises ConfigError for an attribute that the flake lacks, before anything is built; and what `Nix` raises.
        """
        results: dict[str, JobResult] = {}
        interrupted: Interrupted | None = None
        mine = []
        for job in jobs:
            reason = why_not_here(job, self.host)
            if reason is None:
                mine.append(job)
            else:
                self._record(results, unavailable(job.id, reason))
        try:
            self._run_mine(mine, results)
        except Interrupted as signal:
            interrupted = signal
            for job in jobs:
                if job.id not in results:
                    self._record(results, unavailable(job.id, INTERRUPTED))
        return {job.id: results[job.id] for job in jobs}, interrupted

    def _run_mine(self, jobs: Sequence[Job], results: dict[str, JobResult]) -> None:
        def follow(job: Job, needed: Sequence[Needed]) -> None:
            self._run_effect(job, None, needed, results)

        with Followers([job for job in jobs if job.needs], follow) as followers:
            prebuilt = self._run_nix([job for job in jobs if job.route is JobRoute.NIX], followers, results)
            for job in jobs:
                if job.effect is Effect.EFFECTFUL and not job.needs:
                    self._run_effect(job, prebuilt.get(job.id), (), results)
            for job in followers.finish():
                self._record(results, unavailable(job.id, f"needs {_blocker(job, results)}, which did not pass"))

    def _run_nix(
        self, jobs: Sequence[Job], followers: Followers, results: dict[str, JobResult]
    ) -> Mapping[str, Prebuilt]:
        """Results of the pure jobs, and what became of the attributes behind the effectful ones, by job."""
        if not jobs or self.host is None:
            return {}
        attribute = pipeline_attribute(self.host)
        self.note(f"evaluating {attribute}", Tone.NEUTRAL)
        evaluation = parse_evaluation(self.nix.evaluate(attribute), f"{self.nix.flake}#{attribute}")
        planned = self._locate(jobs, evaluation, results)
        if not planned:
            return {}
        awaited = [job for job in planned if job.id in followers.needs]
        outputs, present = look_up_outputs(awaited, self.nix)
        known = {job.id: job for job in jobs}

        def on_there(job: NixJob) -> None:
            if job.id in outputs:
                followers.there(known[job.id], outputs[job.id])

        watch = BuildWatch(
            planned,
            self.folders,
            self.tracker,
            self.note,
            verbose=self.verbose,
            on_there=on_there,
            build_times=self.build_times,
        )
        for job in awaited:
            if job.id in present:
                watch.announce(job, failed=False, seconds=None, how=PRESENT)
        try:
            built, log = build_jobs(planned, self.nix, watch)
        except Interrupted:
            answers = [job for job in planned if job.is_answer]
            for result in interrupted_results(answers, watch.log, self.folders):
                self._record(results, result)
            raise
        finally:
            if watch.log is not None:
                self.on_built(watch.log)
        for job in awaited:
            output = built[job.derivation].outputs.get("out")
            if built[job.derivation].state.there and output is not None:
                followers.there(known[job.id], Path(str(output)))
        judged, prebuilt = judge_jobs(
            planned, built, log, nix=self.nix, folders=self.folders, rule=self.rule, reproduce=self.reproduce
        )
        said_failed = {job.id for job in planned if not built[job.derivation].state.there}
        for result in judged:
            if result.verdict is not Verdict.PASS and result.id not in said_failed:
                self.note(*result_note(result))  # it was built, and yet it is not a pass
            self._record(results, result)
        return prebuilt

    def _locate(self, jobs: Sequence[Job], evaluation: Evaluation, results: dict[str, JobResult]) -> list[NixJob]:
        planned = []
        for job in jobs:
            if job.attribute is None:
                continue
            place = evaluation.locate(job.attribute)
            pure = job.effect is Effect.PURE
            if not isinstance(place, Unavailable):
                tests = job.kind in TEST_KINDS
                planned.append(NixJob(job.id, job.attribute, place, is_answer=pure, is_tests=tests))
            elif pure:
                self._record(results, unavailable(job.id, place.reason))
        return planned

    def _run_effect(
        self, job: Job, prebuilt: Prebuilt | None, needed: Sequence[Needed], results: dict[str, JobResult]
    ) -> None:
        folder = self.folders.job(job.id)
        started = self.clock()
        self.tracker.begin(job.id, job.id)

        def on_line(line: str) -> None:
            folder.log(line)
            self.tracker.output(job.id, line)
            if self.verbose:
                self.note(f"{job.id}> {line}", Tone.NEUTRAL)

        def on_progress(state: str) -> None:
            self.tracker.output(job.id, state)

        request = EffectRequest(job, prebuilt, needed, folder, on_line, on_progress)
        try:
            result = self.run_effect(request)
        except ToolMissing as error:
            result = unavailable(job.id, f"{error.message} ({error.hint})" if error.hint else error.message)
        except CommandTimedOut as error:
            spent = self.clock() - started
            result = JobResult(job.id, Verdict.FAIL, spent, reason=error.message, log_tail=tail(error.stderr_tail))
        except CommandFailed as error:
            # a tool of ours failed before the job itself was begun
            said = tail(error.stderr_tail)
            for line in (error.message, *said):
                folder.log(line)
            result = no_answer(job.id, error.message, seconds=self.clock() - started, log_tail=said)
        except NannaError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in what runs one job must not take the others' results
            for line in traceback.format_exception(error):
                folder.log(line.rstrip())
            reason = f"a bug in nanna-ci: {type(error).__name__}: {error}"
            result = no_answer(job.id, reason, seconds=self.clock() - started)
        finally:
            self.tracker.end(job.id)
        if result.verdict is Verdict.ERROR and "report" not in result.evidence:
            result = replace(result, evidence={**result.evidence, "report": str(folder.log_path)})
        self.note(*result_note(result))
        self._record(results, result)

    def _record(self, results: dict[str, JobResult], result: JobResult) -> None:
        for warning in result.warnings:
            self.note(f"{result.id}: warning: {warning}", Tone.WARN)
        if self.rule.strict and result.verdict is Verdict.PASS and result.warnings:
            reason = f"{'; '.join(result.warnings)}; --strict counts that as failure"
            result = replace(result, verdict=Verdict.FAIL, reason=reason)
        results[result.id] = result
        if result.verdict is Verdict.UNAVAILABLE:
            self.tracker.leave_out(result.id)
        else:
            self.tracker.finish_job(result.id, failed=result.verdict is not Verdict.PASS)
        self.folders.job(result.id).finish(result)


def why_not_here(job: Job, host: str | None) -> str | None:
    """Why this machine cannot run a job; None if it can try."""
    if host is None:
        return "jobs do not run on this kind of machine"
    needed = RUNNERS[job.runner]
    return None if needed == host else f"needs {needed}, this machine is {host}"


def tail(text: str) -> tuple[str, ...]:
    """The useful lines of a program's stderr."""
    return useful_lines([plain_line(line) for line in text.splitlines()])


def _blocker(job: Job, results: Mapping[str, JobResult]) -> str:
    return next(need for need in job.needs if need not in results or results[need].verdict is not Verdict.PASS)
