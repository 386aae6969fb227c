"""The order of a publication, and a run that dies at any step: a stand-in for registry and cosign, in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from nanna_ci.containers.image.architecture import Architecture
from nanna_ci.containers.image.blob import Blob, digest_of
from nanna_ci.containers.image.oci_layout import MANIFEST_TYPE, ImageConfig, Layout
from nanna_ci.containers.publish.attestation import Attestation
from nanna_ci.containers.publish.cosign import Cosign
from nanna_ci.containers.publish.image_plan import ImagePlan, plan_image
from nanna_ci.containers.publish.publisher import Publication, Publisher, StepState
from nanna_ci.containers.registry.reference import Repository
from nanna_ci.containers.registry.skopeo import AccessDenied, Skopeo
from nanna_ci.foundation.errors import GateFailed

COMMIT = "c" * 40


class Died(Exception):
    """What ends a run at a step."""


class World:
    """Stands in for Skopeo and Cosign both. `dies_at` counts what changes something; the change is made or not."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.manifests: set[str] = set()
        self.signed: set[str] = set()
        self.attested: set[tuple[str, str]] = set()
        self.acts: list[str] = []
        self.dies_at: int | None = None
        self.dies_before = False
        self.is_closed = False  # it denies what it does not have, as ghcr.io does
        self.after_push: Callable[[], None] = lambda: None

    def query_digest(self, _: Repository, name: str) -> str | None:
        found = self.tags.get(name) or (name if name in self.manifests else None)
        if found is None and self.is_closed:
            raise AccessDenied("denied")
        return found

    def _act(self, what: str, change: Callable[[], None]) -> None:
        self.acts.append(what)
        dies = len(self.acts) == self.dies_at
        if dies and self.dies_before:
            raise Died
        change()
        if dies:
            raise Died

    def push(self, layout: Layout, _: Repository, tag: str | None) -> None:
        self._put(layout.manifest_digest, tag)

    def push_index(self, index: Any, _: Repository, tag: str) -> None:
        assert digest_of(b"amd64") in self.manifests
        assert digest_of(b"arm64") in self.manifests
        self._put(index.blob.digest, tag)

    def _put(self, digest: str, tag: str | None) -> None:
        def change() -> None:
            self.manifests.add(digest)
            if tag is not None:
                self.tags[tag] = digest
            self.after_push()

        self._act(f"push {tag or digest}", change)

    def is_signed(self, _: Repository, digest: str) -> bool:
        return digest in self.signed

    def sign(self, _: Repository, digest: str) -> None:
        assert digest in self.manifests
        self._act("sign", lambda: self.signed.add(digest))

    def is_attested(self, _: Repository, digest: str, kind: str, __: object) -> bool:
        return (digest, kind) in self.attested

    def attest(self, _: Repository, digest: str, kind: str, __: object, file: Path) -> None:
        assert file.read_text() == '{"a": 1}'
        self._act("attest", lambda: self.attested.add((digest, kind)))

    def state(self) -> tuple[Any, ...]:
        return self.tags, self.manifests, self.signed, self.attested


def layout(go: str) -> Layout:
    manifest = Blob(MANIFEST_TYPE, digest_of(go.encode()), len(go))
    return Layout(Path(go), manifest, digest_of(b"config"), ImageConfig(go, "linux", {}), (manifest,), 10)


@pytest.fixture
def plan() -> ImagePlan:
    return plan_image("app", Repository("ghcr.io", "o/app"), {one: layout(one.go) for one in Architecture}, COMMIT)


@pytest.fixture
def attestations() -> list[Attestation]:
    return [Attestation(digest_of(b"amd64"), "kind", {"a": 1}, Path("sbom.json"))]


@pytest.fixture
def publish(plan: ImagePlan, attestations: list[Attestation], tmp_path: Path) -> Callable[..., Publication]:
    def run(world: World, *, clobber: bool = False) -> Publication:
        publication = Publication.open(plan, attestations, signed=True)
        programs = cast(Skopeo, world), cast(Cosign, world)
        Publisher(*programs, tmp_path, clobber, lambda _: None).publish(publication, attestations)
        return publication

    return run


Publish = Callable[..., Publication]


