"""The plan of a publication: tags, index, events, and images for the wrong machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.containers.image.architecture import Architecture
from nanna_ci.containers.image.blob import Blob, digest_of
from nanna_ci.containers.image.oci_layout import MANIFEST_TYPE, ImageConfig, Layout
from nanna_ci.containers.publish.image_plan import decide_event, parse_release, parse_revision, plan_image
from nanna_ci.containers.registry.reference import Repository
from nanna_ci.foundation.errors import GateFailed, UsageError

COMMIT = "c" * 40
REPOSITORY = Repository("ghcr.io", "owner/app")


def layout(go: str, *, system: str = "linux", **labels: str) -> Layout:
    config = ImageConfig(go, system, labels)
    manifest = Blob(MANIFEST_TYPE, digest_of(go.encode()), len(go))
    return Layout(Path(go), manifest, digest_of(b"config"), config, (Blob("a/b", digest_of(b"layer"), 9),), 10)


def plan(*architectures: Architecture) -> dict[str, str]:
    made = plan_image("app", REPOSITORY, {one: layout(one.go) for one in architectures}, COMMIT)
    return {tag.name: tag.digest for tag in made.tags}


def test_two_architectures_share_the_plain_tags_by_an_index() -> None:
    made = plan_image("app", REPOSITORY, {one: layout(one.go) for one in Architecture}, COMMIT)
    assert made.index is not None
    arm64 = digest_of(b"arm64")
    assert [(tag.name, tag.digest) for tag in made.commit_tags] == [
        (f"{COMMIT}-arm64", arm64),
        (COMMIT, made.index.blob.digest),
    ]
    assert [(tag.name, tag.digest) for tag in made.moving_tags] == [
        ("latest-arm64", arm64),
        ("latest", made.index.blob.digest),
    ]
    assert [part.manifest_digest for part in made.untagged] == [digest_of(b"amd64")]
    assert made.digests == (made.index.blob.digest, digest_of(b"amd64"), arm64)
    assert made.digest == made.index.blob.digest


def test_one_architecture_is_the_plain_tag_itself() -> None:
    assert plan(Architecture.X86_64) == {COMMIT: digest_of(b"amd64"), "latest": digest_of(b"amd64")}


def test_arm_alone_has_its_own_tag_too() -> None:
    arm64 = digest_of(b"arm64")
    assert plan(Architecture.AARCH64) == {
        COMMIT: arm64,
        f"{COMMIT}-arm64": arm64,
        "latest": arm64,
        "latest-arm64": arm64,
    }


def test_a_release_has_its_own_tags_and_leaves_latest_alone() -> None:
    made = plan_image("app", REPOSITORY, {one: layout(one.go) for one in Architecture}, COMMIT, "v1.2.3")
    assert [tag.name for tag in made.tags] == [f"{COMMIT}-arm64", COMMIT, "v1.2.3-arm64", "v1.2.3"]
    assert [tag.digest for tag in made.release_tags] == [tag.digest for tag in made.commit_tags]
    assert made.moving_tags == ()


@pytest.mark.parametrize("tag", ["", "latest", "a" * 40, "v1-arm64", "v1+b", "a/b", "-v1", "v1 ", "v\n", "v" * 123])
def test_what_no_registry_takes_or_is_anothers_tag_is_no_release(tag: str) -> None:
    with pytest.raises(UsageError, match="--release"):
        parse_release(tag)


@pytest.mark.parametrize("tag", ["v1.2.3", "crate-v1.2.3-rc.1", "v" * 122])
def test_tags_of_releases_are_taken_as_they_are(tag: str) -> None:
    assert parse_release(tag) == tag


def test_the_index_is_the_same_whatever_the_order() -> None:
    parts = {one: layout(one.go) for one in Architecture}
    turned = dict(reversed(parts.items()))
    assert plan_image("app", REPOSITORY, parts, COMMIT) == plan_image("app", REPOSITORY, turned, COMMIT)


def test_the_index_names_each_platform_and_what_all_labels_agree_on() -> None:
    key = "org.opencontainers.image."
    made = plan_image(
        "app",
        REPOSITORY,
        {
            Architecture.X86_64: layout("amd64", **{f"{key}source": "s", f"{key}title": "a", "own": "o"}),
            Architecture.AARCH64: layout("arm64", **{f"{key}source": "s", f"{key}title": "b", "own": "o"}),
        },
        COMMIT,
    )
    assert made.index is not None
    document = json.loads(made.index.data)
    assert document["annotations"] == {f"{key}source": "s"}
    assert [one["platform"] for one in document["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux"},
    ]
    assert (made.index.blob.digest, made.index.blob.size_bytes) == (
        digest_of(made.index.data),
        len(made.index.data),
    )


@pytest.mark.parametrize("found", [layout("arm64"), layout("amd64", system="windows"), layout("386")])
def test_an_image_for_another_machine_is_refused(found: Layout) -> None:
    with pytest.raises(GateFailed, match="is an image for"):
        plan_image("app", REPOSITORY, {Architecture.X86_64: found}, COMMIT)


def test_a_stand_in_stays_on_this_machine() -> None:
    parts = {Architecture.X86_64: layout("amd64", **{"io.nanna-ci.stand-in": "random weights"})}
    with pytest.raises(GateFailed, match="is a stand-in \\('random weights'\\)"):
        plan_image("app", REPOSITORY, parts, COMMIT)
    for registry in ("127.0.0.1:5000", "localhost", "[::1]:5000"):
        assert plan_image("app", Repository(registry, "owner/app"), parts, COMMIT).tags


@pytest.mark.parametrize("text", ["", "abc1234", "C" * 40, "c" * 41, "c" * 39 + "\n", "latest", "v1.0"])
def test_only_a_full_commit_is_a_tag(text: str) -> None:
    with pytest.raises(UsageError):
        parse_revision(text)


@pytest.mark.parametrize(
    ("wanted", "actual", "published"),
    [
        (None, None, True),
        ("push", None, True),
        ("release", "release", True),
        (None, "push", True),
        (None, "schedule", True),
        (None, "workflow_dispatch", True),
        ("pull_request", None, False),
        ("merge_group", None, False),
        (None, "pull_request", False),
        (None, "pull_request_target", False),
        (None, "merge_group", False),
        (None, "workflow_run", False),
        (None, "something-new", False),
        ("push", "pull_request", False),
        ("pull_request", "push", False),
    ],
)
def test_only_what_is_merged_is_published(wanted: str | None, actual: str | None, published: bool) -> None:
    assert (decide_event(wanted, actual) is None) is published
