"""Coverage by the real cargo-llvm-cov, nextest and LLVM, in the builder's own steps, and once through nixw and Nix.

The crate is small enough to count its lines by hand.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.measure.coverage.coverage_output import coverage_of_output
from nanna_ci.measure.history.records import CrateCoverage
from support.fake_workspaces import DEBIAN, REPO, Builder, FakeCrates, compiled, git, manifests_of, run_job, write
from support.json_schemas import check

LLVM = Path("/usr/lib/llvm-22/bin")
MEMBER = '[package]\nname = "member"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nleaf = "2"\n'
# nine lines of code, by llvm-cov's count, of which the test runs five
LIBRARY = """\
pub fn half(deep: bool) -> &'static str {
    if deep {
        return "deep";
    }
    leaf::VERSION
}

pub fn never() -> u8 {
    1
}
"""
TEST = '#[test]\nfn two() { assert_eq!(member::half(false), "2"); }\n'
FAILING = "#[test]\nfn wrong() { assert!(member::half(true).is_empty()); }\n"
LINES, COVERED = 9, 5


@pytest.fixture(scope="module")
def fake_crates(tmp_path_factory: pytest.TempPathFactory) -> FakeCrates:
    for tool in ("cargo-llvm-cov", "cargo-nextest"):
        assert shutil.which(tool), f"{tool} is not on PATH: these tests run in `./nixw run .#test`"
    assert LLVM.is_dir()
    made = FakeCrates(tmp_path_factory.mktemp("crates"))
    made.make()
    return made


class Covered:
    """A workspace of one member, and the step that measures it."""

    def __init__(self, folder: Path, crates: FakeCrates, tests: str | None, library: str = LIBRARY) -> None:
        self.source = folder / "source"
        write(self.source / "Cargo.toml", MEMBER)
        write(self.source / "src" / "lib.rs", library)
        if tests is not None:
            write(self.source / "tests" / "all.rs", tests)
        crates.lock(self.source)
        self.builder = Builder(folder / "steps", self.source, manifests_of({"it": self.source})["it"], crates.crates)
        self.out = self.builder.top / "coverage"

    def measure(self, **values: Any) -> subprocess.CompletedProcess[str]:
        assert self.builder.deps().returncode == 0
        attributes: dict[str, Any] = {
            "layers": [str(self.builder.top / "deps-dev")],
            "nextest": shutil.which("cargo-nextest"),
            "llvmCov": shutil.which("cargo-llvm-cov"),
            "llvm": str(LLVM),
        }
        return self.builder.step("measure.coverage", "coverage", **(attributes | values))


def test_lines_are_counted_in_the_workspaces_own_files_and_its_dependencies_are_shared(
    tmp_path: Path, fake_crates: FakeCrates
) -> None:
    covered = Covered(tmp_path, fake_crates, TEST)
    done = covered.measure()
    assert done.returncode == 0, done.stderr
    assert compiled(done.stderr) == {"member 0.1.0"}
    assert coverage_of_output(covered.out) == (CrateCoverage("member", COVERED, LINES),)
    summary = json.loads((covered.out / "coverage.json").read_text())["data"][0]["totals"]["lines"]
    assert (summary["covered"], summary["count"]) == (COVERED, LINES)
    crates = json.loads((covered.out / "crates.json").read_text())
    assert crates["crates"] == [{"name": "member", "folder": ""}]
    assert crates["tool"].startswith("cargo-llvm-cov ")
    assert crates["rust"] in subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout
    info = (covered.out / "lcov.info").read_text()
    assert [line for line in info.splitlines() if line.startswith("SF:")] == ["SF:src/lib.rs"]
    assert f"LF:{LINES}\nLH:{COVERED}\n" in info
    assert 'name="two"' in (covered.out / "junit.xml").read_text()
    for path in covered.out.iterdir():
        assert str(covered.builder.top) not in path.read_text(), path


def test_a_failing_test_fails_the_step_with_its_name_and_no_coverage(tmp_path: Path, fake_crates: FakeCrates) -> None:
    covered = Covered(tmp_path, fake_crates, TEST + FAILING)
    done = covered.measure()
    assert done.returncode == 100
    assert "nanna-ci test results" in done.stderr.splitlines()[-1]
    assert not (covered.out / "coverage.json").exists()


def test_pipelines_filter_counts(tmp_path: Path, fake_crates: FakeCrates) -> None:
    covered = Covered(tmp_path, fake_crates, TEST + FAILING)
    done = covered.measure(filter="not test(wrong)")
    assert done.returncode == 0, done.stderr
    assert 'name="wrong"' not in (covered.out / "junit.xml").read_text()


def test_without_any_test_there_is_no_coverage_to_show(tmp_path: Path, fake_crates: FakeCrates) -> None:
    covered = Covered(tmp_path, fake_crates, None)
    with (covered.source / "Cargo.toml").open("a") as manifest:
        manifest.write("[lib]\ntest = false\n")
    done = covered.measure()
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in covered.out.iterdir()) == ["junit.xml"]


def other_llvm(folder: Path) -> Path:
    """llvm-cov and llvm-profdata of another release than any compiler's here."""
    for name in ("llvm-cov", "llvm-profdata"):
        write(folder / "llvm" / name, "#!/bin/sh\necho '  Debian LLVM version 19.1.7'\n")
        (folder / "llvm" / name).chmod(0o755)
    return folder / "llvm"


