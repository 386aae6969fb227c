"""How long a push to main takes on GitHub, and on how many machines: `plan --forecast` fed with times of a real run.

The times are those of `ci` on a real workspace, in the folder that it left: what each job took, and what its
dependencies took to compile (build-times.json). Two cases: dependencies come from a cache, and nothing is cached, where
every machine compiles them itself. What this machine could not run (macOS, Windows, beta, nightly) is taken to last
as long as the same kind of job here. The set-up of a machine (checkouts, Nix, caches) is a guess, and named.

    ./nixw run .#ci --override-input nanna-coder path:WORKSPACE        # in a folder of its own
    python3 benchmarks/forecast.py FOLDER/.nanna-ci
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "scripts"))

from nanna_ci.foundation.verdict import Verdict  # noqa: E402 - after the path
from nanna_ci.measure.history.history_folder import HistoryFolder  # noqa: E402
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord  # noqa: E402

SET_UP_S = 60.0
TRANSFER_S = 30.0
"""Guesses: two checkouts and the installation of Nix; the download of what the caches have."""
QUEUE_S = 10.0
RUNS = 20
DEPENDENCIES = {"clippy": "lint", "doc": "lint", "build": "release", "image": "release", "container": "release"}
"""By the kind of a job, which of the dependencies' builds it needs; those of tests for the rest."""


def main() -> int:
    """Print both forecasts; 1 if the one with caches is over 20 minutes, or machines are not 25 to 35."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder .nanna-ci of a run")
    folder = parser.parse_args().folder
    run = HistoryFolder(folder / "history").read_runs()[-1]
    jobs = {job.id: job.run_s for job in run.jobs if job.verdict is Verdict.PASS and job.run_s is not None}
    names = json.loads((folder / "build-times.json").read_text())["builds"].items()
    builds = {name.partition("-")[2].removesuffix(".drv"): one["seconds"] for name, one in names}
    planned = plan(REPO / "pipeline.toml")
    warm = {job: SET_UP_S + TRANSFER_S + own_s(job, jobs) for job in planned}
    cold = {job: SET_UP_S + own_s(job, jobs) + dependencies_s(job, builds) for job in planned}
    good = True
    for name, times in (("dependencies from a cache", warm), ("nothing cached", cold)):
        for account in ("free", "team"):
            forecast, machines = ask(times, account)
            good = good and (name == "nothing cached" or (forecast <= 20 * 60 and 25 <= machines <= 35))
            print(f"{name}, {account}: {forecast / 60:.1f} minutes on {machines} machines")
    return 0 if good else 1


def plan(config: Path) -> list[str]:
    answer = call("plan", "--config", str(config), "--format", "json")
    return [job["id"] for job in json.loads(answer)["jobs"]]


def own_s(job: str, jobs: Mapping[str, float]) -> float:
    """What the job took here, or the longest of its kind."""
    kind = job.partition("-")[0]
    return jobs.get(job) or max((seconds for one, seconds in jobs.items() if one.startswith(f"{kind}-")), default=10.0)


def dependencies_s(job: str, builds: Mapping[str, float]) -> float:
    """What its dependencies took to compile; nothing for what compiles none."""
    kind = job.partition("-")[0]
    if kind in {"fmt", "audit", "deny", "scan"}:
        return 0.0
    if kind == "coverage":  # compiles them once more in the job's own build
        return 0.0
    warms = DEPENDENCIES.get(kind, "dev")
    system = "aarch64-linux" if "aarch64-linux" in job else "x86_64-linux"
    found = [seconds for name, seconds in builds.items() if name.endswith(f"-deps-{warms}-{system}")]
    return max(found, default=max(seconds for name, seconds in builds.items() if f"-deps-{warms}-" in name))


def ask(times: Mapping[str, float], account: str) -> tuple[float, int]:
    """Seconds and machines, by `plan --forecast` over a history of equal runs."""
    with tempfile.TemporaryDirectory() as place:
        history = HistoryFolder(Path(place))
        records = [JobRecord(job, Verdict.PASS, "built", queue_s=QUEUE_S, run_s=one) for job, one in times.items()]
        start = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
        history.append_all(
            [
                RunRecord(
                    RunIdentity(f"github-{number}-1", "push", start + datetime.timedelta(days=number)),
                    Verdict.PASS,
                    tuple(records),
                )
                for number in range(RUNS)
            ]
        )
        words = ("plan", "--config", str(REPO / "pipeline.toml"), "--forecast", "--history", place)
        answer = json.loads(call(*words, "--account", account, "--format", "json"))
        machines = call("plan", "--config", str(REPO / "pipeline.toml")).partition("at most ")[2].partition(" ")[0]
        return float(answer["forecast"]["seconds"]), int(machines)


def call(*words: str) -> str:
    argv = [sys.executable, "-m", "nanna_ci", *words]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPO / "scripts")}
    return subprocess.run(argv, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout


if __name__ == "__main__":
    sys.exit(main())
