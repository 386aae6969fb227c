"""What became of the jobs of a run, as in-toto's test result (v0.1): only what ran and passed counts as passed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, assert_never

from nanna_ci.foundation.errors import ConfigError, GateFailed, MalformedData, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, as_list, as_object, as_text, as_texts
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, parse_result
from nanna_ci.store.hashes import NixHash, parse_hash
from nanna_ci.store.store_path import StorePath, parse_store_path

_RESULT_BYTES: Final = 16 * MEBIBYTE
_STAMP: Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-\d+(-\d+)?")


@dataclass(frozen=True, slots=True)
class RunResults:
    """The results of one run, by job; `started` is ISO 8601, None where the folder's name does not say."""

    jobs: tuple[JobResult, ...]
    started: str | None

    def derivations(self) -> dict[str, StorePath]:
        """Job → the derivation that it rests on, where it names one."""
        return {job.id: path for job in self.jobs if (path := _derivation(job)) is not None}

    def derivers(self) -> dict[StorePath, StorePath]:
        """Output → derivation, for every output that a job names."""
        derivations = self.derivations()
        return {
            parse_store_path(path, f"the result of {job.id}"): derivations[job.id]
            for job in self.jobs
            if job.id in derivations
            for path in _outputs(job)
        }

    def nar_hashes(self) -> dict[StorePath, NixHash]:
        """Output → NAR hash, for every output that a job names."""
        return {
            parse_store_path(path, f"the result of {job.id}"): parse_hash(text, f"the result of {job.id}")
            for job in self.jobs
            for path, text in _outputs(job).items()
        }


def _derivation(job: JobResult) -> StorePath | None:
    text = job.evidence.get("derivation")
    return parse_store_path(text, f"the result of {job.id}") if isinstance(text, str) else None


def read_run(folder: Path) -> RunResults:
    """The results below a run's folder, or of one job's. ConfigError where there are none, MalformedData for others."""
    files = [*sorted(folder.glob("jobs/*/result.json"))] or sorted(folder.glob("*/result.json"))
    if not files:
        raise ConfigError(str(folder), "there is no jobs/JOB/result.json", hint="`ci` leaves them in .nanna-ci/latest")
    jobs = []
    for file in files:
        try:
            jobs.append(parse_result(read_file(file, _RESULT_BYTES), str(file)))
        except OSError as error:
            raise ConfigError(str(file), f"cannot be read: {error.strerror}") from None
    if len({job.id for job in jobs}) != len(jobs):
        raise MalformedData(str(folder), "has two results of one job")
    match = _STAMP.fullmatch(folder.resolve().name)
    started = None if match is None else "{}-{}-{}T{}:{}:{}Z".format(*match.groups()[:6])
    return RunResults(tuple(sorted(jobs, key=lambda job: job.id)), started)


def refuse_other_sources(run: RunResults, tested: Mapping[StorePath, bool | None]) -> None:
    """Raise GateFailed where a job tested another source than the one that was built."""
    others = [job for job, path in run.derivations().items() if tested.get(path) is False]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise GateFailed(
            f"the job {others[0]}{more} tested another source than the artifacts and images were built from",
            hint="run `ci` on this source, and give that run",
        )


def make_test_result(
    run: RunResults, tested: Mapping[StorePath, bool | None], configuration: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The predicate. A job that did not run is in none of its three lists, and makes the result a warning at best."""
    by_verdict: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
    for job in run.jobs:
        by_verdict[job.verdict].append(job.id)
    failed = sorted([*by_verdict[Verdict.FAIL], *by_verdict[Verdict.ERROR]])
    passed = by_verdict[Verdict.PASS]
    result = "FAILED" if failed or not passed else "WARNED" if by_verdict[Verdict.UNAVAILABLE] else "PASSED"
    derivations = run.derivations()
    return {
        "result": result,
        "configuration": [*configuration],
        "passedTests": passed,
        "warnedTests": [],
        "failedTests": failed,
        "notRun": [{"name": job.id, "reason": job.reason} for job in run.jobs if job.verdict is Verdict.UNAVAILABLE],
        "jobs": [
            {
                "name": job.id,
                "verdict": job.verdict.value,
                "derivation": None if job.id not in derivations else str(derivations[job.id]),
                "isOfThisSource": tested.get(derivations[job.id]) if job.id in derivations else None,
                "outputs": _outputs(job),
            }
            for job in run.jobs
        ],
    }


def _outputs(job: JobResult) -> dict[str, str]:
    """Store path → NAR hash, of what a job says that it made."""
    outputs = job.evidence.get("outputs")
    if not isinstance(outputs, Mapping):
        return {}
    return {
        output["path"]: output["narHash"]
        for output in outputs.values()
        if isinstance(output, Mapping) and isinstance(output.get("path"), str) and output.get("narHash") is not None
    }


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test result as it was read: its word, the jobs by verdict, and the outputs that they name."""

    __test__ = False  # pytest takes the name for a class of tests

    result: str
    verdicts: Mapping[str, Verdict]
    outputs: Mapping[str, str]


def parse_test_result(predicate: JsonObject, source: str) -> TestResult:
    """Read a predicate of ours. MalformedData where its lists, jobs and result do not say the same."""
    verdicts, outputs = {}, {}
    for value in as_list(predicate.get("jobs"), source, "jobs"):
        job = as_object(value, source, "a job")
        name, text = as_text(job.get("name"), source, "name"), as_text(job.get("verdict"), source, "verdict")
        verdict = next((one for one in Verdict if one.value == text), None)
        if verdict is None:
            raise MalformedData(source, f"{shorten(name)} has the verdict {shorten(text)}")
        verdicts[name] = verdict
        for path, nar_hash in as_object(job.get("outputs"), source, "outputs").items():
            outputs[path] = as_text(nar_hash, source, "narHash")
    lists = {key: as_texts(predicate.get(key), source, key) for key in ("passedTests", "warnedTests", "failedTests")}
    not_run = [
        as_text(as_object(value, source, "notRun").get("name"), source, "name")
        for value in as_list(predicate.get("notRun"), source, "notRun")
    ]
    for name, verdict in verdicts.items():
        place = lists["failedTests"]
        match verdict:
            case Verdict.PASS:
                place = lists["passedTests"]
            case Verdict.UNAVAILABLE:
                place = tuple(not_run)
            case Verdict.FAIL | Verdict.ERROR:
                pass
            case _:
                assert_never(verdict)
        if name not in place:
            raise MalformedData(source, f"{shorten(name)} is {verdict.value}, and not in the list for that")
    if len(verdicts) != sum(map(len, lists.values())) + len(not_run):
        raise MalformedData(source, "its lists name jobs that it does not have")
    result = as_text(predicate.get("result"), source, "result")
    failed, warned = lists["failedTests"] or not lists["passedTests"], lists["warnedTests"] or not_run
    if result != ("FAILED" if failed else "WARNED" if warned else "PASSED"):
        raise MalformedData(source, f"result is {shorten(result)}, which its jobs do not give")
    return TestResult(result, verdicts, outputs)