def test_latest_moves_after_everything_is_signed_and_attested(publish: Publish) -> None:
    world = World()
    assert publish(world).complete
    kinds = [act.removeprefix("push ").replace(COMMIT, "COMMIT") for act in world.acts]
    assert kinds == [
        digest_of(b"amd64"),
        "COMMIT-arm64",
        "COMMIT",
        *["sign"] * 3,
        "attest",
        "latest-arm64",
        "latest",
    ]


def released(world: World, tmp_path: Path, *, clobber: bool = False) -> Publication:
    parts = {one: layout(one.go) for one in Architecture}
    publication = Publication.open(
        plan_image("app", Repository("ghcr.io", "o/app"), parts, COMMIT, "v1"), (), signed=True
    )
    Publisher(cast(Skopeo, world), cast(Cosign, world), tmp_path, clobber, lambda _: None).publish(publication, ())
    return publication


def test_a_releases_tags_come_after_the_signatures_and_latest_stays(publish: Publish, tmp_path: Path) -> None:
    world = World()
    world.tags["latest"] = digest_of(b"of main")
    assert released(world, tmp_path).complete
    assert [act.replace(COMMIT, "COMMIT") for act in world.acts][2:] == [
        "push COMMIT",
        *["sign"] * 3,
        "push v1-arm64",
        "push v1",
    ]
    assert world.tags["latest"] == digest_of(b"of main")


def test_a_releases_tag_on_another_image_stops_everything_before_the_first_push(tmp_path: Path) -> None:
    world = World()
    world.tags["v1"] = digest_of(b"other")
    with pytest.raises(GateFailed, match="would become"):
        released(world, tmp_path)
    assert not world.acts
    assert released(world, tmp_path, clobber=True).complete


def test_the_same_again_does_nothing(publish: Publish) -> None:
    world = World()
    publish(world)
    world.acts.clear()
    again = publish(world)
    assert {*again.tags.values(), *again.signatures.values(), *again.attestations.values()} == {StepState.PRESENT}
    assert not world.acts


def test_a_tag_that_is_right_already_is_reported_even_if_an_earlier_step_fails(
    publish: Publish, plan: ImagePlan, attestations: list[Attestation], tmp_path: Path
) -> None:
    world = World()
    publish(world)
    world.signed.clear()
    world.dies_at, world.dies_before = len(world.acts) + 1, True
    publication = Publication.open(plan, attestations, signed=True)
    with pytest.raises(Died):
        Publisher(cast(Skopeo, world), cast(Cosign, world), tmp_path, False, lambda _: None).publish(publication, [])
    assert set(publication.tags.values()) == {StepState.PRESENT}
    assert set(publication.signatures.values()) == {StepState.OPEN}


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("step", range(1, 10))
def test_a_run_that_dies_at_any_step_is_finished_by_the_next(publish: Publish, step: int, before: bool) -> None:
    whole, world = World(), World()
    publish(whole)
    world.dies_at, world.dies_before = step, before
    with pytest.raises(Died):
        publish(world)
    if "latest" in world.tags:
        assert world.signed == whole.signed
    world.dies_at = None
    assert publish(world).complete
    assert world.state() == whole.state()


def test_a_registry_that_denies_what_it_does_not_have_is_pushed_to(publish: Publish) -> None:
    world = World()
    world.is_closed = True
    assert publish(world).complete


def test_a_commits_tag_on_another_image_stops_everything_before_the_first_push(publish: Publish) -> None:
    world = World()
    world.tags[f"{COMMIT}-arm64"] = digest_of(b"other")
    with pytest.raises(GateFailed, match="would become"):
        publish(world)
    assert not world.acts
    assert publish(world, clobber=True).complete


@pytest.mark.parametrize("what", [COMMIT, "latest", "part"])
def test_what_is_not_there_after_a_push_fails(publish: Publish, what: str) -> None:
    world = World()

    def meddle() -> None:
        if what == "part":
            world.manifests.discard(digest_of(b"amd64"))
        elif what in world.tags:
            world.tags[what] = digest_of(b"other")

    world.after_push = meddle
    with pytest.raises(GateFailed, match="was pushed"):
        publish(world)
