"""`publish-images`: push by digest, sign, attest, and let the tags follow."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nanna_ci.containers.publish.attestation import Attestation
    from nanna_ci.containers.publish.image_plan import ImagePlan
    from nanna_ci.containers.publish.publish_request import PublishRequest
    from nanna_ci.containers.publish.publisher import Publication, Publisher
    from nanna_ci.errors import NannaError
    from nanna_ci.outcome import Context, Outcome
    from nanna_ci.report.github import GithubRun

NAME = "publish-images"
SUMMARY = "push images by digest, sign and attest them; never on a pull request"
DESCRIPTION = """\
Builds the images of pipeline.toml and pushes them to REGISTRY/OWNER/NAME under

  COMMIT, latest               every architecture: an index of several images, or the one image
  COMMIT-arm64, latest-arm64   the aarch64 image alone

Layers that the registry has are not sent again. What was pushed is read back, signed by digest and verified; `latest`
moves last. Each step first looks whether it is done: the same command finishes a run that died. A commit's tag is never
moved to another image without --clobber. On a pull request, and on any event but push, release, schedule and
workflow_dispatch, nothing is pushed and the exit code is 0.

The login is --auth-file FILE, else $REGISTRY_USERNAME and $REGISTRY_PASSWORD, else $REGISTRY_AUTH_FILE, else what
`docker login` left. On GitHub Actions the registry is ghcr.io, owner and commit are the run's, and signatures are
keyless; elsewhere say --to, and --key or --unsigned. A key's password is $COSIGN_PASSWORD. http:// is for a registry
on this machine, and what stands in for another program (the Debian toolkit's model servers) goes to such a one only.

example: nanna-ci publish-images harness --to ghcr.io/OWNER --key cosign.key --dry-run
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    events = ("push", "pull_request", "merge_group", "release")
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="only these of pipeline.toml (default: all)")
    parser.add_argument("--to", metavar="REGISTRY/OWNER", help="where to; on GitHub: ghcr.io and the run's owner")
    parser.add_argument(
        "--revision", metavar="COMMIT", help="the tag (default: the run's commit, else the work tree's)"
    )
    parser.add_argument("--event", choices=events, help="what this is for (default: the run's event, else push)")
    parser.add_argument("--auth-file", metavar="FILE", help="a login, as skopeo or docker login wrote it")
    parser.add_argument(
        "--from", dest="sources", action="append", default=[], metavar="IMAGE=PATH",
        help="an image that is built already, for the architecture that it names; may be given again",
    )  # fmt: skip
    signing = parser.add_mutually_exclusive_group()
    signing.add_argument("--key", metavar="FILE", help="sign with this private key, outside of the transparency log")
    signing.add_argument("--keyless", action="store_true", help="sign as this workflow (the default on GitHub)")
    signing.add_argument("--unsigned", action="store_true", help="do not sign, and say so in the report")
    parser.add_argument("--identity", metavar="URL", help="whose keyless signature it must be (default: the run's)")
    for flag, what in (("--sbom", "a CycloneDX SBOM"), ("--provenance", "an in-toto statement with SLSA provenance")):
        parser.add_argument(
            flag, action="append", default=[], metavar="IMAGE=FILE",
            help=f"attest {what} of an image; IMAGE-arm64 is its aarch64 part",
        )  # fmt: skip
    parser.add_argument(
        "--tested", metavar="DIR",
        help="container tests' results: push only the very builds that passed there, by digest",
    )  # fmt: skip
    parser.add_argument("--clobber", action="store_true", help="move a commit's tag that names another image")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Plan, and publish unless the event or --dry-run forbids it."""
    from nanna_ci.containers.publish.image_plan import decide_event  # noqa: PLC0415
    from nanna_ci.report.github import run_of  # noqa: PLC0415
    from nanna_ci.scratch import scratch_folder  # noqa: PLC0415

    run = run_of(context.ports.environ)
    told = None if run is None else run.event or "an event without a name"
    reason = decide_event(arguments.event, told)
    if reason is not None:
        return _nothing(reason, context)
    with scratch_folder("nanna-ci-publish-") as scratch:
        return _publish(arguments, context, run, scratch)


def _nothing(reason: str, context: Context) -> Outcome:
    from nanna_ci.outcome import Outcome, Verdict  # noqa: PLC0415
    from nanna_ci.report.blocks import Document, Notice, Tone  # noqa: PLC0415

    data: dict[str, Any] = {
        "revision": None,
        "published": False,
        "dryRun": context.dry_run,
        "images": [],
        "reason": reason,
    }
    return Outcome(Verdict.PASS, Document("Images: nothing pushed", (Notice(Tone.NEUTRAL, reason),)), data)


def _publish(arguments: argparse.Namespace, context: Context, run: GithubRun | None, scratch: Path) -> Outcome:
    from nanna_ci.containers.publish.cosign import Cosign  # noqa: PLC0415
    from nanna_ci.containers.publish.publish_request import parse_request  # noqa: PLC0415
    from nanna_ci.containers.publish.publish_sources import plan_images, read_attestations  # noqa: PLC0415
    from nanna_ci.containers.publish.publisher import Publication, Publisher  # noqa: PLC0415
    from nanna_ci.containers.registry.registry_credentials import PASSWORD_VARIABLE, find_credentials, stored  # noqa: PLC0415
    from nanna_ci.containers.registry.skopeo import Skopeo  # noqa: PLC0415
    from nanna_ci.redact import known_secrets  # noqa: PLC0415

    ports = context.ports
    request = parse_request(arguments, run, context)
    login = None if context.dry_run else find_credentials(ports.environ, request.auth_file, request.base)
    secrets = (*known_secrets(ports.environ), *(() if login is None else login.secrets))
    environ = {name: value for name, value in ports.environ.items() if name != PASSWORD_VARIABLE}  # it is in the file
    with stored(login) as folder:
        skopeo = Skopeo(ports.run, environ=environ, login=folder, secrets=secrets)
        plans = plan_images(request, skopeo, context, scratch)
        if arguments.tested is not None:
            _hold_to_tests(plans, ports.cwd / arguments.tested, context)
        attestations = read_attestations(request, plans)
        opened = [Publication.open(plan, attestations[plan.name], signed=request.signing is not None) for plan in plans]
        if context.dry_run:
            return _outcome(opened, request, context, None)
        cosign = None
        if request.signing is not None:
            cosign = Cosign(
                ports.run, environ=environ, signing=request.signing, scratch=scratch, login=folder, secrets=secrets
            )
            cosign.check()
        publisher = Publisher(skopeo, cosign, scratch, request.clobber, context.say)
        return _outcome(opened, request, context, _run_all(opened, attestations, publisher, context))


def _hold_to_tests(plans: Sequence[ImagePlan], folder: Path, context: Context) -> None:
    """Raises UsageError where there is no such folder, GateFailed where something else was tested, or nothing."""
    from nanna_ci.containers.publish.tested_digests import check_tested, read_tested  # noqa: PLC0415
    from nanna_ci.errors import UsageError  # noqa: PLC0415

    if not folder.is_dir():
        raise UsageError(f"--tested {folder}: there is no such folder")
    for part in check_tested(plans, read_tested(folder)):
        context.say(f"{part}: no machine tested it")


def _run_all(
    opened: Sequence[Publication],
    attestations: Mapping[str, Sequence[Attestation]],
    publisher: Publisher,
    context: Context,
) -> NannaError | None:
    """Publish one after the other, up to the first that fails: its error, or None."""
    from nanna_ci.errors import Interrupted, NannaError  # noqa: PLC0415

    for publication in opened:
        try:
            publisher.publish(publication, attestations[publication.plan.name])
        except Interrupted:
            if left := [one.plan.name for one in opened if not one.complete]:
                context.say(f"not finished: {', '.join(left)}; the same command goes on where this one ended")
            raise
        except NannaError as error:
            return error
    return None


def _outcome(
    opened: Sequence[Publication], request: PublishRequest, context: Context, error: NannaError | None
) -> Outcome:
    from nanna_ci.containers.publish.publish_report import document_of, outputs_of, publication_to_json  # noqa: PLC0415
    from nanna_ci.errors import GateFailed  # noqa: PLC0415
    from nanna_ci.outcome import Outcome, Verdict  # noqa: PLC0415

    planned = context.dry_run
    data = {
        "revision": request.revision,
        "published": not planned and error is None,
        "dryRun": planned,
        "images": [publication_to_json(one) for one in opened],
        "reason": None if error is None else error.message,
    }
    verdict = Verdict.PASS
    if error is not None:
        verdict = Verdict.FAIL if isinstance(error, GateFailed) else Verdict.UNAVAILABLE
    title = "plan, nothing pushed" if planned else "published" if error is None else "not finished"
    return Outcome(
        verdict,
        document_of(f"Images: {title}", opened, revision=request.revision, error=error, planned=planned),
        data,
        exit_code=None if error is None else error.exit_code,
        outputs={} if planned or error is not None else outputs_of([one.plan for one in opened]),
    )
