"""Publishing: pushes what is missing, signs and attests it by digest, and moves `latest` last.

Every step first looks whether it is done, so that the next run finishes one that died half way, and a run with
nothing to do sends nothing. A Publication records what was done even if a later step fails.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nanna_ci.containers.publish.attestation import Attestation
from nanna_ci.containers.publish.cosign import Cosign
from nanna_ci.containers.publish.image_plan import ImagePlan, Tag
from nanna_ci.containers.registry.skopeo import AccessDenied, Skopeo
from nanna_ci.foundation.errors import GateFailed


class StepState(enum.Enum):
    """What became of one step."""

    DONE = "done"
    PRESENT = "present"  # already done
    OPEN = "open"  # not done: not reached, or failed


@dataclass(slots=True)
class Publication:
    """One image's publication as far as it got: by tag, by signed digest, and by (digest, predicate type)."""

    plan: ImagePlan
    tags: dict[str, StepState] = field(default_factory=dict)
    signatures: dict[str, StepState] = field(default_factory=dict)
    attestations: dict[tuple[str, str], StepState] = field(default_factory=dict)

    @staticmethod
    def open(plan: ImagePlan, attestations: Iterable[Attestation], *, signed: bool) -> Publication:
        """Everything to do, with nothing done yet."""
        return Publication(
            plan,
            {tag.name: StepState.OPEN for tag in plan.tags},
            dict.fromkeys(plan.digests, StepState.OPEN) if signed else {},
            {(one.digest, one.kind): StepState.OPEN for one in attestations},
        )

    @property
    def complete(self) -> bool:
        """Whether nothing is open."""
        states = (*self.tags.values(), *self.signatures.values(), *self.attestations.values())
        return StepState.OPEN not in states


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes through `skopeo`, and signs through `cosign` if there is one; `scratch` is a folder for predicates.

    `clobber` lets a permanent tag be moved. `say` takes a line for each step that does something.
    """

    skopeo: Skopeo
    cosign: Cosign | None
    scratch: Path
    clobber: bool
    say: Callable[[str], None]

    def publish(self, publication: Publication, attestations: Iterable[Attestation]) -> None:
        """Do what is open.

        Raises GateFailed (a permanent tag names another image, or what was pushed is not there), and what skopeo and
        cosign raise.
        """
        plan = publication.plan
        before = {tag.name: self._query(plan, tag.name) for tag in plan.tags}
        for tag in (*plan.commit_tags, *plan.release_tags):
            if before[tag.name] not in {None, tag.digest} and not self.clobber:
                raise GateFailed(
                    f"{plan.repository.tagged(tag.name)} is {before[tag.name]}, and would become {tag.digest}",
                    hint="a commit's or a release's tag never moves; --clobber moves it anyway",
                )
        for tag in plan.tags:
            if before[tag.name] == tag.digest:
                publication.tags[tag.name] = StepState.PRESENT
        if any(publication.tags[tag.name] is StepState.OPEN for tag in plan.commit_tags):
            for layout in plan.untagged:
                if self._query(plan, layout.manifest_digest) is None:
                    self.say(f"pushing {plan.repository.pinned(layout.manifest_digest)}")
                    self.skopeo.push(layout, plan.repository, None)
                    self._read_back(plan, layout.manifest_digest, layout.manifest_digest)
        self._place(publication, plan.commit_tags)
        self._sign(publication)
        self._attest(publication, attestations)
        self._place(publication, (*plan.release_tags, *plan.moving_tags))

    def _query(self, plan: ImagePlan, tag_or_digest: str) -> str | None:
        try:
            return self.skopeo.query_digest(plan.repository, tag_or_digest)
        except AccessDenied:
            # ghcr.io says that about a package that was never pushed: the push will show whether we may
            return None

    def _place(self, publication: Publication, tags: Iterable[Tag]) -> None:
        """Let each open tag name what it must, and read back that it does."""
        plan = publication.plan
        for tag in tags:
            if publication.tags[tag.name] is not StepState.OPEN:
                continue
            self.say(f"pushing {plan.repository.tagged(tag.name)}")
            if tag.layout is not None:
                self.skopeo.push(tag.layout, plan.repository, tag.name)
            else:
                assert plan.index is not None
                self.skopeo.push_index(plan.index, plan.repository, tag.name)
            self._read_back(plan, tag.name, tag.digest)
            publication.tags[tag.name] = StepState.DONE

    def _read_back(self, plan: ImagePlan, tag_or_digest: str, expected: str) -> None:
        after = self.skopeo.query_digest(plan.repository, tag_or_digest)
        if after != expected:
            raise GateFailed(
                f"{plan.repository}: {tag_or_digest} is {after or 'not there'} after {expected} was pushed",
                hint="does someone else push it at the same time?",
            )

    def _sign(self, publication: Publication) -> None:
        plan = publication.plan
        for digest in publication.signatures:
            assert self.cosign is not None
            if self.cosign.is_signed(plan.repository, digest):
                publication.signatures[digest] = StepState.PRESENT
                continue
            self.say(f"signing {plan.repository.pinned(digest)}")
            self.cosign.sign(plan.repository, digest)
            publication.signatures[digest] = StepState.DONE

    def _attest(self, publication: Publication, attestations: Iterable[Attestation]) -> None:
        repository = publication.plan.repository
        for number, one in enumerate(attestations):
            assert self.cosign is not None
            done = (one.digest, one.kind)
            if self.cosign.is_attested(repository, one.digest, one.kind, one.value):
                publication.attestations[done] = StepState.PRESENT
                continue
            self.say(f"attesting {one.file.name} of {repository.pinned(one.digest)}")
            file = self.scratch / f"predicate-{number}.json"
            file.write_text(json.dumps(one.value), encoding="utf-8")
            self.cosign.attest(repository, one.digest, one.kind, one.value, file)
            publication.attestations[done] = StepState.DONE
