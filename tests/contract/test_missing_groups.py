"""What the Debian toolkit was made without is unavailable in the flake, with the reason, and nothing else is."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.nix_evaluation import SYSTEM
from support.nix_evaluation import evaluate_pipeline as evaluate

REPO = Path(__file__).resolve().parents[2]
AUDITS = {f"checks.{SYSTEM}.audit", f"checks.{SYSTEM}.deny"}
DATABASE = ["--override-input", "advisory-db", f"path:{REPO}/tests/data/advisory-db"]
REASON = "libstd-rust-dev: 1.97.1 on amd64, 1.96.1 on arm64"


def inputs(folder: Path, name: str, missing: dict[str, str]) -> list[str]:
    """An input of the toolkit as nixw gives it, without some things."""
    made = folder / name
    (made / "missing").mkdir(parents=True)
    (made / ".nanna-ci").touch()
    for what, reason in missing.items():
        (made / "missing" / what).write_text(reason)
    return ["--override-input", f"nixpkgs/{name}", f"path:{made}"]


def root_without(folder: Path, *groups: str) -> list[str]:
    words = inputs(folder, "root", {})
    (folder / "root/root.json").write_text(json.dumps({"missing": dict.fromkeys(groups, REASON)}))
    return words


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return evaluate()


def newly_unavailable(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, str]:
    assert set(part["derivations"]) | set(part["unavailable"]) == set(whole["derivations"]) | set(whole["unavailable"])
    return {name: why for name, why in part["unavailable"].items() if name not in whole["unavailable"]}


def test_without_cross_only_what_is_for_the_other_system_is_unavailable(tmp_path: Path, whole: dict[str, Any]) -> None:
    lost = newly_unavailable(whole, evaluate(*root_without(tmp_path, "cross")))
    assert f"packages.{SYSTEM}.harness-aarch64-linux" in lost
    assert f"packages.{SYSTEM}.harness-image-aarch64-linux" in lost
    assert all("aarch64-linux" in name for name in lost)
    assert all(REASON in reason for reason in lost.values())


def test_without_test_tools_only_the_tests_of_the_suite_itself_are_unavailable(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    lost = newly_unavailable(whole, evaluate(*root_without(tmp_path, "tests")))
    assert set(lost) == {f"checks.{SYSTEM}.pipeline-tests"}
    assert REASON in lost[f"checks.{SYSTEM}.pipeline-tests"]


def test_without_the_tool_that_lists_crates_nothing_is_unavailable(tmp_path: Path, whole: dict[str, Any]) -> None:
    assert newly_unavailable(whole, evaluate(*root_without(tmp_path, "auditable"))) == {}


def test_without_llvm_or_cargo_llvm_cov_only_coverage_is_unavailable(tmp_path: Path, whole: dict[str, Any]) -> None:
    lost = newly_unavailable(whole, evaluate(*root_without(tmp_path, "coverage")))
    assert lost == {f"checks.{SYSTEM}.coverage": f"the Debian root has no packages for coverage: {REASON}"}
    lost = newly_unavailable(whole, evaluate(*inputs(tmp_path / "wheels", "tools", {"coverage": "it was yanked"})))
    assert lost == {f"checks.{SYSTEM}.coverage": "it was yanked"}


def test_without_nextest_only_test_runs_are_unavailable(tmp_path: Path, whole: dict[str, Any]) -> None:
    lost = newly_unavailable(whole, evaluate(*inputs(tmp_path, "tools", {"nextest": "it was taken away"})))
    assert set(lost) == {f"checks.{SYSTEM}.{name}" for name in ("unit", "integration", "coverage")}
    assert set(lost.values()) == {"it was taken away"}


def test_without_an_advisory_database_audit_and_deny_are_unavailable_with_a_hint(
    whole: dict[str, Any],
) -> None:
    with_one = evaluate(*DATABASE)
    assert set(with_one["derivations"]) >= AUDITS
    lost = newly_unavailable(with_one, whole)
    assert set(lost) == AUDITS
    for reason in lost.values():
        assert reason.startswith("no advisory database: give one with --override-input advisory-db path:FOLDER")


def test_without_the_scanners_audit_and_deny_are_unavailable_whatever_the_database(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    part = evaluate(*inputs(tmp_path, "tools", {"scanners": "the wheels were yanked"}), *DATABASE)
    assert set(part["unavailable"]) == set(whole["unavailable"])
    assert {part["unavailable"][name] for name in AUDITS} == {"the wheels were yanked"}


def test_without_a_policy_of_the_workspace_deny_is_there_all_the_same(tmp_path: Path) -> None:
    subject = tmp_path / "subject"
    shutil.copytree(REPO / "tests/workspace", subject, ignore=shutil.ignore_patterns("target", "deny.toml"))
    part = evaluate("--override-input", "nanna-coder", f"path:{subject}", *DATABASE)
    assert set(part["derivations"]) >= AUDITS


def test_without_crates_nothing_that_cargo_builds_is_available(tmp_path: Path, whole: dict[str, Any]) -> None:
    reason = "got 503 for serde"
    part = evaluate(*inputs(tmp_path, "crates", {"crates": reason}))
    lost = newly_unavailable(whole, part)
    assert {f"checks.{SYSTEM}.{name}" for name in ("unit", "clippy", "doc")} <= set(lost)
    assert f"packages.{SYSTEM}.harness" in lost
    assert f"checks.{SYSTEM}.pipeline-tests" in part["derivations"]
    assert set(lost.values()) == {reason}


def test_without_a_model_server_only_images_of_models_are_unavailable(tmp_path: Path, whole: dict[str, Any]) -> None:
    lost = newly_unavailable(whole, evaluate(*inputs(tmp_path, "server", {"server": "the mirror has no forky"})))
    assert f"packages.{SYSTEM}.ollama-image" in lost
    assert f"packages.{SYSTEM}.harness-image" not in lost
    assert set(lost.values()) == {"the mirror has no forky"}


@pytest.mark.parametrize("name", ["ci", "run-job", "container-test", "doctor"])
def test_without_containers_the_commands_that_look_for_an_engine_know_the_reason(tmp_path: Path, name: str) -> None:
    words = root_without(tmp_path, "containers")
    context = "app: builtins.attrNames (builtins.getContext app.program)"
    argv = [str(REPO / "nixw"), "eval", "--json", f"{REPO}#apps.{SYSTEM}.{name}", "--apply", context, *words]
    (derivation,) = json.loads(subprocess.run(argv, capture_output=True, check=True, cwd=REPO).stdout)
    argv = [str(REPO / "nixw"), "derivation", "show", derivation]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=REPO).stdout
    assert "NANNA_CI_UNAVAILABLE" in shown
    assert REASON in shown
