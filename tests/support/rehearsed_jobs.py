"""Jobs of a workflow, written as YAML in a test, run by the rehearsal in a folder."""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import NannaError
from nanna_ci.rehearsal.expressions.expression_value import Value
from nanna_ci.rehearsal.steps.artifact_store import ArtifactStore
from nanna_ci.rehearsal.steps.job_steps import JobOutcome, JobRequest, run_steps
from nanna_ci.rehearsal.steps.rehearsal_services import RehearsalServices
from nanna_ci.workflow.yaml_nodes import YamlMapping
from nanna_ci.workflow.yaml_reader import read_yaml

TOKEN = "ghs_of_the_rehearsal_0123456789"
GITHUB: dict[str, Value] = {
    "repository": "owner/project",
    "ref": "refs/heads/main",
    "ref_name": "main",
    "server_url": "https://github.example",
    "run_id": "7",
    "event_name": "push",
    "event": {"before": "0" * 40},
}


def read_body(text: str) -> YamlMapping:
    """A mapping written as YAML."""
    root = read_yaml(text.encode(), "ci.yml").root
    assert isinstance(root, YamlMapping)
    return root


@dataclass
class RanJob:
    """A job that ran: what came of it, and its folder."""

    outcome: JobOutcome
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"


class RehearsedJobs:
    """Runs jobs that share artifacts and repositories; each in a folder of its own below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.repositories: dict[str, Path] = {}
        self._numbers = itertools.count(1)

    def request(
        self,
        text: str,
        *,
        contexts: Mapping[str, Value] | None = None,
        environ: Mapping[str, str] | None = None,
        **rest: Any,
    ) -> JobRequest:
        """The request for a job of the text, with what a test gives in place of the usual."""
        services = RehearsalServices(self.artifacts, self._repository, token=TOKEN)
        services = dataclasses.replace(services, **rest.pop("services", {}))
        ports = Ports(environ={"PATH": os.environ["PATH"]} if environ is None else environ, **rest.pop("ports", {}))
        return JobRequest(
            "job", "ci.yml", read_body(text), {"github": GITHUB, **(contexts or {})}, None,
            self.folder / f"job-{next(self._numbers)}", services, ports, **rest,
        )  # fmt: skip

    def run(self, text: str, **rest: Any) -> RanJob:
        """Run a job of the text."""
        request = self.request(text, **rest)
        return RanJob(run_steps(request), request.folder)

    def _repository(self, name: str, _reference: str) -> Path:
        if name not in self.repositories:
            raise NannaError(f"{name}: this machine has no such repository")
        return self.repositories[name]


def make_repository(folder: Path, files: Mapping[str, str]) -> str:
    """A git repository with one commit on main; its commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return commit_files(folder, files)


def commit_files(folder: Path, files: Mapping[str, str]) -> str:
    """Commit files; the new commit."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "Change")
    return git(folder, "rev-parse", "HEAD")


def git(folder: Path, *words: str) -> str:
    """git's answer."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def has_ended(pid_file: Path) -> bool:
    """Whether the process whose number is in a file ends within some seconds; one that nobody waits for has ended."""
    status = Path("/proc", pid_file.read_text().strip(), "status")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if "\nState:\tZ" in status.read_text():
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False
