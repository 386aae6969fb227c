"""Every event of our own workflows, rehearsed: real Nix, git, registry and cosign; GitHub and Sigstore are stand-ins.

Runs in the Debian root (`./nixw run .#test`). What is rehearsed is a copy of this repository with a smaller
pipeline.toml and without the tests of the pipeline itself, which are a container's job. What each event uploaded,
published, posted and pushed is read from the servers, not from what the rehearsal says of it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.measure.history.history_folder import HistoryFolder
from support import local_registry, stand_in_sigstore
from support.registry_contents import tags
from support.stand_in_github import StandInForge, stand_in_forge
from support.stand_in_github_api import OWNER_REPO
from support.toml_text import render_toml

REPO = Path(__file__).resolve().parents[2]
TIMEOUT_S = 900
RUN_ID = 1_000_000_001
PULL = 1
TAG = "v0.0.0"  # the project's version is not written in pyproject.toml
ISSUER = "https://token.actions.githubusercontent.com"
PIPELINE = """\
[workspace]
name = "nanna-coder"
binaries = ["harness"]
libraries = ["openssl", "libssh2", "zlib"]

[[target]]
system = "x86_64-linux"

[[target]]
system = "aarch64-darwin"
runner = "macos-15"

[[test]]
kind = "unit"
runners = ["ubuntu-24.04", "windows-2025"]

[[test]]
kind = "coverage"

[security]
database_max_age_days = 3650  # the tests' own database gets no younger

[[image]]
name = "ollama"
contents = ["ollama"]
port = 11434
health_path = "/v1/models"
"""
LEFT_OUT = shutil.ignore_patterns(".git", ".nanna-ci", "target", "__pycache__", ".*_cache", ".hypothesis", "result")
"""What a clone would not have."""
EVERYWHERE = {"plan", "test-matrix / unit-x86_64-linux-stable", "test-matrix / coverage-x86_64-linux-stable"} | {
    "build-matrix / build-x86_64-linux",
    "build-containers / container-test-ollama-x86_64-linux",
    "ci-summary",
}


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal answered, and its folder."""

    code: int
    answer: dict[str, Any]
    said: str

    @property
    def folder(self) -> Path:
        return Path(self.answer["folder"])

    def ended(self, result: str) -> set[str]:
        """The jobs of the pipeline with this result, by GitHub's names for them, and those of other workflows."""
        jobs = [job for workflow in self.answer["workflows"] for job in workflow["jobs"]]
        return {job["name"].removeprefix("pipeline / ") for job in jobs if job["result"] == result}

    def artifact(self, name: str) -> Path:
        (found,) = [one for one in (self.folder / "artifacts").iterdir() if one.name.partition("-")[2] == name]
        return found

    def git(self, *words: str) -> str:
        """Of the repository that the jobs pushed to."""
        return git(self.folder / "repository.git", *words)


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]
    argv = ["git", *who, *words]
    return subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@dataclass
