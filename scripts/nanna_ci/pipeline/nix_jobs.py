"""Pure jobs: one `nix build` for all of them, then a result for each from what Nix said and what the store has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.build_watch import BuildWatch, NixJob, derivation_name
from nanna_ci.pipeline.faults import exit_code, find_fault, start_fault
from nanna_ci.pipeline.junit import JunitReport, read_junit
from nanna_ci.pipeline.log_text import failing_tests, left_out, plain_line, useful_lines
from nanna_ci.pipeline.nextest import NextestResult, judge_tests
from nanna_ci.pipeline.nix_failures import FailedBuild, by_fault, first_sentence, judge_failure
from nanna_ci.pipeline.output_facts import DatabaseRule, judge_output
from nanna_ci.pipeline.results import JobResult, JobState, unavailable
from nanna_ci.pipeline.run_folder import JobFolder, JobFolders
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_result import BuildOutcome, DerivationResult
from nanna_ci.store.build_state import BuildState, DerivationLog
from nanna_ci.store.nix import Nix
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath

JOB_STATES = {
    BuildOutcome.BUILT: JobState.BUILT,
    BuildOutcome.SUBSTITUTED: JobState.SUBSTITUTED,
    BuildOutcome.PRESENT: JobState.PRESENT,
}

PRESENT = "already in the store"
_HOW = {
    BuildOutcome.SUBSTITUTED: "fetched from a cache",
    BuildOutcome.PRESENT: PRESENT,
    BuildOutcome.DEPENDENCY_FAILED: "failed because a dependency failed",
}

ENDED_BADLY = frozenset({Verdict.FAIL, Verdict.ERROR})
INTERRUPTED = "interrupted before it ended"

Built = Mapping[StorePath, DerivationResult]


def look_up_outputs(jobs: Sequence[NixJob], nix: Nix) -> tuple[dict[str, Path], frozenset[str]]:
    """Where each job's output `out` will be, by id, as far as that is known before; and the jobs that have it now."""
    if not jobs:
        return {}, frozenset()
    shown = nix.derivation_show(list(dict.fromkeys(job.derivation for job in jobs)), recursive=False)
    paths = {}
    for job in jobs:
        output = shown[job.derivation].outputs.get("out")
        if output is not None and output.path is not None:
            paths[job.id] = output.path
    known = nix.path_info(sorted(set(paths.values()))) if paths else {}
    return {id_: Path(str(path)) for id_, path in paths.items()}, frozenset(
        id_ for id_, path in paths.items() if known[path] is not None
    )


def build_jobs(jobs: Sequence[NixJob], nix: Nix, watch: BuildWatch) -> tuple[Built, BuildLog]:
    """Build every job's derivation with one `nix build --keep-going`. Raises what `Nix.build` raises."""
    installables = list(dict.fromkeys(f"{job.derivation}^*" for job in jobs))
    result = nix.build(installables, keep_going=True, on_event=watch.on_event)
    built = {one.derivation: one for one in result.results}
    for job in jobs:
        one = built[job.derivation]
        how = _HOW.get(one.state)
        watch.announce(job, failed=not one.state.there, seconds=one.seconds, how=how)
    return built, result.log


@dataclass(frozen=True, slots=True)
class Prebuilt:
    """What the one `nix build` made of the attribute behind a job with effects, and the evidence of it."""

    result: DerivationResult
    evidence: Mapping[str, Any]


