"""The repository that a rehearsal checks out: a bare clone of the work tree's, with the refs that the event would find.

Nothing is written to the repository itself: the trial merge of a pull request, and a tag, are made in the clone only.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, UsageError, shorten
from nanna_ci.foundation.process import Completed

PULL_REQUEST: Final = 1
"""The number of the pull request that is rehearsed."""
WORKFLOWS: Final = ".github/workflows"
_TIMEOUT_S: Final = 300.0
_ANY: Final = frozenset({0, 1, 128})
_ORIGIN: Final = re.compile(r"(?:[:/])([A-Za-z0-9][A-Za-z0-9-]*)/([A-Za-z0-9._-]+?)(?:\.git)?/?$")
_AUTHOR: Final = ("-c", "user.name=rehearsal", "-c", "user.email=rehearsal@localhost")


@dataclass(frozen=True, slots=True)
class GitFolder:
    """git in a folder; `run` has the signature of `process.run`."""

    folder: Path
    run: Callable[..., Completed]
    environ: Mapping[str, str]

    def call(self, *words: str, accept: frozenset[int] = frozenset({0}), stdin: bytes | None = None) -> Completed:
        """git with any words. No variable of a caller's GIT_DIR counts: it would name another repository."""
        env = {name: value for name, value in self.environ.items() if not name.startswith("GIT_")}
        argv = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *_AUTHOR, "-C", str(self.folder))
        return self.run(
            (*argv, *words),
            timeout_s=_TIMEOUT_S,
            accept=accept,
            env={**env, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=stdin,
        )

    def commit(self, name: str) -> str | None:
        """The commit of a name, None if there is none."""
        said = self.call("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", accept=_ANY)
        return said.text().strip() if said.returncode == 0 else None

    def text(self, *words: str) -> str:
        """What git says, without white space around; "" if it has no answer."""
        said = self.call(*words, accept=_ANY)
        return said.text().strip() if said.returncode == 0 else ""


@dataclass(frozen=True, slots=True)
class RehearsedRepository:
    """The clone at `git.folder`, its commits, and what is not in them.

    `name` is OWNER/NAME; `head` is the commit that is rehearsed, `base` one before it on the default branch (itself if
    there is none), `version` that of its Cargo.toml, if there is one. `uncommitted` are changed files: not rehearsed.
    """

    git: GitFolder
    name: str
    default_branch: str
    branch: str
    head: str
    base: str
    version: str | None
    uncommitted: tuple[str, ...]

    def set_ref(self, ref: str, commit: str) -> None:
        """Let a ref of the clone point at a commit."""
        self.git.call("update-ref", ref, commit)

    def merge_head(self) -> str:
        """GitHub's trial merge of the head into its base. Raises UsageError for conflicts."""
        try:
            tree = self.git.call("merge-tree", "--write-tree", self.base, self.head).text().split()[0]
        except CommandFailed as error:
            if error.returncode != 1:
                raise
            raise UsageError(
                f"HEAD and {self.default_branch} have conflicts: GitHub starts no workflow for such a pull request",
                hint=f"merge {self.default_branch} into the branch first",
            ) from error
        words = ("commit-tree", tree, "-p", self.base, "-p", self.head, "-m", f"Merge {self.head} into {self.base}")
        return self.git.call(*words).text().strip()

    def changed_paths(self, before: str, after: str) -> tuple[str, ...]:
        """The files that differ between two commits."""
        listed = self.git.call("diff", "--name-only", "-z", before, after).text()
        return tuple(name for name in listed.split("\0") if name)

    def workflows(self, commit: str) -> dict[str, bytes]:
        """The workflow files of a commit, by their paths."""
        names = self.git.call("ls-tree", "--name-only", "-z", commit, f"{WORKFLOWS}/").text().split("\0")
        return {
            name: self.git.call("show", f"{commit}:{name}").stdout for name in names if name.endswith((".yml", ".yaml"))
        }

    def file_at(self, commit: str, path: str) -> bytes | None:
        """A file of a commit; None if it has none."""
        said = self.git.call("cat-file", "blob", f"{commit}:{path}", accept=_ANY)
        return said.stdout if said.returncode == 0 else None


def clone_for_rehearsal(
    work_tree: Path, place: Path, run: Callable[..., Completed], environ: Mapping[str, str]
) -> RehearsedRepository:
    """A bare clone at `place` of the repository around `work_tree`, without a copy of its objects.

    Raises:
        UsageError: there is no repository, or no commit in it.
    """
    source = GitFolder(work_tree, run, environ)
    head = source.commit("HEAD")
    if head is None:
        raise UsageError(f"{work_tree} is not a git repository with a commit", hint="it runs what is committed")
    top = source.text("rev-parse", "--show-toplevel") or str(work_tree)
    default = _default_branch(source)
    base = _base(source, default, head)
    source.call("clone", "--quiet", "--bare", "--shared", "--no-tags", "--single-branch", "--", top, str(place))
    git = GitFolder(place, run, environ)
    git.call("config", "uploadpack.allowAnySHA1InWant", "true")
    _copy_refs(source, git)
    git.call("update-ref", f"refs/heads/{default}", head)
    git.call("symbolic-ref", "HEAD", f"refs/heads/{default}")
    listed = source.call("--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=normal").text()
    branch = source.text("symbolic-ref", "--quiet", "--short", "HEAD")
    return RehearsedRepository(
        git,
        _name(source, Path(top)),
        default,
        branch if branch not in {"", default} else "rehearsal",
        head,
        base,
        _version(git, head),
        tuple(entry[3:] for entry in listed.split("\0") if len(entry) > 3),
    )


def _copy_refs(source: GitFolder, git: GitFolder) -> None:
    """The tags, and the branches that origin had when it was last fetched; the clone shares their objects."""
    listed = source.text("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags", "refs/remotes/origin")
    wanted = []
    for line in listed.splitlines():
        commit, _, ref = line.partition(" ")
        ref = ref.replace("refs/remotes/origin/", "refs/heads/", 1)
        if ref != "refs/heads/HEAD":
            wanted.append(f"update {ref} {commit}\n")
    git.call("update-ref", "--stdin", stdin="".join(wanted).encode())


def _default_branch(git: GitFolder) -> str:
    """That of `origin`; else main or master, if there is one; else the one that is checked out."""
    remote = git.text("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    if remote:
        return remote.removeprefix("origin/")
    for name in ("main", "master"):
        if git.commit(f"refs/heads/{name}") is not None:
            return name
    return git.text("symbolic-ref", "--quiet", "--short", "HEAD") or "main"


def _base(git: GitFolder, default: str, head: str) -> str:
    """Where the change began: the default branch's commit; the one before the head where that is the same."""
    found = git.commit(f"refs/remotes/origin/{default}") or git.commit(f"refs/heads/{default}")
    if found is not None and found != head:
        return found
    return git.commit("HEAD~1") or head


def _name(git: GitFolder, top: Path) -> str:
    found = _ORIGIN.search(git.text("config", "--get", "remote.origin.url"))
    return (
        f"{found[1]}/{found[2]}" if found else f"rehearsal/{re.sub(r'[^A-Za-z0-9._-]', '-', top.name) or 'repository'}"
    )


def _version(git: GitFolder, head: str) -> str | None:
    """The version in Cargo.toml, or in pyproject.toml."""
    for name in ("Cargo.toml", "pyproject.toml"):
        said = git.call("cat-file", "blob", f"{head}:{name}", accept=_ANY)
        try:
            manifest = tomllib.loads(said.text()) if said.returncode == 0 else {}
        except tomllib.TOMLDecodeError:
            continue
        for table in (manifest.get("workspace", {}).get("package"), manifest.get("package"), manifest.get("project")):
            if isinstance(table, dict) and isinstance(version := table.get("version"), str):
                return version
    return None


def git_settings(repository: RehearsedRepository, server_url: str) -> str:
    """A git configuration for steps: the repository's address leads to the clone, and a push leads nowhere else."""
    own = f"{server_url}/{repository.name}"
    place = repository.git.folder.resolve()
    ways = "".join(f"\t{way} = {url}\n" for way in ("insteadOf", "pushInsteadOf") for url in (own, f"{own}.git"))
    nowhere = "".join(f"\tpushInsteadOf = {start}\n" for start in ("http://", "https://", "ssh://", "git://", "git@"))
    return (
        f'[safe]\n\tdirectory = {place}\n[url "{place.as_uri()}"]\n{ways}'
        f'[url "file:///nonexistent/a-rehearsal-pushes-nothing/"]\n{nowhere}'
    )


def changes_named(paths: Sequence[str], most: int = 5) -> str:
    """A few of the files, and how many more."""
    shown = ", ".join(shorten(path) for path in paths[:most])
    return shown if len(paths) <= most else f"{shown} and {len(paths) - most} more"