class Rehearsing:
    """The repository, and the servers that stand in."""

    repository: Path
    forge: StandInForge
    registry: local_registry.Registry
    sigstore: stand_in_sigstore.Sigstore

    @property
    def commit(self) -> str:
        return git(self.repository, "rev-parse", "HEAD")

    def run(self, event: str, *, reference: str = "refs/heads/main") -> Rehearsed:
        """`ci --rehearse EVENT` with all stand-ins. `reference` is what the workflow that signs is of."""
        identity = f"https://github.com/{OWNER_REPO}/.github/workflows/pipeline.yml@{reference}"
        sigstore = {name: value for name, value in self.sigstore.environ.items() if name != "PATH"}
        programs = self.sigstore.environ["PATH"].partition(os.pathsep)[0]
        tables = {
            "environment": {
                "GITHUB_API_URL": self.forge.api,
                "NANNA_CI_COSIGN": f"{programs}/cosign",
                "SIGSTORE_ID_TOKEN": stand_in_sigstore.token(identity, ISSUER),
                **sigstore,
            },
            "vars": {"NANNA_CI_REGISTRY": f"http://{self.registry.address}/owner", "NANNA_CI_PAGES": "true"},
            "repositories": {
                "rustsec/advisory-db": str(REPO / "tests/data/advisory-db"),
                "DominicBurkart/nanna-coder": str(self.repository / "tests/workspace"),
            },
        }
        file = self.repository.parent / f"{event}.toml"
        file.write_text(render_toml(tables))
        self._follow(event)
        subject = ("nanna-coder", f"path:{self.repository}/tests/workspace")
        words = ["--", "--rehearse", event, "--stand-ins", str(file), "--format", "json"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NANNA_CI_")}
        kept |= {name: os.environ[name] for name in ("NANNA_CI_ROOT",) if name in os.environ}
        done = subprocess.run(
            [str(REPO / "nixw"), "run", f"path:{REPO}#ci", "--override-input", *subject, *words],
            cwd=self.repository,
            env=kept,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.stdout, done.stderr[-3000:]
        return Rehearsed(done.returncode, json.loads(done.stdout), done.stderr)

    def _follow(self, event: str) -> None:
        """Let the stand-in know the run as GitHub would once it has ended, and have its artifact then."""
        posts = self.forge.posts
        pulls = {"pull_request": OWNER_REPO, "fork": f"rehearsed-fork/{OWNER_REPO.partition('/')[2]}"}
        names = {"merge_group": "merge_group", "nightly": "schedule", **dict.fromkeys(pulls, "pull_request")}
        head = {"full_name": pulls.get(event, OWNER_REPO)}
        branch = {"tag": TAG, **dict.fromkeys(pulls, "topic")}.get(event, "main")
        posts.run |= {"id": RUN_ID, "run_number": 1, "event": names.get(event, "push"), "conclusion": "success"}
        posts.run |= {"head_sha": self.commit, "head_branch": branch, "head_repository": head}
        posts.pull |= {"number": PULL, "head": {"sha": self.commit, "repo": head}}
        posts.artifacts.clear()
        posts.before[f"GET actions/runs/{RUN_ID}/artifacts"] = self._leave_texts

    def _leave_texts(self) -> None:
        newest = max((self.repository / ".nanna-ci/rehearsals").iterdir())
        (texts,) = [one for one in (newest / "artifacts").iterdir() if one.name.endswith("-ci-summary")]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            for path in sorted(texts.rglob("*")):
                if path.is_file():
                    packed.write(path, path.relative_to(texts))
        self.forge.posts.add_artifact(buffer.getvalue())


@pytest.fixture(scope="module")
def rehearsing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsing]:
    folder = tmp_path_factory.mktemp("rehearsal")
    repository = folder / "repository"
    shutil.copytree(REPO, repository, ignore=LEFT_OUT, symlinks=True)
    (repository / "pipeline.toml").write_text(PIPELINE)
    (repository / "tests/workspace/pipeline.toml").write_text(PIPELINE)
    caller = repository / ".github/workflows/ci.yml"
    text = caller.read_text()
    assert "with: {workspace-input: nanna-coder, pipeline-tests: true}" in text
    caller.write_text(text.replace(", pipeline-tests: true", ""))
    git(repository, "init", "--quiet")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "feat: begin")
    git(repository, "remote", "add", "origin", f"https://github.com/{OWNER_REPO}")
    with (
        stand_in_forge() as forge,
        local_registry.running(folder / "registry") as registry,
        stand_in_sigstore.serving(folder / "sigstore") as sigstore,
    ):
        yield Rehearsing(repository, forge, registry, sigstore)


