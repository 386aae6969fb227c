"""The images of the real flake, built by the real Nix: what is in them, and what moves when something changes.

Needs the Debian toolkit (`./nixw run .#test` brings it). Digests and sizes are checked by what publishing uses.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.containers.image.architecture import Architecture
from nanna_ci.containers.image.oci_layout import Layout, load_layout
from nanna_ci.containers.publish.image_plan import plan_image
from nanna_ci.containers.registry.reference import parse_repository
from nanna_ci.foundation.errors import GateFailed

REPO = Path(__file__).resolve().parents[2]
WORKSPACE = REPO / "tests/workspace"
HARNESS, MODEL, SERVER = "harness-image", "qwen3-container", "ollama-image"


def nix(*words: str) -> str:
    done = subprocess.run(
        [str(REPO / "nixw"), *words], capture_output=True, check=False, cwd=REPO, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.strip()


@cache
def image(name: str, workspace: Path = WORKSPACE) -> Layout:
    path = nix(
        *("build", "--no-link", "--print-out-paths", f"{REPO}#{name}"),
        *("--override-input", "nanna-coder", f"path:{workspace}"),
    )
    return load_layout(Path(path))


def files_of(layout: Layout) -> dict[str, tarfile.TarInfo]:
    """Every path of the image, the upper layer's where two have it."""
    found: dict[str, tarfile.TarInfo] = {}
    for layer in layout.layers:
        with tarfile.open(layout.path / "blobs" / layer.digest.replace(":", "/")) as tar:
            found |= {f"/{member.name}": member for member in tar}
    return found


def config_of(layout: Layout) -> dict[str, Any]:
    """How the image is run: User, Entrypoint, Env."""
    document = json.loads((layout.path / "blobs" / layout.config_digest.replace(":", "/")).read_text())
    return dict(document["config"])


def layers_of(layout: Layout) -> list[str]:
    return [layer.digest for layer in layout.layers]


@pytest.mark.parametrize("name", [HARNESS, MODEL, f"{HARNESS}-aarch64-linux"])
def test_an_image_holds_one_program_its_libraries_and_nothing_else_that_runs(name: str) -> None:
    layout = image(name)
    files = files_of(layout)
    programs = [path for path, info in files.items() if info.isreg() and info.mode & 0o111 and ".so" not in path]
    assert programs == [config_of(layout)["Entrypoint"][0]]
    assert not [path for path, info in files.items() if info.mode & 0o6000 or info.isdev()]
    assert "/etc/ssl/certs/ca-certificates.crt" in files
    assert config_of(layout)["User"] == "65532:65532"


def test_the_architecture_is_the_one_of_the_binaries() -> None:
    assert image(HARNESS).config.architecture == "amd64"
    assert image(f"{HARNESS}-aarch64-linux").config.architecture == "arm64"
    assert "/usr/lib/aarch64-linux-gnu/libc.so.6" in files_of(image(f"{HARNESS}-aarch64-linux"))


def test_every_date_is_fixed_and_everything_belongs_to_root() -> None:
    assert {(info.mtime, info.uid, info.gid) for info in files_of(image(MODEL)).values()} == {(0, 0, 0)}


def test_an_image_says_how_to_tell_that_it_is_ready() -> None:
    labels = image(MODEL).config.labels
    assert labels["io.nanna-ci.health-path"] == "/v1/models"
    assert labels["io.nanna-ci.health-timeout-s"] == "180"


def test_an_image_says_that_its_weights_are_random() -> None:
    description = image(MODEL).config.labels["org.opencontainers.image.description"]
    assert description == "llama.cpp in the place of Ollama, with random weights in the place of qwen3:0.6b"


@pytest.mark.parametrize("name", [SERVER, MODEL])
def test_what_stands_in_for_something_else_is_not_published_beyond_this_machine(name: str) -> None:
    parts = {Architecture.X86_64: image(name)}
    plan_image(name, parse_repository(f"http://127.0.0.1:5000/o/{name}"), parts, "a" * 40)
    with pytest.raises(GateFailed, match=r"llama\.cpp in the place of Ollama"):
        plan_image(name, parse_repository(f"ghcr.io/o/{name}"), parts, "a" * 40)


def test_packages_are_recorded_where_scanners_look() -> None:
    names = {path.removeprefix("/var/lib/dpkg/status.d/") for path in files_of(image(HARNESS)) if "status.d/" in path}
    assert {"libc6", "ca-certificates", "base-files"} <= names


def test_images_of_one_server_share_its_layers() -> None:
    runtime, _, application = layers_of(image(MODEL))
    assert layers_of(image(SERVER)) == [runtime, application]


def test_a_server_without_a_model_has_the_folder_that_it_does_not_start_without() -> None:
    layout = image(SERVER)
    variables = dict(word.split("=", 1) for word in config_of(layout)["Env"])
    assert files_of(layout)[variables["LLAMA_ARG_MODELS_DIR"]].isdir()


def test_a_change_of_code_moves_the_last_layer_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    changed = tmp_path_factory.mktemp("changed") / "workspace"
    shutil.copytree(WORKSPACE, changed, ignore=shutil.ignore_patterns("target"))
    main = changed / "harness/src/service.rs"
    main.write_text(main.read_text().replace('"harness stopped"', '"harness has stopped"'))
    before, after = layers_of(image(HARNESS)), layers_of(image(HARNESS, changed))
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


@pytest.mark.parametrize("name", [HARNESS, MODEL])
def test_a_second_build_gives_the_same_bytes(name: str) -> None:
    image(name)
    derivations = json.loads(nix("derivation", "show", "--recursive", f"{REPO}#{name}"))
    ours = [path for path, value in derivations.items() if value["name"].endswith(("-layer", "-model", name))]
    assert len(ours) >= 3
    nix("build", "--no-link", "--rebuild", *(f"{path}^out" for path in ours))
