"""Git repositories with small workflows, and what `ci --rehearse` says of them: real git, real shells."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nanna_ci.cli import main
from nanna_ci.foundation import process
from support.fake_ports import FakePorts
from support.json_schemas import check

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
UPLOAD = "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a"
DOWNLOAD = "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c"
EVERY_EVENT = """\
on:
  push: {branches: [main], tags: ["v*"]}
  pull_request:
  merge_group:
  schedule: [{cron: "17 3 * * *"}]
  release: {types: [published]}
"""


@dataclass
class RehearsedAnswer:
    """The exit code, the JSON (empty on a refusal), and what was said meanwhile."""

    code: int
    answer: dict[str, Any]
    log: str
    error: str = ""
    folder: Path = field(default_factory=Path)

    @property
    def results(self) -> dict[str, str]:
        """Job -> result."""
        return {job["name"]: job["result"] for workflow in self.answer["workflows"] for job in workflow["jobs"]}

    def job(self, name: str) -> dict[str, Any]:
        return next(job for flow in self.answer["workflows"] for job in flow["jobs"] if job["name"] == name)

    def job_log(self, name: str) -> str:
        return (Path(self.job(name)["folder"]) / "log").read_text()

    def uploaded(self, artifact: str, file: str) -> str:
        [found] = [path for path in (self.folder / "artifacts").iterdir() if path.name.partition("-")[2] == artifact]
        return (found / file).read_text()


class RehearsedFolder:
    """A repository with two commits on main: the second changes README.md, and has the workflows."""

    def __init__(self, folder: Path, workflows: Mapping[str, str], **files: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        (folder / "README.md").write_text("one\n")
        self.write(workflows)
        for name, text in files.items():
            (folder / name.replace("_", ".", 1)).write_text(text)
        self.commit("First")
        (folder / "README.md").write_text("two\n")
        self.commit("Second")

    def write(self, workflows: Mapping[str, str]) -> None:
        for name, text in workflows.items():
            path = self.folder / ".github" / "workflows" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def git(self, *words: str) -> str:
        argv = ["git", "-C", str(self.folder), "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def rehearse(self, event: str, *words: str, **environ: str) -> RehearsedAnswer:
        """`ci --rehearse EVENT --format json`."""
        fake = FakePorts(self.folder, environ={"PATH": os.environ["PATH"], "HOME": str(self.folder.parent), **environ})
        ports = replace(fake.ports, run=process.run)
        code = main(["ci", "--rehearse", event, "--format", "json", *words], ports)
        answer = json.loads(fake.stdout.getvalue())
        error = answer.get("error", {}).get("message", "")
        if error:
            return RehearsedAnswer(code, {}, fake.stderr.getvalue(), error)
        return RehearsedAnswer(code, check(answer), fake.stderr.getvalue(), folder=Path(answer["folder"]))
