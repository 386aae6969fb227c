"""`nanna-ci dev-check` as its user sees it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.errors import ToolMissing
from support.fake_ports import FakePorts
from support.json_schemas import check
from support.stand_in_nextest import Nextest, as_typed

CARGO = Path(__file__).parents[1] / "data" / "cargo"
TOOLS = ("fmt", "clippy", "nextest", "audit", "deny")


NO_TESTS = b"<testsuites></testsuites>"


@pytest.fixture
def work_tree(fake_ports: FakePorts) -> FakePorts:
    """A work tree where every tool is there and content, and the working folder is below the workspace's."""
    fake_ports.run = Nextest()
    root = fake_ports.cwd / "demo"
    root.mkdir()
    (root / "deny.toml").touch()
    metadata = json.loads((CARGO / "metadata.json").read_text()) | {"workspace_root": str(root)}
    fake_ports.run.script("cargo", "metadata", stdout=json.dumps(metadata).encode())
    for tool in TOOLS:
        fake_ports.run.script("cargo", tool)
        fake_ports.run.script("cargo", tool, "--version", stdout=f"cargo-{tool} 1.0.0\n".encode())
    return fake_ports


def dev_check(fake: FakePorts, *flags: str) -> tuple[int, dict[str, Any]]:
    code = main(["dev-check", *flags, "--format", "json"], fake.ports)
    answer: dict[str, Any] = json.loads(fake.stdout.getvalue())
    check(answer)
    return code, answer


def with_junit(fake: FakePorts, junit: bytes | None) -> Nextest:
    """The same programs, and another JUnit file."""
    assert isinstance(fake.run, Nextest)
    fake.run.junit = junit
    return fake.run


def ran(fake: FakePorts) -> list[str]:
    return [
        as_typed(call.argv) for call in fake.run.calls if call.argv[-1] != "--version" and call.argv[1] != "metadata"
    ]


def test_a_clean_tree_passes_every_step_in_the_workspaces_folder(work_tree: FakePorts) -> None:
    code, answer = dev_check(work_tree)
    assert (code, answer["summary"]) == (0, "pass: 5 passed")
    assert [step["id"] for step in answer["steps"]] == list(TOOLS)
    assert ran(work_tree) == [
        "cargo fmt -- --check",
        "cargo clippy --workspace --all-targets -- -D warnings",
        "cargo nextest run --workspace --no-fail-fast --no-tests pass",
        "cargo audit",
        "cargo deny check",
    ]
    assert {call.options["cwd"] for call in work_tree.run.calls[1:]} == {work_tree.cwd / "demo"}


def test_the_nearest_pipeline_toml_decides_workspace_and_cargo_arguments(work_tree: FakePorts) -> None:
    (work_tree.cwd / "pipeline.toml").write_text(
        """
        [workspace]
        name = "demo"
        folder = "demo"
        [cargo]
        features = ["extra"]
        exclude = ["bench"]
        environment = { LC_ALL = "C" }
        [clippy]
        deny_warnings = false
        arguments = ["-W", "clippy::pedantic"]
        [nextest]
        filter = "not test(slow)"
        """
    )
    code, answer = dev_check(work_tree)
    assert (code, answer["summary"]) == (0, "pass: 5 passed")
    assert ran(work_tree)[1:3] == [
        "cargo clippy --workspace --exclude=bench --features=extra --all-targets -- -W clippy::pedantic",
        "cargo nextest run --workspace --exclude=bench --features=extra --no-fail-fast --no-tests pass"
        " -E not test(slow)",
    ]
    assert work_tree.run.calls[0].options["cwd"] == work_tree.cwd / "demo"
    clippy = next(call for call in work_tree.run.calls if call.argv[1:3] == ("clippy", "--workspace"))
    assert clippy.options["env"]["LC_ALL"] == "C"


def test_it_stops_at_nothing_and_reports_everything(work_tree: FakePorts) -> None:
    work_tree.run = with_junit(work_tree, (CARGO / "junit.xml").read_bytes())
    work_tree.run.script("cargo", "fmt", "--", returncode=1, stdout=(CARGO / "fmt.log").read_bytes())
    work_tree.run.script("cargo", "clippy", "--workspace", returncode=101, stderr=(CARGO / "clippy.log").read_bytes())
    work_tree.run.script("cargo", "nextest", "run", returncode=100, stderr=(CARGO / "nextest.log").read_bytes())
    code, answer = dev_check(work_tree)
    assert (code, answer["verdict"]) == (1, "fail")
    steps = {step["id"]: step for step in answer["steps"]}
    assert [step["verdict"] for step in steps.values()] == ["fail", "fail", "fail", "pass", "pass"]
    assert steps["clippy"]["failingTests"][0] == "src/lib.rs:1:41: unused variable: `unused`"
    assert sorted(steps["nextest"]["failingTests"]) == ["demo tests::killed", "demo tests::wrong"]
    assert steps["nextest"]["reason"] == "2 tests failed"
    assert steps["fmt"]["reproduce"] == "cargo fmt -- --check"
    assert steps["nextest"]["reproduce"] == "cargo nextest run --workspace --no-fail-fast --no-tests pass"