def test_a_push_is_tested_published_measured_and_recorded(rehearsing: Rehearsing) -> None:
    done = rehearsing.run("push")
    assert done.code == 0, done.said[-3000:]
    assert done.ended("success") >= EVERYWHERE | {"benchmark", "publish-images", "record-history", "pages"}
    assert {one["name"] for one in done.answer["unavailable"]} >= {"unit-x86_64-windows-stable", "build-aarch64-darwin"}
    assert {rehearsing.commit, "latest"} <= set(tags(rehearsing.registry, "owner/ollama"))
    branch = done.folder / "history"
    branch.mkdir()
    git(branch, "clone", "--quiet", "--branch", "nanna-ci-history", str(done.folder / "repository.git"), ".")
    kept = HistoryFolder(branch)
    assert [one.origin.run for one in kept.read_tests()] == [f"github-{RUN_ID}-1"]
    assert kept.read_coverage()[0].line_rate
    assert kept.read_benchmarks()[0].benchmarks
    with tarfile.open(done.artifact("github-pages") / "artifact.tar") as page:
        assert {"./index.html", "./badge.json"} <= set(page.getnames())
    assert not rehearsing.forge.posts.writes(), "a push that passed has no alert"


def test_a_pull_request_is_tested_gets_a_comment_and_publishes_nothing(rehearsing: Rehearsing) -> None:
    before = tags(rehearsing.registry, "owner/ollama")
    git(rehearsing.repository, "checkout", "--quiet", "-b", "topic")
    git(rehearsing.repository, "commit", "--quiet", "--allow-empty", "--message", "feat: propose")
    for event in ("pull_request", "fork"):
        rehearsing.forge.posts.comments.clear()
        rehearsing.forge.posts.sent.clear()
        done = rehearsing.run(event)
        assert done.code == 0, done.said[-3000:]
        assert done.ended("success") == EVERYWHERE | {"post / post"}
        assert rehearsing.forge.posts.writes() == [f"POST issues/{PULL}/comments"]
        (comment,) = rehearsing.forge.posts.comments
        assert comment["body"].startswith("<!-- nanna-ci: ci-summary -->")
        assert tags(rehearsing.registry, "owner/ollama") == before
        assert "nanna-ci-history" not in done.git("branch", "--list")
    git(rehearsing.repository, "checkout", "--quiet", "main")


def test_a_merge_group_is_tested_and_nothing_else(rehearsing: Rehearsing) -> None:
    rehearsing.forge.posts.sent.clear()
    done = rehearsing.run("merge_group")
    assert (done.code, done.ended("success")) == (0, EVERYWHERE), done.said[-3000:]
    assert not rehearsing.forge.posts.writes()


def test_a_tag_becomes_a_release_with_its_files_and_images_and_is_verified(rehearsing: Rehearsing) -> None:
    tag = TAG
    releases = rehearsing.forge.releases
    releases.tags[tag] = rehearsing.commit
    before = tags(rehearsing.registry, "owner/ollama").get("latest")
    done = rehearsing.run("tag", reference=f"refs/tags/{tag}")
    assert done.code == 0, done.said[-3000:]
    assert done.ended("success") >= EVERYWHERE | {"publish-images", "attest", "release"}
    (release,) = releases.published
    names = set(releases.files(release))
    assert {"SHA256SUMS", "harness-x86_64-linux", "images.json", "sbom-x86_64-linux.cdx.json"} <= names
    published = tags(rehearsing.registry, "owner/ollama")
    assert {tag, rehearsing.commit} <= set(published)
    assert published.get("latest") == before, "a tag does not move latest"
    verified = rehearsing.run("release", reference=f"refs/tags/{tag}")
    assert (verified.code, verified.ended("success")) == (0, {"verify-release"}), verified.said[-3000:]


def test_at_night_the_newest_advisories_are_asked_and_nothing_is_published(rehearsing: Rehearsing) -> None:
    before = tags(rehearsing.registry, "owner/ollama")
    done = rehearsing.run("nightly")
    assert done.ended("success") >= EVERYWHERE | {"scan-newest-advisories"}, done.said[-3000:]
    assert done.ended("failure") == {"update-inputs"}, "nothing here reaches the services that it asks"
    assert tags(rehearsing.registry, "owner/ollama") == before
