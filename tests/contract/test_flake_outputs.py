"""What the specification and the documents promise is what the evaluated flake gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.usage import COMMANDS

REPO = Path(__file__).resolve().parents[2]
SYSTEM = "x86_64-linux"
SUBJECT: list[str] = []

# the commands of the specification and the design that this version has; a later one adds to the list
PROMISED_PACKAGES = {"default", "nanna-coder", "harness", "nanna-coder-aarch64-linux", "harness-aarch64-linux"}
PROMISED_IMAGES = {"harness-image", "ollama-image", "qwen3-container", "llama3-container"}
PROMISED_IMAGES |= {f"{name}-aarch64-linux" for name in ("harness-image", "ollama-image")}
PROMISED_CHECKS = {"unit", "integration", "clippy", "fmt", "doc", "pipeline-tests"}
PROMISED_PACKAGES |= {"benchmark-programs", "crate-facts-x86_64-linux", "crate-facts-aarch64-linux"}
PROMISED_OR_REASONED = {"audit", "deny", "coverage", "unit-beta", "unit-nightly", "clippy-beta"}


@pytest.fixture(scope="module", autouse=True)
def subject(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A source tree without a pipeline.toml of its own, as Nanna Coder is: the one of this repository counts."""
    folder = tmp_path_factory.mktemp("subject") / "workspace"
    shutil.copytree(REPO / "tests/workspace", folder, ignore=shutil.ignore_patterns("target", "pipeline.toml"))
    SUBJECT[:] = ["--override-input", "nanna-coder", f"path:{folder}"]


@cache
def evaluate(attribute: str, apply: str = "x: x") -> Any:
    done = subprocess.run(
        [str(REPO / "nixw"), "eval", "--json", f"{REPO}#{attribute}", "--apply", apply, *SUBJECT],
        capture_output=True,
        check=False,
        cwd=REPO,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def names(attribute: str) -> set[str]:
    return set(evaluate(attribute, "builtins.attrNames"))


def test_every_promised_package_is_there() -> None:
    assert names(f"packages.{SYSTEM}") >= PROMISED_PACKAGES


def test_every_promised_image_is_there_or_has_a_reason() -> None:
    unavailable = evaluate(f"legacyPackages.{SYSTEM}.pipeline")["unavailable"]
    for name in PROMISED_IMAGES - names(f"packages.{SYSTEM}"):
        assert unavailable[f"packages.{SYSTEM}.{name}"]


def test_every_promised_check_is_there_or_has_a_reason() -> None:
    pipeline = evaluate(f"legacyPackages.{SYSTEM}.pipeline")
    there = names(f"checks.{SYSTEM}")
    assert there >= PROMISED_CHECKS
    for name in PROMISED_OR_REASONED - there:
        assert pipeline["unavailable"][f"checks.{SYSTEM}.{name}"]


def test_the_apps_are_the_command_registry() -> None:
    assert names(f"apps.{SYSTEM}") == set(COMMANDS)


@pytest.mark.parametrize("name", ["ci", "run-job", "container-test", "publish-images"])
def test_what_converts_images_is_given_the_toolkits_own_skopeo(name: str) -> None:
    context = "app: builtins.attrNames (builtins.getContext app.program)"
    (derivation,) = evaluate(f"apps.{SYSTEM}.{name}", context)
    done = subprocess.run(
        [str(REPO / "nixw"), "derivation", "show", derivation], capture_output=True, text=True, check=True, cwd=REPO
    )
    assert "NANNA_CI_SKOPEO" in done.stdout


def test_every_app_says_what_it_does() -> None:
    described = evaluate(f"apps.{SYSTEM}", "builtins.mapAttrs (_: app: app.meta.description)")
    assert all(len(text) > 10 for text in described.values()), described


def test_the_cross_package_is_built_here_for_the_other_system() -> None:
    cross = evaluate(f"packages.{SYSTEM}.nanna-coder-aarch64-linux.system")
    assert cross == SYSTEM, "a native aarch64 derivation is not a cross build"
    assert evaluate(f"packages.{SYSTEM}.nanna-coder-aarch64-linux.drvPath") != evaluate(
        f"packages.{SYSTEM}.nanna-coder.drvPath"
    )


def test_dev_shell_and_template_are_there() -> None:
    assert names(f"devShells.{SYSTEM}") == {"default"}
    assert names("templates") == {"default"}
    assert names("lib") == {"mkPipeline"}


def test_every_planned_pure_attribute_is_built_or_has_a_reason() -> None:
    done = subprocess.run(
        [str(REPO / "nixw"), "run", f"{REPO}#plan", *SUBJECT, "--", "--format", "json"],
        capture_output=True,
        check=True,
        cwd=REPO,
    )
    pipeline = evaluate(f"legacyPackages.{SYSTEM}.pipeline")
    attributes = [
        job["installable"].removeprefix(".#") for job in json.loads(done.stdout)["jobs"] if job["installable"]
    ]
    planned = {one for one in attributes if f".{SYSTEM}." in one}
    assert planned
    assert planned <= set(pipeline["derivations"]) | set(pipeline["unavailable"])


def test_output_sets_that_collide_throw() -> None:
    expression = f'(import {REPO}/nix/lib.nix).mergeDisjoint "checks" [ {{ a = 1; b = 2; }} {{ a = 3; }} ]'
    done = subprocess.run(
        [str(REPO / "nixw"), "eval", "--impure", "--expr", expression],
        capture_output=True,
        check=False,
        text=True,
        cwd=REPO,
    )
    assert done.returncode != 0
    assert "checks: defined twice: a" in done.stderr


def test_no_nix_string_holds_more_than_three_lines_of_shell() -> None:
    for path in [REPO / "flake.nix", *(REPO / "nix").rglob("*.nix")]:
        for string in re.findall(r"''(.*?)''", path.read_text(), flags=re.DOTALL):
            assert len(string.strip().splitlines()) <= 3, f"{path}: {string[:60]}"


@pytest.mark.parametrize("path", sorted(p.name for p in REPO.glob("*.md")))
def test_commands_that_the_documents_name_exist(path: str) -> None:
    named = set(re.findall(r"(?:run \.#|nanna-ci )([a-z][a-z-]+)", (REPO / path).read_text()))
    assert named <= set(COMMANDS) | {"COMMAND"}, path
