"""The one required check: did every planned job pass?

usage: gate.py RESULTS NEED…

RESULTS is a folder with the jobs' artifacts; each NEED is a job of the workflow that must have succeeded. In the
environment, NEEDS is `toJSON(needs)` and MATRIX the plan. Anything but a success fails: failed, cancelled, skipped,
unknown, absent. An entry of the matrix accounts for all its `jobs`, by what is in its own artifact, `job-ID`: one that
several machines ran must have passed on each. The one exception is a declared skip: a job that is among the entry's
`skips` and that was unavailable.
Exit code 0 or 1; runs on a bare Python.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LARGEST_BYTES = 64 * 1024 * 1024


def judge_needs(needs: dict[str, Any], expected: list[str]) -> Iterator[tuple[str, str]]:
    """Each job of the workflow with its result; a job that nobody expected counts too."""
    for name in sorted({*expected, *needs}):
        yield name, str(needs.get(name, {}).get("result", "absent"))


def judge_jobs(matrix: dict[str, Any], results: Path) -> Iterator[tuple[str, str]]:
    """Each planned job with `success`, `declared skip`, or what is wrong with it."""
    for entry in matrix["include"]:
        verdicts: dict[str, list[str]] = {}
        for path in sorted((results / f"job-{entry['id']}").glob("**/jobs/*/result.json")):
            verdicts.setdefault(path.parent.name, []).append(read_verdict(path))
        if entry["id"] not in entry["jobs"]:
            yield entry["id"], "not among its own jobs"
        for job in entry["jobs"]:
            yield job, judge(verdicts.get(job, []), skippable=job in entry["skips"])


def read_verdict(path: Path) -> str:
    """A result's verdict, or why it is none: another job's, not a plain file, too large, not what `run-job` writes."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        return "unreadable"
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        return str(result["verdict"]) if result["id"] == path.parent.name else "of another job"
    except (ValueError, RecursionError, KeyError, TypeError):
        return "unreadable"


def judge(verdicts: list[str], *, skippable: bool) -> str:
    """`success` or `declared skip`, or else what is wrong; an `error` is not a skip, declared or not."""
    match sorted(set(verdicts)):
        case ["pass"]:
            return "success"
        case ["unavailable"] if skippable:
            return "declared skip"
        case []:
            return "absent"
        case _:
            return ", ".join(verdicts)


def main(argv: list[str]) -> int:
    """Print what became of everything, failures last, and decide."""
    matrix = json.loads(os.environ["MATRIX"] or '{"include": []}')
    planned = list(judge_jobs(matrix, Path(argv[0]))) or [("jobs in the plan", "absent")]
    judged = [*judge_needs(json.loads(os.environ["NEEDS"]), argv[1:]), *planned]
    wrong = [line for line in judged if line[1] not in {"success", "declared skip"}]
    for name, result in sorted(judged, key=lambda line: line in wrong):
        print(f"{name}: {result}")
    print(f"{len(judged) - len(wrong)} of {len(judged)} as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
