"""A made-up history: runs of this pipeline's jobs, with noise, a slowdown, failures, another machine.

Nothing in it was measured. The same arguments give the same history.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from pathlib import Path

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.record_lines import render_record, series_of
from nanna_ci.measure.history.records import (
    BenchmarkRecord,
    BenchmarkValue,
    CoverageRecord,
    CrateCoverage,
    FlakyTest,
    JobRecord,
    JobTests,
    Metric,
    Record,
    RunIdentity,
    RunRecord,
    RunTests,
    Segment,
    StepTime,
)

KINDS = ("unit", "integration", "lint", "audit", "deny", "coverage", "build", "image", "container-test", "scan")
PLACES = ("x86_64-linux-stable", "x86_64-linux-beta", "aarch64-linux-stable", "aarch64-darwin-stable")
STEPS = ("Set up Nix", "Build", "Test")
FIRST = datetime.datetime(2024, 11, 4, 9, 30, tzinfo=datetime.UTC)
LATER = datetime.timedelta(hours=3, minutes=31)


def job_names(jobs: int) -> list[str]:
    """`jobs` names as this pipeline has them."""
    names = [f"{kind}-{place}" for place in PLACES for kind in KINDS]
    return [*names, *(f"unit-more-{number}" for number in range(len(names), jobs))][:jobs]


def fake_records(runs: int, jobs: int = 40, *, seed: int = 1) -> Iterator[Record]:
    """The records of each run: of all series."""
    rng = random.Random(seed)
    names = job_names(jobs)
    usual = {name: rng.lognormvariate(4.4, 0.9) for name in names}
    for at in range(runs):
        origin = RunIdentity(
            f"github-{700_000 + at}-1",
            rng.choice(("push", "pull_request", "pull_request")),
            FIRST + at * LATER,
            f"{rng.getrandbits(160):040x}",
            "main",
            f"https://github.com/nanna-coder/nanna-coder/actions/runs/{700_000 + at}",
        )
        slow = 1.35 if at > runs * 0.8 else 1.0
        yield _run(origin, usual, slow, rng)
        yield _tests(origin, rng)
        covered = min(0.96, 0.78 + 0.12 * at / max(runs, 1) + rng.gauss(0, 0.004))
        crates = (("model", 2210), ("harness", 1460), ("prompts", 640))
        lines = tuple(CrateCoverage(name, round(count * covered), count) for name, count in crates)
        yield CoverageRecord(origin, "cargo-llvm-cov 0.9.1", lines)
        machine = "AMD EPYC 7763" if at < runs * 0.6 else "AMD EPYC 9V74"
        yield _benchmarks(origin, Segment("x86_64-linux", machine, "1.90.0"), 1.0 if at < runs * 0.6 else 0.8, rng)


def _run(origin: RunIdentity, usual: dict[str, float], slow: float, rng: random.Random) -> RunRecord:
    made = []
    for name, seconds in usual.items():
        failed, run_s = rng.random() < 0.004, seconds * slow * rng.lognormvariate(0, 0.12)
        image = round(rng.gauss(92e6, 4e5)) if name.startswith("image") else None
        artifact = round(rng.gauss(14e6, 9e4)) if name.startswith("build") else None
        steps = tuple(StepTime(step, run_s * share) for step, share in zip(STEPS, (0.1, 0.6, 0.3), strict=True))
        made.append(
            JobRecord(
                name,
                Verdict.FAIL if failed else Verdict.PASS,
                "built",
                name.split("-", 1)[-1],
                rng.expovariate(1 / 9),
                run_s,
                min(1.0, max(0.0, rng.gauss(0.91, 0.05))),
                artifact,
                image,
                steps,
            )
        )
    verdict = Verdict.FAIL if any(job.verdict is Verdict.FAIL for job in made) else Verdict.PASS
    wall_s = max((job.queue_s or 0) + (job.run_s or 0) for job in made) if made else None
    return RunRecord(origin, verdict, tuple(made), wall_s, min(1.0, rng.gauss(0.91, 0.03)), round(rng.gauss(31e9, 2e8)))


def _tests(origin: RunIdentity, rng: random.Random) -> RunTests:
    flaky = (FlakyTest("harness::server answers while it stops", 2),) if rng.random() < 0.05 else ()
    return RunTests(origin, (JobTests("unit-x86_64-linux-stable", 212 - len(flaky), 0, len(flaky), 3, flaky),))


def _benchmarks(origin: RunIdentity, segment: Segment, speed: float, rng: random.Random) -> BenchmarkRecord:
    values = []
    for name, usual in (
        ("tokenize/short", 1.9e3),
        ("tokenize/long", 7.4e5),
        ("render prompt", 4.1e4),
        ("parse", 2.6e6),
    ):
        value = usual * speed * rng.lognormvariate(0, 0.04)
        values.append(BenchmarkValue(name, Metric.TIME, "ns", value, value * 0.97, value * 1.04))
    return BenchmarkRecord(origin, segment, tuple(values))


def write_fake_history(folder: Path, runs: int, jobs: int = 40, *, seed: int = 1) -> None:
    """The history's files, as the real writer makes their lines, all at once."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[bytes]] = {}
    for record in fake_records(runs, jobs, seed=seed):
        lines.setdefault(series_of(record).value, []).append(render_record(record))
    for series, made in lines.items():
        (folder / f"{series}.jsonl").write_bytes(b"".join(made))
