"""What each tier of caches gave the jobs of a run, by what they left in their artifacts.

run-jobs.yml leaves `.nanna-ci/jobs/ID/github-caches.json`, whether GitHub's cache had something for Nix's store or for
cargo's folders ("" where that was not asked), and `.nanna-ci/cache-push.json`, the receipt of `cache-push`. Both decide
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, as_list, as_object, load_json
from nanna_ci.report.blocks import Tone
from nanna_ci.summary.found_results import ARTIFACT_PREFIX
from nanna_ci.summary.measures import Measure

_TIERS: Final = {"nix": "GitHub's cache of Nix's store", "cargo": "GitHub's cache of cargo's folders"}
_PUSHED: Final = "Pushed to the binary cache"
_LIMIT_BYTES: Final = 16 * MEBIBYTE
_ANSWERS: Final = {"true": True, "false": False}


def measure_tiers(folder: Path) -> tuple[Measure, ...]:
    """A row for each tier, over all artifacts of jobs in `folder`."""
    found = [_read(path) for path in sorted(folder.glob(f"{ARTIFACT_PREFIX}*/.nanna-ci/jobs/*/github-caches.json"))]
    pushes = [_read(path) for path in sorted(folder.glob(f"{ARTIFACT_PREFIX}*/.nanna-ci/cache-push.json"))]
    return (*(_tier(key, name, found) for key, name in _TIERS.items()), _pushed(pushes))


def _read(path: Path) -> JsonObject | None:
    """None for what is no such file: an artifact may hold anything."""
    try:
        return as_object(load_json(read_file(path, _LIMIT_BYTES, follow_links=False), path.name), path.name, "it")
    except (MalformedData, OSError):
        return None


def _tier(key: str, name: str, found: list[JsonObject | None]) -> Measure:
    given = [_ANSWERS.get(str(one.get(key))) for one in found if one is not None]
    asked = [hit for hit in given if hit is not None]
    note = _unread(found)
    if not asked:
        return Measure(name, None, f"no job asked it{note}")
    return Measure(name, f"{sum(asked)} of {len(asked)}", f"machines that it had something for{note}")


def _pushed(pushes: list[JsonObject | None]) -> Measure:
    note = _unread(pushes)
    reports = [one for one in pushes if one is not None and one.get("command") == "cache-push"]
    if not reports:
        return Measure(_PUSHED, None, f"no job pushed{note}")
    skipped = [one for one in reports if one.get("verdict") == "unavailable"]
    failed = [one for one in reports if one.get("verdict") not in {"pass", "unavailable"}]
    if len(skipped) == len(reports):
        return Measure(_PUSHED, None, f"no job had the right to{note}")
    paths = {path for one in reports for path in _paths(one)}
    what = f"{len(failed)} of {len(reports)} jobs failed to push" if failed else f"by {len(reports)} jobs, all verified"
    return Measure(_PUSHED, f"{len(paths)} paths", f"{what}{note}", Tone.WARN if failed else Tone.NEUTRAL)


def _paths(report: JsonObject) -> Iterator[str]:
    try:
        for item in as_list(report.get("pushed"), "cache-push.json", "pushed"):
            yield str(item)
    except MalformedData:
        return


def _unread(found: list[JsonObject | None]) -> str:
    unread = found.count(None)
    return f"; {unread} files could not be read" if unread else ""
