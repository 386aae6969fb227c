"""`publish-images`: push by digest, sign, attest, and let the tags follow."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nanna_ci.containers.publish.attestation import Attestation
from nanna_ci.containers.publish.cosign import Cosign
from nanna_ci.containers.publish.image_plan import ImagePlan, decide_event
from nanna_ci.containers.publish.publish_report import document_of, outputs_of, publication_to_json
from nanna_ci.containers.publish.publish_request import PublishRequest, parse_request
from nanna_ci.containers.publish.publish_sources import plan_images, read_attestations
from nanna_ci.containers.publish.publisher import Publication, Publisher
from nanna_ci.containers.publish.tested_digests import check_tested, read_tested
from nanna_ci.containers.registry.registry_credentials import PASSWORD_VARIABLE, find_credentials, stored
from nanna_ci.containers.registry.skopeo import Skopeo
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import GateFailed, Interrupted, NannaError, UsageError
from nanna_ci.foundation.redact import known_secrets
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Document, Notice, Tone
from nanna_ci.report.github import GithubRun, run_of
from nanna_ci.report.outcome import Outcome


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Plan, and publish unless the event or --dry-run forbids it."""
    run = run_of(context.ports.environ)
    event = None if run is None else run.event or "an event without a name"
    reason = decide_event(arguments.event, event)
    if reason is not None:
        return _nothing(reason, context)
    with scratch_folder("nanna-ci-publish-") as scratch:
        return _publish(arguments, context, run, scratch)


def _nothing(reason: str, context: Context) -> Outcome:
    data: dict[str, Any] = {
        "revision": None,
        "release": None,
        "published": False,
        "dryRun": context.dry_run,
        "images": [],
        "reason": reason,
    }
    return Outcome(Verdict.PASS, Document("Images: nothing pushed", (Notice(Tone.NEUTRAL, reason),)), data)


def _publish(arguments: argparse.Namespace, context: Context, run: GithubRun | None, scratch: Path) -> Outcome:
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
    """Raises UsageError if there is no such folder, GateFailed if something else was tested, or nothing."""
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
    planned = context.dry_run
    data = {
        "revision": request.revision,
        "release": request.release,
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
        document_of(
            f"Images: {title}",
            opened,
            revision=request.revision,
            release=request.release,
            error=error,
            planned=planned,
        ),
        data,
        exit_code=None if error is None else error.exit_code,
        outputs={} if planned or error is not None else outputs_of([one.plan for one in opened]),
    )
