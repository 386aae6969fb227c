"""The line that says how much of the package a run of the whole suite executes."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from support.package_coverage import NOT_COUNTED, is_whole_suite

SUPPORT = Path(__file__).parents[1] / "support"
MODULE = """\
import sys


def used():
    return sys


def unused():
    return 1


def by_a_program():
    return 2
"""
TESTS = """\
import subprocess
import sys

import nanna_ci.module


def test_it():
    assert nanna_ci.module.used()
    program = "import nanna_ci.module, os; nanna_ci.module.by_a_program(); assert 'COVERAGE_CORE' not in os.environ"
    subprocess.run([sys.executable, "-c", program], check=True)
"""
MEASURES = sys.version_info >= (3, 12)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree in the shape of ours: a package of 7 lines, of which the tests execute 5, and two suites."""
    files = {
        "pytest.ini": "[pytest]\npythonpath = scripts tests\naddopts = --import-mode=importlib\ntestpaths = tests\n"
        "norecursedirs = data\nfilterwarnings = error\n",
        "scripts/nanna_ci/__init__.py": "",
        "scripts/nanna_ci/module.py": MODULE,
        "tests/conftest.py": 'pytest_plugins = ["support.package_coverage"]\n',
        "tests/unit/test_a.py": TESTS,
        "tests/e2e/test_b.py": "def test_nothing_of_the_package():\n    pass\n",
        "tests/data/test_c.py": "raise SystemExit\n",
        "tests/support/package_coverage.py": (SUPPORT / "package_coverage.py").read_text(),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(tree: Path, *words: str, code: int = 0) -> list[str]:
    """pytest's output in the tree, in lines."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE_"))}
    environ |= {"PYTHONPATH": str(tree / "scripts"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    xdist = ["-p", "xdist"] if "-n2" in words else []
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *xdist, *words]
    done = subprocess.run(argv, cwd=tree, env=environ, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.splitlines()


def figure(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("coverage of")]


@pytest.fixture
def _measured() -> None:
    if not MEASURES:
        pytest.skip("needs Python 3.12 or newer")
    pytest.importorskip("coverage")
    pytest.importorskip("xdist")


FIGURE = f"coverage of scripts/nanna_ci: 71.4 % of 7 lines ({NOT_COUNTED})"


@pytest.mark.usefixtures("_measured")
@pytest.mark.parametrize("words", [[], ["-n2"]])
def test_a_run_of_every_suite_ends_with_the_figure_and_then_pytests_own_line(tree: Path, words: list[str]) -> None:
    lines = run(tree, *words)
    assert lines[-2:-1] == [FIGURE]
    assert "2 passed in" in lines[-1]


@pytest.mark.usefixtures("_measured")
def test_a_test_process_that_died_took_its_figures_along(tree: Path) -> None:
    (tree / "tests/e2e/test_b.py").write_text("import os\n\ndef test_dies():\n    os._exit(1)\n")
    says = "coverage of scripts/nanna_ci: not measured: test processes that died with their figures: 1"
    assert figure(run(tree, "-n2", code=1)) == [says]


@pytest.mark.skipif(not MEASURES, reason="needs Python 3.12 or newer")
def test_without_coverage_the_suite_runs_and_says_that_it_was_not_measured(tree: Path) -> None:
    (tree / "tests/coverage.py").write_text("raise ModuleNotFoundError('No module named coverage')\n")
    lines = run(tree)
    assert lines[-2] == "coverage of scripts/nanna_ci: not measured: the module `coverage` is not installed"
    assert "2 passed in" in lines[-1]


def test_a_python_that_cannot_measure_runs_the_suite_and_says_so(tree: Path) -> None:
    pytest.importorskip("xdist")
    conftest = tree / "tests/conftest.py"
    conftest.write_text("import sys\nvars(sys).pop('monitoring', None)\n" + conftest.read_text())
    says = "coverage of scripts/nanna_ci: not measured: needs Python 3.12 or newer"
    assert figure(run(tree, "-n2")) == [says]


@pytest.mark.parametrize(
    ("folder", "words", "options", "whole"),
    [
        (".", ["tests"], {}, True),
        (".", ["tests/e2e", "tests/unit"], {}, True),
        ("tests", ["unit", "e2e"], {}, True),
        (".", ["tests/unit"], {}, False),
        (".", ["tests/unit/test_a.py", "tests/e2e"], {}, False),
        ("tests", ["tests"], {}, False),
        (".", ["tests"], {"keyword": "a"}, False),
        (".", ["tests"], {"maxfail": 1}, False),
        (".", ["tests"], {"lf": True}, False),
        (".", ["tests"], {"collectonly": True}, False),
    ],
)
def test_only_a_run_of_every_suite_is_measured(
    tree: Path, folder: str, words: list[str], options: dict[str, Any], whole: bool
) -> None:
    config = SimpleNamespace(
        rootpath=tree,
        args=words,
        option=Namespace(**options),
        invocation_params=SimpleNamespace(dir=tree / folder),
        getini=lambda name: {"norecursedirs": ["data"]}[name],
    )
    assert is_whole_suite(cast(pytest.Config, config)) is whole
