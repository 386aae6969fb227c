"""`container-test` as it is called, with programs by script: choices, refusals, and what is not built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.cli import main
from nanna_ci.containers.testing.checks import Check, CheckKind, CheckResult, ImageFacts, ImageResult, Status
from nanna_ci.containers.testing.hand_over import EngineRun
from nanna_ci.foundation.errors import ToolMissing
from support.fake_images import write_layout
from support.json_schemas import check

PIPELINE = """\
[workspace]
name = "w"
binaries = ["x"]
[[image]]
name = "harness"
contents = ["x"]
port = 1
model_command = "x {url} {model}"
[[image]]
name = "qwen3-container"
contents = ["ollama"]
port = 2
[[image]]
name = "arm-only"
contents = ["x"]
architectures = ["aarch64"]
port = 3
[[model]]
name = "qwen3:0.6b"
image = "qwen3-container"
"""
PODMAN_INFO = json.dumps({"host": {"cgroupControllers": ["memory", "pids"]}, "version": {"Version": "5.4.2"}}).encode()
ATTRIBUTES = ["packages.x86_64-linux.harness-image", "packages.x86_64-linux.qwen3-container"]
DRV = "/nix/store/{}-harness-image.drv".format("a" * 32)


@pytest.fixture
def world(fake_ports, monkeypatch, tmp_path):
    (fake_ports.cwd / "pipeline.toml").write_text(PIPELINE)
    fake_ports.environ |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": ""}
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    fake_ports.run.script("podman", "info", stdout=PODMAN_INFO)
    return fake_ports


@pytest.fixture
def requests(monkeypatch):
    """What would be tested, in place of the test."""
    requests = []

    def run_image_tests(request, engine, facts, mark, locks, **_):
        requests.append(request)
        passed = (CheckResult(Check(CheckKind.LOAD), Status.PASSED, 0.0),)
        return EngineRun(
            facts, False, tuple(ImageResult(one.name, passed, ImageFacts(), 0.0) for one in request.subjects)
        )

    monkeypatch.setattr("nanna_ci.containers.testing.engine_run.run_image_tests", run_image_tests)
    return requests


def answer(world, *words: str):
    code = main(["container-test", "--format", "json", *words], world.ports)
    return code, json.loads(world.stdout.getvalue())


def test_without_an_engine_it_is_unavailable_and_nothing_is_built(world):
    for name in ("podman", "docker"):
        world.run.script(name, error=ToolMissing(name, "not found"))
    code, data = answer(world)
    assert code == 3
    assert check(data)["verdict"] == "unavailable"
    assert data["reason"].startswith(
        "no container engine works here: podman: not found; docker: not found; install podman 4"
    )
    assert not (world.cwd / ".nanna-ci").exists()
    assert not [call for call in world.run.calls if call.argv[0] == "nix"]


def test_an_unknown_image_is_a_usage_error_with_the_nearest(world):
    code, data = answer(world, "harnes")
    assert code == 2
    assert data["error"] == {"message": "'harnes': no such image in pipeline.toml", "hint": "did you mean harness?"}


@pytest.mark.parametrize("word", ["harness", "harness=", "nothing=/x"])
def test_an_invalid_source_is_a_usage_error(world, word):
    assert answer(world, "--from", word)[0] == 2


def test_a_source_that_no_test_takes_is_a_usage_error(world, tmp_path):
    code, data = answer(world, "harness", "--from", f"qwen3-container={tmp_path}")
    assert code == 2
    assert data["error"] == {"message": "--from qwen3-container: no test takes this image", "hint": "tested: harness"}


def test_a_source_that_is_not_an_image_is_refused(world, tmp_path):
    (tmp_path / "empty").mkdir()
    code, data = answer(world, "harness", "--from", f"harness={tmp_path / 'empty'}")
    assert code == 4
    assert "not an OCI layout" in data["error"]["message"]


def test_a_pipeline_without_images_has_nothing_to_test(world):
    (world.cwd / "pipeline.toml").write_text('[workspace]\nname = "w"\n')
    code, data = answer(world)
    assert (code, check(data)["reason"]) == (3, "pipeline.toml has no images")


def test_images_that_were_given_are_not_built(world, requests, tmp_path):
    for name in ("harness", "model"):
        write_layout(tmp_path / name, {"bin/x": b"x"}, entrypoint=["/bin/x"])
    words = ("--from", f"harness={tmp_path / 'harness'}", "--from", f"qwen3-container={tmp_path / 'model'}")
    code, data = answer(world, "qwen3-container", *words)
    assert (code, [image["name"] for image in check(data)["images"]]) == (0, ["qwen3-container"])
    (request,) = requests
    assert [(subject.name, subject.models) for subject in request.subjects] == [("qwen3-container", ("qwen3:0.6b",))]
    assert [(one.name, one.subject.model_command) for one in request.companions] == [("harness", "x {url} {model}")]
    assert request.machine == "amd64"
    assert not [call for call in world.run.calls if call.argv[0] == "nix"]


def script_nix(world, derivations, unavailable, *, built: bool) -> None:
    flags = ("nix", "--extra-experimental-features", "nix-command flakes")
    evaluation = {"derivations": derivations, "unavailable": unavailable}
    world.run.script(*flags, "eval", "--json", stdout=json.dumps(evaluation).encode())
    world.run.script(*flags, "eval", "--impure", stdout=b"x86_64-linux")
    shown = {
        DRV: {
            "name": "harness-image",
            "system": "x86_64-linux",
            "builder": "x",
            "args": [],
            "env": {},
            "inputSrcs": [],
            "inputDrvs": {},
            "outputs": {"out": {"path": f"/nix/store/{'b' * 32}-harness-image"}},
        }
    }
    world.run.script(*flags, "derivation", "show", stdout=json.dumps(shown).encode())
    line = b'@nix {"action":"msg","level":0,"msg":"error: builder for \'%s\' failed with exit code 1"}\n' % DRV.encode()
    world.run.script(*flags, "build", returncode=0 if built else 1, stderr=b"" if built else line)
    absent = {f"/nix/store/{'b' * 32}-harness-image": None}
    world.run.script(*flags, "path-info", stdout=json.dumps(absent).encode())
    world.run.script(*flags, "--version", stdout=b"nix (Nix) 2.26.3")


def test_what_cannot_be_made_here_is_unavailable_with_the_reason(world):
    unavailable = dict.fromkeys(ATTRIBUTES, "the toolkit has no ollama")
    script_nix(world, {}, unavailable, built=True)
    code, data = answer(world)
    assert code == 3
    assert check(data)["verdict"] == "unavailable"
    assert {image["name"]: image["reason"] for image in data["images"]} == {
        "harness": "the toolkit has no ollama",
        "qwen3-container": "the toolkit has no ollama",
        "arm-only": "it is declared for aarch64, this machine is x86_64",
    }
    assert [image["checks"][0]["status"] for image in data["images"]] == ["unavailable"] * 3
    assert (Path(data["folder"]) / "junit.xml").exists()
    assert json.loads((Path(data["folder"]) / "result.json").read_text()) == data


def test_a_build_that_fails_is_a_failure_of_its_image(world):
    script_nix(world, {ATTRIBUTES[0]: DRV}, {}, built=False)
    code, data = answer(world, "harness")
    assert code == 1, data
    (image,) = check(data)["images"]
    assert image["checks"][0]["cause"] == "not-built"
    assert f"nix log {DRV}" in image["reason"]
