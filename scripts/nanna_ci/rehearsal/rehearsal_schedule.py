"""Runs the jobs of workflows in parallel, each as soon as all that it needs has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from nanna_ci.foundation.errors import Interrupted, MalformedData, NannaError
from nanna_ci.rehearsal.expressions.expression import Scope
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text
from nanna_ci.rehearsal.job_start import JobStart
from nanna_ci.rehearsal.known_nodes import evaluated
from nanna_ci.rehearsal.running_workflow import RehearsedJob, RehearsedResult, RunningEntry, RunningWorkflow, combined
from nanna_ci.rehearsal.steps.job_steps import JobOutcome
from nanna_ci.rehearsal.this_machine import TakenOut, take_out_others

_WAKE_S = 1.0  # a signal is noticed at once; this is for a thread that dies without a word


@dataclass(slots=True)
class RehearsalSchedule:
    """`run_entry` runs the steps of an entry, in a thread; at most `processors` at once.

    `on_begin` and `on_end` are called in the thread of `run`; an entry that cannot run here only ends. `taken_out` are
    the entries of plans that other machines would run.
    """

    host: str | None
    processors: int
    run_entry: Callable[[RunningEntry], JobOutcome]
    clock: Callable[[], float]
    on_begin: Callable[[RunningEntry], None]
    on_end: Callable[[RunningEntry], None]
    taken_out: list[TakenOut] = field(default_factory=list)
    _lost: set[int] = field(default_factory=set)
    _futures: dict[Future[JobOutcome], tuple[RunningEntry, float]] = field(default_factory=dict)

    def run(self, workflows: Sequence[RunningWorkflow]) -> None:
        """Run workflows to their end. Interrupted leaves what has not ended as cancelled."""
        start = JobStart(self.host, self._lost)
        with ThreadPoolExecutor(self.processors, thread_name_prefix="rehearsal") as pool:
            try:
                while True:
                    while sum(self._advance(workflow, start) for workflow in workflows):
                        pass
                    for entry in self._ready(workflows):
                        entry.is_started = True
                        self.on_begin(entry)
                        self._futures[pool.submit(self.run_entry, entry)] = (entry, self.clock())
                    if not self._futures:
                        return
                    done, _ = wait(self._futures, _WAKE_S, FIRST_COMPLETED)
                    for future in done:
                        entry, began = self._futures.pop(future)
                        entry.seconds = self.clock() - began
                        self._take(entry, future)
            except Interrupted:
                pool.shutdown(wait=False, cancel_futures=True)
                _cancel_rest(workflows)
                raise

    def _take(self, entry: RunningEntry, future: Future[JobOutcome]) -> None:
        """What became of an entry. Raises Interrupted if that is what ended it."""
        try:
            outcome = future.result()
        except Interrupted:
            raise
        except MalformedData as error:
            entry.result, entry.reason = RehearsedResult.FAILURE, error.message
        except NannaError as error:
            entry.result, entry.reason, entry.is_our_fault = RehearsedResult.FAILURE, error.message, True
        except Exception as error:  # noqa: BLE001 - a bug of ours in one job is no reason to lose the others
            entry.result, entry.is_our_fault = RehearsedResult.FAILURE, True
            entry.reason = f"unexpected {type(error).__name__}: {error}"
        else:
            entry.outcome, entry.result = outcome, RehearsedResult(outcome.result)
            for name, value in outcome.outputs.items():
                entry.outputs[name], taken = take_out_others(value, self.host)
                self.taken_out += [one for one in taken if one not in self.taken_out]
                if taken and not entry.outputs[name]:
                    self._lost.add(id(entry.job))
        self.on_end(entry)

    def _advance(self, workflow: RunningWorkflow, start: JobStart) -> bool:
        """Begin the jobs of a workflow that are ready, and end those whose entries have; whether there was any."""
        moved = False
        for job in workflow.jobs.values():
            if job.result is not None:
                continue
            if not job.entries:
                if workflow.is_ready(job):
                    start.begin(job)
                    moved = True
                continue
            for entry in job.entries:
                if entry.called is not None and entry.result is None:
                    moved |= self._advance(entry.called, start)
                    if entry.called.is_over:
                        self._end_call(entry, entry.called)
            moved |= self._collect(job)
        return moved

    def _end_call(self, entry: RunningEntry, called: RunningWorkflow) -> None:
        entry.result = called.result
        interface = called.loaded.model.interface
        assert interface is not None
        jobs: dict[str, Value] = {
            name: {"result": str(job.result), "outputs": dict(job.outputs)} for name, job in called.jobs.items()
        }
        contexts = {name: called.contexts[name] for name in ("github", "inputs", "vars")}
        for name, node in interface.outputs.items():
            try:
                value = evaluated(node, Scope({**contexts, "jobs": jobs}), called.loaded.model.path)
            except MalformedData as error:
                entry.result, entry.reason = RehearsedResult.FAILURE, error.message
                return
            entry.outputs[name] = as_text(value)
        if any(id(job) in self._lost for job in called.jobs.values()):
            self._lost.add(id(entry.job))

    def _collect(self, job: RehearsedJob) -> bool:
        """Take what has ended of a job, in that order; the job ends with the last of them."""
        for entry in job.entries:
            if entry.result is None or entry in job.ended:
                continue
            job.ended.append(entry)
            if entry.result is RehearsedResult.UNAVAILABLE and entry.called is None:
                self.on_end(entry)
            for name, value in entry.outputs.items():
                job.outputs[name] = value or job.outputs.get(name, "")
            if entry.conclusion is RehearsedResult.FAILURE and job.fail_fast:
                for other in job.entries:
                    if other.called is None and not other.is_started and other.result is None:
                        other.result, other.reason = RehearsedResult.CANCELLED, f"{entry.name} failed (fail-fast)"
        if len(job.ended) < len(job.entries):
            return False
        job.result = combined(entry.conclusion for entry in job.entries)
        return True

    def _ready(self, workflows: Sequence[RunningWorkflow]) -> Iterator[RunningEntry]:
        """What may begin: in order, as max-parallel and concurrency groups let it; the pool holds the rest back."""
        running = [entry for entry, _ in self._futures.values()]
        groups = {entry.group for entry in running if entry.group}
        for workflow in workflows:
            for entry in workflow.entries():
                if entry.is_started or entry.result is not None or len(running) >= self.processors:
                    continue
                beside = sum(other.job is entry.job for other in running)
                if entry.group in groups or (entry.job.at_once is not None and beside >= entry.job.at_once):
                    continue
                running.append(entry)
                groups |= {entry.group} if entry.group else set()
                yield entry


def _cancel_rest(workflows: Sequence[RunningWorkflow]) -> None:
    for workflow in workflows:
        for job in workflow.running_jobs():
            for entry in job.entries:
                if entry.result is None:
                    entry.result = RehearsedResult.CANCELLED
                    entry.reason = "interrupted" if entry.called is None else None
            if job.result is None:
                job.end(RehearsedResult.CANCELLED, "interrupted")
