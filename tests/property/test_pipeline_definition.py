"""Whatever pipeline there is: written and read again it is the same, and its plan holds together."""

from __future__ import annotations

import operator
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import ConfigError
from nanna_ci.pipeline.definition import Pipeline, normalised, parse_pipeline
from nanna_ci.pipeline.job_plan import Event, JobRoute, ProductKind, matrix_entries, plan_jobs
from nanna_ci.pipeline.vocabulary import (
    POSSIBLE_STRATEGIES,
    RUNNERS,
    SYSTEMS,
    Channel,
    OperatingSystem,
    Severity,
    SuiteKind,
)
from support.toml_text import render_toml

LOWER = string.ascii_lowercase + string.digits
NAMES = st.builds(
    operator.add, st.sampled_from(LOWER + string.ascii_uppercase + "_"), st.text(LOWER + "A-_", max_size=12)
)
LOWER_NAMES = st.builds(operator.add, st.sampled_from(LOWER), st.text(LOWER + "-", max_size=12))
CACHE_URLS = st.builds("https://{}.example.org/{}".format, LOWER_NAMES, st.text(LOWER + "/._~%", max_size=8))
PATTERNS = st.from_regex(
    r"\^?([a-z.-]{1,4}|\\\.|\[\^?[a-z]\]\+|x\(a\|b\)\?)\$?", fullmatch=True, alphabet=st.characters(codec="ascii")
)
CHANNELS = [channel.value for channel in Channel]


def some(values: st.SearchStrategy[Any], least: int = 1) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=least, max_size=4, unique=True)


@st.composite
def targets(draw: st.DrawFn) -> list[dict[str, Any]]:
    result = []
    for system in draw(some(st.sampled_from(sorted(SYSTEMS)), least=0)):
        facts = SYSTEMS[system]
        runners = [runner for runner, other in RUNNERS.items() if SYSTEMS[other].os is facts.os]
        strategies = [strategy.value for strategy in POSSIBLE_STRATEGIES[facts.os]]
        full = {
            "system": system,
            "triple": facts.triple,
            "runner": draw(st.sampled_from(runners)),
            "strategies": draw(some(st.sampled_from(strategies))),
        }
        left_out = draw(st.sets(st.sampled_from(["triple", "runner", "strategies"])))
        result.append({key: value for key, value in full.items() if key not in left_out})
    return result


@st.composite
def suites(draw: st.DrawFn, channels: list[str]) -> list[dict[str, Any]]:
    """Suites without a job in common: each (kind, channel) pair belongs to at most one of them."""
    pairs = draw(
        st.lists(st.tuples(st.sampled_from(list(SuiteKind)), st.sampled_from(channels)), unique=True, max_size=8)
    )
    linux = [runner for runner, system in RUNNERS.items() if SYSTEMS[system].os is OperatingSystem.LINUX]
    return [
        {
            "kind": SuiteKind(kind).value,
            "channels": [channel],
            "runners": draw(some(st.sampled_from(linux if kind is SuiteKind.COVERAGE else sorted(RUNNERS)))),
        }
        for kind, channel in pairs
    ]


@st.composite
def servers(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "contents": draw(some(NAMES)),
        "port": draw(st.integers(1, 65535)),
        "health_path": draw(st.none() | st.just("/ready")),
        "health_timeout_s": draw(st.none() | st.integers(1, 3600)),
        "probe_paths": draw(some(st.sampled_from(["/a", "/b"]), least=0)),
    }


