"""Jobs that follow others: each starts as soon as what it needs is there, while the rest is still being built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from nanna_ci.pipeline.job_plan import Job


@dataclass(frozen=True, slots=True)
class Needed:
    """A job that has passed, and its output in the store."""

    job: Job
    output: Path


AT_ONCE: Final = 2  # most of a container test is waiting; more would share this machine's memory with models


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