def test_a_test_that_passed_only_when_tried_again_is_named_beside_the_pass(work_tree: FakePorts) -> None:
    case = b'<testcase name="shaky"><flakyFailure message="m"/></testcase>'
    work_tree.run = with_junit(work_tree, b'<testsuites><testsuite name="app">' + case + b"</testsuite></testsuites>")
    assert main(["dev-check"], work_tree.ports) == 0
    assert "nextest: 1 test passed only when tried again: app shaky" in work_tree.stdout.getvalue()


def test_a_missing_tool_is_named_with_the_command_that_installs_it(work_tree: FakePorts) -> None:
    said = b"error: no such command: `audit`\n"
    work_tree.run.script("cargo", "audit", "--version", returncode=101, stderr=said)
    code, answer = dev_check(work_tree)
    assert (code, answer["verdict"]) == (0, "pass")
    assert answer["summary"] == (
        "pass: 4 passed, 1 unavailable (1: cargo audit is not installed (cargo install --locked cargo-audit))"
    )
    assert "cargo audit" not in ran(work_tree)


def test_without_cargo_nothing_is_green(fake_ports: FakePorts) -> None:
    fake_ports.run.script("cargo", error=ToolMissing("cargo", "not found"))
    code, answer = dev_check(fake_ports)
    assert (code, answer["verdict"]) == (3, "unavailable")
    assert {step["reason"] for step in answer["steps"]} == {"cargo is not installed"}


def test_outside_of_a_workspace_it_is_a_configuration_error(fake_ports: FakePorts) -> None:
    said = b"error: could not find `Cargo.toml` in `/home/user` or any parent directory\n"
    fake_ports.run.script("cargo", "metadata", returncode=101, stderr=said)
    assert main(["dev-check"], fake_ports.ports) == 2
    assert "could not find `Cargo.toml`" in fake_ports.stderr.getvalue()


def subject_of(fake: FakePorts, folder: Path) -> None:
    """`folder` as the workspace under CI, and a working folder without Cargo.toml."""
    fake.environ["NANNA_CI_OVERRIDES"] = json.dumps([["nixpkgs", "path:/toolkit"], ["nanna-coder", f"path:{folder}"]])


def test_a_folder_without_a_workspace_has_the_workspace_under_ci_checked_and_says_so(work_tree: FakePorts) -> None:
    subject = work_tree.cwd / "demo"
    (subject / "Cargo.toml").touch()
    subject_of(work_tree, subject)
    code, answer = dev_check(work_tree, "--fix")
    assert (code, answer["workspace"]) == (0, str(subject))
    assert {call.options["cwd"] for call in work_tree.run.calls} == {subject}
    assert (
        f"no Cargo.toml in {work_tree.cwd}: checking the workspace under CI, {subject}" in work_tree.stderr.getvalue()
    )
    assert main(["dev-check"], work_tree.ports) == 0
    assert f"Workspace  {subject}\n" in work_tree.stdout.getvalue()


@pytest.mark.parametrize("place", [".", ".."])
def test_a_workspace_around_the_working_folder_comes_before_the_one_under_ci(work_tree: FakePorts, place: str) -> None:
    subject = work_tree.cwd / "demo"
    (subject / "Cargo.toml").touch()
    subject_of(work_tree, subject)
    work_tree.cwd = work_tree.cwd / "mine/below"
    work_tree.cwd.mkdir(parents=True)
    (work_tree.cwd / place / "Cargo.toml").touch()
    assert main(["dev-check"], work_tree.ports) == 0
    assert work_tree.run.calls[0].options["cwd"] == work_tree.cwd
    assert "under CI" not in work_tree.stderr.getvalue()


def test_the_workspace_under_ci_is_built_outside_of_it_and_of_the_working_folder(work_tree: FakePorts) -> None:
    (work_tree.cwd / "demo/Cargo.toml").touch()
    subject_of(work_tree, work_tree.cwd / "demo")

    def targets(**environ: str) -> set[str]:
        work_tree.run.calls.clear()
        work_tree.environ.update(environ)
        assert main(["dev-check"], work_tree.ports) == 0
        steps = [call for call in work_tree.run.calls if call.argv[-1] != "--version" and call.argv[1] != "metadata"]
        return {call.options["env"]["CARGO_TARGET_DIR"] for call in steps}

    (target,) = targets(HOME="/home/user")
    assert re.fullmatch("/home/user/.cache/nanna-ci/target-[0-9a-f]{16}", target)
    assert targets(XDG_CACHE_HOME="/cache") == {target.replace("/home/user/.cache", "/cache")}
    assert targets(CARGO_TARGET_DIR="/mine") == {"/mine"}


