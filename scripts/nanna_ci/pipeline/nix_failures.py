"""What a failed build means for its job: from structured results, from faults of ours, and last from the log's text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.faults import BUILDER_FAULT, JobFault, exit_code, find_fault
from nanna_ci.pipeline.junit import JunitReport, parse_junit
from nanna_ci.pipeline.junit_section import Section, read_section
from nanna_ci.pipeline.log_text import failing_tests, last_lines, name_some, useful_lines
from nanna_ci.pipeline.nextest import ANSWERS, judge_tests
from nanna_ci.pipeline.results import JobResult, no_answer
from nanna_ci.pipeline.run_folder import JobFolder

_REMARK = "nanna-ci: "
_BUILDER_FAILED = re.compile(r"^builder for '[^']*' (?=failed )")


@dataclass(frozen=True, slots=True)
class FailedBuild:
    """A job whose own derivation failed. `lines` is its log, plain.

    `nix_says` is Nix's reason, empty if a signal came before Nix said it.
    """

    job_id: str
    nix_says: str
    seconds: float | None
    evidence: Mapping[str, Any]
    lines: Sequence[str]
    folder: JobFolder

    @property
    def reason(self) -> str:
        """Nix's own sentence."""
        return first_sentence(self.nix_says) if self.nix_says else "the build failed"


def judge_failure(build: FailedBuild) -> JobResult:
    """The job's result; its JUnit, if the log ends with one, is written to the job's folder."""
    code = exit_code(build.nix_says)
    section, refused = _section(build.lines)
    if section is not None and build.nix_says and section.exit_code != code:
        section, refused = None, "it names another exit code than Nix does"
    if section is not None:
        return _by_section(build, section)
    fault = find_fault(build.lines, nix_says=build.nix_says, code=code)
    if fault is not None:
        return by_fault(build.job_id, fault, build.evidence, build.lines, build.folder, seconds=build.seconds)
    found = failing_tests(build.lines)
    reason = f"{build.reason}{name_some(found)}"
    if refused is not None:
        reason = f"{reason}; its test results are refused: {refused}"
    return JobResult(
        id=build.job_id,
        verdict=Verdict.FAIL,
        seconds=build.seconds,
        reason=reason,
        evidence=build.evidence,
        failing_tests=found,
        log_tail=useful_lines(build.lines),
    )


def explain(lines: Sequence[str]) -> str | None:
    """Why a build failed as far as its log shows, in one line, at the moment when it ends; None: it does not.

    Nix names exit codes later, so the verdict waits for `judge_failure`.
    """
    try:
        section = read_section(lines)
        report = parse_junit(section.junit, "junit.xml") if section is not None and section.junit is not None else None
    except MalformedData:
        section, report = None, None
    names = failing_tests(lines if section is None else lines[: section.start])
    if section is not None:
        answer = judge_tests(section.exit_code, report, named=names)
        return f"{answer.reason}{name_some(answer.failing)}"
    if (fault := find_fault(lines)) is not None:
        return fault.reason
    if names:
        return name_some(names).removeprefix(": ")
    said = useful_lines(lines)
    return next((line.strip() for line in said if line.startswith("error")), said[-1].strip() if said else None)


def by_fault(
    job_id: str,
    fault: JobFault,
    evidence: Mapping[str, Any],
    lines: Sequence[str],
    folder: JobFolder,
    *,
    seconds: float | None,
) -> JobResult:
    """The result of a job that could not be judged because of a fault."""
    report = str(folder.log_path)
    tail = last_lines(lines)
    return no_answer(job_id, fault.reason, report=report, evidence=evidence, log_tail=tail, seconds=seconds)


def first_sentence(reason: str) -> str:
    """The sentence of a reason; Nix appends log lines to it, and names the job's own derivation."""
    sentence = reason.strip().partition("\n")[0].rstrip(";:").strip() or "nix does not say why"
    return _BUILDER_FAILED.sub("the build ", sentence)


def _section(lines: Sequence[str]) -> tuple[Section | None, str | None]:
    try:
        return read_section(lines), None
    except MalformedData as error:
        return None, error.message


def _by_section(build: FailedBuild, section: Section) -> JobResult:
    lines = build.lines[: section.start]
    report, refused = _report(section, build.folder)
    if section.exit_code not in ANSWERS:
        # the section is nextest's, and so is its code, where our builder could mean a fault of its own
        code = None if section.exit_code == BUILDER_FAULT else section.exit_code
        fault = find_fault(lines, nix_says=build.nix_says, code=code)
        if fault is not None:
            return by_fault(build.job_id, fault, build.evidence, lines, build.folder, seconds=build.seconds)
    words = failing_tests(lines)
    answer = judge_tests(section.exit_code, report, refused=refused, named=words)
    said: tuple[str, ...] = ()
    if report is not None:
        said = last_lines(lines) if report.has_silent_script else report.failure_lines()
    evidence = {**build.evidence, "exitCode": section.exit_code}
    if report is not None:
        evidence["tests"] = report.counts
    result = JobResult(
        id=build.job_id,
        verdict=answer.verdict,
        seconds=build.seconds,
        reason="; ".join([str(answer.reason), *_remarks(lines)]),
        evidence=evidence,
        failing_tests=answer.failing or words,
        log_tail=said or useful_lines(lines),
    )
    if answer.verdict is Verdict.ERROR:
        return replace(result, evidence={**evidence, "report": str(build.folder.log_path)})
    return result


def _remarks(lines: Sequence[str]) -> list[str]:
    """What the builder itself said about the failure, right before the section."""
    last = next((line for line in reversed(lines) if line.strip()), "")
    return [last.removeprefix(_REMARK)] if last.startswith(_REMARK) else []


def _report(section: Section, folder: JobFolder) -> tuple[JunitReport | None, str | None]:
    if section.junit is None:
        return None, None
    try:
        report = parse_junit(section.junit, "junit.xml")
    except MalformedData as error:
        return None, error.message
    folder.write("junit.xml", section.junit)
    return report, None
