"""The live view: what it draws, when it speaks, and that it never harms a run."""

from __future__ import annotations

import io
import os
import pty
import threading
from collections.abc import Callable
from typing import TextIO

import pytest

from nanna_ci.foundation.visible_text import display_width
from nanna_ci.pipeline import live
from nanna_ci.pipeline.live import LiveView, duration, fit, is_interactive, render_frame, render_heartbeat
from nanna_ci.pipeline.progress import Activity, RunProgress, Tracker
from nanna_ci.report.blocks import Tone


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def progress(*running: Activity, failed: int = 0) -> RunProgress:
    return RunProgress(75.0, total=9, finished=3, failed=failed, built=12, substituted=4, running=running)


CLIPPY = Activity("clippy-x86_64-linux-stable", 45.0, 2.0, "Checking serde v1.0.0")
STUCK = Activity("harness-deps", 400.0, 301.0, "Compiling aws-lc-sys")


def view(stream: TextIO, snapshot: Callable[[], RunProgress], clock: Clock, **options: bool) -> LiveView:
    settings = {"interactive": False, "color": False, "quiet": False, **options}
    return LiveView(stream, snapshot, clock=clock, **settings)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (187, "3 min 07 s"),
        (3720, "1 h 02 min"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_frame_has_state_elapsed_and_what_runs() -> None:
    assert render_frame(progress(CLIPPY), width=100, color=False) == [
        "1 min 15 s  3 of 9 jobs, 12 built, 4 substituted",
        "  clippy-x86_64-linux-stable  45 s  Checking serde v1.0.0",
    ]


def test_a_stalled_activity_comes_first_and_says_so() -> None:
    lines = render_frame(progress(CLIPPY, STUCK), width=100, color=False)
    assert lines[1] == "  harness-deps (6 min 40 s) stalled: no output for 5 min 01 s"
    just_not = Activity("harness-deps", 400.0, 299.0, None)
    assert "stalled" not in "\n".join(render_frame(progress(just_not), width=100, color=False))


def test_no_line_of_a_frame_is_wider_than_the_terminal() -> None:
    hostile = Activity("\u65e5" * 30, 5.0, 1.0, "\x1b[2J\u65e5\u202e" * 40)
    lines = render_frame(progress(hostile, CLIPPY, STUCK, failed=2), width=40, color=False)
    assert all(display_width(line) <= 40 for line in lines)
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)


def test_more_activities_than_fit_are_counted() -> None:
    many = [Activity(f"job-{number}", 1.0, 0.0, None) for number in range(11)]
    lines = render_frame(progress(*many), width=80, color=False)
    assert len(lines) == 1 + 8 + 1
    assert lines[-1] == "  and 3 more"


def test_colour_is_only_an_addition() -> None:
    plain = render_frame(progress(CLIPPY, STUCK, failed=1), width=100, color=False)
    colored = render_frame(progress(CLIPPY, STUCK, failed=1), width=100, color=True)
    assert any("\x1b[31m" in line for line in colored)
    assert [live_text(line) for line in colored] == plain


def live_text(line: str) -> str:
    for code in ("\x1b[31m", "\x1b[1m", "\x1b[33m", "\x1b[2m", "\x1b[0m"):
        line = line.replace(code, "")
    return line


def test_fit_cuts_by_columns() -> None:
    assert fit("abcdef", 6) == "abcdef"
    assert fit("abcdefg", 6) == "abcde>"
    assert fit("\u65e5\u672c\u8a9e", 5) == "\u65e5\u672c>"


def test_elsewhere_a_heartbeat_comes_after_thirty_silent_seconds() -> None:
    clock, stream = Clock(), io.StringIO()
    watched = view(stream, lambda: progress(CLIPPY), clock)
    clock.now += 29.9
    watched.tick()
    assert stream.getvalue() == ""
    clock.now += 0.1
    watched.tick()
    assert stream.getvalue() == (
        "still running after 1 min 15 s: 3 of 9 jobs, 12 built, 4 substituted; clippy-x86_64-linux-stable (45 s)\n"
    )
    clock.now += 20
    watched.note("unit: built")
    clock.now += 20  # a line was printed in between
    watched.tick()
    assert stream.getvalue().count("still running") == 1
    clock.now += 10
    watched.tick()
    assert stream.getvalue().count("still running") == 2


