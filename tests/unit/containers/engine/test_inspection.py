"""What engines say of containers, networks and images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.containers.engine.inspection import (
    ImageState,
    NetworkState,
    parse_containers,
    parse_images,
    parse_networks,
)
from nanna_ci.foundation.errors import MalformedData

RECORDED = Path(__file__).parents[3] / "data" / "containers"


@pytest.mark.parametrize(("engine", "port"), [("podman", 41313), ("docker", 32768)])
def test_a_recorded_running_container(engine, port):
    (state,) = parse_containers((RECORDED / f"inspect-{engine}.json").read_bytes(), engine)
    assert (state.running, state.exit_code, state.out_of_memory, state.error) == (True, 0, False, "")
    assert state.ports == {8080: port}
    assert state.labels["io.nanna-ci.run"] == "x"
    assert state.pid is not None
    assert len(state.id) == 64


def container(**changes) -> bytes:
    item = {
        "Id": "a",
        "State": {"Running": False, "ExitCode": 137, "OOMKilled": True, "Pid": 0, "Error": ""},
        "Config": {"Labels": None},
        "NetworkSettings": {"Ports": {"8080/tcp": None}},
    }
    return json.dumps([{**item, **changes}]).encode()


def test_a_container_that_has_ended():
    (state,) = parse_containers(container(), "x")
    assert (state.running, state.exit_code, state.out_of_memory, state.pid) == (False, 137, True, None)
    assert (state.labels, state.ports) == ({}, {})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"State": {"Running": "yes", "ExitCode": 0, "Pid": 0}}, "State.Running is 'yes'"),
        ({"State": {"Running": True, "ExitCode": None, "Pid": 0}}, "State.ExitCode is 'null'"),
        ({"State": {"Running": True, "ExitCode": 0, "Pid": -1}}, "State.Pid is '-1'"),
        ({"State": []}, "State is an array"),
        ({"Id": None}, "Id is 'null'"),
        ({"NetworkSettings": {"Ports": {"8080/tcp": [{"HostPort": "x"}]}}}, "is published as 'x'"),
        ({"NetworkSettings": {"Ports": {"8080/tcp": [{"HostPort": "٨"}]}}}, "is published as"),
    ],
)
def test_anything_else_is_refused(changes, problem):
    with pytest.raises(MalformedData) as caught:
        parse_containers(container(**changes), "podman inspect")
    assert caught.value.message.startswith("podman inspect: ")
    assert problem in caught.value.message


def test_networks_of_both_engines():
    podman = b'[{"name": "n1", "id": "x", "labels": {"a": "b"}}, {"name": "podman", "labels": {}}]'
    docker = b'[{"Name": "n1", "Id": "x", "Labels": {"a": "b"}}, {"Name": "bridge", "Labels": null}]'
    assert [one.name for one in parse_networks(podman, "x")] == ["n1", "podman"]
    assert parse_networks(docker, "x")[0] == NetworkState("n1", {"a": "b"})


def test_images_of_both_engines():
    podman = b'[{"Id": "%s", "RepoTags": [], "Size": 7}]' % (b"a" * 64)
    docker = b'[{"Id": "sha256:%s", "RepoTags": ["x:1"], "Size": 7}]' % (b"a" * 64)
    assert parse_images(podman, "x") == (ImageState("sha256:" + "a" * 64, (), 7),)
    assert parse_images(docker, "x") == (ImageState("sha256:" + "a" * 64, ("x:1",), 7),)
