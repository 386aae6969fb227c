"""How far cargo is, in the live view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nanna_ci.pipeline.cargo_jobs import CargoStep, EndedProgram, run_step
from nanna_ci.pipeline.live import render_frame, render_heartbeat
from nanna_ci.pipeline.progress import Tracker


def test_a_running_job_says_how_many_crates_of_all_are_done_and_what_is_left() -> None:
    now = [0.0]
    tracker = Tracker(1, lambda: now[0])
    tracker.begin("clippy", "clippy", expected_s=60.0)
    tracker.output("clippy", "    Checking serde v1.0.0")
    assert "clippy (0.0 s, 1 crates, about 1 min 00 s left)" in render_heartbeat(tracker.snapshot())
    tracker.output("clippy", "    Building [====>      ] 12/40: serde, syn")
    now[0] = 20.0
    assert "clippy (20 s, 12 of 40 crates, about 40 s left)" in render_heartbeat(tracker.snapshot())
    frame = "\n".join(render_frame(tracker.snapshot(), width=100, color=False))
    assert "12 of 40 crates" in frame
    tracker.output("clippy", "13 of 40 crates")
    assert "13 of 40 crates" in render_heartbeat(tracker.snapshot()), "the phase of a Nix build"
    assert "Checking serde v1.0.0" in frame, "the bar is not a line worth showing"
    now[0] = 90.0
    assert "left" not in render_heartbeat(tracker.snapshot()), "longer than the last time: unknown"


def test_cargos_progress_bar_is_for_the_view_and_not_for_the_log() -> None:
    def run(
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        on_line: Callable[[bytes], None] | None = None,
    ) -> EndedProgram:
        if on_line is not None:
            on_line(b"    Building [=>   ] 1/3: a\r\x1b[K    Building [==>  ] 2/3: b\r\x1b[K   Compiling b v1.0.0")
        return EndedProgram(0, 0.0, b"1.0.0", "")

    logged: list[str] = []
    shown: list[str] = []
    run_step(
        "job",
        CargoStep(("cargo", "clippy")),
        run,
        root=Path(),
        on_line=logged.append,
        on_progress=shown.append,
    )
    assert logged == ["   Compiling b v1.0.0"]
    assert [state.strip() for state in shown] == ["Building [=>   ] 1/3: a", "Building [==>  ] 2/3: b"]
