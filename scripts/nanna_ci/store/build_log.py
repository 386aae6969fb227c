"""What happens during a `nix build`, folded from its internal-json events while it runs.

Nix says that a build began, but not plainly that it ended well: the counters of the BUILDS activity go up, the
activity of a derivation that was requested stops only when everything is over (in 2.26), and its error comes last of
all. With `-vvv` Nix also says `builder process for '…' finished`, right before the counters go up; that is how this log
distinguishes builds and times them. Without it, a state stays open until something settles it: nothing is guessed.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.build_state import BuildState, DerivationLog, DerivationStates, Entry
from nanna_ci.store.internal_json import (
    ERROR_LEVEL,
    PREFIX,
    SOURCE,
    WARNING_LEVEL,
    ActivityType,
    Event,
    Field,
    Message,
    Result,
    ResultType,
    Start,
    Stop,
    parse_failure,
    parse_line,
    plain_text,
)
from nanna_ci.store.store_path import StorePath, parse_store_path

_LINE_CHARACTERS = 4096
_MOST_LINES = 200
_DEBUG_PREFIX = PREFIX + b'{"action":"msg","level":6,'  # most of the lines with -vvv: not worth reading
_BUILDER_FINISHED = re.compile(r"builder process for '([^']+)' finished")
_SUBSTITUTED = re.compile(r"substitution of path '([^']+)' succeeded")
_Progress = tuple[int, int, int]  # done, expected, failed


@dataclass(frozen=True, slots=True)
class Counters:
    """Sums over everything, dependencies too. `downloaded_bytes` came over the network, narinfo files included."""

    built: int
    builds_failed: int
    builds_expected: int
    substituted: int
    substitutions_failed: int
    substitutions_expected: int
    downloaded_bytes: int


@dataclass(slots=True)
class _Running:
    activity: int
    entry: Entry | None
    progress: _Progress = (0, 0, 0)


class BuildLog:
    """Folds lines of stderr into states, logs and counters; one thread may feed it while others look.

    `outputs` maps output paths to their derivations, so that a substituted output counts for its derivation.
    """

    def __init__(
        self, *, outputs: Mapping[StorePath, StorePath] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._outputs = outputs or {}
        self._lock = threading.Lock()
        self._states = DerivationStates(clock)
        self._running: dict[int, _Running] = {}
        self._sums: defaultdict[int, _Progress] = defaultdict(lambda: (0, 0, 0))
        self._errors: deque[str] = deque(maxlen=_MOST_LINES)
        self._warnings: deque[str] = deque(maxlen=_MOST_LINES)
        self._notes: deque[str] = deque(maxlen=_MOST_LINES)

    def feed(self, line: bytes) -> Event | None:
        """Take one line of stderr, without its newline, and return its event. Never raises.

        None for plain output, for lines that only look like events, and for debugging messages without news.
        """
        if line.startswith(_DEBUG_PREFIX) and b"builder process" not in line:
            return None
        try:
            event = parse_line(line)
        except MalformedData:
            event = None
        with self._lock:
            if event is None:
                self._notes.append(_shown(line.decode("utf-8", "replace")))
            elif isinstance(event, Start):
                self._start(event)
            elif isinstance(event, Stop):
                self._stop(event)
            elif isinstance(event, Result):
                self._result(event)
            else:
                self._message(event)
        return event

    def close(self, *, success: bool) -> None:
        """Nix ended, and said by its exit code whether everything went well."""
        with self._lock:
            self._states.close(success=success)
            self._running.clear()

    def derivation(self, path: StorePath) -> DerivationLog | None:
        """What is known of one derivation; None if it was neither begun nor failed."""
        with self._lock:
            entry = self._states.entries.get(path)
            return None if entry is None else entry.snapshot()

    def derivations(self) -> tuple[DerivationLog, ...]:
        """Every derivation heard of, in the order in which they came up."""
        with self._lock:
            return tuple(entry.snapshot() for entry in self._states.entries.values())

    def counters(self) -> Counters:
        """The sums so far."""
        with self._lock:
            builds, copies = self._sums[ActivityType.BUILDS], self._sums[ActivityType.COPY_PATHS]
            return Counters(
                built=builds[0],
                builds_failed=builds[2],
                builds_expected=builds[1],
                substituted=copies[0],
                substitutions_failed=copies[2],
                substitutions_expected=copies[1],
                downloaded_bytes=self._sums[ActivityType.FILE_TRANSFER][0],
            )

    @property
    def errors(self) -> tuple[str, ...]:
        """Nix's error messages, the last 200."""
        with self._lock:
            return tuple(self._errors)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Nix's warnings, the last 200."""
        with self._lock:
            return tuple(self._warnings)

    @property
    def notes(self) -> tuple[str, ...]:
        """The lines on stderr that were not events, the last 200."""
        with self._lock:
            return tuple(self._notes)

    def _start(self, event: Start) -> None:
        path = _path(event.fields[0]) if event.fields else None
        entry = None
        if path is not None and event.activity == ActivityType.BUILD:
            entry = self._states.begin(path, BuildState.BUILDING)
            entry.machine = _shown(str(event.fields[1])) or None if len(event.fields) > 1 else None
        elif path is not None and event.activity == ActivityType.SUBSTITUTE:
            derivation = self._outputs.get(path)
            entry = None if derivation is None else self._states.begin(derivation, BuildState.SUBSTITUTING)
        elif path is not None and event.activity == ActivityType.POST_BUILD_HOOK:
            entry = self._states.entries.get(path)
        self._running[event.id] = _Running(event.activity, entry)

    def _stop(self, event: Stop) -> None:
        running = self._running.pop(event.id, None)
        if running is None or running.entry is None or running.activity == ActivityType.POST_BUILD_HOOK:
            return
        self._states.end(running.entry)

    def _result(self, event: Result) -> None:
        running = self._running.get(event.id)
        if running is None:
            return
        if event.type == ResultType.PROGRESS:
            self._add_progress(running, event.fields)
        elif running.entry is not None and event.fields:
            text = _shown(str(event.fields[0]))
            if event.type in (ResultType.BUILD_LOG_LINE, ResultType.POST_BUILD_LOG_LINE):
                running.entry.lines.append(text)
            elif event.type == ResultType.SET_PHASE:
                running.entry.phase = text

    def _add_progress(self, running: _Running, fields: tuple[Field, ...]) -> None:
        numbers = [number for number in fields if isinstance(number, int)]
        if len(numbers) != 4:
            return
        old, new = running.progress, (numbers[0], numbers[1], numbers[3])
        done, expected, failed = (after - before for after, before in zip(new, old, strict=True))
        running.progress = new
        total = self._sums[running.activity]
        self._sums[running.activity] = (total[0] + done, total[1] + expected, total[2] + failed)
        if running.activity == ActivityType.BUILDS:
            self._states.count(built=done, failed=failed)

    def _message(self, event: Message) -> None:
        if event.level == WARNING_LEVEL:
            self._warnings.append(_shown(event.text))
        elif event.level == ERROR_LEVEL:
            self._errors.append(_shown(event.text))
            failure = parse_failure(event.text)
            if failure is not None:
                self._states.fail(failure.derivation, failure.reason, dependency=failure.dependency)
        elif (match := _BUILDER_FINISHED.match(event.text)) is not None:
            path = _path(match[1])
            if path is not None:
                self._states.name_ended(path)
        elif (match := _SUBSTITUTED.match(event.text)) is not None:
            path = _path(match[1])
            derivation = None if path is None else self._outputs.get(path)
            if derivation is not None:
                self._states.name_substituted(derivation)


def _path(value: Field) -> StorePath | None:
    try:
        return parse_store_path(str(value), SOURCE)
    except MalformedData:
        return None


def _shown(text: str) -> str:
    return plain_text(text)[:_LINE_CHARACTERS]
