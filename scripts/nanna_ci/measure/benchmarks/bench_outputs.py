"""The programs of benchmarks as an output of the flake: with nix those of the work tree, with git too a commit's.

The base is the same output over the source of its commit. So it is in a cache wherever that commit was under CI, and is
built here where it was not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation import process
from nanna_ci.foundation.errors import CommandFailed, NannaError, ToolMissing, UsageError, shorten
from nanna_ci.pipeline.build_watch import say_builds
from nanna_ci.pipeline.evaluation import Unavailable, parse_evaluation, pipeline_attribute
from nanna_ci.store.nix import BUILD_TIMEOUT_S, MISSING_ATTRIBUTE, Nix

OUTPUT: Final = "benchmark-programs"
_GIT_S: Final = 600.0
_SUBJECT: Final = "nanna-coder"
_NIXW: Final = "NANNA_CI_NIXW"


class NoBenchmarks(NannaError):
    """There is no such output here, for this reason."""


@dataclass(frozen=True, slots=True)
class BenchOutputs:
    """Builds the output. `source` is the workspace's folder, in a git work tree where a base is asked for."""

    nix: Nix
    run: Callable[..., process.Completed]
    environ: Mapping[str, str]
    source: Path
    say: Callable[[str], None]

    def head(self) -> Path:
        """The output of the flake as it is. Raises NoBenchmarks, and CommandFailed where it cannot be built."""
        system = self.nix.current_system()
        attribute = pipeline_attribute(system)
        found = parse_evaluation(self.nix.evaluate(attribute), attribute).locate(f"packages.{system}.{OUTPUT}")
        if isinstance(found, Unavailable):
            raise NoBenchmarks(f"the benchmarks cannot be built: {found.reason}")
        self.say("building the benchmarks of the work tree")
        result = self.nix.build([str(found)], keep_going=False, on_event=say_builds(self.say))
        if not result.success:
            raise CommandFailed(
                ["nix build"], 1, f"{result.first_log_tail}\nthe benchmarks cannot be built: {result.first_reason}"
            )
        return Path(str(next(path for path in result.results[0].outputs.values() if path is not None)))

    def commit(self, ref: str) -> str:
        """The full hash of the commit that a ref of the work tree names. Raises UsageError."""
        if ref.startswith("-"):
            raise UsageError(f"--against {shorten(ref)} is not a git ref")
        try:
            said = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        except CommandFailed as error:
            hint = "a branch, a tag or a commit; a shallow clone has no others: git fetch origin REF"
            problem = "is no commit of" if self._top() is not None else "needs git, and there is no work tree in"
            raise UsageError(f"--against {shorten(ref)} {problem} {self.source}", hint=hint) from error
        return said.strip()

    def base(self, commit: str, scratch: Path) -> Path:
        """The output over the source of a commit, which is written to `scratch`. Raises as `head` does."""
        self._check_out(commit, scratch)
        self.say(f"building the benchmarks of {commit[:12]}")
        has_subject = any(name == _SUBJECT for name, _ in self.nix.overrides)
        flake = self.nix.flake if has_subject else f"path:{scratch}"
        others = [(name, url) for name, url in self.nix.overrides if name != _SUBJECT]
        overrides = [*others, *([(_SUBJECT, f"path:{scratch}")] if has_subject else [])]
        nixw = self.environ.get(_NIXW) if self.environ.get("NANNA_CI_TOOLKIT") == "debian" else None
        if nixw is not None:
            # it vendors the crates of that commit's Cargo.lock, and overrides what else must be
            overrides = [(name, url) for name, url in overrides if name == _SUBJECT]
        argv = [nixw] if nixw is not None else ["nix", "--extra-experimental-features", "nix-command flakes"]
        argv += ["build", "--no-link", "--print-out-paths"]
        argv += [] if nixw is not None else ["--no-write-lock-file"]
        argv += [word for name, url in overrides for word in ("--override-input", name, url)]
        try:
            # nixw takes the folder that it is started in for the workspace, if that has a flake
            said = self.run([*argv, f"{flake}#{OUTPUT}"], timeout_s=BUILD_TIMEOUT_S, env=self.environ, cwd=scratch)
        except CommandFailed as error:
            if MISSING_ATTRIBUTE.search(error.stderr_tail):
                raise NoBenchmarks(f"the flake of {commit[:12]} has no {OUTPUT}: its pipeline is older") from error
            raise
        return Path(said.text().strip().splitlines()[-1])

    def _check_out(self, commit: str, folder: Path) -> None:
        """The workspace's folder as it is in a commit, with git's filters, and without touching the work tree."""
        prefix = self._git("rev-parse", "--show-prefix").strip().rstrip("/")
        index = {"GIT_INDEX_FILE": str(folder.with_name(f"{folder.name}.index"))}
        try:
            self._git("read-tree", f"{commit}:{prefix}", environ=index)
        except CommandFailed as error:
            raise UsageError(f"{commit[:12]} has no folder {shorten(prefix or '.')}") from error
        top = self._top() or self.source
        folder.mkdir()
        self._git("checkout-index", "--all", f"--prefix={folder}/", environ=index, cwd=top)

    def _top(self) -> Path | None:
        try:
            return Path(self._git("rev-parse", "--show-toplevel").strip())
        except (CommandFailed, ToolMissing):
            return None

    def _git(self, *words: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
        # a store path is owned by nobody that git trusts; of variables of a hook none may lead elsewhere
        kept = {name: value for name, value in self.environ.items() if re.match(r"GIT_(?!SSL)", name) is None}
        argv = ("git", "-c", "core.fsmonitor=false", "-C", str(cwd or self.source), *words)
        return self.run(argv, timeout_s=_GIT_S, env={**kept, **(environ or {})}).text()
