"""Images of the flake from one `nix build`, with nix by script: a path for each, or why there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.containers.image.image_builds import NotBuilt, build_images
from nanna_ci.foundation.errors import ConfigError
from support.fake_ports import FakePorts

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
GOOD = f"/nix/store/{'a' * 32}-harness-image"
BAD = f"/nix/store/{'b' * 32}-harness-image-aarch64-linux"
WANTED = [("qwen3-container", "x86_64"), ("harness", "aarch64"), ("harness", "x86_64")]


@pytest.fixture
def ports(fake_ports: FakePorts) -> FakePorts:
    """A flake with an image that builds, one that does not, and one that the toolkit cannot make."""
    attributes = ("packages.x86_64-linux.harness-image", "packages.x86_64-linux.harness-image-aarch64-linux")
    value = {
        "derivations": {name: f"{path}.drv" for name, path in zip(attributes, (GOOD, BAD), strict=True)},
        "unavailable": {"packages.x86_64-linux.qwen3-container": "the toolkit has no ollama"},
    }
    shown = {
        f"{path}.drv": {
            "name": path[44:], "system": "x86_64-linux", "builder": "x", "args": [], "env": {}, "inputSrcs": [],
            "inputDrvs": {}, "outputs": {"out": {"path": path}},
        }
        for path in (GOOD, BAD)
    }  # fmt: skip
    failed = f"error: builder for '{BAD}.drv' failed with exit code 1"
    run = fake_ports.run
    run.script(*NIX, "eval", "--json", stdout=json.dumps(value).encode())
    run.script(*NIX, "eval", "--impure", stdout=b"x86_64-linux")
    run.script(*NIX, "derivation", "show", stdout=json.dumps(shown).encode())
    line = "@nix " + json.dumps({"action": "msg", "level": 0, "msg": failed})
    run.script(*NIX, "build", returncode=1, stderr=line.encode())
    there = {"narHash": f"sha256:{'0' * 64}", "narSize": 1, "references": []}
    run.script(*NIX, "path-info", stdout=json.dumps({GOOD: there, BAD: None}).encode())
    run.script(*NIX, "--version", stdout=b"nix (Nix) 2.26.3")
    return fake_ports


def test_each_image_has_a_path_or_its_own_reason_in_the_requested_order(ports: FakePorts) -> None:
    made = build_images(WANTED, ports.context())
    assert list(made) == WANTED
    assert made[WANTED[0]] == NotBuilt("the toolkit has no ollama")
    assert made[WANTED[2]] == Path(GOOD)
    failed = made[WANTED[1]]
    assert isinstance(failed, NotBuilt)
    assert failed.failed
    assert "exit code 1" in failed.reason
    assert failed.reason.endswith(f"; nix log {BAD}.drv")


def test_one_build_makes_all_and_an_image_requested_twice_is_built_once(ports: FakePorts) -> None:
    build_images([*WANTED, WANTED[2]], ports.context())
    (build,) = [call.argv for call in ports.run.calls if call.argv[3] == "build"]
    assert [word for word in build if word.endswith("^out")] == [f"{BAD}.drv^out", f"{GOOD}.drv^out"]
    assert ports.stderr.getvalue() == "building 2 images\n"


def test_if_nothing_can_be_made_nothing_is_built(ports: FakePorts) -> None:
    assert isinstance(build_images(WANTED[:1], ports.context())[WANTED[0]], NotBuilt)
    assert not [call for call in ports.run.calls if call.argv[3] == "build"]


def test_if_nothing_is_wanted_nix_is_not_queried(fake_ports: FakePorts) -> None:
    assert build_images([], fake_ports.context()) == {}
    assert not fake_ports.run.calls


def test_an_image_that_the_flake_lacks_is_a_mistake_and_no_reason(ports: FakePorts) -> None:
    with pytest.raises(ConfigError, match=r"packages\.x86_64-linux\.other-image"):
        build_images([("other", "x86_64")], ports.context())
