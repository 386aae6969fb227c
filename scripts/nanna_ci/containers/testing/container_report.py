"""The result of container tests, for machines, for people, and as JUnit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.containers.engine.limits import Force
from nanna_ci.containers.testing.checks import ImageResult, Status, decide_verdict
from nanna_ci.containers.testing.hand_over import EngineRun
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Block, Cell, Document, Facts, Notice, Table, Tone
from nanna_ci.report.junit_xml import Case, CaseStatus, JunitSuite, render_junit
from nanna_ci.report.outcome import VERDICT_TONES
from nanna_ci.report.units import bytes_text, seconds_text

_CHECK_TONES: Final = {
    Status.PASSED: Tone.GOOD,
    Status.FAILED: Tone.BAD,
    Status.SKIPPED: Tone.NEUTRAL,
    Status.UNAVAILABLE: Tone.WARN,
}
_CASES: Final = {
    Status.PASSED: CaseStatus.PASSED,
    Status.FAILED: CaseStatus.FAILED,
    Status.SKIPPED: CaseStatus.SKIPPED,
    Status.UNAVAILABLE: CaseStatus.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class ContainerReport:
    """A whole run. `images` are all that were requested, also those that were not built.

    `tested` is None if no engine ran, then `reason` may say why. `folder` has the run's files, if there are any.
    """

    images: tuple[ImageResult, ...]
    tested: EngineRun | None
    reason: str | None
    folder: str | None
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """Fails with any image, and if something could not be removed; passes if all do."""
        verdicts = [image.verdict for image in self.images]
        left = [Verdict.FAIL] if self.tested is not None and self.tested.problems else []
        return decide_verdict([*verdicts, *left])


def report_to_json(report: ContainerReport) -> dict[str, Any]:
    """The command's JSON body."""
    tested = report.tested
    return {
        "engine": engine_to_json(tested),
        "images": [image_to_json(image) for image in report.images],
        "swept": [] if tested is None else list(tested.swept),
        "problems": [] if tested is None else list(tested.problems),
        "reason": report.reason,
        "folder": report.folder,
        "seconds": round(report.seconds, 3),
    }


def image_to_json(result: ImageResult) -> dict[str, Any]:
    """An image's result; keys in camelCase."""
    facts = result.facts
    return {
        "name": result.name,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "seconds": round(result.seconds, 3),
        "architecture": facts.architecture,
        "manifestDigest": facts.manifest_digest,
        "imageId": facts.image_id,
        "standIn": facts.stand_in,
        "sizeBytes": facts.size_bytes,
        "unpackedBytes": facts.unpacked_bytes,
        "startSeconds": None if facts.start_s is None else round(facts.start_s, 3),
        "peakMemoryBytes": facts.peak_memory_bytes,
        "limits": [
            {"name": limit.name, "asked": limit.wanted, "force": limit.force.value, "reason": limit.reason}
            for limit in facts.limits
        ],
        "checks": [
            {
                "check": one.check.kind.value,
                "subject": one.check.subject,
                "status": one.status.value,
                "seconds": round(one.seconds, 3),
                "cause": None if one.cause is None else one.cause.value,
                "reason": one.reason,
            }
            for one in result.checks
        ],
        "files": list(facts.files),
    }


def engine_to_json(tested: EngineRun | None) -> dict[str, Any] | None:
    """What the images ran on; None if nothing did."""
    if tested is None:
        return None
    return {"name": tested.engine.name, "version": tested.engine.version, "private": tested.private}


def report_junit(images: Sequence[ImageResult]) -> bytes:
    """A suite an image, a case a check. What was skipped or unavailable is a skipped case, with its reason."""
    return render_junit(
        [
            JunitSuite(
                f"container-test {image.name}",
                tuple(
                    Case(
                        one.check.title,
                        _CASES[one.status],
                        one.seconds,
                        message=f"{'' if one.cause is None else f'{one.cause.value}: '}{one.reason or ''}",
                    )
                    for one in image.checks
                ),
            )
            for image in images
        ]
    )


def report_document(report: ContainerReport) -> Document:
    """Failures first, then a row per image, then the checks that did not pass."""
    blocks: list[Block] = [] if report.reason is None else [Notice(Tone.WARN, report.reason)]
    blocks += [
        Notice(VERDICT_TONES[image.verdict], f"{image.name}: {image.reason}") for image in report.images if image.reason
    ]
    tested = report.tested
    if tested is not None:
        blocks += [Notice(Tone.BAD, f"could not be removed: {problem}") for problem in tested.problems]
    blocks += [Notice(Tone.WARN, remark) for remark in remarks(report.images)]
    if report.images:
        blocks.append(_images_table(report.images))
    wrong = [image for image in report.images if image.verdict is not Verdict.PASS]
    if wrong:
        blocks.append(_checks_table(wrong))
    if tested is not None:
        private = ", in private namespaces" if tested.private else ""
        blocks.append(
            Facts(
                (
                    ("Engine", f"{tested.engine.name} {tested.engine.version}{private}"),
                    ("Files", report.folder),
                    ("Left by dead runs", ", ".join(tested.swept) or "nothing"),
                )
            )
        )
    return Document(f"Container tests: {report.verdict.value}", tuple(blocks))


def remarks(images: Sequence[ImageResult]) -> list[str]:
    """What a pass must not hide: limits that the machine did not enforce, and images that are stand-ins."""
    concerned: dict[tuple[str, str], list[str]] = {}
    for image in images:
        for limit in image.facts.limits:
            if limit.force is not Force.HELD:
                remark = f"the limit on {limit.name} is {limit.force.value}", limit.reason or ""
                concerned.setdefault(remark, []).append(image.name)
    limits = [f"{', '.join(names)}: {what}: {reason}" for (what, reason), names in concerned.items()]
    stand_ins = [f"{image.name} is a stand-in: {image.facts.stand_in}" for image in images if image.facts.stand_in]
    return [*limits, *stand_ins]


def _images_table(images: Sequence[ImageResult]) -> Table:
    header = ("Image", "Verdict", "Checks", "Ready after", "Peak memory", "In a registry", "Unpacked", "Took")
    rows = []
    for image in images:
        facts = image.facts
        passed = sum(one.status is Status.PASSED for one in image.checks)
        rows.append(
            (
                Cell(image.name),
                Cell(image.verdict.value, VERDICT_TONES[image.verdict]),
                Cell(f"{passed} of {len(image.checks)}"),
                Cell(None if facts.start_s is None else seconds_text(facts.start_s)),
                Cell(None if facts.peak_memory_bytes is None else bytes_text(facts.peak_memory_bytes)),
                Cell(None if facts.size_bytes is None else bytes_text(facts.size_bytes)),
                Cell(None if facts.unpacked_bytes is None else bytes_text(facts.unpacked_bytes)),
                Cell(seconds_text(image.seconds)),
            )
        )
    return Table(header, tuple(rows), frozenset({2, 3, 4, 5, 6, 7}))


def _checks_table(images: Sequence[ImageResult]) -> Table:
    rows = [
        (
            Cell(image.name),
            Cell(one.check.title),
            Cell(one.status.value, _CHECK_TONES[one.status]),
            Cell(one.reason or ""),
        )
        for image in images
        for one in image.checks
        if one.status is not Status.PASSED
    ]
    return Table(("Image", "Check", "Answer", "Why"), tuple(rows))
