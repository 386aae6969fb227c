"""The images of this repository's own pipeline, built by Nix, alive on podman and on docker: real model inference.

Needs the Debian toolkit (`./nixw run .#test` brings it).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from container_tests import answer_of
from engine_rooms import EngineRoom

REPO = Path(__file__).resolve().parents[3]
PACKAGES = {
    "harness": "harness-image",
    "ollama": "ollama-image",
    "qwen3-container": "qwen3-container",
    "llama3-container": "llama3-container",
}
MODELS = {"qwen3-container": "qwen3:0.6b", "llama3-container": "llama3:8b"}


@pytest.fixture(scope="session")
def layouts() -> dict[str, Path]:
    """The built images by their names in pipeline.toml."""
    done = subprocess.run(
        [
            *(str(REPO / "nixw"), "build", "--no-link", "--print-out-paths"),
            *(f"{REPO}#{package}" for package in PACKAGES.values()),
            *("--override-input", "nanna-coder", f"path:{REPO / 'tests/workspace'}"),
        ],
        capture_output=True,
        check=False,
        cwd=REPO,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(zip(PACKAGES, map(Path, done.stdout.split()), strict=True))


def test_every_image_of_the_pipeline_passes(room: EngineRoom, layouts: dict[str, Path], tmp_path: Path) -> None:
    before = room.everything()
    sources = [word for name, path in layouts.items() for word in ("--from", f"{name}={path}")]
    words = [sys.executable, "-m", "nanna_ci", "container-test", "--engine", room.engine, "--format", "json"]
    answer = answer_of(room.popen([*words, "--config", str(REPO / "pipeline.toml"), *sources], tmp_path))
    assert answer.code == 0, answer.data
    assert list(answer.images) == list(PACKAGES)
    for name, model in MODELS.items():
        checks = {f"{one['check']} {one['subject']}": one for one in answer.images[name]["checks"]}
        assert checks[f"completion {model}"]["reason"] == "16 tokens"
        assert checks[f"together harness {model}"]["status"] == "passed"
    assert "command harness --version" in {
        f"{one['check']} {one['subject']}" for one in answer.images["harness"]["checks"]
    }
    assert room.everything() == before