def test_another_llvm_than_the_compilers_is_named_and_not_the_workspaces_fault(
    tmp_path: Path, fake_crates: FakeCrates
) -> None:
    done = Covered(tmp_path, fake_crates, TEST).measure(llvm=str(other_llvm(tmp_path)))
    assert done.returncode == 70
    said = done.stderr.splitlines()[-1]
    assert re.search(r"rustc has LLVM \d+\.\d+\.\d+, and llvm-profdata is of LLVM 19\.1\.7: it cannot read that", said)


def within_crane(
    covered: Covered, crates: FakeCrates, junit: Path, llvm: Path = LLVM
) -> subprocess.CompletedProcess[str]:
    """As nix/toolkits/nixpkgs/rust-coverage.nix has it; LLVM's programs would be the toolchain's own."""
    target = covered.source / "target"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(covered.source.parent),
        "CARGO_HOME": str(crates.folder / "locking"),
        "CARGO_TARGET_DIR": str(target),
        "CARGO_BUILD_BUILD_DIR": str(target),
        "LLVM_COV": str(llvm / "llvm-cov"),
        "LLVM_PROFDATA": str(llvm / "llvm-profdata"),
        "RUSTC_WRAPPER": "",
    }
    step = [sys.executable, "-I", "-B", str(DEBIAN / "builder" / "crane.py"), ".", "coverage", str(covered.out)]
    tools = [str(shutil.which(name)) for name in ("cargo-llvm-cov", "cargo-nextest")]
    words = [*step, str(junit), *tools, "", "--workspace", "--locked", "--", "-E", "all()"]
    covered.builder.top.mkdir()
    return subprocess.run(words, cwd=covered.source, env=environment, capture_output=True, text=True, check=False)


def test_within_cranes_derivations_the_same_is_measured(tmp_path: Path, fake_crates: FakeCrates) -> None:
    covered = Covered(tmp_path, fake_crates, TEST)
    done = within_crane(covered, fake_crates, tmp_path / "left.xml")
    assert done.returncode == 0, done.stderr
    assert f"LF:{LINES}\nLH:{COVERED}\n" in (covered.out / "lcov.info").read_text()
    assert 'name="two"' in (covered.out / "junit.xml").read_text()


