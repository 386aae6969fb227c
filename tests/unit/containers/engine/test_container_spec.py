"""The words that create a container."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from nanna_ci.containers.engine.container_spec import ContainerSpec, create_words
from nanna_ci.containers.engine.docker import Docker
from nanna_ci.containers.engine.limits import ContainerLimits
from nanna_ci.containers.engine.podman import Podman
from nanna_ci.foundation.process import Completed

SPEC = ContainerSpec(
    name="n",
    image_id="sha256:" + "a" * 64,
    network="net",
    alias="web",
    port=8080,
    limits=ContainerLimits(2_000_000, 64, 100),
    labels={"io.nanna-ci.run": "r"},
)


def test_a_container_is_confined():
    words = create_words(SPEC)
    pairs = set(pairwise(words))
    assert {("--cap-drop", "all"), ("--security-opt", "no-new-privileges"), ("--network", "net")} <= pairs
    assert {("--memory", "2000000"), ("--memory-swap", "2000000"), ("--pids-limit", "64")} <= pairs
    assert "--read-only" in words
    assert ("--label", "io.nanna-ci.run=r") in pairs
    assert not {"--privileged", "--volume", "-v", "--userns", "--pid", "--ipc"} & set(words)


def test_its_port_is_on_a_free_port_of_loopback_alone():
    assert ("--publish", "127.0.0.1::8080/tcp") in set(pairwise(create_words(SPEC)))


def test_a_program_has_no_port():
    assert "--publish" not in create_words(replace(SPEC, port=None))


def test_a_command_stands_in_the_place_of_the_images_own_with_nothing_of_it_left():
    said: list[list[str]] = []

    def run(words, **_options):
        said.append(words)
        return Completed(tuple(words), 0, b"an-id\n", "", 0.0)

    docker = Docker(run, environ={})
    assert docker.create(replace(SPEC, port=None, command=("tool", "list", "--all"))) == "an-id"
    (words,) = said
    assert ("--entrypoint", "tool") in set(pairwise(words))
    assert words[-3:] == ["a" * 64, "list", "--all"]
    docker.create(SPEC)
    assert "--entrypoint" not in said[1]
    assert said[1][-1] == "a" * 64


def test_podman_can_hold_a_program_for_inspection_and_docker_cannot():
    said: list[list[str]] = []

    def run(words, **_options):
        said.append(words)
        return Completed(tuple(words), 0, b"", "", 0.0)

    Podman(run, environ={}).prepare("an-id")
    Docker(run, environ={}).prepare("an-id")
    assert said == [["podman", "init", "an-id"]]


def test_nothing_is_pulled():
    assert ("--pull", "never") in set(pairwise(create_words(SPEC)))


def test_a_limit_that_is_refused_is_not_requested():
    words = create_words(replace(SPEC, limits=ContainerLimits(None, None, 100)))
    assert not {"--memory", "--memory-swap", "--pids-limit"} & set(words)


def test_only_the_second_try_may_write_to_its_root():
    words = create_words(replace(SPEC, writable=True))
    assert "--read-only" not in words
    assert ("--cap-drop", "all") in set(pairwise(words))


def test_podman_makes_no_other_folder_writable_and_ends_by_itself():
    podman = Podman(lambda *_, **__: None, environ={}, cgroup_parent="/x")  # type: ignore[arg-type, return-value, unused-ignore]
    words = podman.extra_create_words(SPEC)
    assert "--read-only-tmpfs=false" in words
    assert {("--timeout", "100"), ("--cgroup-parent", "/x")} <= set(pairwise(words))
    assert "--read-only-tmpfs=false" not in podman.extra_create_words(replace(SPEC, writable=True))
