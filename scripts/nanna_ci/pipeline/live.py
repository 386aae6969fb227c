"""The view of a run while it goes on: redrawn on a terminal, plain lines with a heartbeat elsewhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from nanna_ci.foundation.context import Context
from nanna_ci.foundation.visible_text import display_width, visible
from nanna_ci.pipeline.progress import Activity, RunProgress, Tracker
from nanna_ci.report.blocks import Tone

REDRAW_S = 0.5
HEARTBEAT_S = 30.0
SHOWN_ACTIVITIES = 8
LEAST_OF_A_LINE = 10
_DEFAULT_SIZE = os.terminal_size((80, 24))

_BOLD, _RED, _YELLOW, _DIM, _RESET = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"

_TONES = {Tone.NEUTRAL: "", Tone.GOOD: "\x1b[32m", Tone.BAD: _RED, Tone.WARN: _YELLOW}


def duration(seconds: float) -> str:
    """`0.3 s`, `42 s`, `3 min 07 s`, `1 h 02 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def fit(text: str, width: int) -> str:
    """The text, made safe to show, cut to `width` terminal columns."""
    shown = visible(text)
    if display_width(shown) <= width:
        return shown
    kept = shown[: max(width - 1, 0)]
    while kept and display_width(kept) > width - 1:
        kept = kept[:-1]
    return kept + ">"


def status(progress: RunProgress) -> str:
    """State and counts in one line: `3 of 9 jobs, 1 failed, 12 built, 4 substituted`."""
    parts = [f"{progress.finished} of {progress.total} jobs"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.built:
        parts.append(f"{progress.built} built")
    if progress.substituted:
        parts.append(f"{progress.substituted} substituted")
    return ", ".join(parts)


def render_frame(progress: RunProgress, *, width: int, color: bool) -> list[str]:
    """The block for a terminal of `width` columns: a status line, then what runs, the stalled first."""

    def paint(code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if color else text

    head = fit(f"{duration(progress.elapsed_s)}  {status(progress)}", width)
    lines = [paint(_RED if progress.failed else _BOLD, head)]
    ranked = sorted(progress.running, key=lambda activity: not activity.stalled)
    for activity in ranked[:SHOWN_ACTIVITIES]:
        if activity.stalled:
            lines.append(paint(_YELLOW, fit(f"  {_running(activity)}", width)))
        else:
            name = fit(f"  {activity.name}  {_how_far(activity)}", width)
            columns_left = width - display_width(name)
            shows_line = activity.last_line and columns_left >= LEAST_OF_A_LINE
            lines.append(name + (paint(_DIM, fit(f"  {activity.last_line}", columns_left)) if shows_line else ""))
    if len(ranked) > SHOWN_ACTIVITIES:
        lines.append(fit(f"  and {len(ranked) - SHOWN_ACTIVITIES} more", width))
    return lines


def render_heartbeat(progress: RunProgress) -> str:
    """One plain line: `still running after 60 s: 3 of 9 jobs; clippy (45 s)`."""
    what = "; ".join(_running(activity) for activity in progress.running[:SHOWN_ACTIVITIES]) or "waiting for Nix"
    return f"still running after {duration(progress.elapsed_s)}: {status(progress)}; {what}"


def _how_far(activity: Activity) -> str:
    """`45 s, 12 of 40 crates, about 20 s left`, as far as it is known."""
    left = None if activity.left_s is None else f"about {duration(activity.left_s)} left"
    return ", ".join(filter(None, (duration(activity.seconds), activity.crates, left)))


def _running(activity: Activity) -> str:
    text = f"{activity.name} ({_how_far(activity)})"
    if activity.stalled:
        return f"{text} stalled: no output for {duration(activity.silent_s)}"
    return text


class LiveView:
    """Draws on `stream` until it is left, from a thread of its own. `note` puts a line above the view for good.

    `interactive`: the stream is a terminal that can move its cursor. `quiet`: nothing is written at all. A stream that
    breaks (a closed pipe) ends the view, never the run. `clock` is monotonic seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        snapshot: Callable[[], RunProgress],
        *,
        interactive: bool,
        color: bool,
        quiet: bool,
        clock: Callable[[], float],
    ) -> None:
        self._stream = stream
        self._snapshot = snapshot
        self._interactive = interactive
        self._color = color
        self._quiet = quiet
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._drawn_lines = 0
        self._last_line_at = clock()
        self._stalled: frozenset[str] = frozenset()
        self._thread = threading.Thread(target=self._loop, name="live-view", daemon=True)

    def __enter__(self) -> LiveView:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._write(self._erase)

    def note(self, line: str, tone: Tone = Tone.NEUTRAL) -> None:
        """One lasting line; its tone shows as colour only if there is colour, so the words must suffice."""
        code = _TONES[tone] if self._color else ""

        def write() -> None:
            self._erase()
            shown = visible(line)
            self._stream.write(f"{code}{shown}{_RESET}\n" if code else f"{shown}\n")
            self._last_line_at = self._clock()
            self._draw()

        self._write(write)

    def tick(self) -> None:
        """Redraw; or print a heartbeat if 30 s passed without a line, or something newly stalled."""
        self._write(self._redraw if self._interactive else self._beat)

    def _loop(self) -> None:
        while not self._stop.wait(REDRAW_S):
            self.tick()

    def _write(self, action: Callable[[], None]) -> None:
        with self._lock:
            if self._quiet:
                return
            try:
                action()
                self._stream.flush()
            except (OSError, ValueError):  # a closed pipe or stream
                self._quiet = True
                self._stop.set()

    def _beat(self) -> None:
        progress = self._snapshot()
        stalled = frozenset(activity.name for activity in progress.running if activity.stalled)
        if self._clock() - self._last_line_at >= HEARTBEAT_S or stalled - self._stalled:
            self._stream.write(render_heartbeat(progress) + "\n")
            self._last_line_at = self._clock()
        self._stalled = stalled

    def _redraw(self) -> None:
        self._erase()
        self._draw()

    def _draw(self) -> None:
        if not self._interactive or self._stop.is_set():
            return
        size = _size(self._stream)
        frame = render_frame(self._snapshot(), width=max(size.columns - 1, 20), color=self._color)
        lines = frame[: max(size.lines - 1, 1)]
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._drawn_lines = len(lines)

    def _erase(self) -> None:
        if self._drawn_lines:
            self._stream.write(f"\x1b[{self._drawn_lines}F\x1b[J")
            self._drawn_lines = 0


def _size(stream: TextIO) -> os.terminal_size:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return _DEFAULT_SIZE
    return size if size.columns and size.lines else _DEFAULT_SIZE


def is_interactive(stream: TextIO, term: str | None) -> bool:
    """Whether the stream is a terminal on which the cursor can be moved (TERM is set and not `dumb`)."""
    try:
        return stream.isatty() and term not in {None, "", "dumb"}
    except ValueError:
        return False


def live_view(context: Context, tracker: Tracker) -> LiveView:
    """The view of a run on stderr, as --color, -q and the terminal have it."""
    stream = context.ports.stderr
    return LiveView(
        stream,
        tracker.snapshot,
        interactive=is_interactive(stream, context.ports.environ.get("TERM")),
        color=context.color,
        quiet=context.verbosity < 0,
        clock=context.ports.clock,
    )
