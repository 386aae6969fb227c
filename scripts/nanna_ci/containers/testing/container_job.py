"""A container test of `ci` and `run-job`: what `container-test` does for one image, over images that are built."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from nanna_ci.containers.engine.find_engine import find_working_engine, say_no_engine
from nanna_ci.containers.image.image_builds import NotBuilt
from nanna_ci.containers.testing.checks import ImageResult, Status
from nanna_ci.containers.testing.chosen_images import arrange_images
from nanna_ci.containers.testing.container_report import (
    ContainerReport,
    engine_to_json,
    image_to_json,
    remarks,
    report_junit,
)
from nanna_ci.containers.testing.engine_run import run_tests
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.images import needed_images
from nanna_ci.pipeline.local_run import EffectRequest
from nanna_ci.pipeline.reproduce import RunOrigin
from nanna_ci.pipeline.results import JobResult, JobState, unavailable

_TAIL_LINES = 40


def run_container_job(request: EffectRequest, pipeline: Pipeline, origin: RunOrigin, context: Context) -> JobResult:
    """The verdict on an image that runs, or why no engine can give one. After a signal everything is removed first."""
    job, ports = request.job, context.ports
    started = ports.clock()
    found, reason = find_working_engine("auto", ports)
    if found is None:
        return unavailable(job.id, say_no_engine(reason))
    chosen = [image for image in pipeline.images if image.name == job.image]
    built: dict[str, Path | NotBuilt] = {
        image.name: NotBuilt("it is built on another machine") for image in needed_images(pipeline, chosen)
    }
    built |= {one.job.image: one.output for one in request.needed if one.job.image is not None}
    folder = request.folder.path.absolute()
    layouts = folder / "layouts"
    try:
        images = arrange_images(pipeline, chosen, built, layouts, context)
        tested = run_tests(images.request(folder), found, context, request.on_line) if images.subjects else None
    finally:
        shutil.rmtree(layouts, ignore_errors=True)  # what was converted for the test is as large as the images
    report = ContainerReport(
        images=images.unbuilt if tested is None else tested.images,
        tested=tested,
        reason=None,
        folder=str(folder),
        seconds=ports.clock() - started,
    )
    request.folder.write("junit.xml", report_junit(report.images))
    return _result(job.id, report, origin.run_command("container-test", job.image or ""))


def _result(job_id: str, report: ContainerReport, reproduce: str) -> JobResult:
    image = report.images[0]
    problems = [] if report.tested is None else [f"could not be removed: {one}" for one in report.tested.problems]
    said = [*([] if image.reason is None else [image.reason]), *problems, *remarks(report.images)]
    result = JobResult(
        id=job_id,
        verdict=report.verdict,
        seconds=report.seconds,
        state=JobState.RAN if report.verdict is Verdict.PASS else None,
        reason="; ".join(said) or None,
        evidence={"image": image_to_json(image), "engine": engine_to_json(report.tested)},
    )
    if report.verdict is not Verdict.FAIL:
        return result
    failed = [f"{one.check.title}: {one.reason}" for one in image.checks if one.status is Status.FAILED]
    return replace(result, failing_tests=tuple(failed), log_tail=_log_tail(image), reproduce=reproduce)


def _log_tail(image: ImageResult) -> tuple[str, ...]:
    """The last lines of what the containers wrote, from the files that were kept."""
    lines: list[str] = []
    for file in image.facts.files:
        if file.endswith(".log"):
            lines += read_file(Path(file), 64 * MEBIBYTE).decode(errors="replace").splitlines()
    return tuple(lines[-_TAIL_LINES:])
