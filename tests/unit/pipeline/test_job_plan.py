"""From a pipeline and an event to jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import UsageError
from nanna_ci.pipeline.definition import load_pipeline, parse_pipeline
from nanna_ci.pipeline.job_plan import (
    TEST_KINDS,
    Effect,
    Event,
    Job,
    JobRoute,
    ProductKind,
    matrix_entries,
    on_host,
    parallel_jobs,
    plan_jobs,
    runs_tests,
    with_needs,
)
from nanna_ci.pipeline.vocabulary import Channel, Strategy, SuiteKind

OWN = load_pipeline(Path(__file__).parents[3] / "pipeline.toml")


def plan(text: str, event: Event = Event.PUSH) -> dict[str, Job]:
    jobs = plan_jobs(parse_pipeline(f'[workspace]\nname = "tool"\nbinaries = ["tool"]\n{text}', "test"), event)
    return {job.id: job for job in jobs}


def test_the_own_plan_is_the_matrix_of_the_specification() -> None:
    jobs = plan_jobs(OWN, Event.PUSH)
    assert len(jobs) == 40
    assert len({job.id for job in jobs}) == 40
    assert [job.id for job in jobs if job.kind is ProductKind.BUILD] == [
        "build-x86_64-linux",
        "build-aarch64-linux",
        "build-x86_64-darwin",
        "build-aarch64-darwin",
    ]
    assert [job.id for job in jobs if job.kind is ProductKind.IMAGE] == [
        "image-harness-x86_64-linux",
        "image-harness-aarch64-linux",
        "image-ollama-x86_64-linux",
        "image-ollama-aarch64-linux",
        "image-qwen3-container-x86_64-linux",
        "image-llama3-container-x86_64-linux",
    ]
    assert [job.id for job in jobs if job.kind is ProductKind.SCAN] == [
        id_.replace("image-", "scan-") for id_ in (job.id for job in jobs if job.kind is ProductKind.IMAGE)
    ]
    assert len(parallel_jobs(jobs)) <= OWN.budget.parallel_jobs


def test_a_linux_test_is_a_derivation_named_by_its_channel_but_the_default() -> None:
    jobs = plan('[toolchain]\nchannels = ["beta", "stable"]\n[[test]]\nkind = "unit"\nchannels = ["stable", "beta"]\n')
    assert jobs["unit-x86_64-linux-beta"] == Job(
        id="unit-x86_64-linux-beta",
        kind=SuiteKind.UNIT,
        system="x86_64-linux",
        channel=Channel.BETA,
        runner="ubuntu-24.04",
        route=JobRoute.NIX,
        effect=Effect.PURE,
        attribute="checks.x86_64-linux.unit",
        needs=(),
        skippable=False,
    )
    assert jobs["unit-x86_64-linux-stable"].attribute == "checks.x86_64-linux.unit-stable"


def test_an_arm_runner_runs_the_checks_of_its_own_system() -> None:
    job = plan('[[test]]\nkind = "doc"\nrunners = ["ubuntu-24.04-arm"]\n')["doc-aarch64-linux-stable"]
    assert (job.attribute, job.route) == ("checks.aarch64-linux.doc", JobRoute.NIX)


@pytest.mark.parametrize(
    ("runner", "system"),
    [("macos-15", "aarch64-darwin"), ("macos-15-intel", "x86_64-darwin"), ("windows-2025", "x86_64-windows")],
)
def test_macos_and_windows_test_with_cargo(runner: str, system: str) -> None:
    job = plan(f'[[test]]\nkind = "clippy"\nrunners = ["{runner}"]\n')[f"clippy-{system}-stable"]
    assert (job.route, job.effect, job.attribute) == (JobRoute.CARGO, Effect.EFFECTFUL, None)


def test_a_build_for_its_runners_own_system_is_the_plain_package() -> None:
    job = plan('[[target]]\nsystem = "aarch64-linux"\n')["build-aarch64-linux"]
    assert (job.runner, job.attribute) == ("ubuntu-24.04-arm", "packages.aarch64-linux.tool")
    assert (job.effect, job.route) == (Effect.EFFECTFUL, JobRoute.NIX)


def test_a_build_for_another_system_is_the_runners_cross_package() -> None:
    job = plan('[[target]]\nsystem = "aarch64-linux"\nrunner = "ubuntu-24.04"\n')["build-aarch64-linux"]
    assert job.attribute == "packages.x86_64-linux.tool-aarch64-linux"
    assert job.system == "aarch64-linux"


def test_a_macos_build_goes_through_cargo() -> None:
    job = plan('[[target]]\nsystem = "x86_64-darwin"\n')["build-x86_64-darwin"]
    assert (job.route, job.attribute, job.runner) == (JobRoute.CARGO, None, "macos-15-intel")


def test_builds_use_the_default_channel() -> None:
    jobs = plan('[toolchain]\nchannels = ["stable", "beta"]\ndefault = "beta"\n')
    assert jobs["build-x86_64-linux"].channel is Channel.BETA


@pytest.mark.parametrize("event", [Event.PUSH, Event.PULL_REQUEST, Event.MERGE_GROUP])
def test_every_change_runs_everything(event: Event) -> None:
    assert plan_jobs(OWN, event) == plan_jobs(OWN, Event.PUSH)


def test_a_release_is_judged_by_the_channel_it_is_built_with() -> None:
    release = plan_jobs(OWN, Event.RELEASE)
    assert {job.channel for job in release} == {Channel.STABLE}
    assert release == tuple(job for job in plan_jobs(OWN, Event.PUSH) if job.channel is Channel.STABLE)
    assert [job for job in release if job.kind is ProductKind.BUILD]


def test_only_nightly_is_a_declared_skip_among_tests_builds_and_images() -> None:
    skips = [job.id for job in plan_jobs(OWN, Event.PUSH) if job.skippable and job.kind is not ProductKind.SCAN]
    assert skips == ["unit-x86_64-linux-nightly"]


def test_nightly_is_not_a_skip_for_those_who_build_with_it() -> None:
    jobs = plan('[toolchain]\nchannels = ["nightly", "stable"]\n')
    assert jobs
    assert not any(job.skippable for job in jobs.values() if job.kind is not SuiteKind.INTEGRATION)


def test_integration_tests_not_requested_by_name_may_be_absent() -> None:
    assert [name for name, job in plan("").items() if job.skippable] == ["integration-x86_64-linux-stable"]
    jobs = plan('[[test]]\nkind = "unit"\n[[test]]\nkind = "integration"\n')
    assert not any(job.skippable for job in jobs.values())


@pytest.mark.parametrize("event", Event)
def test_whether_a_job_runs_tests_shows_in_its_id(event: Event) -> None:
    jobs = plan_jobs(OWN, event)
    assert {job.id for job in jobs if runs_tests(job.id)} == {job.id for job in jobs if job.kind in TEST_KINDS}


def test_no_product_is_called_like_a_suite_for_ids_start_with_that() -> None:
    assert not {kind.value for kind in ProductKind} & {kind.value for kind in SuiteKind}


def test_the_matrix_says_what_a_runner_needs_to_know() -> None:
    entries = {entry["id"]: entry for entry in matrix_entries(plan_jobs(OWN, Event.PUSH))}
    assert entries["build-aarch64-darwin"] == {
        "id": "build-aarch64-darwin",
        "stage": "build-matrix",
        "system": "aarch64-darwin",
        "scan": "",
        "jobs": ["build-aarch64-darwin"],
        "skips": [],
        "runner": "macos-15",
        "route": "cargo",
        "channel": "stable",
        "triple": "aarch64-apple-darwin",
        "skippable": False,
    }


def test_every_machine_has_one_stage_and_only_builds_have_a_system() -> None:
    for entry in matrix_entries(plan_jobs(OWN, Event.PUSH)):
        kind = entry["id"].partition("-")[0]
        stages = {"build": "build-matrix", "container": "build-containers", "scan": "build-containers"}
        assert entry["stage"] == stages.get(kind, "test-matrix")
        assert bool(entry["system"]) is (kind == "build")


def test_a_laptop_crosses_to_what_has_a_machine_of_its_own_on_github() -> None:
    planned = {job.id: job for job in plan_jobs(OWN, Event.PUSH)}["build-aarch64-linux"]
    assert (planned.runner, planned.attribute) == ("ubuntu-24.04-arm", "packages.aarch64-linux.nanna-coder")
    (crossed,) = on_host([planned], OWN, "x86_64-linux")
    assert (crossed.runner, crossed.attribute) == ("ubuntu-24.04", "packages.x86_64-linux.nanna-coder-aarch64-linux")
    assert on_host([planned], OWN, "aarch64-linux") == (planned,)
    assert on_host([planned], OWN, "x86_64-darwin") == (planned,)


def test_without_the_strategy_a_laptop_does_not_cross() -> None:
    only_native = replace(OWN, targets=tuple(replace(one, strategies=(Strategy.NIX,)) for one in OWN.targets))
    jobs = plan_jobs(only_native, Event.PUSH)
    assert on_host(jobs, only_native, "x86_64-linux") == jobs


def test_a_matrix_takes_256_jobs_and_no_more() -> None:
    job = plan_jobs(OWN, Event.PUSH)[0]
    jobs = [replace(job, id=f"job-{number}") for number in range(257)]
    assert len(matrix_entries(jobs[:256])) == 256
    with pytest.raises(UsageError, match="257 jobs are more than the 256"):
        matrix_entries(jobs)


IMAGES = """
[[image]]
name = "client"
contents = ["tool"]
architectures = ["x86_64", "aarch64"]
port = 1
model_command = "tool {url} {model}"
[[image]]
name = "some-container"
contents = ["ollama"]
port = 2
[[image]]
name = "arm"
contents = ["ollama"]
architectures = ["aarch64"]
port = 3
[[model]]
name = "small:1b"
image = "some-container"
[[model]]
name = "other:1b"
image = "arm"
"""


def test_an_image_is_a_derivation_for_each_architecture_made_on_one_machine() -> None:
    jobs = plan(IMAGES)
    assert jobs["image-client-x86_64-linux"].attribute == "packages.x86_64-linux.client-image"
    cross = jobs["image-client-aarch64-linux"]
    assert (cross.attribute, cross.system) == ("packages.x86_64-linux.client-image-aarch64-linux", "aarch64-linux")
    assert (cross.runner, cross.effect, cross.image) == ("ubuntu-24.04", Effect.PURE, "client")
    assert jobs["image-some-container-x86_64-linux"].attribute == "packages.x86_64-linux.some-container"
    arm = jobs["image-arm-aarch64-linux"]
    assert (arm.attribute, arm.runner) == ("packages.aarch64-linux.arm-image", "ubuntu-24.04-arm")


def test_an_image_is_tested_on_the_machine_that_builds_it_and_needs_it() -> None:
    jobs = plan(IMAGES)
    test = jobs["container-test-client-x86_64-linux"]
    assert (test.effect, test.attribute, test.route) == (Effect.EFFECTFUL, None, JobRoute.NIX)
    assert (test.needs, test.runner, test.image) == (("image-client-x86_64-linux",), "ubuntu-24.04", "client")
    assert "container-test-client-aarch64-linux" not in jobs
    assert jobs["container-test-arm-aarch64-linux"].runner == "ubuntu-24.04-arm"


def test_a_model_server_is_tested_with_the_clients_that_are_built_beside_it() -> None:
    jobs = plan(IMAGES)
    needs = jobs["container-test-some-container-x86_64-linux"].needs
    assert needs == ("image-some-container-x86_64-linux", "image-client-x86_64-linux")
    assert jobs["container-test-arm-aarch64-linux"].needs == ("image-arm-aarch64-linux",)


def test_what_a_job_needs_stands_before_it_and_runs_on_its_machine() -> None:
    jobs = tuple(plan(IMAGES).values())
    for job in jobs:
        assert with_needs(job, jobs)[-1] is job
        for need in with_needs(job, jobs)[:-1]:
            assert jobs.index(need) < jobs.index(job)
            assert need.runner == job.runner


def test_a_job_that_another_needs_takes_no_machine_of_its_own_and_is_accounted_for() -> None:
    jobs = tuple(plan(IMAGES).values())
    entries = {entry["id"]: entry["jobs"] for entry in matrix_entries(jobs)}
    assert "image-client-x86_64-linux" not in entries
    assert entries["scan-client-aarch64-linux"] == ["image-client-aarch64-linux", "scan-client-aarch64-linux"]
    assert entries["container-test-some-container-x86_64-linux"] == [
        "image-client-x86_64-linux",
        "image-some-container-x86_64-linux",
        "container-test-some-container-x86_64-linux",
        "scan-some-container-x86_64-linux",
    ]
    assert {id_ for ids in entries.values() for id_ in ids} == {job.id for job in jobs}


def test_only_the_scan_of_an_image_without_a_program_of_the_workspace_may_be_skipped() -> None:
    scans = {job.image: job.skippable for job in plan_jobs(OWN, Event.PUSH) if job.kind is ProductKind.SCAN}
    assert scans == {"harness": False, "ollama": True, "qwen3-container": True, "llama3-container": True}


def test_an_image_is_scanned_on_the_machine_that_tests_it() -> None:
    entries = {entry["id"]: entry for entry in matrix_entries(tuple(plan(IMAGES).values()))}
    assert entries["container-test-client-x86_64-linux"]["scan"] == "scan-client-x86_64-linux"
    assert "scan-client-x86_64-linux" not in entries
    assert entries["scan-client-aarch64-linux"]["scan"] == ""