def test_within_cranes_derivations_another_llvm_is_named_too(tmp_path: Path, fake_crates: FakeCrates) -> None:
    done = within_crane(Covered(tmp_path, fake_crates, TEST), fake_crates, tmp_path / "left.xml", other_llvm(tmp_path))
    assert done.returncode == 70
    assert "llvm-profdata is of LLVM 19.1.7: it cannot read that" in done.stderr


def test_within_cranes_derivations_failed_tests_are_left_for_the_hook(tmp_path: Path, fake_crates: FakeCrates) -> None:
    covered = Covered(tmp_path, fake_crates, FAILING)
    done = within_crane(covered, fake_crates, tmp_path / "left" / "junit.xml")
    assert done.returncode == 100
    assert 'name="wrong"' in (tmp_path / "left" / "junit.xml").read_text()


def without_crates(folder: Path, tests: str | None) -> Path:
    """A workspace that nixw can vendor, for it needs nothing."""
    source = folder / "source"
    write(source / "Cargo.toml", MEMBER.partition("[dependencies]")[0])
    write(source / "src" / "lib.rs", LIBRARY.replace("leaf::VERSION", '"2"'))
    write(source / "Cargo.lock", 'version = 4\n\n[[package]]\nname = "member"\nversion = "0.1.0"\n')
    write(source / "pipeline.toml", '[workspace]\nname = "member"\n[[test]]\nkind = "coverage"\n')
    if tests is not None:
        write(source / "tests" / "all.rs", tests)
    return source


def test_a_workspace_without_tests_is_no_pass_with_a_number(tmp_path: Path) -> None:
    done = run_job(without_crates(tmp_path, None), "coverage-x86_64-linux-stable", tmp_path / "run")
    job = json.loads(done.stdout)["job"]
    assert (done.returncode, job["verdict"]) == (3, "unavailable")
    assert job["reason"].startswith("no test was executed")


def test_the_job_tells_the_share_of_lines_that_tests_ran(tmp_path: Path) -> None:
    source = without_crates(tmp_path, "#[test]\nfn it() { member::half(false); }\n")
    done = run_job(source, "coverage-x86_64-linux-stable", tmp_path / "run")
    assert done.returncode == 0, done.stderr + done.stdout
    job = json.loads(done.stdout)["job"]
    assert job["reason"] == "line coverage: 55.5 %"  # 5 of 9: cut, not rounded
    assert job["evidence"]["tests"]["passed"] == 1
    assert job["evidence"]["lineCoveragePercent"] == pytest.approx(100 * COVERED / LINES)


def show_coverage(source: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`./nixw run .#coverage`, on the workspace in `source`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NANNA_CI_")}
    environment |= {name: os.environ[name] for name in ("NANNA_CI_ROOT",) if name in os.environ}
    argv = ["run", f"path:{REPO}#coverage", "--override-input", "nanna-coder", f"path:{source}", "--", *words]
    return subprocess.run(
        [str(REPO / "nixw"), *argv], cwd=source.parent, env=environment, capture_output=True, text=True, check=False
    )


def test_the_command_shows_what_the_job_measured_and_which_lines_of_a_change_no_test_runs(tmp_path: Path) -> None:
    source = without_crates(tmp_path, "#[test]\nfn it() { member::half(false); }\n")
    git("init", "--quiet", cwd=source)
    git("add", "--all", cwd=source)
    git("commit", "--quiet", "--message", "it", cwd=source)
    library = source / "src" / "lib.rs"
    library.write_text(library.read_text().replace("    1\n", "    2\n"))
    git("add", "--all", cwd=source)
    done = show_coverage(source, "--against", "HEAD", "--format", "json")
    assert done.returncode == 0, done.stderr + done.stdout
    answer = check(json.loads(done.stdout))
    assert (answer["coveredLines"], answer["lines"]) == (COVERED, LINES)
    assert answer["crates"] == [{"name": "member", "coveredLines": COVERED, "lines": LINES}]
    assert answer["patch"]["uncovered"] == [{"path": "src/lib.rs", "line": 9}]
    assert answer["tool"].startswith("cargo-llvm-cov ")
