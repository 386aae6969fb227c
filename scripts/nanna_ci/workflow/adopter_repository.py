"""What git says of the repository around a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, UsageError
from nanna_ci.foundation.process import Completed

_TIMEOUT_S: Final = 60.0
_ORIGIN: Final = "origin/"
_MAIN: Final = "main"


@dataclass(frozen=True, slots=True)
class AdopterRepository:
    """The git repository around a folder."""

    folder: Path
    run: Callable[..., Completed]
    environ: Mapping[str, str]

    def top(self) -> Path:
        """The repository's own folder. UsageError outside of a work tree, ToolMissing without git."""
        try:
            return Path(self._git("rev-parse", "--show-toplevel").text().rstrip("\n"))
        except CommandFailed as error:
            reason = error.message.partition(": ")[2]
            raise UsageError(
                f"{self.folder} is in no work tree of git: {reason}", hint="go to your repository, or make it: git init"
            ) from error

    def default_branch(self) -> str:
        """The branch that the remote `origin` had as its default when it was cloned; `main` if that is not known."""
        found = self._git(
            "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD", accept=frozenset({0, 1, 128})
        )
        name = found.text().strip()
        return name.removeprefix(_ORIGIN) if found.returncode == 0 and name.startswith(_ORIGIN) else _MAIN

    def _git(self, *words: str, accept: frozenset[int] = frozenset({0})) -> Completed:
        env = {**self.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        argv = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", *words)
        return self.run(argv, timeout_s=_TIMEOUT_S, accept=accept, env=env, cwd=self.folder)
