"""A repository with workflows, and what `workflow check` says of it."""

from __future__ import annotations

import datetime
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nanna_ci.cli import main
from support.fake_ports import FakePorts
from support.json_schemas import check

ROOT = Path(__file__).parents[2]
TODAY = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class CheckedWorkflows:
    """The exit code and the JSON; on a refusal `findings` is empty and `error` says why."""

    code: int
    answer: dict[str, Any]
    error: str
    log: str

    @property
    def findings(self) -> list[dict[str, Any]]:
        return [dict(finding) for finding in self.answer.get("findings", [])]

    @property
    def rules(self) -> set[str]:
        return {finding["rule"] for finding in self.findings}

    @property
    def places(self) -> list[str]:
        return [f"{one['path']}:{one['line']}: {one['rule']}" for one in self.findings]


def copy_repository(folder: Path) -> Path:
    """What the check reads of this repository, to be changed."""
    shutil.copytree(ROOT / ".github", folder / ".github")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=lambda _, names: {n for n in names if not n.endswith(".md")})
    for name in ("pipeline.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def check_folder(folder: Path, *words: str, **environ: str) -> CheckedWorkflows:
    """`workflow check` in a folder, on a fixed day."""
    fake = FakePorts(folder, environ=environ)
    ports = replace(fake.ports, now=TODAY.timestamp)
    code = main(["workflow", "check", "--format", "json", *words], ports)
    answer = json.loads(fake.stdout.getvalue())
    if "error" not in answer:
        check(answer)
    return CheckedWorkflows(code, answer, answer.get("error", {}).get("message", ""), fake.stderr.getvalue())
