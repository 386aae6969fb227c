"""What git and cargo say about a tag: its commit, the tree around it, the crates' versions, the commits before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, ConfigError, ToolMissing, UsageError
from nanna_ci.foundation.json_data import as_list, as_object, as_text, load_json
from nanna_ci.foundation.process import Completed

MOST_COMMITS: Final = 5000
_OWN_FOLDER: Final = ".nanna-ci"
_TIMEOUT_S: Final = 60.0
_PLAIN: Final = frozenset({0, 1, 128})
_LOG_LIMIT_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TaggedCommit:
    """A tag in the repository of `folder`."""

    folder: Path
    tag: str
    run: Callable[..., Completed]
    environ: Mapping[str, str]

    def commit(self) -> str | None:
        """The commit that the tag points at; None if there is no such tag."""
        said = self._git("rev-parse", "--verify", "--quiet", f"refs/tags/{self.tag}^{{commit}}", accept=_PLAIN)
        return said.text().strip() if said.returncode == 0 else None

    def head(self) -> str:
        """The commit that is checked out. Raises UsageError if there is none."""
        said = self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=_PLAIN)
        if said.returncode != 0:
            raise UsageError(f"{self.folder} is not a git repository with a commit", hint="release in the repository")
        return said.text().strip()

    def changed_files(self, apart: Sequence[Path]) -> tuple[str, ...]:
        """What differs from the commit, and is in neither of the paths `apart`: changes, files unknown to git.

        This project's own folder is apart too: on GitHub the files to publish and the workflow's source are in it.
        """
        top = Path(self._git("rev-parse", "--show-toplevel").text().strip()).resolve()
        inside = [path.resolve().relative_to(top) for path in apart if path.resolve().is_relative_to(top)]
        kept = [f":(top,exclude,literal){path.as_posix()}" for path in (Path(_OWN_FOLDER), *inside) if path != Path()]
        listed = self._git("status", "--porcelain", "-z", "--untracked-files=normal", "--", ":(top)", *kept)
        return tuple(entry[3:] for entry in listed.text().split("\0") if len(entry) > 3)

    def messages(self) -> tuple[str | None, tuple[tuple[str, str], ...]]:
        """The tag before (None: there is none), and each commit since then: its hash and message, newest first.

        Raises UsageError in a repository that was cloned without its history.
        """
        if self._git("rev-parse", "--is-shallow-repository").text().strip() == "true":
            raise UsageError(
                "this clone has no history, which notes are written from",
                hint="actions/checkout: fetch-depth: 0; or give --notes FILE",
            )
        tag = f"refs/tags/{self.tag}"
        found = self._git("describe", "--tags", "--abbrev=0", f"{tag}^", accept=_PLAIN)
        before = found.text().strip() if found.returncode == 0 else None
        span = tag if before is None else f"refs/tags/{before}..{tag}"
        words = ("log", "--no-merges", "--no-color", f"--max-count={MOST_COMMITS}", "--format=%H%n%B%x00", span, "--")
        log = self._git(*words, stdout_limit_bytes=_LOG_LIMIT_BYTES).text()
        entries = [entry.strip("\n").partition("\n") for entry in log.split("\0")]
        return before, tuple((commit, message) for commit, _, message in entries if commit)

    def versions(self, workspace: str) -> dict[str, str]:
        """The versions of the crates of the `workspace`, a folder below this one, by `cargo metadata --no-deps`.

        Raises ConfigError where cargo can read no workspace, ToolMissing where there is no cargo.
        """
        folder = self.folder / workspace
        argv = ("cargo", "metadata", "--no-deps", "--offline", "--format-version", "1")
        hint = "--version says the version without it"
        try:
            said = self.run(argv, timeout_s=_TIMEOUT_S, env=self.environ, cwd=folder)
        except CommandFailed as error:
            raise ConfigError(str(folder), f"cargo cannot read the workspace: {error.message}", hint=hint) from error
        except ToolMissing as error:
            raise ToolMissing("cargo", "is not installed", hint=hint) from error
        source = "cargo metadata"
        body = as_object(load_json(said.stdout, source), source, "the answer")
        packages = [as_object(one, source, "a package") for one in as_list(body.get("packages"), source, "packages")]
        return {
            as_text(one.get("name"), source, "name"): as_text(one.get("version"), source, "version") for one in packages
        }

    def _git(
        self, *words: str, accept: frozenset[int] = frozenset({0}), stdout_limit_bytes: int = 8 * 1024 * 1024
    ) -> Completed:
        env = {**self.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        argv = ("git", "--no-optional-locks", "-c", "core.quotePath=false", *words)
        return self.run(
            argv,
            timeout_s=_TIMEOUT_S,
            accept=accept,
            env=env,
            cwd=self.folder,
            stdout_limit_bytes=stdout_limit_bytes,
        )
