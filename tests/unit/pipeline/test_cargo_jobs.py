"""Results of cargo's words and exit codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.cargo_jobs import CargoStep, EndedProgram, parse_channel, run_step
from nanna_ci.pipeline.results import JobResult, JobState
from nanna_ci.pipeline.vocabulary import Channel
from nanna_ci.toolchain.cargo_environment import decide_environment

DATA = Path(__file__).parents[2] / "data" / "cargo"
FMT = CargoStep(("cargo", "fmt", "--all", "--", "--check"))
NEXTEST = CargoStep(("cargo", "+beta", "nextest", "run", "--workspace"))
AUDIT = CargoStep(("cargo", "audit"))
DENY = CargoStep(("cargo", "deny", "check"))
DOC = CargoStep(("cargo", "doc", "--no-deps"), {"RUSTDOCFLAGS": "-D warnings"})


@dataclass
class Machine:
    """A machine whose cargo says `output` and exits with `returncode`."""

    output: bytes = b""
    returncode: int = 0
    probe: EndedProgram = field(default_factory=lambda: EndedProgram(0, 0.0, b"tool 1.2.3\nmore\n", ""))
    argv: list[Sequence[str]] = field(default_factory=list)

    def __call__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        on_line: Callable[[bytes], None] | None = None,
    ) -> EndedProgram:
        self.argv.append(argv)
        if argv[-1] == "--version":
            return self.probe
        assert on_line is not None
        for line in self.output.splitlines():
            on_line(line)
        return EndedProgram(self.returncode, 2.5, b"", "")


def run(step: CargoStep, machine: Machine, root: Path = DATA) -> JobResult:
    return run_step("the-job", step, machine, root=root, on_line=lambda line: None)


def test_a_step_that_ends_well_passes_with_its_tool_as_evidence() -> None:
    machine = Machine()
    result = run(FMT, machine)
    assert (result.verdict, result.state, result.seconds) == (Verdict.PASS, JobState.RAN, 2.5)
    assert result.evidence == {"command": "cargo fmt --all -- --check", "exitCode": 0, "tool": "tool 1.2.3"}
    assert machine.argv[0] == ("cargo", "fmt", "--version")


def test_a_failed_step_has_its_findings_and_its_command() -> None:
    result = run(FMT, Machine((DATA / "fmt.log").read_bytes(), 1))
    assert result.verdict is Verdict.FAIL
    assert result.reason == (
        "cargo fmt exited with 1: "
        "/home/user/demo/src/lib.rs:1: not formatted, /home/user/demo/src/lib.rs:6: not formatted"
    )
    assert result.failing_tests[0].endswith("src/lib.rs:1: not formatted")
    assert result.reproduce == "cargo fmt --all -- --check"
    assert result.log_tail


def test_the_environment_is_part_of_the_command() -> None:
    machine = Machine(returncode=101)
    assert run(DOC, machine).reproduce == "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
    assert machine.argv[0] == ("cargo", "--version")  # `cargo doc` has no version


@pytest.mark.parametrize(
    ("returncode", "reason"),
    [
        (4, "there are no tests to run"),
        (100, "2 tests failed"),
        (101, "the tests do not build"),
        (2, "cargo nextest exited with 2"),
        (-15, "cargo nextest was ended by signal 15"),
        (94, "a filter of nextest's configuration is not valid"),
        (96, "nextest cannot work with its configuration or its arguments"),
        (102, "cargo cannot read the workspace"),
        (104, "a test program could not list its tests"),
        (105, "a setup script failed"),
        (123, "cargo nextest exited with 123"),
    ],
)
def test_exit_codes_of_nextest_are_put_in_words(returncode: int, reason: str) -> None:
    log = (DATA / "nextest.log").read_bytes() if returncode == 100 else b"error: no"
    result = run(NEXTEST, Machine(log, returncode))
    assert (result.verdict, result.reason) == (Verdict.FAIL, reason)


def junit_step(path: Path) -> CargoStep:
    return CargoStep(NEXTEST.argv, junit=path)


def test_counts_and_names_of_tests_come_from_the_junit_file() -> None:
    result = run(junit_step(DATA / "junit.xml"), Machine(b"", 100))
    assert result.evidence["tests"] == {"passed": 1, "flaky": 1, "failed": 2, "skipped": 0}
    assert result.failing_tests == ("demo tests::killed", "demo tests::wrong")


def test_a_zero_exit_code_does_not_outvote_the_junit_file(tmp_path: Path) -> None:
    result = run(junit_step(DATA / "junit.xml"), Machine())
    assert (result.verdict, result.reason) == (
        Verdict.FAIL,
        "it ended well, but its JUnit file names 2 failed tests",
    )
    hostile = tmp_path / "junit.xml"
    hostile.write_text('<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuites/>')
    refused = run(junit_step(hostile), Machine())
    assert refused.verdict is Verdict.FAIL
    assert "JUnit file is refused" in str(refused.reason)


def test_a_test_run_that_left_no_evidence_is_an_error_whatever_its_exit_code(tmp_path: Path) -> None:
    result = run(junit_step(tmp_path / "junit.xml"), Machine())
    assert (result.verdict, result.reason) == (
        Verdict.ERROR,
        "it ended well and left no JUnit file: no evidence that a test ran",
    )
    assert "tests" not in result.evidence


@pytest.mark.parametrize(
    "inside",
    ["", '<testsuite name="demo"><testcase name="t"><skipped/></testcase></testsuite>'],
    ids=["empty", "skipped"],
)
def test_a_test_run_in_which_nothing_was_executed_is_not_a_pass(inside: str, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    junit.write_text(f"<testsuites>{inside}</testsuites>")
    result = run(junit_step(junit), Machine())
    assert result.verdict is Verdict.UNAVAILABLE
    assert "no test was executed" in str(result.reason)


def test_a_failing_exit_code_is_never_reported_without_a_failed_test(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    junit.write_text('<testsuites><testsuite name="demo"><testcase name="t"/></testsuite></testsuites>')
    result = run(junit_step(junit), Machine(b"", 100))
    assert (result.verdict, result.failing_tests) == (Verdict.FAIL, ())
    assert result.reason == "tests failed by nextest's exit code, but nothing names them"


@pytest.mark.parametrize("returncode", [-9, 70, 110])
def test_what_ended_nextest_itself_says_nothing_about_the_tests(returncode: int) -> None:
    assert run(NEXTEST, Machine(b"", returncode)).verdict is Verdict.ERROR


def test_a_setup_script_that_failed_is_named_with_what_it_printed() -> None:
    log = (DATA / "setup-script.log").read_bytes()
    result = run(junit_step(DATA / "setup-script.xml"), Machine(log, 105))
    assert (result.verdict, result.reason) == (Verdict.FAIL, "setup script db failed, so that no test was run")
    assert result.failing_tests == ("setup script db",)
    assert "no database" in result.log_tail
    assert result.evidence["tests"] == {"passed": 0, "flaky": 0, "failed": 0, "skipped": 0}


def test_every_way_that_nextest_fails_is_named_by_its_junit_or_its_words() -> None:
    log = (DATA / "statuses.log").read_bytes()
    failed = {f"x {name}" for name in ("abort", "flaky", "resultfail", "sig", "leak", "slow")}
    assert set(run(junit_step(DATA / "statuses.xml"), Machine(log, 100)).failing_tests) == failed
    assert set(run(NEXTEST, Machine(log, 100)).failing_tests) == failed


def test_a_pass_does_not_hide_what_the_workspaces_own_filter_left_out() -> None:
    said = b"    Starting 1 test across 1 binary (2 tests skipped, including 1 test via profile.default.default-filter)"
    result = run(junit_step(DATA / "green.xml"), Machine(said))
    assert (result.verdict, result.reason) == (Verdict.PASS, "1 test was left out by profile.default.default-filter")


def test_an_alias_in_the_place_of_a_tool_is_not_an_answer() -> None:
    said = "warning: user-defined alias `clippy` is shadowing an external subcommand found at `/bin/cargo-clippy`\n"
    machine = Machine(probe=EndedProgram(0, 0.0, b"cargo 1.95.0\n", said))
    result = run(CargoStep(("cargo", "clippy", "--workspace")), machine)
    assert result.verdict is Verdict.ERROR
    assert "alias" in str(result.reason)
    assert len(machine.argv) == 1


def test_a_tool_that_is_there_and_does_not_work_is_not_called_absent() -> None:
    machine = Machine(
        probe=EndedProgram(101, 0.0, b"", "error: no such command: `+beta`\n\nhelp: invoke `cargo` through `rustup`\n")
    )
    result = run(NEXTEST, machine)
    assert result.verdict is Verdict.UNAVAILABLE
    assert "not installed" not in str(result.reason)


def test_a_lock_file_that_does_not_fit_fails_with_the_way_to_fix_it() -> None:
    said = b"error: cannot update the lock file /x/Cargo.lock because --locked was passed to prevent this\nhelp: to"
    for step, code in ((NEXTEST, 102), (CargoStep(("cargo", "clippy", "--locked")), 101)):
        result = run(step, Machine(said, code))
        assert result.verdict is Verdict.FAIL
        assert "cargo update --workspace" in str(result.reason)


def test_what_was_left_out_of_the_environment_is_reported_by_name() -> None:
    environment = decide_environment({"NEXTEST_NO_TESTS": "pass", "RUSTFLAGS": "-C link-arg=-fuse-ld=lld"})
    lines: list[str] = []
    result = run_step("the-job", FMT, Machine(), root=DATA, on_line=lines.append, environment=environment)
    assert result.evidence["environment"] == {"removed": ["NEXTEST_NO_TESTS"], "kept": ["RUSTFLAGS"]}
    assert "NEXTEST_NO_TESTS" in lines[0]
    assert "lld" not in "".join(lines)


def test_a_tool_that_is_not_installed_makes_its_step_unavailable() -> None:
    machine = Machine(probe=EndedProgram(101, 0.0, b"", "error: no such command: `audit`\n\nhelp: a command with …\n"))
    result = run(AUDIT, machine)
    assert (result.verdict, result.reason) == (
        Verdict.UNAVAILABLE,
        "cargo audit is not installed (cargo install --locked cargo-audit)",
    )
    assert len(machine.argv) == 1


def test_a_toolchain_that_is_not_installed_makes_its_step_unavailable() -> None:
    said = "error: toolchain 'beta-x86_64-unknown-linux-gnu' is not installed\nhelp: run `rustup toolchain install`\n"
    machine = Machine(probe=EndedProgram(1, 0.0, b"", said))
    result = run(NEXTEST, machine)
    assert machine.argv == [("cargo", "+beta", "nextest", "--version")]
    assert result.reason == (
        "the Rust toolchain beta-x86_64-unknown-linux-gnu is not installed"
        " (rustup toolchain install beta-x86_64-unknown-linux-gnu)"
    )


def test_a_machine_without_cargo_makes_its_step_unavailable() -> None:
    class Bare(Machine):
        def __call__(self, argv: Sequence[str], **options: object) -> EndedProgram:
            raise ToolMissing("cargo", "not found")

    result = run(FMT, Bare())
    assert (result.verdict, result.reason) == (Verdict.UNAVAILABLE, "cargo is not installed")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            AUDIT,
            b"    Fetching advisory database\nerror: couldn't fetch advisory database: git: no",
        ),
        (DENY, b"2026-01-01 [ERROR] failed to fetch advisory database https://example.org"),
    ],
)
def test_an_audit_that_could_not_ask_is_not_an_answer(step: CargoStep, said: bytes, tmp_path: Path) -> None:
    (tmp_path / "deny.toml").touch()
    result = run(step, Machine(said, 1), tmp_path)
    assert (result.verdict, result.reason) == (Verdict.UNAVAILABLE, "the advisory database cannot be fetched")
    found = run(step, Machine(b"error: 1 vulnerability found!", 1), tmp_path)
    assert found.verdict is Verdict.FAIL


def test_deny_has_no_question_without_its_file(tmp_path: Path) -> None:
    machine = Machine()
    result = run(DENY, machine, tmp_path)
    assert (result.verdict, result.reason) == (
        Verdict.UNAVAILABLE,
        "the workspace has no deny.toml, which says what to deny",
    )
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo/deny.toml").touch()
    assert run(DENY, machine, tmp_path).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("rustc 1.96.1 (59807616e 2026-04-14)", Channel.STABLE),
        ("rustc 1.97.0-beta.3 (abc 2026-05-01)", Channel.BETA),
        ("rustc 1.98.0-nightly (abc 2026-05-01)", Channel.NIGHTLY),
        ("rustc 1.98.0-dev", None),
        ("", None),
    ],
)
def test_rustc_says_its_channel(text: str, channel: Channel | None) -> None:
    assert parse_channel(text) is channel
