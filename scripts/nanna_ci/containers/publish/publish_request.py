"""The request to `publish-images`: flags, the run on GitHub, and pipeline.toml, checked before anything runs."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.binaries.origin import query_revision
from nanna_ci.containers.publish.cosign import KeyPair, Signing, parse_keyless
from nanna_ci.containers.publish.image_plan import parse_release, parse_revision
from nanna_ci.containers.registry.reference import Repository, choose_repository
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.pipeline.definition import Image, find_pipeline, load_pipeline
from nanna_ci.pipeline.images import choose_images, parse_image_files
from nanna_ci.report.github import GithubRun, tag_of

_IDENTITY_TOKENS: Final = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SIGSTORE_ID_TOKEN")

Pairs = tuple[tuple[str, Path], ...]


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """Where to push what, and how to sign it (None: not at all).

    `release` is the tag of one. `sources`, `sboms` and `provenances` name files.
    """

    base: Repository
    revision: str
    release: str | None
    signing: Signing | None
    images: tuple[Image, ...]
    auth_file: Path | None
    sources: Pairs
    sboms: Pairs
    provenances: Pairs
    clobber: bool

    def repository(self, image: str) -> Repository:
        """The repository of one image."""
        return self.base.child(image)


def parse_request(arguments: argparse.Namespace, run: GithubRun | None, context: Context) -> PublishRequest:
    """The request. Raises UsageError for what cannot be, ConfigError for pipeline.toml."""
    cwd = context.ports.cwd
    request = PublishRequest(
        base=_base(arguments, run),
        revision=_revision(arguments, run, context),
        release=_release(arguments, context),
        signing=_signing(arguments, run, context),
        images=_images(arguments, context),
        auth_file=None if arguments.auth_file is None else cwd / arguments.auth_file,
        sources=parse_image_files(arguments.sources, "--from", cwd),
        sboms=parse_image_files(arguments.sbom, "--sbom", cwd),
        provenances=parse_image_files(arguments.provenance, "--provenance", cwd),
        clobber=arguments.clobber,
    )
    for image in request.images:
        request.repository(image.name)  # refuses a name that no registry takes
    known = [image.name for image in request.images]
    for name, _ in request.sources:
        if name not in known:
            raise UsageError(f"--from {shorten(name)}: no such image is published", hint=f"known: {', '.join(known)}")
    return request


def _base(arguments: argparse.Namespace, run: GithubRun | None) -> Repository:
    base = choose_repository(arguments.to, None if run is None else run.owner)
    if base is None:
        raise UsageError("no destination is given", hint="--to ghcr.io/OWNER")
    return base


def _revision(arguments: argparse.Namespace, run: GithubRun | None, context: Context) -> str:
    ports = context.ports
    given = arguments.revision or (None if run is None else run.revision)
    found = given or query_revision(ports.cwd, run=ports.run, environ=ports.environ)
    if found is None:
        raise UsageError(
            "this folder is not a clean git work tree, so no commit names the images", hint="--revision COMMIT"
        )
    return parse_revision(found)


def _release(arguments: argparse.Namespace, context: Context) -> str | None:
    """The tag of --release; on GitHub the one that the run is of, for `latest` is the default branch's."""
    found = arguments.release if arguments.release is not None else tag_of(context.ports.environ)
    return None if found is None else parse_release(found)


def _signing(arguments: argparse.Namespace, run: GithubRun | None, context: Context) -> Signing | None:
    if arguments.identity is not None and (arguments.unsigned or arguments.key is not None):
        raise UsageError("--identity applies to keyless signatures only", hint="leave it out, or give --keyless")
    if arguments.unsigned:
        if arguments.sbom or arguments.provenance:
            raise UsageError("--sbom and --provenance are signed, so --unsigned cannot go with them")
        return None
    if arguments.key is not None:
        if "://" in arguments.key:
            return KeyPair(arguments.key)
        path = context.ports.cwd / arguments.key
        if not path.is_file():
            raise UsageError(f"{arguments.key}: there is no such key", hint="`cosign generate-key-pair` makes one")
        return KeyPair(str(path))
    if run is None and not arguments.keyless:
        raise UsageError("no way to sign is given", hint="--key FILE, --keyless or --unsigned")
    identity = arguments.identity or (None if run is None else run.identity)
    if identity is None:
        raise UsageError("a keyless signature names an identity", hint="--identity URL")
    keyless = parse_keyless(identity)
    if not context.dry_run and not any(context.ports.environ.get(name) for name in _IDENTITY_TOKENS):
        raise UsageError(
            "there is no token for a keyless signature", hint="the job needs `permissions: id-token: write`"
        )
    return keyless


def _images(arguments: argparse.Namespace, context: Context) -> tuple[Image, ...]:
    ports = context.ports
    chosen = choose_images(load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd)), arguments.images)
    if not chosen:
        raise UsageError("pipeline.toml has no [[image]]: there is nothing to publish")
    return chosen
