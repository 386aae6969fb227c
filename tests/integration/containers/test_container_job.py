"""A container test as a job of `ci` and `run-job`, with programs and the engine's answers by script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from nanna_ci.containers.engine.engine import EngineFacts
from nanna_ci.containers.engine.limits import Controllers, Force, LimitReport
from nanna_ci.containers.testing.checks import (
    Check,
    CheckKind,
    CheckResult,
    FailureCause,
    ImageFacts,
    ImageResult,
    Status,
)
from nanna_ci.containers.testing.container_job import run_container_job
from nanna_ci.containers.testing.hand_over import EngineRun
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import parse_pipeline
from nanna_ci.pipeline.job_plan import Event, plan_jobs
from nanna_ci.pipeline.local_run import EffectRequest, Needed
from nanna_ci.pipeline.reproduce import RunOrigin
from nanna_ci.pipeline.results import JobState
from nanna_ci.pipeline.run_folder import JobFolder
from support.fake_images import write_layout

PIPELINE = parse_pipeline(
    """\
[workspace]
name = "w"
binaries = ["x"]
[[image]]
name = "harness"
contents = ["x"]
port = 1
model_command = "x {url} {model}"
[[image]]
name = "qwen3-container"
contents = ["ollama"]
port = 2
[[image]]
name = "arm"
contents = ["ollama"]
architectures = ["aarch64"]
port = 3
[[model]]
name = "qwen3:0.6b"
image = "qwen3-container"
[[model]]
name = "llama3:8b"
image = "arm"
""",
    "test",
)
JOBS = {job.id: job for job in plan_jobs(PIPELINE, Event.PUSH)}
FACTS = EngineFacts("podman", "5.4.2", Controllers())
PASSED = (
    CheckResult(Check(CheckKind.LOAD), Status.PASSED, 0.1),
    CheckResult(Check(CheckKind.START), Status.PASSED, 1.0),
)


class Job:
    """A container test's job, and what would be tested."""

    def __init__(self, world, monkeypatch, folder: Path) -> None:
        self.requests: list[Any] = []
        self.lines: list[str] = []
        self.folder = folder / "job"
        self.world = world
        self.layouts = folder / "layouts"
        self.answer = EngineRun(FACTS, False, (ImageResult("qwen3-container", PASSED, ImageFacts(), 1.1),))

        def run_image_tests(request, engine, facts, mark, locks, *, say, **_):
            self.requests.append(request)
            say("testing")
            return self.answer

        monkeypatch.setattr("nanna_ci.containers.testing.engine_run.run_image_tests", run_image_tests)
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        world.environ |= {"XDG_CACHE_HOME": str(folder / "cache"), "PATH": ""}
        info = b'{"host": {"cgroupControllers": []}, "version": {"Version": "5.4.2"}}'
        world.run.script("podman", "info", stdout=info)

    def __call__(self, id_: str = "container-test-qwen3-container-x86_64-linux"):
        job = JOBS[id_]
        needed = []
        for need in job.needs:
            layout = self.layouts / need
            write_layout(layout, {"bin/x": b"x"}, entrypoint=["/bin/x"])
            needed.append(Needed(JOBS[need], layout))
        request = EffectRequest(job, None, needed, JobFolder(self.folder), self.lines.append)
        origin = RunOrigin(".", (), {}, self.world.cwd)
        return run_container_job(
            request, PIPELINE, origin, Context(self.world.ports, None, 0, color=False, dry_run=False)
        )


@pytest.fixture
def job(fake_ports, monkeypatch, tmp_path):
    return Job(fake_ports, monkeypatch, tmp_path)


def test_a_pass_rests_on_what_the_engine_was_given(job):
    result = job()
    assert (result.verdict, result.state, result.reason) == (Verdict.PASS, JobState.RAN, None)
    assert result.evidence["engine"] == {"name": "podman", "version": "5.4.2", "private": False}
    assert [check["status"] for check in result.evidence["image"]["checks"]] == ["passed", "passed"]
    (request,) = job.requests
    assert [(one.name, one.layout.name) for one in request.subjects] == [
        ("qwen3-container", "image-qwen3-container-x86_64-linux")
    ]
    assert [(one.name, one.reason) for one in request.companions] == [("harness", None)]
    assert job.lines == ["testing"]
    cases = ElementTree.parse(job.folder / "junit.xml").getroot().iter("testcase")
    assert [case.get("name") for case in cases] == ["load", "start"]


def test_a_failure_names_its_checks_its_last_lines_and_the_command_to_repeat_it(job, tmp_path):
    log = tmp_path / "qwen3-container.log"
    log.write_text("loading\nno such model\n")
    health = CheckResult(Check(CheckKind.HEALTH, "/"), Status.FAILED, 1.0, FailureCause.EXITED, "it exited with 3")
    stop = CheckResult(Check(CheckKind.STOP), Status.SKIPPED, 0.0, None, "not reached: health / did not pass")
    image = ImageResult("qwen3-container", (*PASSED, health, stop), ImageFacts(files=(str(log),)), 2.0)
    job.answer = replace(job.answer, images=(image,))
    result = job()
    assert (result.verdict, result.state, result.reason) == (Verdict.FAIL, None, "it exited with 3")
    assert result.failing_tests == ("health /: it exited with 3",)
    assert result.log_tail == ("loading", "no such model")
    assert result.reproduce == "nanna-ci container-test qwen3-container"


def test_what_could_not_be_removed_fails_the_job(job):
    job.answer = replace(job.answer, problems=("container a: is still there",))
    result = job()
    assert (result.verdict, result.reason) == (Verdict.FAIL, "could not be removed: container a: is still there")


def test_a_pass_does_not_hide_a_limit_that_nobody_held_nor_a_stand_in(job):
    limit = LimitReport("memory", "1 GB", Force.REFUSED, "no controller")
    facts = ImageFacts(limits=(limit,), stand_in="x in the place of y")
    image = ImageResult("qwen3-container", PASSED, facts, 1.0)
    job.answer = replace(job.answer, images=(image,))
    result = job()
    assert result.verdict is Verdict.PASS
    assert result.reason == (
        "qwen3-container: the limit on memory is refused: no controller; "
        "qwen3-container is a stand-in: x in the place of y"
    )


def test_without_an_engine_it_is_unavailable(job):
    for name in ("podman", "docker"):
        job.world.run.script(name, error=ToolMissing(name, "not found"))
    result = job()
    assert result.verdict is Verdict.UNAVAILABLE
    assert result.reason.startswith("no container engine works here: podman: not found; docker: not found; install")
    assert job.requests == []


def test_a_client_that_is_built_on_another_machine_is_said_to_be(job):
    job("container-test-arm-aarch64-linux")
    (request,) = job.requests
    assert [(one.name, one.reason) for one in request.companions] == [("harness", "it is built on another machine")]
