"""How far each derivation of a running `nix build` is, from what can be known of it at any moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from nanna_ci.store.store_path import StorePath

LOG_LINES = 200


class BuildState(Enum):
    """How far a derivation is. A substitution that fails may turn into a build."""

    BUILDING = "building"
    SUBSTITUTING = "substituting"
    BUILT = "built"
    SUBSTITUTED = "substituted"
    FAILED = "failed"
    DEPENDENCY_FAILED = "dependency-failed"


@dataclass(frozen=True, slots=True)
class DerivationLog:
    """One derivation at a moment. Times are the clock's seconds; a state still open with `ended_s` set: not known how.

    `log_tail` is the last 200 lines, plain text of at most 4,096 characters each.
    `machine` is the remote builder's URL, None for this machine. `reason` says why it failed, None if it did not.
    """

    derivation: StorePath
    state: BuildState
    started_s: float | None
    ended_s: float | None
    phase: str | None
    machine: str | None
    reason: str | None
    log_tail: tuple[str, ...]

    @property
    def seconds(self) -> float | None:
        """How long it took; None if it has not ended, or was never begun."""
        return None if self.started_s is None or self.ended_s is None else self.ended_s - self.started_s


@dataclass(slots=True)
class Entry:
    """What a `DerivationStates` keeps of a derivation; `lines` and `phase` are its owner's to write."""

    derivation: StorePath
    state: BuildState
    started_s: float | None = None
    ended_s: float | None = None
    phase: str | None = None
    machine: str | None = None
    reason: str | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))

    def snapshot(self) -> DerivationLog:
        """The entry as it is now."""
        return DerivationLog(
            derivation=self.derivation,
            state=self.state,
            started_s=self.started_s,
            ended_s=self.ended_s,
            phase=self.phase,
            machine=self.machine,
            reason=self.reason,
            log_tail=tuple(self.lines),
        )


class DerivationStates:
    """Brings together who ended (by name) and how something ended (by counters, or by name at the very end)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.entries: dict[StorePath, Entry] = {}
        self._clock = clock
        self._building: dict[StorePath, Entry] = {}
        self._unclaimed_built = 0
        self._unclaimed_failed = 0
        self._named = False

    def begin(self, derivation: StorePath, state: BuildState) -> Entry:
        """A build or a substitution begins; the time runs from the first, as outputs are substituted one by one."""
        entry = self.entries.setdefault(derivation, Entry(derivation, state))
        if entry.started_s is None:
            entry.started_s = self._clock()
        entry.state, entry.ended_s, entry.reason = state, None, None
        if state is BuildState.BUILDING:
            self._building[derivation] = entry
        return entry

    def name_ended(self, derivation: StorePath) -> None:
        """The builder is gone, and the counters show next how it went (or an error does)."""
        self._named = True
        if derivation in self._building:
            self._note_end(self._building[derivation])

    def name_substituted(self, derivation: StorePath) -> None:
        """An output of it was substituted."""
        entry = self.entries.get(derivation)
        if entry is not None and entry.state is BuildState.SUBSTITUTING:
            self._finish(entry, BuildState.SUBSTITUTED)

    def end(self, entry: Entry) -> None:
        """The activity of a build or a substitution is over, well or not."""
        if entry.state in (BuildState.BUILDING, BuildState.SUBSTITUTING):
            self._note_end(entry)
            self._settle()

    def count(self, *, built: int, failed: int) -> None:
        """So many more builds went well, and failed, by Nix's counters."""
        self._unclaimed_built += max(0, built)
        self._unclaimed_failed += max(0, failed)
        self._settle()
        if self._named:
            # Builds are named before they are counted, so an unclaimed count is a build that Nix counted twice.
            self._unclaimed_built = self._unclaimed_failed = 0

    def fail(self, derivation: StorePath, reason: str, *, dependency: bool) -> None:
        """An error named it. The first reason stays: Nix repeats its errors at the end."""
        state = BuildState.DEPENDENCY_FAILED if dependency else BuildState.FAILED
        entry = self.entries.setdefault(derivation, Entry(derivation, state))
        if entry.reason is not None:
            return
        if entry.state is BuildState.BUILDING and self._unclaimed_failed:
            self._unclaimed_failed -= 1
        entry.reason = reason
        self._finish(entry, state)
        self._settle()

    def close(self, *, success: bool) -> None:
        """Nix ended; only its success shows that what it never reported on went well."""
        for entry in self.entries.values() if success else ():
            if entry.state is BuildState.BUILDING:
                self._finish(entry, BuildState.BUILT)
            elif entry.state is BuildState.SUBSTITUTING:
                self._finish(entry, BuildState.SUBSTITUTED)

    def _settle(self) -> None:
        """Give what the counters reported to the builds that ended, if only one reading is possible."""
        ended = [entry for entry in self._building.values() if entry.ended_s is not None]
        if self._unclaimed_failed == 0 and 0 < len(ended) <= self._unclaimed_built:
            self._unclaimed_built -= len(ended)
            for entry in ended:
                self._finish(entry, BuildState.BUILT)
        elif self._unclaimed_built == 0 and 0 < len(ended) <= self._unclaimed_failed:
            self._unclaimed_failed -= len(ended)
            for entry in ended:
                self._finish(entry, BuildState.FAILED)

    def _finish(self, entry: Entry, state: BuildState) -> None:
        entry.state = state
        self._building.pop(entry.derivation, None)
        self._note_end(entry)

    def _note_end(self, entry: Entry) -> None:
        """The first report of an end is the right time; a derivation that was never begun has none."""
        if entry.ended_s is None and entry.started_s is not None:
            entry.ended_s = self._clock()