@st.composite
def programs(draw: st.DrawFn, binaries: list[str]) -> dict[str, Any]:
    """What an image without port must have."""
    first = draw(st.sampled_from(binaries))
    others = draw(some(NAMES.filter(lambda name: name != first), least=0))
    return {"contents": [first, *others], "probe_commands": draw(some(st.sampled_from(["x", "x --help", "/x y"])))}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A file that must be read."""
    channels = draw(some(st.sampled_from(CHANNELS)))
    images = draw(some(LOWER_NAMES, least=0))
    binaries = draw(some(NAMES))
    document: dict[str, Any] = {
        "workspace": {"name": draw(NAMES), "binaries": binaries, "libraries": draw(some(NAMES, least=0))},
        "toolchain": {"channels": channels, "default": draw(st.none() | st.sampled_from(channels))},
        "target": draw(targets()),
        "test": draw(suites(channels)),
        "image": [
            {
                "name": name,
                "architectures": draw(some(st.sampled_from(["x86_64", "aarch64"]))),
                **draw(servers() | programs(binaries)),
            }
            for name in images
        ],
        "cache": {
            "name": draw(st.none() | LOWER_NAMES),
            "substituters": draw(some(CACHE_URLS, least=0)),
            "push_filter": draw(some(PATTERNS, least=0)),
            "tarball_ttl_s": draw(st.integers(0, 31_536_000)),
        },
        "security": {
            "database_max_age_days": draw(st.integers(1, 3650)),
            "fail_severity": draw(st.sampled_from([severity.value for severity in Severity])),
            "baseline": draw(st.sampled_from(["accepted.toml", ".ci/accepted.toml"])),
        },
        "coverage": {
            "minimum_line_rate": draw(st.none() | st.integers(0, 1) | st.floats(0, 1)),
            "minimum_patch_rate": draw(st.none() | st.floats(0, 1)),
        },
        "budget": {
            "cache_hit_rate": draw(st.floats(0, 1)),
            "artifact_bytes": draw(st.integers(1, 10**15)),
            "regression_ratio": draw(st.integers(1, 100) | st.floats(1, 100)),
        },
    }
    for section in draw(
        st.sets(st.sampled_from(["toolchain", "target", "test", "image", "cache", "security", "coverage", "budget"]))
    ):
        if not (section == "toolchain" and document.get("test")):  # whose channels it declares
            document.pop(section, None)
    return document


def read(document: dict[str, Any]) -> Pipeline:
    return parse_pipeline(render_toml(document), "generated")


@given(documents())
def test_a_pipeline_written_and_read_again_is_the_same(document: dict[str, Any]) -> None:
    pipeline = read(document)
    assert read(normalised(pipeline)) == pipeline


@given(documents())
def test_an_image_has_health_if_it_has_a_port(document: dict[str, Any]) -> None:
    for image in read(document).images:
        assert {image.port is None, image.health_path is None, image.health_timeout_s is None} != {True, False}
        assert image.port is not None or image.probe_commands


@given(documents())
def test_what_a_file_says_is_what_it_means(document: dict[str, Any]) -> None:
    meant = normalised(read(document))
    for section, said in document.items():
        tables = list(zip(said, meant[section], strict=True)) if isinstance(said, list) else [(said, meant[section])]
        for written, kept in tables:
            assert {key: kept[key] for key, value in written.items() if value is not None} == {
                key: value for key, value in written.items() if value is not None
            }


@given(documents(), st.sampled_from(list(Event)))
def test_a_plan_has_unique_ids_and_no_dangling_needs(document: dict[str, Any], event: Event) -> None:
    jobs = plan_jobs(read(document), event)
    ids = [job.id for job in jobs]
    assert len(set(ids)) == len(ids)
    for number, job in enumerate(jobs):
        assert set(job.needs) <= set(ids[:number])  # also: no cycle
    runners = {job.id: job.runner for job in jobs}
    assert all(runners[need] == job.runner for job in jobs for need in job.needs)
    entries = matrix_entries(jobs)
    assert {id_ for entry in entries for id_ in entry["jobs"]} == set(ids)
    assert all(entry["jobs"][-1] == (entry["scan"] or entry["id"]) for entry in entries)
    assert all(entry["jobs"][-2] == entry["id"] for entry in entries if entry["scan"])


@given(documents())
def test_every_target_and_every_test_is_planned_once(document: dict[str, Any]) -> None:
    pipeline = read(document)
    jobs = plan_jobs(pipeline, Event.PUSH)
    builds = [job.system for job in jobs if job.kind is ProductKind.BUILD]
    assert builds == [target.system for target in pipeline.targets]
    wanted = {
        (suite.kind.value, runner, channel)
        for suite in pipeline.tests
        for runner in suite.runners
        for channel in suite.channels
    }
    planned = [(job.kind.value, job.runner, job.channel) for job in jobs if job.kind.value in set(SuiteKind)]
    assert len(planned) == len(wanted)
    assert set(planned) == wanted


@given(documents())
def test_every_image_is_planned_for_each_architecture_and_tested_once(document: dict[str, Any]) -> None:
    pipeline = read(document)
    jobs = plan_jobs(pipeline, Event.PUSH)
    images = [(job.image, job.system) for job in jobs if job.kind is ProductKind.IMAGE]
    declared = [(image.name, f"{one}-linux") for image in pipeline.images for one in image.architectures]
    assert images == declared
    tests = [job for job in jobs if job.kind is ProductKind.CONTAINER_TEST]
    assert [job.image for job in tests] == [image.name for image in pipeline.images]
    assert all((job.image, job.system) in images and RUNNERS[job.runner] == job.system for job in tests)


@given(documents())
def test_exactly_the_nix_jobs_name_a_flake_attribute_of_their_runners_system(document: dict[str, Any]) -> None:
    for job in plan_jobs(read(document), Event.PUSH):
        works_on_needs = job.kind in {ProductKind.CONTAINER_TEST, ProductKind.SCAN}
        assert (job.attribute is not None) == (job.route is JobRoute.NIX and not works_on_needs)
        assert bool(job.needs) == works_on_needs
        if job.attribute is not None:
            assert job.attribute.split(".")[1] == RUNNERS[job.runner]


@given(documents(), st.text(max_size=8), st.sampled_from(["workspace", "toolchain", "cache", "budget"]))
def test_a_key_that_nobody_knows_is_refused_by_name(document: dict[str, Any], key: str, section: str) -> None:
    known = normalised(read(document))[section]
    if key in known:
        return
    document[section] = {**document.get(section, {}), key: 1}
    with pytest.raises(ConfigError, match="unknown key") as caught:
        read(document)
    assert caught.value.where == f"generated: {section}.{key}"
