"""What changed since a commit, by git: the work tree, with what is not committed and not even added, against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, ToolMissing, UsageError, shorten
from nanna_ci.foundation.process import Completed
from nanna_ci.measure.coverage.patch_lines import ChangedLines, parse_diff

_GIT_S: Final = 120.0
# whatever the configuration of the user says: it may name a program for diffs, or change prefixes
_DIFF: Final = (
    *("diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--find-renames", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/", "--relative"),
)


class NoChangesError(Exception):
    """Nobody knows what changed; the text says why."""


@dataclass(frozen=True, slots=True)
class GitWorkTree:
    """The work tree that `folder` lies in. Methods raise NoChangesError where there is no git, or no work tree."""

    folder: Path
    run: Callable[..., Completed]
    environ: Mapping[str, str]

    def changed_since(self, reference: str) -> ChangedLines:
        """The lines below the folder that are new since the work tree left `reference`: since their merge base.

        Raises UsageError for a reference that is no commit here.
        """
        if self._ask("rev-parse", "--is-inside-work-tree") != "true":
            raise NoChangesError(f"{self.folder} lies in no git work tree")
        commit = self._commit(reference)
        base = self._query("merge-base", commit, "HEAD")
        if not base:
            deeper = "; this clone is shallow: fetch more of it" if self._ask(*_SHALLOW) == "true" else ""
            raise NoChangesError(f"{shorten(reference)} and HEAD have no commit in common{deeper}")
        files: dict[str, frozenset[int] | None] = {**parse_diff(self._git(*_DIFF, base, "--").stdout)}
        others = self._git("ls-files", "-z", "--others", "--exclude-standard").stdout.split(b"\0")
        files |= {path.decode(errors="replace"): None for path in others if path}
        return ChangedLines(base, files)

    def branch(self) -> str | None:
        """The branch that is checked out; None for a commit alone, and outside of git."""
        try:
            return self._query("symbolic-ref", "--quiet", "--short", "HEAD") or None
        except NoChangesError:
            return None

    def prefix(self) -> str | None:
        """The folder below the top of its work tree, with `/` at its end, "" for the top; None outside of git."""
        try:
            return self._git("rev-parse", "--show-prefix").text().rstrip("\n")
        except (CommandFailed, NoChangesError):
            return None

    def _commit(self, reference: str) -> str:
        if commit := self._query("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"):
            return commit
        hint = "name a commit, a tag or a branch that is here, such as origin/main; a shallow clone may lack it"
        raise UsageError(f"--against {shorten(reference)} is no commit of this repository", hint=hint)

    def _ask(self, *words: str) -> str:
        try:
            return self._git(*words).text().strip()
        except CommandFailed as error:
            if "dubious ownership" in error.stderr_tail:
                raise NoChangesError(f"git does not trust {self.folder}, which somebody else owns") from None
            return ""

    def _query(self, *words: str) -> str:
        return self._ask(*words).partition("\n")[0]

    def _git(self, *words: str) -> Completed:
        # of the variables of a hook none may lead to another repository, or change what a diff looks like
        kept = {name: value for name, value in self.environ.items() if not name.startswith("GIT_")}
        argv = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=true", "-C", str(self.folder), *words)
        try:
            return self.run(argv, timeout_s=_GIT_S, env=kept)
        except ToolMissing:
            raise NoChangesError("git is not installed") from None


_SHALLOW: Final = ("rev-parse", "--is-shallow-repository")
