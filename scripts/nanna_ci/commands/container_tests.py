"""`container-test`: images run, asked, stopped and started again, on a real engine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nanna_ci.containers.testing.container_report import ContainerReport
    from nanna_ci.outcome import Context, Outcome

NAME = "container-test"
SUMMARY = "run images with podman or docker: probes, models, stop and restart"
DESCRIPTION = """\
Builds the images of pipeline.toml for this machine and tests each one alive. It is loaded by digest and started on a
network of its own, with a read-only root (/tmp is a small tmpfs), no capabilities, no new privileges, and limits on
memory (1 GiB and twice the image), processes and time. Its health path is asked until it answers 200, within 2 s;
then its other paths, its commands, its models: they are listed, a completion has tokens, and every image with a
model_command reaches them over the container network. It must be healthy still, SIGTERM must end it in 10 s, with 0 or
143, and a restart must be healthy again.
An image without a port is a program: each of its commands runs in a container of its own, as confined, and must exit
with 0 within 2 minutes. What holds it back is read before it starts; where an engine cannot do that, and the program
has ended before anybody could look, that is called unverified.

Whatever was created is removed in the end, after Ctrl-C too, and nothing else is; what a killed run left goes with the
next one. Logs of a failure, junit.xml and result.json are kept in .nanna-ci/runs/. A limit that this machine does not
hold containers to is said. Without an engine, or an image that cannot be made here, the answer is `unavailable`.

podman is the user's own; where it has no store that it can write to, root gives it namespaces and a store of its own.
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
        help="an image that is built already, such as an OCI layout; may be given again",
    )  # fmt: skip


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Find an engine, build, test, report. After a signal everything is removed first."""
    import os  # noqa: PLC0415
    import shutil  # noqa: PLC0415

    from nanna_ci.commands.run_files import outcome_files  # noqa: PLC0415
    from nanna_ci.containers.engine.find_engine import find_working_engine, say_no_engine  # noqa: PLC0415
    from nanna_ci.containers.testing.chosen_images import (  # noqa: PLC0415
        find_images,
        parse_sources,
    )
    from nanna_ci.containers.testing.container_report import ContainerReport, report_junit  # noqa: PLC0415
    from nanna_ci.containers.testing.engine_run import run_tests  # noqa: PLC0415
    from nanna_ci.pipeline.definition import find_pipeline, load_pipeline  # noqa: PLC0415
    from nanna_ci.pipeline.images import choose_images  # noqa: PLC0415
    from nanna_ci.pipeline.run_folder import create_run_folder  # noqa: PLC0415

    ports = context.ports
    started = ports.clock()
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    chosen = choose_images(pipeline, arguments.images)
    sources = parse_sources(pipeline, chosen, arguments.sources, ports.cwd)
    found, reason = find_working_engine(arguments.engine, ports)
    if found is None:
        told = say_no_engine(reason)
        return _outcome(ContainerReport((), None, told, None, ports.clock() - started))
    folder = create_run_folder(ports.cwd, now=ports.now(), pid=os.getpid(), redactor=context.redactor)
    layouts = folder.path / "layouts"
    try:
        images = find_images(pipeline, chosen, sources, layouts, context)
        tested = run_tests(images.request(folder.path), found, context, context.say) if images.subjects else None
    finally:
        shutil.rmtree(layouts, ignore_errors=True)  # what was converted for the test is as large as the images
    results = {image.name: image for image in (*images.unbuilt, *(() if tested is None else tested.images))}
    report = ContainerReport(
        images=tuple(results[image.name] for image in chosen),
        tested=tested,
        reason=None if chosen else "pipeline.toml has no images",
        folder=str(folder.path),
        seconds=ports.clock() - started,
    )
    outcome = _outcome(report).redacted(context.redactor)
    folder.finish((*outcome_files(NAME, outcome), ("junit.xml", report_junit(report.images))))
    return outcome


def _outcome(report: ContainerReport) -> Outcome:
    from nanna_ci.containers.testing.container_report import report_document, report_to_json  # noqa: PLC0415
    from nanna_ci.outcome import Outcome  # noqa: PLC0415

    return Outcome(report.verdict, report_document(report), report_to_json(report))