def test_what_newly_stalls_is_said_at_once_and_once() -> None:
    clock, stream = Clock(), io.StringIO()
    shown = [progress(CLIPPY)]
    watched = view(stream, lambda: shown[0], clock)
    clock.now += 1
    watched.tick()
    shown[0] = progress(CLIPPY, STUCK)
    watched.tick()
    watched.tick()
    assert stream.getvalue().count("stalled: no output for 5 min 01 s") == 1


def test_a_silent_run_waits_for_nix() -> None:
    assert render_heartbeat(progress()).endswith("; waiting for Nix")


def test_on_a_terminal_the_block_is_redrawn_and_notes_stay_above_it() -> None:
    clock, stream = Clock(), io.StringIO()
    watched = view(stream, lambda: progress(CLIPPY), clock, interactive=True)
    watched.tick()
    watched.note("fmt: built after 1.0 s", Tone.GOOD)
    with watched:
        pass
    assert screen(stream.getvalue()) == ["fmt: built after 1.0 s"]


def screen(written: str) -> list[str]:
    """The lines a terminal shows: `ESC[nF` goes up n lines, `ESC[J` clears from there."""
    lines: list[str] = []
    for part in written.split("\x1b["):
        head, letter, rest = part.partition("F")
        if letter and head.isdigit():
            del lines[len(lines) - int(head) :]
        else:
            rest = part.removeprefix("J")
        lines += rest.splitlines()
    return lines


def test_quiet_writes_nothing() -> None:
    clock, stream = Clock(), io.StringIO()
    with view(stream, lambda: progress(STUCK), clock, quiet=True, interactive=True) as watched:
        clock.now += 1000
        watched.tick()
        watched.note("unit: built")
    assert stream.getvalue() == ""


def test_a_closed_stream_ends_the_view_and_not_the_run() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    clock = Clock()
    with view(Broken(), lambda: progress(CLIPPY), clock, interactive=True) as watched:
        watched.note("unit: built")
        watched.tick()
    closed = io.StringIO()
    closed.close()
    with view(closed, lambda: progress(CLIPPY), clock) as watched:
        watched.note("unit: built")


def test_the_thread_draws_by_itself_and_ends_with_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "REDRAW_S", 0.001)
    drawn = threading.Event()

    def snapshot() -> RunProgress:
        drawn.set()
        return progress(CLIPPY)

    before = threading.active_count()
    with view(io.StringIO(), snapshot, Clock(), interactive=True):
        assert drawn.wait(10)
    assert threading.active_count() == before


def test_only_a_terminal_that_moves_its_cursor_is_interactive() -> None:
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        assert is_interactive(terminal, "xterm")
        assert not is_interactive(terminal, "dumb")
        assert not is_interactive(terminal, None)
    os.close(leader)
    assert not is_interactive(io.StringIO(), "xterm")


def test_the_tracker_counts_each_job_once_and_forgets_what_ended() -> None:
    clock = Clock()
    tracker = Tracker(3, clock)
    tracker.begin(1, "unit")
    clock.now += 5
    tracker.output(1, "Compiling")
    clock.now += 2
    tracker.begin(2, "doc")
    (unit, doc) = tracker.snapshot().running
    assert (unit.seconds, unit.silent_s, unit.last_line) == (7.0, 2.0, "Compiling")
    assert (doc.name, doc.seconds, doc.last_line) == ("doc", 0.0, None)
    tracker.end(1)
    tracker.end(99)
    tracker.output(1, "late")
    tracker.finish_job("unit", failed=True)
    tracker.finish_job("unit", failed=True)
    tracker.count(built=4, substituted=2, failed=0)
    now = tracker.snapshot()
    assert (now.finished, now.failed, now.built, now.substituted, now.total) == (1, 1, 4, 2, 3)
    tracker.leave_out("macos")
    tracker.leave_out("macos")
    assert tracker.snapshot().total == 2
    assert [activity.name for activity in now.running] == ["doc"]
