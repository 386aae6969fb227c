"""A plugin of pytest: how much of the package a run of the whole suite executes, as one line before pytest's last.

coverage.py counts lines by `sys.monitoring` (Python 3.12), which reports each line once: tests take no longer for it.
A part of the suite is not measured, for its figure would say nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "scripts/nanna_ci"
LACKS_MONITORING = "needs Python 3.12 or newer"
LACKS_COVERAGE = "the module `coverage` is not installed"
LACKS_CORE = "this coverage.py does not use sys.monitoring"
NOT_COUNTED = "in the test processes; programs that tests start are not counted"
_KEY = "package_coverage"
"""Set in a worker's input if it is to measure; in its output, file -> the numbers of the lines that it executed."""


@dataclass
class PackageCoverage:
    """One process's measurement; in the process that started the others, theirs too."""

    root: Path
    measured: Any = None
    reason: str | None = None
    lost: int = 0
    executed: dict[str, set[int]] = field(default_factory=dict)

    def start(self) -> None:
        """From here on, lines of the package count; without the means to measure, `reason` says what is missing."""
        if sys.version_info < (3, 12) or not hasattr(sys, "monitoring"):
            self.reason = LACKS_MONITORING
            return
        try:
            from coverage import Coverage  # noqa: PLC0415 - it may be missing, and only a run of the whole suite needs it
        except ImportError:
            self.reason = LACKS_COVERAGE
            return
        before = os.environ.get("COVERAGE_CORE")
        # some versions read it when they are made, others when they start
        os.environ["COVERAGE_CORE"] = "sysmon"
        try:
            measured = Coverage(data_file=None, config_file=False, source=[str(self.root / PACKAGE)], messages=False)
            # a process whose tests import nothing of the package is none to warn of
            measured.set_option(
                "run:disable_warnings", ["no-data-collected", "module-not-imported", "module-not-measured"]
            )
            measured.start()
        finally:
            # programs that tests start do not see it
            if before is None:
                del os.environ["COVERAGE_CORE"]
            else:
                os.environ["COVERAGE_CORE"] = before
        if sys.monitoring.get_tool(sys.monitoring.COVERAGE_ID) is None:
            # its tracer instead would double the time that tests take
            measured.stop()
            self.reason = LACKS_CORE
            return
        self.measured = measured

    def stop(self) -> None:
        """The end of this process's measurement, whose lines are then in `executed`."""
        if self.measured is not None:
            self.measured.stop()
            data = self.measured.get_data()
            self.add({name: data.lines(name) or () for name in data.measured_files()})

    def add(self, executed: dict[str, Iterable[int]]) -> None:
        """The lines that a process executed, to those that are known."""
        for name, lines in executed.items():
            self.executed.setdefault(name, set()).update(lines)

    def summary(self) -> str:
        """The line for the terminal."""
        if self.reason is not None:
            return f"coverage of {PACKAGE}: not measured: {self.reason}"
        if self.lost:
            return f"coverage of {PACKAGE}: not measured: test processes that died with their figures: {self.lost}"
        statements = executed = 0
        for file in sorted((self.root / PACKAGE).rglob("*.py")):
            _, lines, _, _, _ = self.measured.analysis2(str(file))
            statements += len(lines)
            executed += len(self.executed.get(str(file), set()).intersection(lines))
        if not statements:
            return f"coverage of {PACKAGE}: not measured: it has no lines"
        # rounded down: 100.0 % is all of it
        percent = executed * 1000 // statements / 10
        return f"coverage of {PACKAGE}: {percent} % of {statements:,} lines ({NOT_COUNTED})"


_COVERAGE = pytest.StashKey[PackageCoverage]()


def is_whole_suite(config: pytest.Config) -> bool:
    """Every folder of tests was requested, and nothing that leaves tests out."""
    option = config.option
    if any(getattr(option, name, None) for name in ("keyword", "markexpr", "lf", "maxfail", "collectonly")):
        return False
    skipped = {"support", *config.getini("norecursedirs")}
    suites = [
        folder
        for folder in (config.rootpath / "tests").iterdir()
        if folder.name not in skipped and any(folder.rglob("test_*.py"))
    ]
    requested = {(config.invocation_params.dir / word).resolve() for word in config.args}
    return all(requested & {folder.resolve(), *folder.resolve().parents} for folder in suites)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Starts before anything imports the package: lines that run on import count too."""
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if is_whole_suite(config) if worker is None else _KEY in worker:
        config.stash[_COVERAGE] = coverage = PackageCoverage(config.rootpath.resolve())
        coverage.start()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """To each process of pytest-xdist, before it starts."""
    coverage = node.config.stash.get(_COVERAGE, None)
    if coverage is not None and coverage.reason is None:
        node.workerinput[_KEY] = True


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """What a process of pytest-xdist executed, once it has ended."""
    coverage = node.config.stash.get(_COVERAGE, None)
    if coverage is not None and coverage.reason is None:
        executed = getattr(node, "workeroutput", {}).get(_KEY)
        if executed is None:
            coverage.lost += 1
        else:
            coverage.add(executed)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The end of the tests of this process."""
    coverage = session.config.stash.get(_COVERAGE, None)
    if coverage is None:
        return
    coverage.stop()
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_KEY] = {name: sorted(lines) for name, lines in coverage.executed.items()}


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """The figure of a suite that ran to its end, whatever its tests say."""
    coverage = config.stash.get(_COVERAGE, None)
    if coverage is not None and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        terminalreporter.write_line(coverage.summary())