def judge_jobs(
    jobs: Sequence[NixJob],
    built: Built,
    log: BuildLog,
    *,
    nix: Nix,
    folders: JobFolders,
    rule: DatabaseRule,
    reproduce: Callable[[str], str],
) -> tuple[list[JobResult], dict[str, Prebuilt]]:
    """A result for each job that is its derivation, and for the others what was built, by id.

    Asks Nix once for hashes, and once more if a dependency failed. `reproduce` makes a command of an attribute.
    """
    there = {path for one in built.values() if one.state.there for path in one.outputs.values() if path is not None}
    known = nix.path_info(sorted(there)) if there else {}
    culprits = _culprits([job.derivation for job in jobs if job.is_answer], built, log, nix)
    results, prebuilt = [], {}
    for job in jobs:
        one = built[job.derivation]
        evidence = evidence_of(one, known)
        if not job.is_answer:
            prebuilt[job.id] = Prebuilt(one, evidence)
            continue
        if one.state.there:
            result = _there(job, one, evidence, folders.job(job.id), rule)
        else:
            result = _failed(job.id, one, evidence, folders.job(job.id), culprits.get(job.derivation, ()))
        # to build it again would pass, where only its database is too old
        is_reproducible = result.verdict in ENDED_BADLY and "scan" not in result.evidence
        results.append(replace(result, reproduce=reproduce(job.attribute)) if is_reproducible else result)
    return results, prebuilt


def evidence_of(one: DerivationResult, known: Mapping[StorePath, PathInfo | None]) -> dict[str, Any]:
    """The derivation, and each output that is there with its NAR hash; nothing that was not seen."""
    outputs = {}
    for name, path in one.outputs.items():
        info = known.get(path) if path is not None else None
        if info is not None:
            outputs[name] = {"path": str(path), "narHash": str(info.nar_hash)}
    return {"derivation": str(one.derivation), **({"outputs": outputs} if outputs else {})}


def interrupted_results(jobs: Sequence[NixJob], log: BuildLog | None, folders: JobFolders) -> list[JobResult]:
    """What is known of the jobs when a signal ended the build; a job without a known end did not run."""
    return [
        _interrupted(job, log.derivation(job.derivation) if log is not None else None, folders.job(job.id))
        for job in jobs
    ]


def _interrupted(job: NixJob, heard: DerivationLog | None, folder: JobFolder) -> JobResult:
    evidence = {"derivation": str(job.derivation)}
    state = None if heard is None else heard.state
    if heard is None or state not in {BuildState.BUILT, BuildState.SUBSTITUTED, BuildState.FAILED}:
        return unavailable(job.id, INTERRUPTED)
    if state is not BuildState.FAILED and job.is_tests:
        return unavailable(job.id, "interrupted before its test results were read")
    if state is not BuildState.FAILED:
        how = JobState.BUILT if state is BuildState.BUILT else JobState.SUBSTITUTED
        return JobResult(job.id, Verdict.PASS, heard.seconds, how, evidence=evidence)
    said = heard.reason or ""
    return judge_failure(FailedBuild(job.id, said, heard.seconds, evidence, folder.log_lines(), folder))


def _there(
    job: NixJob, one: DerivationResult, evidence: dict[str, Any], folder: JobFolder, rule: DatabaseRule
) -> JobResult:
    """A derivation that is there: half an answer. Of a test job the other half is its JUnit, of a scan its database."""
    state = JOB_STATES[one.state]
    if not folder.has_log:
        folder.log(f"{job.id}: {state.value}, nothing was built in this run.")
        folder.log(f"The log of the build, if Nix still has it: nix log {one.derivation}")
    report: JunitReport | None = None
    refused: str | None = None
    junit = junit_path(one)
    if junit is not None:
        try:
            data, report = read_junit(junit)
        except MalformedData as error:
            refused = error.message
        else:
            folder.write("junit.xml", data)
            evidence["tests"] = report.counts
    warnings: list[str] = []
    if report is not None and (flaky := report.flaky_warning) is not None:
        warnings.append(flaky)
    answer = NextestResult(Verdict.PASS, None)
    if job.is_tests or junit is not None:
        answer = judge_tests(0, report, refused=refused)
    verdict, reason = answer.verdict, answer.reason or (left_out(folder.log_lines()) if job.is_tests else None)
    output = output_folder(one)
    if verdict is Verdict.PASS and output is not None:
        try:
            more = judge_output(output, rule)
        except MalformedData as error:
            verdict, reason = Verdict.ERROR, error.message
        else:
            verdict, reason = more.verdict, "; ".join(filter(None, (reason, more.reason))) or None
            evidence |= more.evidence or {}
            warnings += more.warnings
    if warnings and verdict is Verdict.PASS:
        evidence["warnings"] = warnings
    if verdict is Verdict.ERROR:
        evidence["report"] = str(folder.log_path)
    return JobResult(
        id=job.id,
        verdict=verdict,
        seconds=one.seconds,
        state=None if verdict is Verdict.UNAVAILABLE else state,
        reason=reason,
        evidence=evidence,
        failing_tests=answer.failing,
        log_tail=report.failure_lines() if report is not None else (),
    )


