"""Images of real pipelines, built by Nix, running on podman and on docker: real model inference, and a real program.

Needs the Debian toolkit (`./nixw run .#test` brings it).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.containers.image.oci_layout import load_layout
from support.container_test_runs import answer_of
from support.engine_sandbox import EngineSandbox

REPO = Path(__file__).resolve().parents[3]
WORKSPACE = REPO / "tests/workspace"
PACKAGES = {
    "harness": "harness-image",
    "ollama": "ollama-image",
    "qwen3-container": "qwen3-container",
    "llama3-container": "llama3-container",
}
MODELS = {"qwen3-container": "qwen3:0.6b", "llama3-container": "llama3:8b"}
PROGRAM = """\
[workspace]
name = "nanna-coder"
binaries = ["harness"]
[[image]]
name = "harness"
contents = ["harness"]
probe_commands = ["harness --help", "harness ask --help"]
"""


def build(packages: Sequence[str], workspace: Path) -> list[Path]:
    done = subprocess.run(
        [
            *(str(REPO / "nixw"), "build", "--no-link", "--print-out-paths"),
            *(f"{REPO}#{package}" for package in packages),
            *("--override-input", "nanna-coder", f"path:{workspace}"),
        ],
        capture_output=True,
        check=False,
        cwd=REPO,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [Path(line) for line in done.stdout.split()]


@pytest.fixture(scope="session")
def layouts() -> dict[str, Path]:
    """The built images of the test workspace, whose harness is a server, by their names in pipeline.toml."""
    return dict(zip(PACKAGES, build(list(PACKAGES.values()), WORKSPACE), strict=True))


def checks_of(image: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{one['check']} {one['subject']}".strip(): one for one in image["checks"]}


def test_every_image_of_the_pipeline_passes(sandbox: EngineSandbox, layouts: dict[str, Path], tmp_path: Path) -> None:
    before = sandbox.everything()
    sources = [word for name, path in layouts.items() for word in ("--from", f"{name}={path}")]
    words = [sys.executable, "-m", "nanna_ci", "container-test", "--engine", sandbox.engine, "--format", "json"]
    answer = answer_of(sandbox.popen([*words, "--config", str(WORKSPACE / "pipeline.toml"), *sources], tmp_path))
    assert answer.code == 0, answer.data
    assert list(answer.images) == list(PACKAGES)
    for name, model in MODELS.items():
        checks = checks_of(answer.images[name])
        assert checks[f"completion {model}"]["reason"] == "16 tokens"
        assert checks[f"together harness {model}"]["status"] == "passed"
    assert "command harness --version" in checks_of(answer.images["harness"])
    assert sandbox.everything() == before


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same harness in an image without port: its layout, and its pipeline.toml."""
    workspace = tmp_path_factory.mktemp("program") / "workspace"
    shutil.copytree(WORKSPACE, workspace, ignore=shutil.ignore_patterns("target"))
    (workspace / "pipeline.toml").write_text(PROGRAM)
    (layout,) = build(["harness-image"], workspace)
    return layout, workspace / "pipeline.toml"


def test_the_image_of_a_program_promises_no_port_and_no_health(program: tuple[Path, Path]) -> None:
    layout = load_layout(program[0])
    blob = layout.path / "blobs" / layout.config_digest.replace(":", "/")
    config = json.loads(blob.read_bytes())["config"]
    assert config["Entrypoint"] == ["/bin/harness"]
    assert "ExposedPorts" not in config
    assert not [label for label in layout.config.labels if label.startswith("io.nanna-ci.")]


def test_the_image_of_a_program_passes(sandbox: EngineSandbox, program: tuple[Path, Path], tmp_path: Path) -> None:
    before = sandbox.everything()
    layout, config = program
    words = [sys.executable, "-m", "nanna_ci", "container-test", "--engine", sandbox.engine, "--format", "json"]
    answer = answer_of(sandbox.popen([*words, "--config", str(config), "--from", f"harness={layout}"], tmp_path))
    assert answer.code == 0, answer.data
    assert {name: one["status"] for name, one in checks_of(answer.images["harness"]).items()} == dict.fromkeys(
        ["load", "command harness --help", "command harness ask --help", "confined", "removed"], "passed"
    )
    assert sandbox.everything() == before