def test_a_workspace_in_the_store_cannot_be_fixed_and_the_hint_names_one_that_can(
    work_tree: FakePorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nanna_ci.pipeline.subject.STORE_DIR", str(work_tree.cwd / "demo"))
    (work_tree.cwd / "demo/Cargo.toml").touch()
    subject_of(work_tree, work_tree.cwd / "demo")
    assert main(["dev-check", "--fix"], work_tree.ports) == 2
    said = work_tree.stderr.getvalue()
    assert f"--fix: the workspace under CI is {work_tree.cwd}/demo, which cannot be changed" in said
    assert "--override-input nanna-coder path:FOLDER" in said
    assert not work_tree.run.calls


def test_fix_mends_first_and_then_checks_as_ever(work_tree: FakePorts) -> None:
    code, answer = dev_check(work_tree, "--fix")
    assert (code, answer["fix"]) == (0, True)
    assert ran(work_tree)[:4] == [
        "cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged --allow-no-vcs",
        "cargo fmt",
        "cargo fmt -- --check",
        "cargo clippy --workspace --all-targets -- -D warnings",
    ]
    assert [step["id"] for step in answer["steps"]] == ["clippy --fix", "fmt --fix", *TOOLS]


def test_nothing_is_changed_without_fix(work_tree: FakePorts) -> None:
    dev_check(work_tree)
    assert not [line for line in ran(work_tree) if "--fix" in line or line == "cargo fmt"]


def test_people_read_the_failure_before_the_table(work_tree: FakePorts) -> None:
    work_tree.run.script("cargo", "fmt", "--", returncode=1, stdout=(CARGO / "fmt.log").read_bytes())
    assert main(["dev-check"], work_tree.ports) == 1
    out, err = work_tree.stdout.getvalue(), work_tree.stderr.getvalue()
    assert "✘ fail: 1 failed (fmt), 4 passed" in out
    assert out.index("fmt failed") < out.index("Verdict")
    assert "fmt: fail" in err
    assert "clippy: pass" in err


def test_verbose_shows_cargos_own_lines(work_tree: FakePorts) -> None:
    work_tree.run.script("cargo", "nextest", "run", stderr=b"     Summary [   0.02s] 3 tests run: 3 passed\n")
    assert main(["dev-check", "-v"], work_tree.ports) == 0
    assert "3 tests run: 3 passed" in work_tree.stderr.getvalue()
    assert "3 tests run" not in work_tree.stdout.getvalue()


def test_a_profile_is_one_that_no_workspace_can_fill_beforehand(work_tree: FakePorts) -> None:
    dev_check(work_tree)
    dev_check_again = FakePorts(work_tree.cwd, run=work_tree.run)
    dev_check(dev_check_again)
    assert isinstance(work_tree.run, Nextest)
    first, second = work_tree.run.profiles
    assert first != second
    assert len(first.removeprefix("nanna-ci-")) >= 16


@pytest.mark.parametrize(
    ("junit", "code", "verdict"),
    [(None, 3, "error"), (NO_TESTS, 0, "unavailable"), (b"<!DOCTYPE x []><testsuites/>", 1, "fail")],
    ids=["absent", "empty", "hostile"],
)
def test_an_exit_code_of_zero_without_evidence_is_never_a_pass(
    work_tree: FakePorts, junit: bytes | None, code: int, verdict: str
) -> None:
    with_junit(work_tree, junit)
    assert (dev_check(work_tree)[0], junit) == (code, junit)
    step = next(step for step in json.loads(work_tree.stdout.getvalue())["steps"] if step["id"] == "nextest")
    assert step["verdict"] == verdict


def test_cargo_does_not_see_what_would_change_its_answer_from_outside(work_tree: FakePorts) -> None:
    work_tree.environ |= {
        "NEXTEST_NO_TESTS": "pass",
        "NEXTEST_PROFILE": "mine",
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER": "true",
        "RUSTFLAGS": "--cap-lints allow",
        "PATH": "/bin",
    }
    _, answer = dev_check(work_tree)
    seen = {name for call in work_tree.run.calls[1:] for name in call.options["env"]}
    assert seen == {"PATH", "CARGO_TERM_PROGRESS_WHEN", "CARGO_TERM_PROGRESS_WIDTH"}
    assert answer["steps"][2]["evidence"]["environment"]["removed"] == sorted(work_tree.environ.keys() - {"PATH"})


def test_a_workspace_with_a_lock_file_is_checked_by_it(work_tree: FakePorts) -> None:
    (work_tree.cwd / "demo/Cargo.lock").touch()
    dev_check(work_tree, "--fix")
    unlocked = [line for line in ran(work_tree) if "--locked" not in line]
    assert unlocked == ["cargo fmt", "cargo fmt -- --check", "cargo audit"]


def test_a_missing_pinned_toolchain_is_named_with_its_installation(
    fake_ports: FakePorts,
) -> None:
    said = (
        b"error: toolchain '1.70.0-x86_64-unknown-linux-gnu' is not installed\nhelp: run `rustup toolchain install`\n"
    )
    fake_ports.run.script("cargo", "metadata", returncode=1, stderr=said)
    assert main(["dev-check"], fake_ports.ports) == 3
    stderr = fake_ports.stderr.getvalue()
    assert "the Rust toolchain 1.70.0-x86_64-unknown-linux-gnu is not installed" in stderr
    assert "rustup toolchain install 1.70.0-x86_64-unknown-linux-gnu" in stderr
