"""What is published under which tags: pure, from layouts and a commit.

The tags of a commit and of a release are permanent; `latest` moves, and no release moves it. A plain tag (`latest`, the
commit) is the image for every architecture that there is: an index of several, or the one image. The tags of another
architecture than x86_64 have its name behind them (`latest-arm64`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.containers.image.architecture import Architecture
from nanna_ci.containers.image.blob import Blob, digest_of
from nanna_ci.containers.image.oci_layout import INDEX_TYPE, Index, Layout
from nanna_ci.containers.registry.reference import Repository, is_tag
from nanna_ci.foundation.errors import GateFailed, UsageError, shorten

LATEST: Final = "latest"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ANNOTATED: Final = "org.opencontainers.image."
PUBLISHING_EVENTS: Final = frozenset({"push", "release", "schedule", "workflow_dispatch"})


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag and what it must name: a part by its layout, or the index (None)."""

    name: str
    digest: str
    layout: Layout | None


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """One image's publication. `parts` is in Architecture's order; `index` is None if there is one part.

    `commit_tags` and `release_tags` never move. The release's and `moving_tags` follow once everything is pushed and
    signed. A part without a tag, which only the index names, is `untagged` and pushed by digest, before the index.
    """

    name: str
    repository: Repository
    parts: Mapping[Architecture, Layout]
    index: Index | None
    commit_tags: tuple[Tag, ...]
    release_tags: tuple[Tag, ...]
    moving_tags: tuple[Tag, ...]

    @property
    def tags(self) -> tuple[Tag, ...]:
        """All of them, in the order in which they are pushed."""
        return (*self.commit_tags, *self.release_tags, *self.moving_tags)

    @property
    def untagged(self) -> tuple[Layout, ...]:
        """Parts without a tag of their own."""
        named = {tag.digest for tag in self.commit_tags}
        return tuple(part for part in self.parts.values() if part.manifest_digest not in named)

    @property
    def digest(self) -> str:
        """What the plain tags name."""
        return self.index.blob.digest if self.index is not None else next(iter(self.parts.values())).manifest_digest

    @property
    def digests(self) -> tuple[str, ...]:
        """Everything that is signed: the index, and each part."""
        parts = [part.manifest_digest for part in self.parts.values()]
        return (*([] if self.index is None else [self.index.blob.digest]), *parts)


def decide_event(wanted: str | None, actual: str | None) -> str | None:
    """Why nothing is pushed for an event, or None if it is published.

    `wanted` is the caller's, `actual` the runner's (None outside of one). Whichever of the two forbids it wins:
    unmerged code must never become an image that users pull.
    """
    for event in (actual, wanted):
        if event is not None and event not in PUBLISHING_EVENTS:
            return f"nothing is pushed on {event}: only what is merged is published"
    return None


def parse_revision(text: str) -> str:
    """A full commit hash. Raises UsageError for anything shorter: tags are never guessed."""
    if _COMMIT.fullmatch(text) is None:
        raise UsageError(f"{shorten(text)} is not a full commit hash", hint="--revision $(git rev-parse HEAD)")
    return text


def parse_release(text: str) -> str:
    """A release's tag. Raises UsageError for one that no registry takes, or that is the name of something else."""
    suffix = next((one.suffix for one in Architecture if one.suffix and text.endswith(one.suffix)), None)
    if suffix is not None or text == LATEST or _COMMIT.fullmatch(text) is not None:
        why = f"what ends with {suffix} is of one architecture" if suffix else "that tag is not a release's"
        raise UsageError(f"--release {shorten(text)}: {why}", hint="such as v1.2.3")
    if not all(is_tag(text + one.suffix) for one in Architecture):
        hint = "letters, digits and . _ -, at most 128 together: a registry takes neither + nor /"
        raise UsageError(f"--release {shorten(text)} cannot be an image's tag", hint=hint)
    return text


def plan_image(
    name: str, repository: Repository, layouts: Mapping[Architecture, Layout], revision: str, release: str | None = None
) -> ImagePlan:
    """Plan one image; `repository` is its own, `layouts` is not empty. A `release` is tagged so, and leaves `latest`.

    Raises GateFailed if a layout is for another machine than the one that it was built for, and if an image that
    says that it is a stand-in would leave this machine.
    """
    parts = {architecture: layouts[architecture] for architecture in Architecture if architecture in layouts}
    for architecture, layout in parts.items():
        stand_in = layout.config.stand_in
        if stand_in is not None and not repository.is_local:
            raise GateFailed(
                f"{name} for {architecture.value} is a stand-in ({shorten(stand_in)}): {repository} is not for it",
                hint="build it with the nixpkgs toolkit; a registry on this machine takes it as it is",
            )
        found = f"{layout.config.os}/{layout.config.architecture}"
        if found != f"linux/{architecture.go}":
            raise GateFailed(f"{name} for {architecture.value}: {layout.path} is an image for {found}")
    index = render_index(parts) if len(parts) > 1 else None
    whole = (index.blob.digest, None) if index is not None else _target(next(iter(parts.values())))

    def tags(base: str) -> tuple[Tag, ...]:
        own = [
            Tag(base + architecture.suffix, *_target(layout))
            for architecture, layout in parts.items()
            if architecture.suffix
        ]
        return (*own, Tag(base, *whole))

    of_commit = tags(parse_revision(revision))
    released, moving = ((), tags(LATEST)) if release is None else (tags(parse_release(release)), ())
    return ImagePlan(name, repository, parts, index, of_commit, released, moving)


def _target(layout: Layout) -> tuple[str, Layout]:
    return layout.manifest_digest, layout


def render_index(parts: Mapping[Architecture, Layout]) -> Index:
    """The document under a plain tag, the same bytes for the same parts; labels that all parts share annotate it."""
    labels = [part.config.labels for part in parts.values()]
    shared = {
        key: value
        for key, value in labels[0].items()
        if key.startswith(_ANNOTATED) and all(other.get(key) == value for other in labels)
    }
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [
            {
                "mediaType": part.manifest.media_type,
                "digest": part.manifest.digest,
                "size": part.manifest.size_bytes,
                "platform": {"architecture": architecture.go, "os": "linux"},
            }
            for architecture, part in parts.items()
        ],
        **({"annotations": shared} if shared else {}),
    }
    data = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return Index(data, Blob(INDEX_TYPE, digest_of(data), len(data)))
