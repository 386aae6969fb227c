"""`coverage`: which lines tests run, of the workspace and of a change."""

from __future__ import annotations

import argparse
import datetime
from dataclasses import dataclass, replace
from pathlib import Path

from nanna_ci.binaries.cargo import cargo_environment
from nanna_ci.binaries.origin import query_revision
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.web import WebClient
from nanna_ci.measure.coverage.codecov import find_target, flag_of, upload_report
from nanna_ci.measure.coverage.coverage_report import CoverageReport, coverage_document, coverage_to_json
from nanna_ci.measure.coverage.coverage_rule import CoverageRule, judge_coverage
from nanna_ci.measure.coverage.coverage_source import CoverageSource
from nanna_ci.measure.coverage.git_changes import GitWorkTree, NoChangesError
from nanna_ci.measure.coverage.patch_lines import PatchCoverage, patch_coverage
from nanna_ci.measure.coverage.source_tree import Coverage
from nanna_ci.measure.history.history import History
from nanna_ci.measure.history.history_place import open_history
from nanna_ci.measure.history.records import CoverageRecord, RunIdentity
from nanna_ci.pipeline.definition import Pipeline, find_pipeline, load_pipeline
from nanna_ci.pipeline.lcov import render_lcov
from nanna_ci.pipeline.subject import source_folder
from nanna_ci.report.github import GithubChange, change_of, run_of
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.nix import Nix
from nanna_ci.toolchain.cargo_environment import decide_environment


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The figures; fail where one is below its minimum, unavailable where nothing was measured, or nothing sent."""
    request = _Request.of(arguments, context)
    earlier = open_history(arguments.history, context.ports)
    # one folder may have the runs of several workspaces
    records = [one for one in earlier.read_coverage() if one.origin.workspace in {None, str(request.root)}]
    coverage = request.coverage()
    patch = request.patch(coverage)
    change = request.change
    branch = (change.base_branch or change.branch) if change else request.git.branch()
    result = judge_coverage(coverage, patch, request.rule(), records, branch)
    report = CoverageReport(coverage, result, patch)
    if arguments.history is not None and coverage.lines:
        report = replace(report, recorded=request.keep(coverage, earlier))
    if arguments.upload:
        report = request.upload(report)
    return Outcome(report.verdict, coverage_document(report), coverage_to_json(report))


@dataclass(frozen=True, slots=True)
class _Request:
    """The command line and the outside world."""

    arguments: argparse.Namespace
    context: Context
    pipeline: Pipeline | None
    nix: Nix
    root: Path
    git: GitWorkTree
    change: GithubChange | None

    @classmethod
    def of(cls, arguments: argparse.Namespace, context: Context) -> _Request:
        ports = context.ports
        path = find_pipeline(context.config, ports.environ, ports.cwd)
        is_named = context.config is not None or ports.environ.get("NANNA_CI_CONFIG")
        pipeline = load_pipeline(path) if is_named or path.exists() else None
        nix = Nix(ports.run, environ=ports.environ)
        root = source_folder(ports.cwd, nix.overrides)
        git = GitWorkTree(root, ports.run, ports.environ)
        return cls(arguments, context, pipeline, nix, root, git, change_of(ports.environ))

    def coverage(self) -> Coverage:
        ports = self.context.ports
        folder = self.root if self.pipeline is None else self.root / self.pipeline.workspace.folder
        environment = dict(decide_environment(cargo_environment(ports.environ)).variables)
        source = CoverageSource(self.root, folder, ports.run, environment)
        if self.arguments.lcov:
            return source.of_reports(self.arguments.lcov, ports.cwd)
        return source.of_flake(self.nix, self.context.say)

    def patch(self, coverage: Coverage) -> PatchCoverage | str | None:
        """The coverage of the change, why it is unknown, or None where nothing to compare with is named."""
        if self.arguments.against is None:
            return None
        try:
            return patch_coverage(self.git.changed_since(self.arguments.against), coverage)
        except NoChangesError as error:
            return str(error)

    def rule(self) -> CoverageRule:
        least = None if self.pipeline is None else self.pipeline.coverage
        return CoverageRule(
            None if least is None else least.minimum_line_rate,
            None if least is None else least.minimum_patch_rate,
            strict=self.arguments.strict,
        )

    def keep(self, coverage: Coverage, history: History) -> str:
        """Append the figures to the history, and say so."""
        record = CoverageRecord(self._identity(), coverage.tree.tool, coverage.crates)
        if self.context.dry_run:
            return f"would keep {record.origin.run} in {self.arguments.history}"
        is_new = history.append(record)
        return f"{record.origin.run} {'kept' if is_new else 'was there already'} in {self.arguments.history}"

    def _identity(self) -> RunIdentity:
        ports, change = self.context.ports, self.change
        now = datetime.datetime.fromtimestamp(ports.now(), datetime.UTC).replace(microsecond=0)
        if change is not None:
            return RunIdentity(change.run, change.event, now, change.commit, change.branch, self._page())
        name = f"local-coverage-{now:%Y%m%dT%H%M%SZ}"
        return RunIdentity(name, "local", now, self._commit(), self.git.branch(), workspace=str(self.root))

    def _commit(self) -> str | None:
        ports = self.context.ports
        return query_revision(self.root, run=ports.run, environ=ports.environ)

    def _page(self) -> str | None:
        run = run_of(self.context.ports.environ)
        return None if run is None else run.url

    def upload(self, report: CoverageReport) -> CoverageReport:
        """Send the report to Codecov. What keeps it from that is said, and is no pass: the figures are shown anyway."""
        coverage, ports = report.coverage, self.context.ports
        if not coverage.lines:
            return replace(report, upload_problem="there is no line to send")
        try:
            branch = None if self.change else self.git.branch()
            target = find_target(ports.environ, self.change, self._commit(), branch, self._page())
            prefix = self.git.prefix() or ""
            lcov = render_lcov({f"{prefix}{file.path}": file.hits for file in coverage.files})
            paths = [f"{prefix}{file.path}" for file in coverage.files]
            flags = [flag] if (flag := flag_of(coverage.tree.rust)) else []
            what = f"{len(paths)} files of {target.commit[:12]} in {target.slug}, flag {', '.join(flags) or 'none'}"
            what += f", by {target.identity}"
            if self.context.dry_run:
                return replace(report, uploaded=f"would send {what}")
            with WebClient(log=self.context.say) as web:
                page = upload_report(web, target, lcov, paths, flags)
        except NannaError as error:
            return replace(report, upload_problem="; ".join(filter(None, (error.message, error.hint))))
        return replace(report, uploaded=f"sent {what}: {page}")
