"""What `nix flake init` writes: the workflows that `workflow init` would write, and the check is clean."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

from nanna_ci.workflow.caller_files import caller_files
from support.checked_workflows import check_folder
from support.fake_adopters import COMMIT, flake_lock

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "templates/rust"
WORKFLOWS = sorted(
    path.relative_to(TEMPLATE).as_posix() for path in (TEMPLATE / ".github").rglob("*.*") if path.is_file()
)


def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_workflows", ROOT / "templates/write_workflows.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_templates_workflows_are_what_workflow_init_writes() -> None:
    texts = {path: (TEMPLATE / path).read_text() for path in WORKFLOWS}
    assert texts == dict(caller_files(writer().PIN, "main")), "run: python3 templates/write_workflows.py"


def test_the_readme_says_how_many_files_the_template_has() -> None:
    found = re.search(r"`nix flake init -t \S+` writes (\w+) files", (ROOT / "README.md").read_text())
    assert found is not None
    count = len([path for path in TEMPLATE.rglob("*") if path.is_file()])
    assert found[1] == ["no", "one", "two", "three", "four", "five", "six", "seven", "eight"][count]


def test_a_new_repository_is_checked_clean_once_its_lock_is_taken_over(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "flake.lock").write_text(flake_lock())
    assert check_folder(tmp_path).rules == {"pipeline-pin"}
    assert check_folder(tmp_path, "--fix").places == []
    assert all(COMMIT in (tmp_path / path).read_text() for path in WORKFLOWS)
