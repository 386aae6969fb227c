"""podman's and docker's JSON about a container, a network, an image, as values. Both write nearly the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import (
    JsonObject,
    JsonValue,
    as_count,
    as_list,
    as_object,
    as_text,
    describe,
    load_json,
)


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container's state. `exit_code` counts once it is not running. `pid` is None if nothing runs.

    `ports` are the published ports on this machine, by the container's own.
    """

    id: str
    running: bool
    exit_code: int
    out_of_memory: bool
    error: str
    pid: int | None
    labels: Mapping[str, str]
    ports: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class NetworkState:
    """A network of the engine."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImageState:
    """An image in the engine. `id` has its `sha256:`; `unpacked_bytes` is what it takes there."""

    id: str
    tags: tuple[str, ...]
    unpacked_bytes: int


def parse_containers(data: bytes, source: str) -> tuple[ContainerState, ...]:
    """Read `inspect ID…`."""
    return tuple(_container(item, source) for item in _objects(data, source))


def parse_networks(data: bytes, source: str) -> tuple[NetworkState, ...]:
    """Read `network inspect NAME…`; podman's keys are in lower case, docker's are not."""
    networks = []
    for item in _objects(data, source):
        lowered = {key.lower(): value for key, value in item.items()}
        name = as_text(lowered.get("name"), source, "name")
        networks.append(NetworkState(name, _texts(lowered.get("labels"), source, "labels")))
    return tuple(networks)


def parse_images(data: bytes, source: str) -> tuple[ImageState, ...]:
    """Read `image inspect ID…`."""
    images = []
    for item in _objects(data, source):
        identity = as_text(item.get("Id"), source, "Id")
        tags = as_list(item.get("RepoTags") or [], source, "RepoTags")
        images.append(
            ImageState(
                id=identity if identity.startswith("sha256:") else f"sha256:{identity}",
                tags=tuple(as_text(tag, source, "RepoTags") for tag in tags),
                unpacked_bytes=as_count(item.get("Size"), source, "Size"),
            )
        )
    return tuple(images)


def _container(item: JsonObject, source: str) -> ContainerState:
    state = as_object(item.get("State"), source, "State")
    config = as_object(item.get("Config"), source, "Config")
    network = as_object(item.get("NetworkSettings"), source, "NetworkSettings")
    running = state.get("Running")
    if not isinstance(running, bool):
        raise MalformedData(source, f"State.Running is {describe(running)}, not true or false")
    code = state.get("ExitCode")
    if isinstance(code, bool) or not isinstance(code, int):
        raise MalformedData(source, f"State.ExitCode is {describe(code)}, not a number")
    return ContainerState(
        id=as_text(item.get("Id"), source, "Id"),
        running=running,
        exit_code=code,
        out_of_memory=state.get("OOMKilled") is True,
        error=as_text(state.get("Error") or "", source, "State.Error"),
        pid=as_count(state.get("Pid"), source, "State.Pid") or None,
        labels=_texts(config.get("Labels"), source, "Config.Labels"),
        ports=_ports(network.get("Ports"), source),
    )


def _ports(value: JsonValue, source: str) -> dict[int, int]:
    """`{"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "41313"}]}`; null for one that is not published."""
    ports = {}
    for name, bindings in as_object(value or {}, source, "NetworkSettings.Ports").items():
        for binding in as_list(bindings or [], source, f"the bindings of {name}"):
            host = as_text(as_object(binding, source, name).get("HostPort"), source, f"HostPort of {name}")
            inner = name.partition("/")[0]
            if not (inner.isascii() and inner.isdecimal() and host.isascii() and host.isdecimal()):
                raise MalformedData(source, f"{describe(name)} is published as {describe(host)}")
            ports[int(inner)] = int(host)
    return ports


def _objects(data: bytes, source: str) -> list[JsonObject]:
    return [as_object(item, source, "an entry") for item in as_list(load_json(data, source), source, "the answer")]


def _texts(value: JsonValue, source: str, what: str) -> dict[str, str]:
    return {
        name: as_text(text, source, f"{what}.{name}") for name, text in as_object(value or {}, source, what).items()
    }
