"""`nanna-ci publish-images` as its user sees it, up to the first program: what is refused, planned, never pushed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.containers.image.image_builds import NotBuilt
from support import json_schemas
from support.fake_layered_images import content, digests_of, write_layered
from support.fake_ports import FakePorts
from support.publish_runs import PIPELINE, REVISION

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REPOSITORY_OWNER": "OWNER",
    "GITHUB_SHA": REVISION,
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_WORKFLOW_REF": "OWNER/repo/.github/workflows/ci.yml@refs/heads/main",
}
TO = ("--to", "ghcr.io/OWNER", "--revision", REVISION, "--unsigned")


@pytest.fixture
def ports(fake_ports: FakePorts) -> FakePorts:
    """pipeline.toml, layouts amd64, arm64 and lone in the working folder; no program answers."""
    folder = fake_ports.cwd
    (folder / "pipeline.toml").write_text(PIPELINE)
    write_layered(folder / "amd64", [content(1, 100)])
    write_layered(folder / "arm64", [content(2, 100)], architecture="arm64")
    write_layered(folder / "lone", [content(3, 100)])
    return fake_ports


BOTH = ("--from", "app=amd64", "--from", "app=arm64")


def publish(ports: FakePorts, *words: str) -> int:
    ports.stdout.seek(0)
    ports.stdout.truncate()
    return main(["publish-images", *words], ports.ports)


def answered(ports: FakePorts, *words: str) -> tuple[int, dict[str, Any]]:
    code = publish(ports, "--format", "json", *words)
    return code, json_schemas.check(json.loads(ports.stdout.getvalue()))


def refused(ports: FakePorts, code: int, *words: str) -> str:
    assert publish(ports, *words) == code
    assert not ports.run.calls
    return ports.stderr.getvalue()


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "merge_group", "issue_comment"])
def test_nothing_is_run_or_read_on_a_pull_request(fake_ports: FakePorts, event: str) -> None:
    """Not even pipeline.toml: there is none here, and no login."""
    fake_ports.environ.update({**GITHUB, "GITHUB_EVENT_NAME": event})
    code, answer = answered(fake_ports)
    assert (code, answer["verdict"], answer["published"], answer["images"]) == (0, "pass", False, [])
    assert event in answer["reason"]
    assert not fake_ports.run.calls


def test_on_a_runner_that_names_no_event_nothing_is_pushed(ports: FakePorts) -> None:
    ports.environ.update({**GITHUB, "GITHUB_EVENT_NAME": ""})
    code, answer = answered(ports, "--event", "push", *TO, *BOTH)
    assert (code, answer["published"]) == (0, False)
    assert "an event without a name" in answer["reason"]


def test_the_word_of_the_caller_does_not_make_a_pull_request_a_push(ports: FakePorts) -> None:
    ports.environ.update({**GITHUB, "GITHUB_EVENT_NAME": "pull_request"})
    code, answer = answered(ports, "--event", "push", *TO, *BOTH)
    assert (code, answer["published"]) == (0, False)
    assert not ports.run.calls


def test_a_dry_run_prints_the_plan_and_starts_nothing(ports: FakePorts) -> None:
    code, answer = answered(ports, "app", *TO, *BOTH, "--dry-run")
    assert (code, answer["published"], answer["dryRun"]) == (0, False, True)
    image = answer["images"][0]
    amd64, arm64 = digests_of(ports.cwd / "amd64")[0], digests_of(ports.cwd / "arm64")[0]
    assert image["repository"] == "ghcr.io/owner/app"
    assert {one["architecture"]: one["digest"] for one in image["architectures"]} == {
        "x86_64": amd64,
        "aarch64": arm64,
    }
    assert {one["tag"]: one["digest"] for one in image["tags"]} == {
        REVISION: image["index"],
        f"{REVISION}-arm64": arm64,
        "latest": image["index"],
        "latest-arm64": arm64,
    }
    assert {one["state"] for one in image["tags"]} == {"open"}
    assert not ports.run.calls


@pytest.mark.parametrize("words", [("--release", "v1.2.3"), ()])
def test_a_release_is_planned_without_latest_also_where_only_the_run_names_it(
    ports: FakePorts, words: tuple[str, ...]
) -> None:
    if not words:
        ports.environ.update({**GITHUB, "GITHUB_REF": "refs/tags/v1.2.3", "GITHUB_REF_TYPE": "tag"})
    code, answer = answered(ports, "app", *TO, *BOTH, "--dry-run", *words)
    assert (code, answer["release"]) == (0, "v1.2.3")
    tags = [one["tag"] for one in answer["images"][0]["tags"]]
    assert tags == [f"{REVISION}-arm64", REVISION, "v1.2.3-arm64", "v1.2.3"]
    assert publish(ports, "app", *TO, *BOTH, "--dry-run", *words) == 0
    assert "This is the release v1.2.3: `latest` stays where it is." in ports.stdout.getvalue()


def test_a_push_to_a_branch_is_no_release(ports: FakePorts) -> None:
    ports.environ.update({**GITHUB, "GITHUB_REF": "refs/heads/v1.2.3"})
    _, answer = answered(ports, "lone", *TO, "--from", "lone=lone", "--dry-run")
    assert answer["release"] is None
    assert [one["tag"] for one in answer["images"][0]["tags"]] == [REVISION, "latest"]


def test_a_tag_that_no_registry_takes_is_refused_before_anything_runs(ports: FakePorts) -> None:
    ports.environ.update({**GITHUB, "GITHUB_REF": "refs/tags/v1.2.3+build"})
    assert "--release 'v1.2.3+build' cannot be an image's tag" in refused(ports, 2, "app", *TO, *BOTH)


def test_the_plan_for_people_has_every_tag_and_digest_whole(ports: FakePorts) -> None:
    assert publish(ports, "app", *TO, *BOTH, "--dry-run") == 0
    rows = [line.split() for line in ports.stdout.getvalue().splitlines()]
    for tag in (f"{REVISION}-arm64", "latest-arm64"):
        assert ["ghcr.io/owner/app", "planned", tag, digests_of(ports.cwd / "arm64")[0]] in rows


def test_on_github_owner_commit_and_identity_are_the_runs(ports: FakePorts) -> None:
    ports.environ.update(GITHUB)
    code, answer = answered(ports, "app", *BOTH, "--dry-run")
    assert (code, answer["revision"]) == (0, REVISION)
    assert answer["images"][0]["repository"] == "ghcr.io/owner/app"
    assert len(answer["images"][0]["signatures"]) == 3


def test_on_github_without_an_identity_token_the_permission_is_named(ports: FakePorts) -> None:
    ports.environ.update(GITHUB)
    assert "id-token: write" in refused(ports, 2, "app", *BOTH)


def test_elsewhere_one_must_say_where_to_what_and_how_to_sign(ports: FakePorts) -> None:
    assert "--to ghcr.io/OWNER" in refused(ports, 2, "app", "--unsigned", *BOTH, "--revision", REVISION)
    assert "--key FILE, --keyless or --unsigned" in refused(ports, 2, "app", *TO[:-1], *BOTH)


def test_the_commit_is_the_clean_work_trees(ports: FakePorts) -> None:
    ports.run.script("git", "-c", stdout=b"")
    ports.run.script("git", "-c", "core.fsmonitor=false", "-C", str(ports.cwd), "rev-parse", stdout=b"b" * 40 + b"\n")
    code, answer = answered(ports, "app", "--to", "ghcr.io/o", "--unsigned", *BOTH, "--dry-run")
    assert (code, answer["revision"]) == (0, "b" * 40)


def test_a_changed_work_tree_has_no_commit(ports: FakePorts) -> None:
    ports.run.script("git", "-c", stdout=b" M file\n")
    assert publish(ports, "app", "--to", "ghcr.io/o", "--unsigned", *BOTH, "--dry-run") == 2
    assert "--revision COMMIT" in ports.stderr.getvalue()


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [
        (2, ("app", "--to", "owner", "--unsigned", "--revision", REVISION, *BOTH), "does not begin with a registry"),
        (2, ("app", "--to", "http://registry.example.org/o", "--unsigned", "--revision", REVISION), "over TLS"),
        (2, ("app", "--to", "ghcr.io/o", "--unsigned", "--revision", "abc"), "not a full commit hash"),
        (2, ("nothing", *TO), "pipeline.toml has: app, lone"),
        (2, ("app", *TO, "--from", "app"), "--from 'app': not IMAGE=PATH"),
        (2, ("app", *TO, "--from", "lone=lone"), "no such image is published"),
        (2, ("app", *TO, "--from", "app=absent"), "there is no image"),
        (2, ("app", *TO, "--from", "app=amd64"), "aarch64 is missing"),
        (2, ("app", "--to", "https://u:p@ghcr.io/o", *TO[2:], *BOTH), "neither a login nor a digest"),
        (2, ("app", *TO, "--from", "app=amd64", "--from", "app=amd64"), "was given already"),
        (1, ("lone", *TO, "--from", "lone=arm64"), "arm64, which pipeline.toml does not declare"),
        (4, ("app", *TO, "--from", "app=pipeline.toml"), "line 1"),
        (2, ("app", *TO[:-1], "--key", "absent.key", *BOTH), "no such key"),
        (2, ("app", *TO[:-1], "--keyless", *BOTH), "--identity URL"),
        (2, ("app", *TO, "--identity", "https://github.com/o", *BOTH), "--identity applies to keyless"),
        (2, ("app", *TO[:-1], "--keyless", "--identity", "https://github.com/.*", *BOTH), "not an exact identity"),
        (2, ("app", *TO, "--sbom", "app=x.json", *BOTH), "--unsigned cannot go with them"),
        (2, ("app", *TO, "--key", "k", *BOTH), "not allowed with"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    ports: FakePorts, code: int, words: tuple[str, ...], message: str
) -> None:
    assert message in refused(ports, code, *words)


def test_an_attestation_of_an_image_that_is_not_published_is_refused(ports: FakePorts) -> None:
    (ports.cwd / "key").touch()
    words = ("lone", *TO[:-1], "--key", "key", "--from", "lone=lone", "--sbom", "lone-arm64=x.json")
    assert "known: lone" in refused(ports, 2, *words)


def test_an_attestation_is_of_the_architecture_that_its_name_ends_with(ports: FakePorts) -> None:
    (ports.cwd / "key").touch()
    (ports.cwd / "x.json").write_text('{"bomFormat":"CycloneDX"}')
    for name, part in (("app", "amd64"), ("app-arm64", "arm64")):
        words = ("app", *TO[:-1], "--key", "key", *BOTH, "--sbom", f"{name}=x.json", "--dry-run")
        (attestation,) = answered(ports, *words)[1]["images"][0]["attestations"]
        assert attestation["digest"] == digests_of(ports.cwd / part)[0]


def test_two_sboms_of_one_image_are_refused_for_each_run_would_replace_the_other(ports: FakePorts) -> None:
    (ports.cwd / "key").touch()
    (ports.cwd / "x.json").write_text('{"bomFormat":"CycloneDX"}')
    words = ("lone", *TO[:-1], "--key", "key", "--from", "lone=lone", "--sbom", "lone=x.json", "--sbom", "lone=x.json")
    assert "--sbom lone is given twice" in refused(ports, 2, *words)


def test_half_a_login_is_refused(ports: FakePorts) -> None:
    ports.environ["REGISTRY_USERNAME"] = "robot"
    assert "REGISTRY_PASSWORD is not set" in refused(ports, 2, "app", *TO, *BOTH)


def evaluated(ports: FakePorts, **unavailable: str) -> None:
    nix = ("nix", "--extra-experimental-features", "nix-command flakes")
    ports.run.script(*nix, "eval", "--impure", stdout=b"x86_64-linux")
    shown = {"derivations": {}, "unavailable": unavailable}
    ports.run.script(*nix, "eval", "--json", stdout=json.dumps(shown).encode())


def test_an_image_that_the_toolkit_cannot_make_is_unavailable_with_its_reason(ports: FakePorts) -> None:
    evaluated(ports, **{"packages.x86_64-linux.lone-image": "no compiler for it"})
    assert publish(ports, "lone", *TO) == 3
    assert "lone for x86_64 cannot be made here: no compiler for it" in ports.stderr.getvalue()


def test_an_image_whose_build_fails_is_a_no(ports: FakePorts, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = NotBuilt("exit code 1; nix log /nix/store/x.drv", failed=True)
    build = "nanna_ci.containers.publish.publish_sources.build_images"
    monkeypatch.setattr(build, lambda wanted, _: dict.fromkeys(wanted, failed))
    assert publish(ports, "lone", *TO) == 1
    assert "lone for x86_64: exit code 1; nix log" in ports.stderr.getvalue()


def test_an_image_that_the_flake_lacks_is_a_mistake(ports: FakePorts) -> None:
    evaluated(ports)
    assert publish(ports, "lone", *TO) == 2
    assert "packages.x86_64-linux.lone-image" in ports.stderr.getvalue()


def test_an_image_that_says_another_commit_is_warned_of(ports: FakePorts) -> None:
    labels = {"org.opencontainers.image.revision": "d" * 40}
    write_layered(ports.cwd / "odd", [content(4, 10)], labels=labels)
    assert publish(ports, "lone", *TO, "--from", "lone=odd", "--dry-run") == 0
    assert "d" * 40 in ports.stdout.getvalue()


def test_no_image_at_all_is_nothing_to_publish(ports: FakePorts) -> None:
    (ports.cwd / "pipeline.toml").write_text('[workspace]\nname = "w"\n')
    assert "there is nothing to publish" in refused(ports, 2, *TO)


def test_nothing_of_a_login_is_needed_for_a_plan(ports: FakePorts) -> None:
    ports.environ["REGISTRY_AUTH_FILE"] = str(Path("/absent/auth.json"))
    assert publish(ports, "app", *TO, *BOTH, "--dry-run") == 0
