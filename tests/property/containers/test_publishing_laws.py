"""Laws of references, locks and indexes: whatever is taken goes through unchanged, and nothing else is taken."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.containers.image.architecture import Architecture
from nanna_ci.containers.image.blob import Blob, digest_of
from nanna_ci.containers.image.oci_layout import MANIFEST_TYPE as IMAGE_TYPE
from nanna_ci.containers.image.oci_layout import ImageConfig, Layout
from nanna_ci.containers.models.model_lock import (
    MANIFEST_TYPE,
    LockedModel,
    Manifest,
    ModelChange,
    compare_locks,
    parse_lock,
    parse_manifest,
    render_lock,
    render_manifest,
    repository_of,
)
from nanna_ci.containers.publish.image_plan import plan_image
from nanna_ci.containers.registry.reference import Repository, parse_repository
from nanna_ci.foundation.errors import MalformedData, UsageError

# what the distribution specification lets a name be, and the OCI one a tag
NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
components = st.from_regex(r"[a-z0-9]{1,8}([._-][a-z0-9]{1,8}){0,2}", fullmatch=True)
owners = st.lists(components, min_size=1, max_size=3).map("/".join)
digests = st.binary(max_size=8).map(digest_of)
media_types = st.from_regex(r"application/[a-z0-9][a-z0-9.+-]{0,20}", fullmatch=True)
blobs = st.builds(Blob, media_types, digests, st.integers(0, 2**62))
manifests = st.builds(Manifest, st.just(MANIFEST_TYPE), blobs, st.lists(blobs, min_size=1, max_size=5).map(tuple))
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,10}:[A-Za-z0-9_][A-Za-z0-9._-]{0,10}", fullmatch=True)


def locked(name: str, manifest: Manifest) -> LockedModel:
    digest = digest_of(render_manifest(manifest))
    return LockedModel("https://registry.example.org", *repository_of(name), manifest, digest)


locks = st.dictionaries(names, manifests, max_size=3).map(
    lambda found: {name: locked(name, manifest) for name, manifest in found.items()}
)


@given(owners)
def test_a_repository_reads_the_same_in_any_case(owner: str) -> None:
    expected = Repository("ghcr.io", owner)
    for text in (f"ghcr.io/{owner}", f"GHCR.IO/{owner.upper()}", str(expected), f"https://ghcr.io/{owner}/"):
        assert parse_repository(text) == expected


@given(st.text(max_size=40))
def test_only_what_a_registry_takes_is_a_repository(text: str) -> None:
    try:
        found = parse_repository(text)
    except UsageError:
        return
    assert NAME.fullmatch(found.path)
    assert not found.plain_http or found.registry.startswith(("127.", "localhost", "[::1]"))
    assert str(found).isascii()
    assert not str(found).startswith("-")


@given(st.text(max_size=20))
def test_a_reference_never_holds_more_than_its_parts(text: str) -> None:
    repository = Repository("ghcr.io", "owner")
    for make in (repository.tagged, repository.pinned, lambda name: str(repository.child(name))):
        try:
            reference = make(text)
        except UsageError:
            continue
        assert reference.startswith("ghcr.io/owner")
        assert reference.endswith(text)
        assert not set(reference) & set(" \n\0\\")


@given(manifests)
def test_a_manifest_is_made_again_byte_for_byte(manifest: Manifest) -> None:
    data = render_manifest(manifest)
    assert parse_manifest(data, "m") == manifest
    assert json.loads(data)["layers"][0]["size"] == manifest.layers[0].size_bytes


@given(locks)
def test_a_lock_reads_as_it_was_written(models: dict[str, LockedModel]) -> None:
    data = render_lock(models)
    assert parse_lock(data, "lock") == models
    assert render_lock(parse_lock(data, "lock")) == data


@given(locks, st.data())
def test_no_single_changed_byte_of_a_lock_goes_unseen(models: dict[str, LockedModel], data: st.DataObject) -> None:
    written = bytearray(render_lock(models))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    try:
        read = parse_lock(bytes(written), "lock")
    except MalformedData:
        return
    # what is still a lock names the same content: only blanks, or where it comes from, can have changed
    assert {name: one.manifest_digest for name, one in read.items()} == {
        name: one.manifest_digest for name, one in models.items()
    }


@given(locks, locks)
def test_a_difference_is_there_just_where_content_differs(
    before: dict[str, LockedModel], after: dict[str, LockedModel]
) -> None:
    found = {one.name: one for one in compare_locks(before, after)}
    assert found.keys() == before.keys() | after.keys()
    for name, one in found.items():
        same = name in before and name in after and before[name].manifest == after[name].manifest
        assert (one.change is ModelChange.SAME) is same
        assert bool(one.lines) is not same


def layout(go: str, seed: bytes, labels: dict[str, str]) -> Layout:
    config = ImageConfig(go, "linux", labels)
    return Layout(Path(go), Blob(IMAGE_TYPE, digest_of(seed), len(seed)), digest_of(b""), config, (), 0)


label_sets = st.dictionaries(st.sampled_from(["org.opencontainers.image.a", "own"]), st.text(max_size=5))


@given(st.sets(st.sampled_from(Architecture), min_size=1), st.binary(max_size=4), label_sets)
def test_every_part_is_reachable_and_every_tag_names_something_there(
    architectures: set[Architecture], seed: bytes, labels: dict[str, str]
) -> None:
    parts = {one: layout(one.go, one.go.encode() + seed, labels) for one in architectures}
    plan = plan_image("app", Repository("ghcr.io", "o/app"), parts, "a" * 40)
    pushed = {part.manifest_digest for part in plan.untagged}
    for tag in plan.tags:
        if tag.layout is None:
            assert plan.index is not None
            named = {one["digest"] for one in json.loads(plan.index.data)["manifests"]}
            assert named == {part.manifest_digest for part in parts.values()}
            assert named <= pushed, "an index before what it names"
        pushed.add(tag.digest)
    assert pushed >= set(plan.digests)
    assert {tag.digest for tag in plan.commit_tags} == {tag.digest for tag in plan.moving_tags}
