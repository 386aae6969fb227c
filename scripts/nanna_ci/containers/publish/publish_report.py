"""What `publish-images` answers: data, a document, and outputs for later steps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nanna_ci.containers.publish.image_plan import LATEST, ImagePlan
from nanna_ci.containers.publish.publisher import Publication, StepState
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, NannaError
from nanna_ci.report.blocks import Block, Cell, Code, Document, Facts, Notice, Paragraph, Table, Tone
from nanna_ci.report.units import bytes_text

_REVISION_LABEL = "org.opencontainers.image.revision"
_TAIL_LINES = 20
_TONES = {StepState.DONE: Tone.GOOD, StepState.PRESENT: Tone.NEUTRAL, StepState.OPEN: Tone.BAD}
_PUSHED = {StepState.DONE: "pushed", StepState.PRESENT: "there already", StepState.OPEN: "not pushed"}
_PROVED = {StepState.DONE: "made, verified", StepState.PRESENT: "verified", StepState.OPEN: "not made"}


def publication_to_json(publication: Publication) -> dict[str, Any]:
    """One image, with every digest that was, or is to be, published."""
    plan = publication.plan
    return {
        "name": plan.name,
        "repository": str(plan.repository),
        "digest": plan.digest,
        "index": None if plan.index is None else plan.index.blob.digest,
        "architectures": [
            {
                "architecture": architecture.value,
                "digest": layout.manifest_digest,
                "sizeBytes": layout.size_bytes,
                "revision": layout.config.labels.get(_REVISION_LABEL),
                "layers": [{"digest": layer.digest, "sizeBytes": layer.size_bytes} for layer in layout.layers],
            }
            for architecture, layout in plan.parts.items()
        ],
        "tags": [
            {"tag": tag.name, "digest": tag.digest, "state": publication.tags[tag.name].value} for tag in plan.tags
        ],
        "signatures": [{"digest": digest, "state": state.value} for digest, state in publication.signatures.items()],
        "attestations": [
            {"digest": digest, "predicateType": kind, "state": state.value}
            for (digest, kind), state in publication.attestations.items()
        ],
    }


def outputs_of(plans: Sequence[ImagePlan]) -> dict[str, str]:
    """`images`: a JSON array, for a matrix of later jobs, of what each architecture is pulled by.

    `index` is what the plain tags name if that is an index of several, else None.
    """
    images = [
        {
            "name": plan.name,
            "architecture": architecture.value,
            "reference": plan.repository.pinned(layout.manifest_digest),
            "index": None if plan.index is None else plan.repository.pinned(plan.index.blob.digest),
        }
        for plan in plans
        for architecture, layout in plan.parts.items()
    ]
    return {"images": json.dumps(images, separators=(",", ":"))}


def document_of(
    title: str,
    publications: Sequence[Publication],
    *,
    revision: str,
    release: str | None,
    error: NannaError | None,
    planned: bool,
) -> Document:
    """The report; what went wrong comes first."""
    blocks: list[Block] = [] if error is None else _error_blocks(error)
    blocks += [Notice(Tone.WARN, text) for text in _odd_revisions(publications, revision)]
    if not planned and any(not one.signatures for one in publications):
        blocks.append(Notice(Tone.WARN, "The images are not signed: --unsigned was given."))
    if release is not None:
        blocks.append(Paragraph(f"This is the release {release}: `{LATEST}` stays where it is."))
    blocks.append(Table(("Image", "State", "Tag", "Digest"), tuple(_tag_rows(publications, planned=planned))))
    rows = tuple(_evidence_rows(publications, planned=planned))
    blocks += [Table(("Image", "State", "Evidence", "For"), rows)] if rows else []
    sizes = tuple(
        (f"{one.plan.name} {architecture.value}", f"{bytes_text(layout.size_bytes)} in {len(layout.layers)} layers")
        for one in publications
        for architecture, layout in one.plan.parts.items()
    )
    blocks.append(Facts(sizes))
    if error is not None:
        blocks.append(Paragraph("The same command finishes it: what is there already is not sent again."))
    elif not planned:
        pulls = "\n".join(f"docker pull {one.plan.repository.pinned(one.plan.digest)}" for one in publications)
        blocks.append(Code(pulls, "sh"))
    return Document(title, tuple(blocks))


def _error_blocks(error: NannaError) -> list[Block]:
    blocks: list[Block] = [Notice(Tone.BAD, error.message)]
    blocks += [Paragraph(f"hint: {error.hint}")] if error.hint else []
    if isinstance(error, CommandFailed | CommandTimedOut) and len(lines := error.stderr_tail.splitlines()) > 1:
        blocks.append(Code("\n".join(lines[-_TAIL_LINES:])))
    return blocks


def _tag_rows(publications: Sequence[Publication], *, planned: bool) -> list[tuple[Cell, ...]]:
    return [
        (
            Cell(str(one.plan.repository)),
            _state(one.tags[tag.name], _PUSHED, planned=planned),
            Cell(tag.name),
            Cell(tag.digest),
        )
        for one in publications
        for tag in one.plan.tags
    ]


def _evidence_rows(publications: Sequence[Publication], *, planned: bool) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for one in publications:
        done = [("signature", digest, state) for digest, state in one.signatures.items()]
        done += [(kind, digest, state) for (digest, kind), state in one.attestations.items()]
        rows += [
            (Cell(one.plan.name), _state(state, _PROVED, planned=planned), Cell(what), Cell(digest))
            for what, digest, state in done
        ]
    return rows


def _state(state: StepState, words: Mapping[StepState, str], *, planned: bool) -> Cell:
    if planned:
        return Cell("planned")
    return Cell(words[state], _TONES[state])


def _odd_revisions(publications: Sequence[Publication], revision: str) -> list[str]:
    """Images whose own label names another commit than their tag will."""
    return [
        f"{one.plan.name} for {architecture.value} says that it was made from {labelled}; its tag says {revision}"
        for one in publications
        for architecture, layout in one.plan.parts.items()
        if (labelled := layout.config.labels.get(_REVISION_LABEL)) not in {None, revision}
    ]
