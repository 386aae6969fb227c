"""The branch of an update: one commit on what is checked out, made by git's plumbing and pushed by its hash.

Neither the work tree nor the index nor any branch here is touched. The branch on the remote is replaced only where
every commit on it is one of ours, and only if it is still where it was when that was seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, GateFailed, NannaError, UsageError, git_cause, shorten
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.redact import without_secrets
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.updates.remote_login import RemoteLogin

BRANCH: Final = "nanna-ci/update"
REMOTE: Final = "origin"
_EMAIL: Final = "nanna-ci@localhost"
_GIT_S: Final = 300.0
_ABSENT: Final = 2  # of ls-remote --exit-code
_PLAIN: Final = frozenset({0, 1, 128})
_FOREIGN: Final = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_INDEX_FILE", "GIT_TRACE", "GIT_CURL_VERBOSE")
_WORKFLOWS: Final = re.compile(r"refusing to allow .* to create or update workflow")


class WorkflowsRefused(NannaError):
    """The token may push, but no changes of workflows."""


@dataclass(frozen=True, slots=True)
class ProposedCommit:
    """The commit on the branch; `is_new`: it was not there before, or, in a dry run, would be made: then it is None."""

    commit: str | None
    is_new: bool


class UpdateBranch:
    """The branch on the remote `origin` of the repository around `folder`; `run` has the signature of `process.run`.

    Raises, with every method: UsageError for a repository that cannot be used, NannaError for a remote that does not
    answer or takes no push.
    """

    def __init__(
        self, folder: Path, login: RemoteLogin, *, run: Callable[..., Completed], environ: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._login = login
        self._run = run
        self._environ = {**without_secrets(environ), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

    def propose(self, files: Mapping[str, bytes], base: str, message: str, *, dry_run: bool) -> ProposedCommit:
        """See that the branch differs from what is checked out in these files, and in nothing else.

        `files` are by their paths from the folder; what is checked out must be on the branch `base`.

        Raises GateFailed if somebody else has committed to the branch, WorkflowsRefused for a token without that right.
        """
        head = self._head(base)
        prefix = self._git("rev-parse", "--show-prefix").text().strip()
        wanted = {f"{prefix}{path}": data for path, data in files.items()}
        self._refuse_changes(tuple(wanted))
        tree = self._tree(head, wanted)
        there = self._fetch(BRANCH, "update-branch")
        if there is not None:
            self._refuse_others(there, base)
            if self._is_same(there, head, tree, tuple(wanted)):
                return ProposedCommit(there, is_new=False)
        if dry_run:
            return ProposedCommit(None, is_new=True)
        commit = self._git("commit-tree", tree, "-p", head, "-F", "-", stdin=message.encode()).text().strip()
        self._push(commit, there)
        return ProposedCommit(commit, is_new=True)

    def _head(self, base: str) -> str:
        found = self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=_PLAIN)
        if found.returncode != 0:
            raise UsageError(f"{self._folder} is not a git repository with a commit", hint="update in the repository")
        if self._git("rev-parse", "--is-shallow-repository").text().strip() == "true":
            hint = "actions/checkout: fetch-depth: 0"
            raise UsageError("this clone has no history, so nobody knows whose the branch's commits are", hint=hint)
        url = self._git("remote", "get-url", "--push", REMOTE, accept=_PLAIN | {_ABSENT})
        if url.returncode != 0:
            raise UsageError(f"the repository has no remote {REMOTE}", hint=f"git remote add {REMOTE} URL")
        self._login.check(url.text().strip())
        if self._fetch(base, "update-base") is None:
            raise UsageError(f"{REMOTE} has no branch {shorten(base)}", hint="is it another repository?")
        head = found.text().strip()
        told = self._git("merge-base", "--is-ancestor", head, _copy("update-base"), accept=_PLAIN)
        if told.returncode != 0:
            hint = f"check out {base} as it is there"
            raise UsageError(f"{head[:12]} is checked out, which is not on {base} of {REMOTE}", hint=hint)
        return head

    def _refuse_changes(self, paths: tuple[str, ...]) -> None:
        listed = self._git("status", "--porcelain", "-z", "--", *(f":(top,literal){path}" for path in paths)).text()
        changed = [entry[3:] for entry in listed.split("\0") if len(entry) > 3]
        if changed:
            hint = "commit it or take it back: the pull request would have it too"
            raise UsageError(f"{changed[0]} is not as in the commit that is checked out", hint=hint)

    def _tree(self, head: str, files: Mapping[str, bytes]) -> str:
        with scratch_folder("nanna-ci-index-") as scratch:
            index = {"GIT_INDEX_FILE": str(scratch / "index")}
            self._git("read-tree", head, more=index)
            for path, data in files.items():
                # with the path, so that line ends are stored as git add would store them
                blob = self._git("hash-object", "-w", f"--path={path}", "--stdin", stdin=data).text().strip()
                entry = self._git("ls-tree", "-z", "--full-tree", head, "--", path).text()
                mode = entry.partition(" ")[0] or "100644"
                self._git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}", more=index)
            return self._git("write-tree", more=index).text().strip()

    def _refuse_others(self, there: str, base: str) -> None:
        log = self._git("log", "--format=%H %ae %ce", there, "--not", _copy("update-base"))
        for line in log.text().splitlines():
            commit, _, emails = line.partition(" ")
            if emails != f"{_EMAIL} {_EMAIL}":
                raise GateFailed(
                    f"{BRANCH} of {REMOTE} has a commit of somebody else, {commit[:12]}",
                    hint=f"merge that branch into {base}, or delete it",
                )

    def _is_same(self, there: str, head: str, tree: str, paths: tuple[str, ...]) -> bool:
        """Whether merging the branch does the same to these files as the new commit would, and nothing else."""
        begun = self._git("merge-base", there, _copy("update-base"), accept=_PLAIN).text().strip()
        if not begun:
            return False
        names = self._git("diff", "--name-only", "--no-renames", "-z", begun, there).text().split("\0")
        blobs = [[self._blob(commit, path) for path in paths] for commit in (there, tree, begun, head)]
        return {name for name in names if name} == set(paths) and blobs[0] == blobs[1] and blobs[2] == blobs[3]

    def _blob(self, treeish: str, path: str) -> str:
        return self._git("rev-parse", "--verify", "--quiet", f"{treeish}:{path}", accept=_PLAIN).text().strip()

    def _fetch(self, branch: str, copy: str) -> str | None:
        """The branch's commit now, with all that it refers to; None if there is no such branch."""
        reference = f"refs/heads/{branch}"
        quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        try:
            listed = self._remote("ls-remote", "--exit-code", REMOTE, reference, accept=frozenset({0, _ABSENT}))
            if listed.returncode == _ABSENT:
                return None
            self._remote("fetch", *quiet, REMOTE, f"+{reference}:{_copy(copy)}")
        except CommandFailed as error:
            hint = f"`git ls-remote {REMOTE}` shows whether it answers; {self._login.hint}"
            raise NannaError(f"{REMOTE} cannot be read: {git_cause(error)}", hint=hint) from error
        return self._git("rev-parse", "--verify", f"{_copy(copy)}^{{commit}}").text().strip()

    def _push(self, commit: str, there: str | None) -> None:
        lease = f"--force-with-lease=refs/heads/{BRANCH}:{there or ''}"
        try:
            self._remote("push", "--quiet", "--no-verify", lease, REMOTE, f"{commit}:refs/heads/{BRANCH}")
        except CommandFailed as error:
            if _WORKFLOWS.search(error.stderr_tail):
                raise WorkflowsRefused("the token may not change workflows") from error
            if "stale info" in error.stderr_tail:
                raise GateFailed(f"{BRANCH} of {REMOTE} was changed meanwhile", hint="run this again") from error
            raise NannaError(f"{BRANCH} was not pushed: {git_cause(error)}", hint=self._login.hint) from error

    def _remote(self, *words: str, accept: frozenset[int] = frozenset({0})) -> Completed:
        return self._git(*words, accept=accept, more=self._login.environ(), secrets=self._login.secrets())

    def _git(
        self,
        *words: str,
        stdin: bytes | None = None,
        accept: frozenset[int] = frozenset({0}),
        more: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Completed:
        author = ("-c", "user.name=Nanna CI", "-c", f"user.email={_EMAIL}")
        argv = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *author, *words)
        # no GIT_AUTHOR_… of the caller's: by its author a commit is known as ours
        environ = {name: value for name, value in self._environ.items() if not name.startswith(_FOREIGN)}
        return self._run(
            argv,
            timeout_s=_GIT_S,
            env={**environ, **(more or {})},
            cwd=self._folder,
            stdin=stdin,
            accept=accept,
            secrets=secrets,
        )


def _copy(name: str) -> str:
    return f"refs/nanna-ci/{name}"
