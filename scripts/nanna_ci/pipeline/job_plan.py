"""Which jobs an event asks for. Pure: the same pipeline and event give the same jobs, in the same order."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from nanna_ci.foundation.errors import UsageError
from nanna_ci.pipeline.definition import Image, Pipeline
from nanna_ci.pipeline.images import image_attribute, needed_images
from nanna_ci.pipeline.rules import DEFAULT_SUITES
from nanna_ci.pipeline.vocabulary import RUNNERS, SYSTEMS, Channel, OperatingSystem, Strategy, SuiteKind

MATRIX_LIMIT = 256
"""Jobs that GitHub makes of one matrix."""


class Event(enum.StrEnum):
    """What starts a pipeline. SCHEDULE is the nightly run; RELEASE is planned for a tag too."""

    PUSH = "push"
    PULL_REQUEST = "pull_request"
    MERGE_GROUP = "merge_group"
    SCHEDULE = "schedule"
    RELEASE = "release"


class ProductKind(enum.StrEnum):
    """What a job that is no test suite does: a build, an image, a test of a running image, or a scan of an image."""

    BUILD = "build"
    IMAGE = "image"
    CONTAINER_TEST = "container-test"
    SCAN = "scan"


TEST_KINDS = frozenset({SuiteKind.UNIT, SuiteKind.INTEGRATION, SuiteKind.COVERAGE})
"""Those that run a workspace's tests, and have JUnit to show for it."""


def runs_tests(job_id: str) -> bool:
    """Whether a job is of TEST_KINDS, by its id: where results are accounted for, nothing else of a job is known."""
    return job_id.partition("-")[0] in TEST_KINDS


class Stage(enum.StrEnum):
    """The workflow's job that runs a planned job, by the specification's names: each has a matrix of its own."""

    TESTS = "test-matrix"
    BUILDS = "build-matrix"
    CONTAINERS = "build-containers"

    @property
    def output(self) -> str:
        """What `plan --format github` calls its matrix."""
        match self:
            case Stage.TESTS:
                return "test_matrix"
            case Stage.BUILDS:
                return "build_matrix"
            case Stage.CONTAINERS:
                return "container_matrix"
            case _:
                assert_never(self)


class JobRoute(enum.StrEnum):
    """What runs a job: Nix on Linux, the host's cargo elsewhere."""

    NIX = "nix"
    CARGO = "cargo"


