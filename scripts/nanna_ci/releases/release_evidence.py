"""What comes with a release's files: the images that were published with it, and the attestation of its files.

Nothing is verified here: who downloads a file does that, and the notes say how.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, NannaError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, as_list, as_object, as_text, load_json
from nanna_ci.foundation.visible_text import visible
from nanna_ci.releases.release_assets import ARTIFACTS, PUBLISHED_IMAGES, ReleaseAsset
from nanna_ci.report.blocks import Block, Code, Heading, Paragraph
from nanna_ci.report.github import neutralise
from nanna_ci.report.markdown import render_block

PROVENANCE: Final = "provenance.sigstore.json"
_LIMIT_BYTES: Final = 32 * MEBIBYTE
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9.:\[\]-]+(/[a-z0-9._-]+)+")
_SIGNER: Final = re.compile(r"https://[^/\s]+/([\w.-]+/[\w.-]+/\.github/workflows/[\w.-]+\.ya?ml)@\S+", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReleaseEvidence:
    """`images` are REPOSITORY@DIGEST. `has_attestation`: a bundle says what it is about; `signer` is the workflow that
    it names, OWNER/REPO/PATH, None where it names none. `problems` are reasons not to release."""

    images: tuple[str, ...] = ()
    has_attestation: bool = False
    signer: str | None = None
    problems: tuple[str, ...] = ()


def read_evidence(assets: Sequence[ReleaseAsset], commit: str | None) -> ReleaseEvidence:
    """The evidence among the assets of a release of `commit`. Raises MalformedData for an answer that is none."""
    images: tuple[str, ...] = ()
    problems: list[str] = []
    for one in assets:
        if isinstance(one.content, Path) and one.content.name == PUBLISHED_IMAGES:
            answer = as_object(load_json(_read(one.content), str(one.content)), str(one.content), "the answer")
            problems += _problems_of_images(answer, commit)
            images = tuple(_images(answer, str(one.content)))
    bundle = next((one.content for one in assets if one.name == PROVENANCE and isinstance(one.content, Path)), None)
    statements = [] if bundle is None else list(_statements(_read(bundle), str(bundle)))
    if not statements:
        return ReleaseEvidence(images, problems=tuple(problems))
    attested = {digest for one in statements for digest in _subjects(one, str(bundle))}
    problems += [
        f"{one.name} is not what {PROVENANCE} attests"
        for one in assets
        if isinstance(one.content, Path)
        and one.content.parent.name.startswith(ARTIFACTS)
        and one.sha256 not in attested
    ]
    return ReleaseEvidence(images, True, _signer(statements[0]), tuple(problems))


def evidence_notes(evidence: ReleaseEvidence, repository: str) -> str:
    """Markdown of the images, and of how to verify files; empty where there is neither."""
    blocks: list[Block] = []
    if evidence.images:
        blocks += [Heading("Images"), Code("\n".join(evidence.images))]
    if evidence.has_attestation:
        command = f"gh attestation verify FILE --repo {repository}"
        command += "" if evidence.signer is None else f" --signer-workflow {evidence.signer}"
        what = (
            f"Executables, archives and bills of materials are attested. {PROVENANCE} has it for use offline: --bundle."
        )
        blocks += [Heading("Verifying"), Paragraph(what), Code(command, "sh")]
    return neutralise("\n".join(map(render_block, blocks)))


def _problems_of_images(answer: JsonObject, commit: str | None) -> Iterator[str]:
    if answer.get("published") is not True:
        reason = answer.get("reason")
        why = f": {shorten(reason)}" if isinstance(reason, str) else ""
        yield f"{PUBLISHED_IMAGES}: the images were not published{why}"
    elif commit is not None and answer.get("revision") != commit:
        yield f"{PUBLISHED_IMAGES} is of commit {visible(str(answer.get('revision')))[:12]}, not of {commit[:12]}"


def _images(answer: JsonObject, source: str) -> Iterator[str]:
    for item in as_list(answer.get("images"), source, "images"):
        one = as_object(item, source, "an image")
        repository, digest = (as_text(one.get(key), source, key) for key in ("repository", "digest"))
        if _REPOSITORY.fullmatch(repository) is None or _DIGEST.fullmatch(digest) is None:
            raise MalformedData(source, f"{shorten(repository)}@{shorten(digest)} is no image by its digest")
        yield f"{repository}@{digest}"


def _statements(data: bytes, source: str) -> Iterator[JsonObject]:
    """What a bundle says, or several of a file, one a line, as actions/attest writes; nothing without a statement."""
    try:
        bundles = [load_json(data, source)]
    except MalformedData:
        bundles = [load_json(line, source) for line in data.splitlines() if line.strip()]
    for bundle in bundles:
        envelope = as_object(bundle, source, "a bundle").get("dsseEnvelope")
        if envelope is not None:
            payload = as_text(as_object(envelope, source, "dsseEnvelope").get("payload"), source, "payload")
            try:
                text = base64.b64decode(payload, validate=True)
            except (binascii.Error, ValueError):
                raise MalformedData(source, "its payload is not base64") from None
            yield as_object(load_json(text, source), source, "the statement")


def _subjects(statement: JsonObject, source: str) -> Iterator[str]:
    for item in as_list(statement.get("subject"), source, "subject"):
        digest = as_object(as_object(item, source, "a subject").get("digest"), source, "digest")
        yield as_text(digest.get("sha256"), source, "sha256")


def _signer(statement: JsonObject) -> str | None:
    """The workflow that signed: actions/attest names it as the builder, whoever called it."""
    place: object = statement
    for key in ("predicate", "runDetails", "builder", "id"):
        place = place.get(key) if isinstance(place, dict) else None
    match = _SIGNER.fullmatch(place) if isinstance(place, str) else None
    return None if match is None else match[1]


def _read(path: Path) -> bytes:
    try:
        return read_file(path, _LIMIT_BYTES, follow_links=False)
    except OSError as error:
        raise NannaError(f"{path} cannot be read: {error.strerror}") from error
