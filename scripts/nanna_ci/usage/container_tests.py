"""The flags of `container-test`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Builds the images of pipeline.toml for this machine and runs and tests each one. It is loaded by digest and started
on a network of its own, with a read-only root (/tmp is a small tmpfs), no capabilities, no new privileges, and limits
on memory (1 GiB and twice the image), processes and time. Its health path is polled until it answers 200, within 2 s;
then its other paths, its commands, its models: they are listed, a completion has tokens, and every image with a
model_command reaches them over the container network. It must be healthy still, SIGTERM must end it in 10 s, with 0 or
143, and a restart must be healthy again.
An image without a port is a program: each of its commands runs in a container of its own, confined in the same way,
and must exit with 0 within 2 minutes. Its confinement is read before it starts; where an engine cannot do that, and the
program has ended before it could be read, the confinement is reported as unverified.

Whatever was created is removed at the end, after Ctrl-C too, and nothing else is; what a killed run left is
removed by the next one. Logs of a failure, junit.xml and result.json are kept in .nanna-ci/runs/. A limit that this
machine does not enforce is reported. Without an engine, or for an image that cannot be made here, the result is
`unavailable`.

podman is the user's own; if it has no store that it can write to, root gives it namespaces and a store of its own.
docker is the daemon of DOCKER_HOST or of the context in use, on this machine.

example: nanna-ci container-test harness qwen3-container --engine podman
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    engines = ("auto", "podman", "docker")
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="only these of pipeline.toml (default: all)")
    parser.add_argument("--engine", choices=engines, default="auto", help="default: podman if it works, else docker")
    parser.add_argument(
        "--from", dest="sources", action="append", default=[], metavar="IMAGE=PATH",
        help="an image that is built already, such as an OCI layout; repeatable",
    )  # fmt: skip
