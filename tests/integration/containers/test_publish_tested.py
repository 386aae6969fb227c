"""`publish-images --tested`: what is pushed is the very build that was tested."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.containers.image.oci_layout import load_layout
from support.fake_layered_images import content, write_layered
from support.fake_ports import FakePorts
from support.publish_runs import PIPELINE, REVISION

WORDS = ("--to", "ghcr.io/OWNER", "--revision", REVISION, "--unsigned", "--dry-run", "--tested", "results")
ALL = ("--from", "app=amd64", "--from", "app=arm64", "--from", "lone=lone")


@pytest.fixture
def ports(fake_ports: FakePorts) -> FakePorts:
    """Two images; both were tested on amd64, and passed."""
    folder = fake_ports.cwd
    (folder / "pipeline.toml").write_text(PIPELINE)
    for name, number, architecture in (("amd64", 1, "amd64"), ("arm64", 2, "arm64"), ("lone", 3, "amd64")):
        write_layered(folder / name, [content(number, 100)], architecture=architecture)
    leave_test(folder, "app", "amd64")
    leave_test(folder, "lone", "lone")
    return fake_ports


def leave_test(folder: Path, name: str, layout: str, **changes: Any) -> Path:
    """Leave a test's result as a workflow's artifact has it."""
    image = load_layout(folder / layout)
    digests = {"manifestDigest": image.manifest_digest, "imageId": image.config_digest}
    evidence = {"image": {"name": name, "architecture": "amd64", **digests, **changes}}
    job = f"container-test-{name}-x86_64-linux"
    place = folder / "results" / f"job-{job}" / ".nanna-ci/jobs" / job / "result.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"id": job, "verdict": changes.get("verdict", "pass"), "evidence": evidence}))
    return place


def publish(ports: FakePorts, *words: str) -> tuple[int, str]:
    code = main(["publish-images", *WORDS, *words], ports.ports)
    return code, ports.stdout.getvalue() + ports.stderr.getvalue()


def test_the_builds_that_were_tested_are_published(ports: FakePorts) -> None:
    code, said = publish(ports, *ALL)
    assert code == 0
    assert "app for aarch64: no machine tested it" in said


def test_another_build_than_was_tested_is_a_no_with_both_digests(ports: FakePorts) -> None:
    write_layered(ports.cwd / "other", [content(9, 100)])
    code, said = publish(ports, *ALL[:4], "--from", "lone=other")
    assert code == 1
    assert "lone for x86_64 is not the build that was tested" in said
    for layout in ("other", "lone"):
        assert load_layout(ports.cwd / layout).manifest_digest in said


def test_the_same_content_packed_otherwise_is_the_same_build(ports: FakePorts) -> None:
    leave_test(ports.cwd, "lone", "lone", manifestDigest="sha256:" + "0" * 64)
    assert publish(ports, *ALL)[0] == 0


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"verdict": "fail"}, "its test says fail"),
        ({"verdict": "unavailable"}, "its test says unavailable"),
        ({"architecture": "arm64"}, "is not published"),
        ({"manifestDigest": None, "imageId": None}, "not the build that was tested"),
    ],
)
def test_a_test_that_does_not_speak_for_this_build_is_a_no(
    ports: FakePorts, changes: dict[str, Any], problem: str
) -> None:
    leave_test(ports.cwd, "lone", "lone", **changes)
    code, said = publish(ports, *ALL)
    assert (code, problem in said) == (1, True)


def test_an_image_without_a_test_is_a_no(ports: FakePorts) -> None:
    place = leave_test(ports.cwd, "lone", "lone")
    place.unlink()
    code, said = publish(ports, *ALL)
    assert (code, "lone: it has no test result" in said) == (1, True)


@pytest.mark.parametrize("put", [os.mkfifo, lambda place: place.symlink_to("/dev/zero"), Path.touch])
def test_a_result_that_cannot_be_read_is_malformed(ports: FakePorts, put: Any) -> None:
    place = leave_test(ports.cwd, "lone", "lone")
    place.unlink()
    put(place)
    assert publish(ports, *ALL)[0] == 4


def test_a_folder_that_is_not_there_is_a_usage_error(ports: FakePorts) -> None:
    (ports.cwd / "results").rename(ports.cwd / "elsewhere")
    assert publish(ports, *ALL)[0] == 2
