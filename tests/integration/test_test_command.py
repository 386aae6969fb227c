"""`nanna-ci test` as its user sees it: pytest's own words, in the right order, with its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nanna_ci
from nanna_ci.cli import main
from nanna_ci.commands import test as test_command
from support.fake_ports import FakePorts
from support.json_schemas import check

PACKAGE = Path(nanna_ci.__file__).parent
PYTEST = (sys.executable, "-m", "pytest")


@pytest.fixture
def checkout(fake_ports: FakePorts, monkeypatch: pytest.MonkeyPatch) -> FakePorts:
    """A source tree whose tests pass; pytest is there and xdist is not."""
    for suite in ("contract", "data", "e2e", "integration", "property", "unit"):
        (fake_ports.cwd / "tests" / suite).mkdir(parents=True)
    (fake_ports.cwd / "scripts/nanna_ci").mkdir(parents=True)
    monkeypatch.setattr(test_command, "_has", lambda module: module == "pytest")
    fake_ports.run.script(*PYTEST)
    return fake_ports


def words(fake: FakePorts) -> tuple[str, ...]:
    (call,) = fake.run.calls
    assert call.argv[: len(PYTEST)] == PYTEST
    return call.argv[len(PYTEST) :]


def test_the_fast_suites_come_first_and_output_passes_straight_through(checkout: FakePorts) -> None:
    assert main(["test"], checkout.ports) == 0
    suites = ("unit", "property", "integration", "contract", "e2e")
    assert words(checkout) == tuple(f"tests/{suite}" for suite in suites)
    options = checkout.run.calls[0].options
    assert (options["passthrough"], options["cwd"]) == (True, checkout.cwd)
    assert checkout.stdout.getvalue() == ""


def test_one_process_more_than_processors_where_xdist_is_there(
    checkout: FakePorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_command, "_has", lambda module: True)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    main(["test", "tests/unit"], checkout.ports)
    assert words(checkout) == ("-n", "5", "--dist", "loadfile", "tests/unit")


def test_the_caller_chooses_the_processes(checkout: FakePorts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_command, "_has", lambda module: True)
    main(["test", "--", "-n0", "tests/unit"], checkout.ports)
    assert words(checkout) == ("-n0", "tests/unit")


def test_arguments_go_to_pytest_and_a_path_replaces_the_suites(checkout: FakePorts) -> None:
    (checkout.cwd / "tests/unit/test_a.py").touch()
    main(["test", "--", "-k", "junit", "-x", "tests/unit/test_a.py::test_b"], checkout.ports)
    assert words(checkout) == ("-k", "junit", "-x", "tests/unit/test_a.py::test_b")


def test_arguments_without_a_path_keep_the_suites(checkout: FakePorts) -> None:
    main(["test", "-k", "junit", "-x", "--", "--durations", "5"], checkout.ports)
    assert words(checkout)[:6] == ("-k", "junit", "-x", "--durations", "5", "tests/unit")


@pytest.mark.parametrize(("pytest_code", "code"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 1), (-9, 1)])
def test_pytests_exit_code_is_ours_and_no_tests_is_a_failure(checkout: FakePorts, pytest_code: int, code: int) -> None:
    checkout.run.script(*PYTEST, returncode=pytest_code)
    assert main(["test", "--format", "json"], checkout.ports) == code
    answer: dict[str, Any] = json.loads(checkout.stdout.getvalue())
    check(answer)
    assert (answer["verdict"], answer["pytestExitCode"]) == ("pass" if pytest_code == 0 else "fail", pytest_code)


def test_the_source_tree_is_found_from_below(checkout: FakePorts) -> None:
    below = FakePorts(checkout.cwd / "tests" / "unit")
    below.run.script(*PYTEST)
    assert main(["test"], below.ports) == 0
    assert below.run.calls[0].options["cwd"] == checkout.cwd


def test_the_source_tree_can_be_named(checkout: FakePorts, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = FakePorts(tmp_path_factory.mktemp("elsewhere"), environ={"NANNA_CI_SOURCE": str(checkout.cwd)})
    elsewhere.run.script(*PYTEST)
    assert main(["test"], elsewhere.ports) == 0
    assert elsewhere.run.calls[0].options["cwd"] == checkout.cwd


def test_without_a_source_tree_it_says_where_to_go(fake_ports: FakePorts) -> None:
    (fake_ports.cwd / "tests").mkdir()
    assert main(["test"], fake_ports.ports) == 2
    assert "no source tree of Nanna CI" in fake_ports.stderr.getvalue()
    assert "hint: go to a checkout" in fake_ports.stderr.getvalue()
    assert fake_ports.run.calls == []


def test_without_pytest_it_says_what_brings_it(checkout: FakePorts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_command, "_has", lambda module: False)
    assert main(["test"], checkout.ports) == 3
    assert "pytest: not found" in checkout.stderr.getvalue()


def test_pytest_of_the_path_serves_where_this_python_has_none(
    checkout: FakePorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_command, "_has", lambda module: False)
    program = checkout.cwd / "bin/pytest"
    program.parent.mkdir()
    program.touch(mode=0o755)
    checkout.environ["PATH"] = str(program.parent)
    checkout.run.script(str(program))
    assert main(["test"], checkout.ports) == 0


def test_pytests_closing_line_is_the_last_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/nanna_ci").symlink_to(PACKAGE)
    suite = tmp_path / "tests/unit"
    suite.mkdir(parents=True)
    (suite / "test_it.py").write_text("def test_good():\n    pass\n\ndef test_bad():\n    assert 1 == 2\n")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "NANNA_CI_", "PYTEST_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "nanna_ci", "test"],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "1 failed, 1 passed in" in done.stdout.splitlines()[-1]


def test_programs_that_the_toolkit_brings_for_the_tests_come_first(
    checkout: FakePorts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(test_command, "_has", lambda module: False)
    brought = tmp_path / "brought"
    brought.mkdir()
    (brought / "pytest").write_text("#!/bin/sh\n")
    (brought / "pytest").chmod(0o755)
    checkout.environ |= {"PATH": "/nowhere", "NANNA_CI_TEST_PATH": str(brought)}
    checkout.run.script(str(brought / "pytest"))
    assert main(["test"], checkout.ports) == 0
    (call,) = checkout.run.calls
    assert call.argv[0] == str(brought / "pytest")
    assert call.options["env"]["PATH"] == f"{brought}{os.pathsep}/nowhere"
