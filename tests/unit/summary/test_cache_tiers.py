"""The tiers of caches, by what jobs left of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nanna_ci.report.blocks import Tone
from nanna_ci.summary.cache_tiers import measure_tiers
from nanna_ci.summary.measures import Measure

NIX, CARGO, PUSHED = "GitHub's cache of Nix's store", "GitHub's cache of cargo's folders", "Pushed to the binary cache"


def leave(folder: Path, job: str, caches: Any = None, push: Any = None) -> None:
    base = folder / f"job-{job}/.nanna-ci"
    (base / "jobs" / job).mkdir(parents=True)
    if caches is not None:
        (base / "jobs" / job / "github-caches.json").write_text(json.dumps(caches))
    if push is not None:
        (base / "cache-push.json").write_text(json.dumps(push))


def rows(folder: Path) -> dict[str, Measure]:
    return {one.name: one for one in measure_tiers(folder)}


def test_what_nobody_asked_is_not_zero(tmp_path: Path) -> None:
    leave(tmp_path, "unit", {"nix": "", "cargo": ""})
    assert [one.value for one in rows(tmp_path).values()] == [None, None, None]
    assert [one.value for one in measure_tiers(tmp_path / "nowhere")] == [None, None, None]


def test_hits_are_counted_over_the_machines_that_asked(tmp_path: Path) -> None:
    leave(tmp_path, "a", {"nix": "true", "cargo": ""})
    leave(tmp_path, "b", {"nix": "false", "cargo": ""})
    leave(tmp_path, "c", {"nix": "", "cargo": "true"})
    assert (rows(tmp_path)[NIX].value, rows(tmp_path)[CARGO].value) == ("1 of 2", "1 of 1")


def test_a_file_that_is_none_of_ours_is_said_and_counts_for_nothing(tmp_path: Path) -> None:
    leave(tmp_path, "a", ["nix"])
    leave(tmp_path, "b", {"nix": "true"})
    (tmp_path / "job-c/.nanna-ci/jobs/c").mkdir(parents=True)
    (tmp_path / "job-c/.nanna-ci/jobs/c/github-caches.json").symlink_to("/dev/zero")
    assert (rows(tmp_path)[NIX].value, rows(tmp_path)[NIX].note) == (
        "1 of 1",
        "machines that it had something for; 2 files could not be read",
    )


def test_paths_that_two_jobs_pushed_are_counted_once_and_a_failure_is_a_warning(tmp_path: Path) -> None:
    report = {"command": "cache-push", "verdict": "pass", "pushed": ["/nix/store/a", "/nix/store/b"]}
    leave(tmp_path, "a", push=report)
    leave(tmp_path, "b", push={**report, "pushed": ["/nix/store/b"]})
    assert (rows(tmp_path)[PUSHED].value, rows(tmp_path)[PUSHED].tone) == ("2 paths", Tone.NEUTRAL)
    leave(tmp_path, "c", push={**report, "verdict": "fail", "pushed": None})
    assert (rows(tmp_path)[PUSHED].note, rows(tmp_path)[PUSHED].tone) == ("1 of 3 jobs failed to push", Tone.WARN)


def test_a_fork_without_the_right_to_push_has_pushed_nothing(tmp_path: Path) -> None:
    leave(tmp_path, "a", push={"command": "cache-push", "verdict": "unavailable", "pushed": []})
    assert (rows(tmp_path)[PUSHED].value, rows(tmp_path)[PUSHED].note) == (None, "no job had the right to")
