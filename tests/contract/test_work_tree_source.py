"""What tools leave in a work tree without git changes no job: a second `ci` there builds nothing again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from support.nix_evaluation import REPO, evaluate_pipeline


def derivations(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = evaluate_pipeline("--override-input", "nanna-coder", f"path:{folder}")["derivations"]
    return found


def test_what_tools_leave_in_a_work_tree_changes_no_job_and_code_does(tmp_path: Path) -> None:
    clean, used, changed = (tmp_path / name for name in ("clean", "used", "changed"))
    for folder in (clean, used, changed):
        shutil.copytree(REPO / "tests/workspace", folder, ignore=shutil.ignore_patterns("target", ".nanna-ci"))
    for left in (".nanna-ci/latest", "target/debug", ".direnv", ".git"):
        (used / left).mkdir(parents=True)
        (used / left / "file").write_text("of an earlier run")
    (changed / "target.txt").write_text("a test may read it")
    before = derivations(clean)
    assert derivations(used) == before
    assert derivations(changed) != before
