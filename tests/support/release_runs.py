"""A repository with a tag, files to publish, and `release` run in it: in this process, or in one that may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema

import nanna_ci
from nanna_ci.cli import main
from nanna_ci.foundation import process
from support.fake_ports import FakePorts
from support.fake_workspaces import git, write
from support.stand_in_github_api import OWNER_REPO
from support.stand_in_github_releases import StandInReleases

PACKAGE = Path(nanna_ci.__file__).parent
SCHEMA = json.loads((PACKAGE / "schemas" / "release.json").read_text())
TAG = "v1.2.0"
FILES = {"harness-x86_64-linux.tar.gz": b"linux" * 999, "bill.cdx.json": b"{}\n"}


class ReleaseRuns:
    """`folder` is the repository, `dist` its folder of FILES; the stand-in has the tag too."""

    def __init__(self, folder: Path, server: StandInReleases) -> None:
        self.folder = folder / "repository"
        self.server = server
        write(self.folder / "Cargo.toml", '[package]\nname = "app"\nversion = "1.2.0"\nedition = "2021"\n')
        write(self.folder / "src" / "lib.rs", "")
        git("init", "--quiet", cwd=self.folder)
        self.commit("feat: begin")
        git("tag", TAG, cwd=self.folder)
        self.head = git("rev-parse", "HEAD", cwd=self.folder)
        server.tags[TAG] = self.head
        self.dist = self.folder / "dist"
        self.dist.mkdir()
        for name, data in FILES.items():
            (self.dist / name).write_bytes(data)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")},
            "GITHUB_API_URL": server.api,
            "GITHUB_TOKEN": "hunter2hunter2",
        }
        self.stderr = ""

    def commit(self, message: str) -> None:
        git("add", "--all", "--", ":!dist", cwd=self.folder)
        git("commit", "--quiet", "--allow-empty", "--message", message, cwd=self.folder)

    def __call__(self, *words: str) -> tuple[int, Any]:
        """The exit code, and the answer in JSON, held to the schema."""
        fake = FakePorts(self.folder, environ=self.environ)
        code = main(["release", *self._words(words)], replace(fake.ports, run=process.run))
        self.stderr = fake.stderr.getvalue()
        data = json.loads(fake.stdout.getvalue())
        if "error" not in data:
            jsonschema.validate(data, SCHEMA)
        return code, data

    def start(self, *words: str, program: tuple[str, ...] = ("-m", "nanna_ci")) -> subprocess.Popen[bytes]:
        """A process of its own; `program` are Python's words for it."""
        argv = [sys.executable, *program, "release", *self._words(words)]
        environ = {**self.environ, "PYTHONPATH": str(PACKAGE.parent)}
        return subprocess.Popen(
            argv, cwd=self.folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _words(self, words: tuple[str, ...]) -> list[str]:
        return [*(words or (TAG, "--assets", "dist")), "--repository", OWNER_REPO, "--format", "json"]
