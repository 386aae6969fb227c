"""A container as it is to be created, and the words that podman and docker share for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nanna_ci.containers.engine.limits import TMP_BYTES, ContainerLimits


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container of an image by its ID, on a network of its own, confined.

    It has no capabilities and gains no privileges; its root is read-only unless `writable`, with a writable /tmp alone.
    `port` is published on a free port of loopback; None: none is. `alias` is its name for others on the network.
    `command` runs in the place of the image's own program and arguments; empty: those run.
    """

    name: str
    image_id: str
    network: str
    alias: str
    port: int | None
    limits: ContainerLimits
    labels: Mapping[str, str]
    writable: bool = False
    command: tuple[str, ...] = ()


def create_words(spec: ContainerSpec) -> list[str]:
    """The arguments of `create` that both engines take, but for the image and what comes after it."""
    words = ["--name", spec.name, "--network", spec.network, "--network-alias", spec.alias]
    words += [word for name, value in spec.labels.items() for word in ("--label", f"{name}={value}")]
    words += ["--pull", "never", "--no-healthcheck"]
    if spec.port is not None:
        words += ["--publish", f"127.0.0.1::{spec.port}/tcp"]
    if spec.command:
        words += ["--entrypoint", spec.command[0]]
    words += ["--cap-drop", "all", "--security-opt", "no-new-privileges"]
    if not spec.writable:
        words += ["--read-only"]
    # a fixed size, and for every user: engines' own defaults differ
    words += ["--tmpfs", f"/tmp:rw,nosuid,nodev,size={TMP_BYTES},mode=1777"]  # noqa: S108 - in the container
    if spec.limits.memory_bytes is not None:  # with as much swap on top the limit would not limit
        words += ["--memory", str(spec.limits.memory_bytes), "--memory-swap", str(spec.limits.memory_bytes)]
    if spec.limits.pids is not None:
        words += ["--pids-limit", str(spec.limits.pids)]
    return words
