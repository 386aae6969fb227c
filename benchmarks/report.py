#!/usr/bin/env python3
"""How long `report` takes for a long history, what it needs, and how long a browser draws its page.

Makes a history of RUNS x JOBS (each job with three steps) with the real writer of its lines, all values made up; runs
`report` on it in a process of its own, and opens the page in Chromium where there is one. Prints each figure beside its
limit; exit 1 when one is over it, 3 when something does not run.

    benchmarks/report.py [--runs 5000] [--jobs 40] [--repeat 3]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from support.fake_history import write_fake_history  # noqa: E402 - only now on the path
from support.headless_browser import PROGRAM, BrowserFailed, find_browser, running_browser  # noqa: E402

REPORT_S, MEMORY_MB, PAGE_MB, DRAW_S = 5.0, 300.0, 3.0, 2.0


def make_page(history: Path, page: Path) -> tuple[float, float]:
    """Seconds, and of these those of the processor, of one `report` with its Python's start."""
    argv = [sys.executable, "-m", "nanna_ci", "report", "-q", "--history", str(history), "--output", str(page)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(argv, cwd=ROOT, env=environ, check=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def draw_page(program: str, page: Path, profile: Path, repeat: int) -> float:
    """Median seconds from navigation to two drawn frames."""
    times = []
    with running_browser(program, profile) as browser:
        for _ in range(repeat):
            tab = browser.page()
            tab.look(width=1280, height=900)
            tab.open(page)
            times.append(tab.drawn_s())
    return statistics.median(times)


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000, help="default: 5000")
    parser.add_argument("--jobs", type=int, default=40, help="of a run (default: 40)")
    parser.add_argument("--repeat", type=int, default=3, help="the median of so many counts (default: 3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="report-") as name:
        folder = Path(name)
        history, page = folder / "history", folder / "index.html"
        write_fake_history(history, arguments.runs, arguments.jobs)
        history_mb = sum(path.stat().st_size for path in history.iterdir()) / 1e6
        print(f"{arguments.runs} runs x {arguments.jobs} jobs x 3 steps: {history_mb:.1f} MB of history")
        try:
            times = [make_page(history, page) for _ in range(arguments.repeat)]
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"report: {error}", file=sys.stderr)
            return 3
        memory_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
        figures = [
            ("report, s", statistics.median(seconds for seconds, _ in times), REPORT_S),
            ("peak memory, MB", memory_mb, MEMORY_MB),
            ("page, MB", page.stat().st_size / 1e6, PAGE_MB),
        ]
        program = find_browser()
        if program is None:
            print(f"no {PROGRAM} on PATH: drawing is not measured", file=sys.stderr)
        else:
            try:
                figures.append(("drawn, s", draw_page(program, page, folder / "profile", arguments.repeat), DRAW_S))
            except BrowserFailed as error:
                print(f"{PROGRAM}: {error}", file=sys.stderr)
                return 3
        processor = statistics.median(seconds for _, seconds in times)
        print(f"of these, processor time of report: {processor:.2f} s")
        for label, value, limit in figures:
            print(f"{label:<18} {value:>8.2f}   limit {limit:g}{'  over the limit' if value > limit else ''}")
        return 1 if any(value > limit for _, value, limit in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
