"""Where coverage comes from: the flake's own output, built where it is not there, or reports that others wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, ConfigError, NannaError, ToolMissing
from nanna_ci.foundation.process import Completed
from nanna_ci.measure.coverage.coverage_output import read_output
from nanna_ci.measure.coverage.source_tree import Coverage, SourceTree, parse_members, place_files
from nanna_ci.pipeline.build_watch import say_builds
from nanna_ci.pipeline.evaluation import Unavailable
from nanna_ci.pipeline.host_evaluation import query_evaluation
from nanna_ci.pipeline.lcov import merge_reports, read_lcov
from nanna_ci.store.nix import Nix

_QUERY_S: Final = 120.0


class NoCoverageError(NannaError):
    """There is no coverage here, for this reason."""


@dataclass(frozen=True, slots=True)
class CoverageSource:
    """The workspace in `folder`, below the source tree at `root`. `environ` is for cargo: no secrets are in it."""

    root: Path
    folder: Path
    run: Callable[..., Completed]
    environ: dict[str, str]

    def of_flake(self, nix: Nix, say: Callable[[str], None]) -> Coverage:
        """By the flake's output, which is built where it is not in the store.

        Raises:
            ConfigError: pipeline.toml asks for no coverage.
            NoCoverageError: this toolkit cannot measure it, or no test was run.
            CommandFailed: it cannot be built, as where tests fail.
        """
        host = query_evaluation(nix)
        attribute = f"checks.{host.system}.coverage"
        if attribute not in {*host.evaluation.derivations, *host.evaluation.unavailable}:
            hint = 'add a [[test]] with kind = "coverage" to pipeline.toml, or give reports with --lcov FILE'
            raise ConfigError(f"flake {nix.flake}", f"there is no {attribute}", hint=hint)
        found = host.evaluation.locate(attribute)
        if isinstance(found, Unavailable):
            raise NoCoverageError(f"coverage cannot be measured here: {found.reason}")
        say("measuring coverage of the work tree, if that is not in the store")
        built = nix.build([f"{found}^*"], keep_going=False, on_event=say_builds(say))
        if not built.success:
            hint = "failing tests give no coverage: `nanna-ci ci` or `run-job` names them"
            raise CommandFailed(
                ["nix build"],
                1,
                f"{built.first_log_tail}\n{attribute} cannot be built: {built.first_reason}",
                hint=hint,
            )
        output = next(path for path in built.results[0].outputs.values() if path is not None)
        coverage = read_output(Path(str(output)))
        if coverage is None:
            raise NoCoverageError("no test was executed, so that no line was measured")
        return replace(coverage, tree=replace(coverage.tree, root=self.root))

    def of_reports(self, files: Sequence[str], cwd: Path) -> Coverage:
        """By reports in lcov's format, all of them together. UsageError for a file that cannot be read."""
        report = merge_reports(read_lcov(cwd / name, f"--lcov {name}") for name in files)
        return place_files(report, self._members())

    def _members(self) -> SourceTree:
        argv = ("cargo", "metadata", "--no-deps", "--offline", "--format-version", "1")
        try:
            said = self.run(argv, timeout_s=_QUERY_S, env=self.environ, cwd=self.folder)
        except CommandFailed as error:
            raise ConfigError(str(self.folder), f"cargo cannot read the workspace: {error.message}") from error
        except ToolMissing as error:
            hint = "cargo says which crate a file belongs to; the flake's own output needs none"
            raise ToolMissing("cargo", "is not installed", hint=hint) from error
        return parse_members(said.stdout, self.root.resolve(), "cargo metadata")
