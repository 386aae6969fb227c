"""The progress of a run, shared between the thread that runs jobs and the one that draws."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from nanna_ci.pipeline.crates import CrateCount, is_progress_bar

STALLED_AFTER_S = 300.0


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that runs: its age, how long it has printed nothing, and its last line of output.

    `crates` is cargo's progress in it, None if cargo does not; `expected_s` is what it took the last time.
    """

    name: str
    seconds: float
    silent_s: float
    last_line: str | None
    crates: str | None = None
    expected_s: float | None = None

    @property
    def left_s(self) -> float | None:
        """What is left of the time that it took the last time; None if unknown, or if it takes longer."""
        return None if self.expected_s is None or self.seconds >= self.expected_s else self.expected_s - self.seconds

    @property
    def stalled(self) -> bool:
        """No output for 300 s: it may hang, or link something large."""
        return self.silent_s >= STALLED_AFTER_S


@dataclass(frozen=True, slots=True)
class RunProgress:
    """One moment of a run: `finished` of `total` jobs, those that can run here, have an answer.

    `failed` counts jobs, or derivations if that is more: Nix may count a failure before it names it. `running` has
    the oldest activity first.
    """

    elapsed_s: float
    total: int
    finished: int
    failed: int
    built: int
    substituted: int
    running: tuple[Activity, ...]


@dataclass(slots=True)
class _Running:
    name: str
    started: float
    last_output: float
    last_line: str | None = None
    expected_s: float | None = None
    crates: CrateCount = field(default_factory=CrateCount)


class Tracker:
    """Counts and running activities. Every method may be called from any thread; times come from `clock`."""

    def __init__(self, total: int, clock: Callable[[], float]) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._started = clock()
        self._running: dict[object, _Running] = {}
        self._total = total
        self._finished: dict[str, bool] = {}
        self._left_out: set[str] = set()
        self._built = self._substituted = self._builds_failed = 0

    def expect(self, total: int) -> None:
        """There are this many jobs, where that is only known once some of them have run."""
        with self._lock:
            self._total = total

    def begin(self, key: object, name: str, *, expected_s: float | None = None) -> None:
        """An activity starts; `key` identifies it. `expected_s` is what it took the last time, if that is known."""
        with self._lock:
            now = self._clock()
            self._running[key] = _Running(name, now, now, expected_s=expected_s)

    def output(self, key: object, line: str) -> None:
        """An activity printed a (plain) line."""
        with self._lock:
            if activity := self._running.get(key):
                activity.last_output = self._clock()
                activity.crates.take(line)
                if not is_progress_bar(line):
                    activity.last_line = line

    def end(self, key: object) -> None:
        """An activity is over; an unknown one is ignored."""
        with self._lock:
            self._running.pop(key, None)

    def count(self, *, built: int, substituted: int, failed: int) -> None:
        """Totals of derivations so far."""
        with self._lock:
            self._built, self._substituted, self._builds_failed = built, substituted, failed

    def finish_job(self, job_id: str, *, failed: bool) -> None:
        """A job has its answer; repeated calls count once."""
        with self._lock:
            self._finished[job_id] = failed

    def leave_out(self, job_id: str) -> None:
        """A job that cannot run here: it is not waited for, and counts nowhere."""
        with self._lock:
            self._left_out.add(job_id)

    def snapshot(self) -> RunProgress:
        """This moment."""
        with self._lock:
            now = self._clock()
            running = tuple(
                Activity(
                    it.name, now - it.started, now - it.last_output, it.last_line, it.crates.summary, it.expected_s
                )
                for it in self._running.values()
            )
            return RunProgress(
                now - self._started,
                self._total - len(self._left_out),
                len(self._finished),
                max(sum(self._finished.values()), self._builds_failed),
                self._built,
                self._substituted,
                running,
            )
