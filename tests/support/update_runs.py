"""A repository with a flake, models, workflows and a remote, and `update` run in it: here, or to be killed.

git, the remote and the lock of models are real; nix, the registry of models and GitHub's API are stand-ins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nanna_ci
from nanna_ci.cli import main
from nanna_ci.foundation import process
from support.fake_ports import FakePorts
from support.fake_workspaces import git, write
from support.json_schemas import check
from support.stand_in_github_api import OWNER_REPO
from support.stand_in_github_updates import BRANCH, StandInUpdates
from support.stand_in_model_registry import StandIn, model

PACKAGE = Path(nanna_ci.__file__).parent
TOKEN = "ghs_" + "a1b2c3d4" * 8
NOW = 1_795_867_200.0  # 28 November 2026
OLD, NEW = "a" * 40, "b" * 40
PULL = ("--pull-request", "--repository", OWNER_REPO)
PIPELINE = """\
[workspace]
name = "w"
[[image]]
name = "one"
contents = ["ollama"]
port = 1
[[model]]
name = "alpha:1b"
image = "one"
"""
TABLE = f"""\
[pins]
minimum_age_days = 7

[[pin]]
action = "actions/checkout" # ours
version = "v7.0.0" # the version
commit = "{OLD}"
seen = 2026-01-01
using = "node20"

[[pin]]
action = "owner/tool/sub"
version = "v1.2.0"
commit = "{"c" * 40}"
seen = 2026-01-01
using = "composite"
"""
WORKFLOW = f"""\
on: push
jobs:
  one:
    runs-on: x
    steps:
      - uses: actions/checkout@{OLD} # v7.0.0 to read
      - name: tool
        uses: owner/tool/sub@{"c" * 40} # v1.2.0
"""
NIX = """\
#!/bin/sh
# a stand-in for nix: flake update writes a lock that the test made
for word; do
    if [ "$before" = --output-lock-file ]; then out=$word; fi
    before=$word
done
test -f "{new}" || {{ echo "error: unable to download: no network" >&2; exit 1; }}
cp "{new}" "$out"
"""


def lock_of(commit: str) -> bytes:
    """A flake.lock with one input at that commit."""
    place = {"type": "github", "owner": "rustsec", "repo": "advisory-db"}
    locked = {**place, "rev": commit, "narHash": "sha256-6JNCbYbrWi2r0+kVgXtVi7Vu6gSuSjmyifCSWyZaS9o="}
    node = {"flake": False, "locked": locked, "original": place}
    nodes = {"advisory-db": node, "root": {"inputs": {"advisory-db": "advisory-db"}}}
    return (json.dumps({"nodes": nodes, "root": "root", "version": 7}, indent=2) + "\n").encode()


class UpdateRuns:
    """`folder` is the repository, `remote` the bare one behind its `origin`. At first nothing is newer."""

    def __init__(self, folder: Path, github: StandInUpdates, registry: StandIn) -> None:
        self.folder, self.remote, self.github, self.registry = folder / "work", folder / "remote.git", github, registry
        self.new_lock = folder / "new.lock"
        write(folder / "bin" / "nix", NIX.format(new=self.new_lock))
        (folder / "bin" / "nix").chmod(0o755)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "NANNA_CI_"))},
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "GITHUB_API_URL": github.api,
            "GITHUB_TOKEN": TOKEN,
        }
        self.stdout = self.stderr = ""
        write(self.folder / "flake.nix", "{ outputs = _: { }; }\n")
        (self.folder / "flake.lock").write_bytes(lock_of(OLD))
        write(self.folder / "pipeline.toml", PIPELINE)
        write(self.folder / ".github" / "workflow.toml", TABLE)
        write(self.folder / ".github" / "workflows" / "ci.yml", WORKFLOW)
        (self.folder / "nix").mkdir()
        self.new_lock.write_bytes(lock_of(OLD))
        registry.add("alpha:1b", *model())
        fake = FakePorts(self.folder, environ=self.environ)
        assert main(["lock-models", "--registry", registry.url], fake.ports) == 0, fake.stderr.getvalue()
        github.add_release("actions/checkout", "v7.0.0", OLD)
        github.add_release("owner/tool", "v1.2.0", "c" * 40)
        git("init", "--quiet", "--bare", "--initial-branch=main", str(self.remote), cwd=folder)
        git("init", "--quiet", "--initial-branch=main", cwd=self.folder)
        git("remote", "add", "origin", str(self.remote), cwd=self.folder)
        self.commit("begin")
        github.head_commit = self.tip

    def commit(self, message: str) -> None:
        """Commit all here, and push main."""
        git("add", "--all", cwd=self.folder)
        git("commit", "--quiet", "--allow-empty", "--message", message, cwd=self.folder)
        git("push", "--quiet", "origin", "HEAD:main", cwd=self.folder)

    def make_newer(self) -> None:
        """Something newer of every kind."""
        self.new_lock.write_bytes(lock_of(NEW))
        self.registry.add("alpha:1b", *model(b"other weights"))
        self.github.add_release("actions/checkout", "v7.1.0", NEW, is_annotated=True)

    def __call__(self, *words: str, code: int = 0) -> dict[str, Any]:
        """The answer in JSON, held to the schema."""
        fake = FakePorts(self.folder, environ=self.environ)
        ports = replace(fake.ports, run=process.run, now=lambda: NOW)
        got = main(["update", *words, "--format", "json"], ports)
        self.stdout, self.stderr = fake.stdout.getvalue(), fake.stderr.getvalue()
        assert got == code, self.stdout + self.stderr
        assert TOKEN not in self.stdout + self.stderr
        data: dict[str, Any] = json.loads(self.stdout)
        return data if "error" in data else check(data)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A process of its own, at the same time of day as the others."""
        code = f"import time; time.time = lambda: {NOW}; from nanna_ci.cli import entry; raise SystemExit(entry())"
        environ = {**self.environ, "PYTHONPATH": str(PACKAGE.parent)}
        argv = [sys.executable, "-c", code, "update", *words]
        return subprocess.Popen(
            argv, cwd=self.folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def tip(self, branch: str = BRANCH) -> str | None:
        """The branch's commit on the remote."""
        return git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}", cwd=self.remote) or None

    def changed(self) -> list[str]:
        """The files that the branch on the remote changes."""
        return git("diff", "--name-only", "main", BRANCH, cwd=self.remote).splitlines()

    def status(self) -> str:
        """What is changed in the work tree."""
        return git("status", "--porcelain", cwd=self.folder)

    def hook(self, name: str, script: str) -> None:
        """Put a hook into the remote."""
        path = self.remote / "hooks" / name
        write(path, f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