def _failed(
    job_id: str,
    one: DerivationResult,
    evidence: dict[str, Any],
    folder: JobFolder,
    causes: Sequence[DerivationLog],
) -> JobResult:
    nix_says = one.reason or "nix does not say why"
    match one.state:
        case BuildOutcome.DEPENDENCY_FAILED if causes:
            return _blocked(job_id, one, evidence, folder, causes)
        case BuildOutcome.UNKNOWN:  # never begun, or ended from outside: the workspace was never tested
            fault = find_fault((), nix_says=nix_says) or start_fault(nix_says)
            if not folder.has_log:
                folder.log(nix_says)
            return by_fault(job_id, fault, evidence, folder.log_lines(), folder, seconds=one.seconds)
        case _:
            if not folder.has_log:
                folder.log(first_sentence(nix_says))
            build = FailedBuild(job_id, nix_says, one.seconds, evidence, folder.log_lines(), folder)
            return judge_failure(build)


def _blocked(
    job_id: str,
    one: DerivationResult,
    evidence: dict[str, Any],
    folder: JobFolder,
    causes: Sequence[DerivationLog],
) -> JobResult:
    """A job of which only what it needs failed: all such jobs say the same, by the names of the causes."""
    evidence["failedDerivations"] = [str(cause.derivation) for cause in causes]
    for cause in causes:
        folder.log(f"{cause.derivation}: {first_sentence(cause.reason or 'failed')}; its last lines:")
        for line in cause.log_tail:
            folder.log(plain_line(line))
    lines = folder.log_lines()
    for cause in causes:
        said = cause.reason or ""
        fault = find_fault([*map(plain_line, cause.log_tail)], nix_says=said, code=exit_code(said))
        if fault is not None:
            return by_fault(job_id, fault, evidence, lines, folder, seconds=one.seconds)
    names = ", ".join(derivation_name(cause.derivation) for cause in causes)
    return JobResult(
        id=job_id,
        verdict=Verdict.FAIL,
        seconds=one.seconds,
        reason=f"{names} failed to build, and this job needs it",
        evidence=evidence,
        failing_tests=failing_tests(lines),
        log_tail=useful_lines(lines),
    )


def _culprits(
    derivations: Sequence[StorePath], built: Built, log: BuildLog, nix: Nix
) -> dict[StorePath, tuple[DerivationLog, ...]]:
    """For each derivation that a dependency failed: the failed ones among all it is built from."""
    blocked = [path for path in dict.fromkeys(derivations) if built[path].state is BuildOutcome.DEPENDENCY_FAILED]
    failed = {heard.derivation: heard for heard in log.derivations() if heard.state is BuildState.FAILED}
    if not blocked or not failed:
        return {}
    graph = nix.derivation_show(blocked, recursive=True)
    found = {}
    for root in blocked:
        seen, stack = {root}, [root]
        while stack:
            node = graph.get(stack.pop())
            fresh = [path for path in node.input_derivations if path not in seen] if node is not None else []
            seen.update(fresh)
            stack += fresh
        found[root] = tuple(heard for path, heard in failed.items() if path in seen)
    return found


def junit_path(one: DerivationResult) -> Path | None:
    """The JUnit file of a derivation that has one."""
    output = output_folder(one)
    path = None if output is None else output / "junit.xml"
    return path if path is not None and path.is_file() else None


def output_folder(one: DerivationResult) -> Path | None:
    """The output `out`; None if it is not known."""
    output = one.outputs.get("out")
    return None if output is None else Path(str(output))