class Effect(enum.StrEnum):
    """PURE: with Nix, the job is a derivation. EFFECTFUL: our own code runs it."""

    PURE = "pure"
    EFFECTFUL = "effectful"


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a plan.

    `id` is unique in it: KIND-SYSTEM-CHANNEL, build-SYSTEM, or KIND-NAME-SYSTEM for what is about an image.
    `system` is what the job is about; a build may happen on a `runner` of another one. `attribute` is the flake's
    output behind it (a build's first strategy may use it), None for the cargo route and for a job that works on what it
    needs. `needs` are ids of jobs that must pass first, on the same runner. A `skippable` job that cannot run is a
    declared skip: that fails no gate. `image` is the name of the image that the job is about.
    """

    id: str
    kind: SuiteKind | ProductKind
    system: str
    channel: Channel
    runner: str
    route: JobRoute
    effect: Effect
    attribute: str | None
    needs: tuple[str, ...]
    skippable: bool
    image: str | None = None


def plan_jobs(pipeline: Pipeline, event: Event) -> tuple[Job, ...]:
    """The jobs of an event: tests, builds, images, tests and scans of these; what a job needs stands before it.

    A release is judged by the channel it is built with: early warnings from other channels must not hold it.
    """
    jobs = (
        *_test_jobs(pipeline),
        *_build_jobs(pipeline),
        *_image_jobs(pipeline),
        *_container_tests(pipeline),
        *_scans(pipeline),
    )
    if event is Event.RELEASE:
        return tuple(job for job in jobs if job.channel is pipeline.toolchain.default)
    return jobs


def on_host(jobs: Sequence[Job], pipeline: Pipeline, host: str) -> tuple[Job, ...]:
    """The same jobs as a machine of system `host` runs them: what is built natively on another Linux is cross-compiled.

    That is the ladder's other step: GitHub builds aarch64-linux on a machine of its own, a laptop crosses to it.
    """
    strategies = {target.system: target.strategies for target in pipeline.targets}
    runner = SYSTEMS[host].runner

    def moved(job: Job) -> Job:
        crosses = (
            job.kind is ProductKind.BUILD
            and job.route is JobRoute.NIX
            and RUNNERS[job.runner] != host
            and SYSTEMS[host].os is OperatingSystem.LINUX
            and Strategy.NIX_CROSS in strategies[job.system]
        )
        attribute = f"packages.{host}.{pipeline.workspace.name}-{job.system}"
        return replace(job, runner=runner, attribute=attribute) if crosses else job

    return tuple(map(moved, jobs))


def parallel_jobs(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs that get a machine of their own.

    A job that another needs is run along with that, and the scan of an image beside the image's test.
    """
    along = {need for job in jobs for need in job.needs}
    along |= {scan.id for job in jobs if (scan := scan_beside(job, jobs)) is not None}
    return tuple(job for job in jobs if job.id not in along)


def scan_beside(job: Job, jobs: Sequence[Job]) -> Job | None:
    """The scan of the very image that a container test runs: it goes to the machine that has that image already."""
    if job.kind is not ProductKind.CONTAINER_TEST:
        return None
    beside = (
        one for one in jobs if one.kind is ProductKind.SCAN and (one.image, one.system) == (job.image, job.system)
    )
    return next(beside, None)


def with_needs(job: Job, jobs: Sequence[Job]) -> tuple[Job, ...]:
    """A job behind those of `jobs` that it needs."""
    return (*(one for one in jobs if one.id in job.needs), job)


def matrix_entries(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """The `include` list of a GitHub matrix, plain JSON: an entry a machine, with `jobs` that it must account for.

    UsageError if GitHub would not take so many.
    """
    mains = parallel_jobs(jobs)
    if len(mains) > MATRIX_LIMIT:
        raise UsageError(
            f"{len(mains)} jobs are more than the {MATRIX_LIMIT} of a GitHub matrix",
            hint="name fewer runners or channels in [[test]]",
        )
    return [_matrix_entry(job, jobs) for job in mains]


def stage_of(job: Job) -> Stage:
    """Where a job is run on GitHub."""
    match job.kind:
        case SuiteKind():
            return Stage.TESTS
        case ProductKind.BUILD:
            return Stage.BUILDS
        case ProductKind.IMAGE | ProductKind.CONTAINER_TEST | ProductKind.SCAN:
            return Stage.CONTAINERS
        case _:
            assert_never(job.kind)


def _matrix_entry(job: Job, jobs: Sequence[Job]) -> dict[str, Any]:
    """`scan` is "" where none is run along; `skips` are those of its `jobs` that may turn out not to be able to run.

    `system` is what a build makes executables for, "" for any other job.
    """
    scan = scan_beside(job, jobs)
    together = (*with_needs(job, jobs), *([] if scan is None else [scan]))
    return {
        "id": job.id,
        "stage": stage_of(job).value,
        "system": job.system if job.kind is ProductKind.BUILD else "",
        "scan": "" if scan is None else scan.id,
        "jobs": [one.id for one in together],
        "skips": [one.id for one in together if one.skippable],
        "runner": job.runner,
        "route": job.route.value,
        "channel": job.channel.value,
        "triple": SYSTEMS[job.system].triple,
        "skippable": job.skippable,
    }


def _test_jobs(pipeline: Pipeline) -> Iterator[Job]:
    """Of the suites that were not requested by name, integration tests may turn out not to be there."""
    by_default = tuple(suite.kind for suite in pipeline.tests) == DEFAULT_SUITES
    for suite in pipeline.tests:
        for runner in suite.runners:
            for channel in suite.channels:
                early_warning = channel is Channel.NIGHTLY and channel is not pipeline.toolchain.default
                system = RUNNERS[runner]
                route = _route(runner)
                suffix = "" if channel is pipeline.toolchain.default else f"-{channel.value}"
                yield Job(
                    id=f"{suite.kind.value}-{system}-{channel.value}",
                    kind=suite.kind,
                    system=system,
                    channel=channel,
                    runner=runner,
                    route=route,
                    effect=Effect.PURE if route is JobRoute.NIX else Effect.EFFECTFUL,
                    attribute=f"checks.{system}.{suite.kind.value}{suffix}" if route is JobRoute.NIX else None,
                    needs=(),
                    skippable=early_warning or (by_default and suite.kind is SuiteKind.INTEGRATION),
                )


def _build_jobs(pipeline: Pipeline) -> Iterator[Job]:
    for target in pipeline.targets:
        host = RUNNERS[target.runner]
        route = _route(target.runner)
        suffix = "" if host == target.system else f"-{target.system}"
        yield Job(
            id=f"build-{target.system}",
            kind=ProductKind.BUILD,
            system=target.system,
            channel=pipeline.toolchain.default,
            runner=target.runner,
            route=route,
            effect=Effect.EFFECTFUL,
            attribute=f"packages.{host}.{pipeline.workspace.name}{suffix}" if route is JobRoute.NIX else None,
            needs=(),
            skippable=False,
        )


def _image_jobs(pipeline: Pipeline) -> Iterator[Job]:
    for image in pipeline.images:
        host = _image_host(image)
        for architecture in image.architectures:
            yield _image_job(
                pipeline,
                image,
                ProductKind.IMAGE,
                f"{architecture}-linux",
                effect=Effect.PURE,
                attribute=image_attribute(image.name, architecture, host),
            )


def _container_tests(pipeline: Pipeline) -> Iterator[Job]:
    """A test of each image on the machine that builds it; of a model server with what calls it from there."""
    for image in pipeline.images:
        host = _image_host(image)
        tested = [one for one in needed_images(pipeline, [image]) if _image_host(one) == host]
        needs = tuple(_image_id(ProductKind.IMAGE, one, host) for one in tested)
        yield _image_job(pipeline, image, ProductKind.CONTAINER_TEST, host, effect=Effect.EFFECTFUL, needs=needs)


def _scans(pipeline: Pipeline) -> Iterator[Job]:
    """A scan of each image of each architecture, on the machine that makes it.

    What an image without a program of the workspace holds, only Trivy can compare, which need not be there.
    """
    for image in pipeline.images:
        has_crates = not set(pipeline.workspace.binaries).isdisjoint(image.contents)
        for architecture in image.architectures:
            system = f"{architecture}-linux"
            needs = (_image_id(ProductKind.IMAGE, image, system),)
            scan = _image_job(pipeline, image, ProductKind.SCAN, system, effect=Effect.EFFECTFUL, needs=needs)
            yield replace(scan, skippable=not has_crates)


def _image_job(
    pipeline: Pipeline,
    image: Image,
    kind: ProductKind,
    system: str,
    *,
    effect: Effect,
    attribute: str | None = None,
    needs: tuple[str, ...] = (),
) -> Job:
    return Job(
        id=_image_id(kind, image, system),
        kind=kind,
        system=system,
        channel=pipeline.toolchain.default,
        runner=SYSTEMS[_image_host(image)].runner,
        route=JobRoute.NIX,
        effect=effect,
        attribute=attribute,
        needs=needs,
        skippable=False,
        image=image.name,
    )


def _image_id(kind: ProductKind, image: Image, system: str) -> str:
    return f"{kind.value}-{image.name}-{system}"


def _image_host(image: Image) -> str:
    """The system that builds an image for all architectures, and tests it: its own if it is for one alone."""
    return f"{'x86_64' if 'x86_64' in image.architectures else image.architectures[0]}-linux"


def _route(runner: str) -> JobRoute:
    return JobRoute.NIX if SYSTEMS[RUNNERS[runner]].os is OperatingSystem.LINUX else JobRoute.CARGO
