"""Which jobs an event asks for. Pure: the same pipeline and event give the same jobs, in the same order."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nanna_ci.errors import UsageError
from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.vocabulary import RUNNERS, SYSTEMS, Channel, OperatingSystem

MATRIX_LIMIT = 256
"""Jobs that GitHub makes of one matrix."""


class Event(enum.StrEnum):
    """What starts a pipeline."""

    PUSH = "push"
    PULL_REQUEST = "pull_request"
    MERGE_GROUP = "merge_group"
    RELEASE = "release"


class JobKind(enum.StrEnum):
    """What a job does: a test suite's kind, or a build."""

    UNIT = "unit"
    INTEGRATION = "integration"
    CLIPPY = "clippy"
    FMT = "fmt"
    DOC = "doc"
    AUDIT = "audit"
    DENY = "deny"
    BUILD = "build"


class Route(enum.StrEnum):
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

    `id` is unique in it: KIND-SYSTEM-CHANNEL, or build-SYSTEM. `system` is what the job is about; a build may happen on
    a `runner` of another one. `attribute` is the flake's output behind it (a build's first strategy may use it), None
    for the cargo route. `needs` are ids of jobs that must pass first. A `skippable` job that cannot run is a declared
    skip: that fails no gate.
    """

    id: str
    kind: JobKind
    system: str
    channel: Channel
    runner: str
    route: Route
    effect: Effect
    attribute: str | None
    needs: tuple[str, ...]
    skippable: bool


def plan_jobs(pipeline: Pipeline, event: Event) -> tuple[Job, ...]:
    """The jobs of an event, tests before builds.

    A release is judged by the channel it is built with: early warnings from other channels must not hold it.
    """
    jobs = (*_test_jobs(pipeline), *_build_jobs(pipeline))
    if event is Event.RELEASE:
        return tuple(job for job in jobs if job.channel is pipeline.toolchain.default)
    return jobs


def matrix_entries(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """The `include` list of a GitHub matrix, plain JSON. UsageError where GitHub would not take so many."""
    if len(jobs) > MATRIX_LIMIT:
        raise UsageError(
            f"{len(jobs)} jobs are more than the {MATRIX_LIMIT} of a GitHub matrix",
            hint="name fewer runners or channels in [[test]]",
        )
    return [
        {
            "id": job.id,
            "runner": job.runner,
            "route": job.route.value,
            "channel": job.channel.value,
            "triple": SYSTEMS[job.system].triple,
            "skippable": job.skippable,
        }
        for job in jobs
    ]


def _test_jobs(pipeline: Pipeline) -> Iterator[Job]:
    for suite in pipeline.tests:
        for runner in suite.runners:
            for channel in suite.channels:
                system = RUNNERS[runner]
                route = _route(runner)
                suffix = "" if channel is pipeline.toolchain.default else f"-{channel.value}"
                yield Job(
                    id=f"{suite.kind.value}-{system}-{channel.value}",
                    kind=JobKind(suite.kind.value),
                    system=system,
                    channel=channel,
                    runner=runner,
                    route=route,
                    effect=Effect.PURE if route is Route.NIX else Effect.EFFECTFUL,
                    attribute=f"checks.{system}.{suite.kind.value}{suffix}" if route is Route.NIX else None,
                    needs=(),
                    skippable=channel is Channel.NIGHTLY and channel is not pipeline.toolchain.default,
                )


def _build_jobs(pipeline: Pipeline) -> Iterator[Job]:
    for target in pipeline.targets:
        host = RUNNERS[target.runner]
        route = _route(target.runner)
        suffix = "" if host == target.system else f"-{target.system}"
        yield Job(
            id=f"build-{target.system}",
            kind=JobKind.BUILD,
            system=target.system,
            channel=pipeline.toolchain.default,
            runner=target.runner,
            route=route,
            effect=Effect.EFFECTFUL,
            attribute=f"packages.{host}.{pipeline.workspace.name}{suffix}" if route is Route.NIX else None,
            needs=(),
            skippable=False,
        )


def _route(runner: str) -> Route:
    return Route.NIX if SYSTEMS[RUNNERS[runner]].os is OperatingSystem.LINUX else Route.CARGO
