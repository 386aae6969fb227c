"""A history on a branch of a git remote, which runs on many machines share.

Neither the work tree nor the index nor any branch here is touched: git's plumbing makes a commit on top of what the
remote has, and pushes it by its hash. Whoever comes second is rejected, fetches, and adds to what is there then.
Nothing is forced: a history only grows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, NannaError, UsageError, git_cause
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.retry import backoff_s
from nanna_ci.measure.history.history import LARGEST_BYTES, History, add_records, file_name
from nanna_ci.measure.history.records import Record, Series

REMOTE: Final = "origin"
PUSHES: Final = 8
"""How often a push is tried: with each, another writer has got ahead."""
_GIT_S: Final = 120.0
_RUNS_NAMED: Final = 3
_NO_BRANCH: Final = 2  # of ls-remote --exit-code
_AUTHOR: Final = ("-c", "user.name=Nanna CI", "-c", "user.email=nanna-ci@localhost")
_OURS: Final = frozenset({*map(file_name, Series), "README.md"})


class HistoryBranch(History):
    """The history on branch `name` of the remote `origin` of the repository around `folder`.

    `run` has the signature of `process.run`. Every read and append asks the remote anew.

    Raises, with every method: NannaError for a remote that does not answer or takes no push, UsageError for a branch
    that holds something else.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        run: Callable[..., Completed],
        environ: Mapping[str, str],
        sleep: Callable[[float], None],
    ) -> None:
        self._folder = folder
        self._name = name
        self._run = run
        self._environ = environ
        self._sleep = sleep
        self._copy = f"refs/nanna-ci/{name}"

    def append_all(self, records: Sequence[Record]) -> int:
        """See `History`. One commit; a push that another writer got ahead of is made again, eight times in all."""
        runs = list(dict.fromkeys(record.origin.run for record in records))
        message = f"Record {', '.join(runs)}" if len(runs) <= _RUNS_NAMED else f"Record {len(runs)} runs"
        for attempt in range(1, PUSHES + 1):
            parent = self._fetch()
            changed, added = add_records(records, lambda one: (self._series(parent, one), self._source(one)))  # noqa: B023 - used at once
            if not added:
                return 0
            commit = self._commit(parent, changed, message)
            try:
                self._git("push", "--quiet", "--no-verify", REMOTE, f"{commit}:refs/heads/{self._name}")
            except CommandFailed as error:
                # a branch that nobody moved was rejected for another reason, which trying again will not change
                if attempt == PUSHES or self._fetch() == parent:
                    why = f"the record was not pushed, after {attempt} tries: {git_cause(error)}"
                    raise NannaError(
                        f"{self._name} of {REMOTE}: {why}",
                        hint="the history there is as it was; whoever pushes needs the right to write to that branch",
                    ) from error
                self._sleep(backoff_s(attempt, random.uniform))
            else:
                return added
        raise AssertionError("the last attempt returns or raises")

    def _data(self, series: Series) -> tuple[bytes, str]:
        return self._series(self._fetch(), series), self._source(series)

    def _source(self, series: Series) -> str:
        return f"{self._name} of {REMOTE}: {file_name(series)}"

    def _fetch(self) -> str | None:
        """The branch's commit now, with all that it refers to; None if there is no such branch."""
        reference = f"refs/heads/{self._name}"
        try:
            listed = self._git("ls-remote", "--exit-code", REMOTE, reference, accept=frozenset({0, _NO_BRANCH}))
            if listed.returncode == _NO_BRANCH:
                return None
            quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
            self._git("fetch", *quiet, REMOTE, f"+{reference}:{self._copy}")
        except CommandFailed as error:
            hint = f"`git ls-remote {REMOTE}` in {self._folder} shows whether it answers"
            raise NannaError(f"{REMOTE} cannot be read: {git_cause(error)}", hint=hint) from error
        commit = self._git("rev-parse", "--verify", f"{self._copy}^{{commit}}").text().strip()
        other = [name for name in self._entries(commit) if name not in _OURS]
        if other:
            raise UsageError(
                f"{self._name} of {REMOTE} is no history: it holds {other[0]}",
                hint="give a branch of its own; it is made with the first record",
            )
        return commit

    def _entries(self, commit: str | None) -> dict[str, str]:
        """The commit's files as `ls-tree` prints them, by name."""
        if commit is None:
            return {}
        lines = self._git("ls-tree", "-z", commit).text().split("\0")
        return {line.partition("\t")[2]: line for line in lines if line}

    def _series(self, commit: str | None, series: Series) -> bytes:
        name = file_name(series)
        if name not in self._entries(commit):
            return b""
        return self._git("cat-file", "blob", f"{commit}:{name}", stdout_limit_bytes=LARGEST_BYTES).stdout

    def _commit(self, parent: str | None, changed: Mapping[Series, bytes], message: str) -> str:
        entries = self._entries(parent)
        for series, data in changed.items():
            blob = self._git("hash-object", "-w", "--stdin", stdin=data).text().strip()
            entries[file_name(series)] = f"100644 blob {blob}\t{file_name(series)}"
        listed = "".join(f"{line}\0" for line in entries.values()).encode()
        tree = self._git("mktree", "-z", stdin=listed).text().strip()
        parents = () if parent is None else ("-p", parent)
        return self._git("commit-tree", tree, *parents, "-m", message).text().strip()

    def _git(
        self,
        *words: str,
        stdin: bytes | None = None,
        accept: frozenset[int] = frozenset({0}),
        stdout_limit_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        argv = ("git", "-c", "core.fsmonitor=false", *_AUTHOR, "-C", str(self._folder), *words)
        # never a question: it would wait for an answer until the time limit
        environ = {**self._environ, "GIT_TERMINAL_PROMPT": "0"}
        return self._run(
            argv, timeout_s=_GIT_S, env=environ, stdin=stdin, accept=accept, stdout_limit_bytes=stdout_limit_bytes
        )
