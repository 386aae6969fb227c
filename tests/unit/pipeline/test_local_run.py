"""A plan on this machine, over what a real Nix said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import junit_trailer
import pytest

from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, ConfigError, Interrupted, ToolMissing
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline import nix_jobs
from nanna_ci.pipeline.local_run import EffectRequest, why_not_here
from nanna_ci.pipeline.results import JobResult, JobState
from nanna_ci.report.blocks import Tone
from nanna_ci.store.build_state import BuildState
from support.recorded_nix import DATA, RecordedNix
from support.recorded_run import BUILD, CLIPPY, DOC, FMT, INTEGRATION, JOBS, UNIT, Run, green_junit


@pytest.fixture(autouse=True)
def _tests_left_their_junit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nix_jobs, "junit_path", green_junit)


@pytest.fixture
def failing(tmp_path: Path) -> Run:
    return Run(tmp_path, RecordedNix("failing"))


@pytest.fixture
def passing(tmp_path: Path) -> Run:
    return Run(tmp_path, RecordedNix("passing"))


def test_all_pure_jobs_go_to_one_build_after_one_evaluation(passing: Run) -> None:
    results = passing()
    assert len(passing.nix.of("eval")) == 1
    (build,) = passing.nix.of("build")
    assert "--keep-going" in build
    installables = [word for word in build if word.startswith("/nix/store/")]
    names = sorted(word.partition("-")[2] for word in installables)
    assert names == [f"demo{part}.drv^*" for part in ("-clippy", "-doc", "-fmt", "-integration", "-unit", "")]
    assert set(results) == {job.id for job in JOBS}


def test_each_result_says_how_it_came_to_its_answer_and_on_what_it_rests(passing: Run) -> None:
    results = passing()
    assert (results[UNIT].state, results[FMT].state) == (JobState.BUILT, JobState.PRESENT)
    assert results[FMT].seconds is None
    assert results[UNIT].seconds is not None
    output = results[UNIT].evidence["outputs"]["out"]
    assert output["path"].endswith("-demo-unit")
    assert output["narHash"].startswith("sha256-")
    assert results[UNIT].evidence["derivation"] == passing.nix.evaluated["derivations"]["checks.x86_64-linux.unit"]


def test_the_log_of_the_build_is_handed_on_once_with_what_was_built(passing: Run) -> None:
    passing()
    (log,) = passing.logs
    built = {heard.derivation.name for heard in log.derivations() if heard.state is BuildState.BUILT}
    assert {"demo-unit.drv", "demo-doc-deps.drv"} <= built


def test_what_the_toolkit_or_the_machine_lacks_is_unavailable_with_the_reason(passing: Run) -> None:
    results = passing()
    assert results["unit-x86_64-linux-beta"].reason == "the Debian toolkit has Rust stable only, not beta"
    assert results["audit-x86_64-linux-stable"].reason == "no cargo-audit"
    assert results["unit-aarch64-darwin-stable"].reason == "needs aarch64-darwin, this machine is x86_64-linux"
    assert results["build-aarch64-darwin"].verdict is Verdict.UNAVAILABLE


def test_a_failed_test_is_named_with_its_lines_and_its_command(failing: Run) -> None:
    unit = failing()[UNIT]
    reason = "the build failed with exit code 100: demo tests::killed, demo tests::wrong"
    assert (unit.verdict, unit.reason) == (Verdict.FAIL, reason)
    assert sorted(unit.failing_tests) == ["demo tests::killed", "demo tests::wrong"]
    assert any("sum is wrong" in line for line in unit.log_tail)
    assert unit.reproduce == "nix build .#checks.x86_64-linux.unit -L"
    assert "TRY 2 FAIL" in failing.log(UNIT)
    assert "outputs" not in unit.evidence


def test_a_failed_dependency_is_named_by_every_job_that_needs_it(failing: Run) -> None:
    results = failing()
    for job_id in (CLIPPY, DOC):  # doc needs it through another derivation
        assert results[job_id].verdict is Verdict.FAIL
        assert results[job_id].reason == "demo-doc-deps failed to build, and this job needs it"
        (failed,) = results[job_id].evidence["failedDerivations"]
        assert failed.endswith("-demo-doc-deps.drv")
        assert "error: could not compile `broken`" in failing.log(job_id)
        assert results[job_id].log_tail[-1] == "error: could not compile `broken`"


def test_other_jobs_go_on_after_a_failure(failing: Run) -> None:
    results = failing()
    assert results[INTEGRATION].state is JobState.BUILT
    assert results[FMT].state is JobState.PRESENT
    assert results[BUILD].verdict is Verdict.PASS
    (request,) = failing.effects
    assert request.prebuilt is not None
    assert request.prebuilt.result.state.there
    assert request.prebuilt.evidence["derivation"].endswith("-demo.drv")


def test_a_job_that_was_there_before_says_that_there_is_no_log(passing: Run) -> None:
    passing()
    assert passing.log(FMT).startswith(f"{FMT}: present, nothing was built in this run.\n")
    assert passing.log(UNIT).count("nothing was built") == 0


def test_every_job_has_its_result_on_disk(failing: Run) -> None:
    failing()
    assert sorted(path.parent.name for path in failing.folder.glob("*/result.json")) == sorted(job.id for job in JOBS)


def test_each_job_is_announced_once_and_counted_once(failing: Run) -> None:
    failing()
    lines = [line for line, _ in failing.notes]
    assert sum(line.startswith(f"{UNIT}: ") for line in lines) == 1
    assert (f"{FMT}: already in the store", Tone.GOOD) in failing.notes
    assert (f"{DOC}: failed because a dependency failed", Tone.BAD) in failing.notes
    now = failing.tracker.snapshot()
    assert (now.finished, now.total, now.running) == (6, 6, ())  # the other five cannot run here
    assert now.failed == 3


def with_junit(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(nix_jobs, "junit_path", lambda one: path)


def test_the_jobs_junit_file_is_copied_and_counted(
    passing: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    junit = tmp_path / "green.xml"
    junit.write_text('<testsuites><testsuite name="demo"><testcase name="t"/></testsuite></testsuites>')
    with_junit(monkeypatch, junit)
    unit = passing()[UNIT]
    assert unit.evidence["tests"] == {"passed": 1, "flaky": 0, "failed": 0, "skipped": 0}
    assert (passing.folder / UNIT / "junit.xml").read_bytes() == junit.read_bytes()


def test_a_build_that_passed_with_failed_tests_in_its_junit_file_fails(
    passing: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_junit(monkeypatch, DATA.parent / "cargo" / "junit.xml")
    unit = passing()[UNIT]
    assert (unit.verdict, unit.failing_tests) == (Verdict.FAIL, ("demo tests::killed", "demo tests::wrong"))
    assert unit.reproduce == "nix build .#checks.x86_64-linux.unit -L"


def test_a_junit_file_that_attacks_its_reader_fails_its_job_only(
    passing: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "hostile.xml"
    hostile.write_text('<!DOCTYPE t [<!ENTITY a "a">]><testsuites>&a;</testsuites>')
    monkeypatch.setattr(nix_jobs, "junit_path", lambda one: hostile if "unit" in str(one.derivation) else None)
    results = passing()
    assert "DOCTYPE" in str(results[UNIT].reason)
    assert results[UNIT].verdict is Verdict.FAIL
    assert results[CLIPPY].verdict is Verdict.PASS
    assert not (passing.folder / UNIT / "junit.xml").exists()


def test_an_attribute_that_the_flake_lacks_ends_the_run_before_anything_is_built(passing: Run) -> None:
    del passing.nix.evaluated["derivations"]["packages.x86_64-linux.demo"]
    with pytest.raises(ConfigError, match=r"packages\.x86_64-linux\.demo"):
        passing()
    assert passing.nix.of("build") == []
    assert passing.effects == []


def test_a_signal_keeps_what_is_known_and_marks_the_rest(passing: Run) -> None:
    passing.nix.interrupt = (b"builder process for '/nix/store/", Interrupted(2))
    results, interrupted = passing.run.run(JOBS)
    assert interrupted is not None
    assert interrupted.signal_number == 2
    assert set(results) == {job.id for job in JOBS}
    assert results[BUILD].reason == "interrupted before it ended"
    assert results["audit-x86_64-linux-stable"].reason == "no cargo-audit"
    assert passing.effects == []
    assert len(list(passing.folder.glob("*/result.json"))) == len(JOBS)
    assert len(passing.logs) == 1, "what was built before the signal took its time"


def test_a_signal_after_a_failure_and_a_success_keeps_both(failing: Run) -> None:
    failing.nix.interrupt = (b'-demo.drv\'","type":105', Interrupted(15))  # the last build has just begun
    results, _ = failing.run.run(JOBS)
    assert results[INTEGRATION].reason == "interrupted before its test results were read"
    assert results[UNIT].verdict is Verdict.FAIL
    assert sorted(results[UNIT].failing_tests) == ["demo tests::killed", "demo tests::wrong"]
    assert results[BUILD].reason == results[DOC].reason == "interrupted before it ended"


def test_without_a_nix_job_for_this_machine_nix_is_not_queried(tmp_path: Path) -> None:
    run = Run(tmp_path, RecordedNix("passing"), host="aarch64-darwin")
    results = run()
    assert run.nix.calls == []
    assert [request.job.id for request in run.effects] == [
        "unit-aarch64-darwin-stable",
        "unit-aarch64-darwin-beta",
        "build-aarch64-darwin",
    ]
    assert results[UNIT].reason == "needs x86_64-linux, this machine is aarch64-darwin"


def test_an_unknown_machine_runs_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path, RecordedNix("passing"), host=None)
    assert {result.verdict for result in run().values()} == {Verdict.UNAVAILABLE}
    assert run.nix.calls == []
    assert why_not_here(JOBS[0], None) == "jobs do not run on this kind of machine"


def test_a_tool_that_a_job_misses_makes_it_unavailable_and_a_time_out_makes_it_fail(tmp_path: Path) -> None:
    def missing(request: EffectRequest) -> JobResult:
        raise ToolMissing("cargo", "not found")

    def slow(request: EffectRequest) -> JobResult:
        raise CommandTimedOut(("cargo",), 60.0, "Compiling a\nCompiling b\n")

    first, second = Run(tmp_path / "1", RecordedNix("passing")), Run(tmp_path / "2", RecordedNix("passing"))
    first.effect, second.effect = missing, slow
    result = first()[BUILD]
    assert (result.verdict, result.reason) == (Verdict.UNAVAILABLE, "cargo: not found")
    result = second()[BUILD]
    assert (result.verdict, result.log_tail) == (Verdict.FAIL, ("Compiling a", "Compiling b"))


def test_a_tool_of_ours_that_fails_is_not_a_failure_of_the_job(passing: Run) -> None:
    def broken(request: EffectRequest) -> JobResult:
        raise CommandFailed(("podman", "load"), 125, "storage is broken\nno space\n")

    passing.effect = broken
    result = passing()[BUILD]
    assert (result.verdict, result.reason) == (Verdict.ERROR, "podman exited with 125: no space")
    assert result.evidence["report"] == str(passing.folder / BUILD / "log.txt")
    assert "storage is broken" in passing.log(BUILD)


def test_a_job_whose_need_did_not_pass_does_not_run(failing: Run) -> None:
    jobs = tuple(replace(job, needs=(UNIT,)) if job.id == BUILD else job for job in JOBS)
    result = failing(jobs)[BUILD]
    assert (result.verdict, result.reason) == (Verdict.UNAVAILABLE, f"needs {UNIT}, which did not pass")
    assert failing.effects == []


def test_lines_of_an_effect_go_to_its_log_and_its_view(passing: Run) -> None:
    shown: list[Any] = []

    def effect(request: EffectRequest) -> JobResult:
        request.on_line("building")
        shown.extend(passing.tracker.snapshot().running)
        return JobResult(request.job.id, Verdict.PASS, 1.0, JobState.RAN)

    passing.effect = effect
    passing()
    assert [(activity.name, activity.last_line) for activity in shown] == [(BUILD, "building")]
    assert passing.log(BUILD).endswith("building\n")


def test_verbose_shows_every_line_with_its_job(tmp_path: Path) -> None:
    run = Run(tmp_path, RecordedNix("failing"))
    run.run = replace(run.run, verbose=True)
    run()
    assert (f"{INTEGRATION}> running 1 test", Tone.NEUTRAL) in run.notes
    assert ("demo-deps> Compiling serde", Tone.NEUTRAL) in run.notes


def let_nix_say(run: Run, old: bytes, new: bytes) -> None:
    """Let the recorded Nix say something else."""
    assert any(old in line for line in run.nix.log)
    run.nix.log = [line.replace(old, new) for line in run.nix.log]


def test_a_build_that_ended_well_without_junit_is_not_a_pass_of_its_tests(
    passing: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nix_jobs, "junit_path", lambda one: None)
    results = passing()
    assert results[UNIT].verdict is results[INTEGRATION].verdict is Verdict.ERROR
    assert "no evidence that a test ran" in str(results[UNIT].reason)
    assert results[UNIT].evidence["report"] == str(passing.folder / UNIT / "log.txt")
    assert results[CLIPPY].verdict is Verdict.PASS


@pytest.mark.parametrize("inside", ["", '<testsuite name="a"><testcase name="t"><skipped/></testcase></testsuite>'])
def test_a_build_in_which_no_test_was_executed_is_not_a_pass(
    passing: Run, inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.xml").write_text(f"<testsuites>{inside}</testsuites>")
    with_junit(monkeypatch, tmp_path / "empty.xml")
    assert passing()[UNIT].verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (b"failed due to signal 9 (Killed)", "a compiler or a tool was killed, most likely for lack of memory"),
        (b"failed with exit code 70", "a fault of Nanna CI's own builder: it ended with 70"),
    ],
)
def test_a_fault_of_ours_or_of_the_machine_is_never_called_a_failing_test(
    failing: Run, new: bytes, reason: str
) -> None:
    let_nix_say(failing, b"failed with exit code 100", new)
    unit = failing()[UNIT]
    assert unit.verdict is Verdict.ERROR
    assert str(unit.reason).startswith(reason)
    assert unit.failing_tests == ()
    assert unit.evidence["report"] == str(failing.folder / UNIT / "log.txt")


def test_a_fault_in_what_several_jobs_need_is_the_same_for_all_of_them(failing: Run) -> None:
    let_nix_say(failing, b"error: could not compile `broken`", b"error: No space left on device (os error 28)")
    results = failing()
    assert results[CLIPPY].verdict is results[DOC].verdict is Verdict.ERROR
    assert results[CLIPPY].reason == results[DOC].reason
    assert "no space is left on the disk" in str(results[DOC].reason)


def test_structured_results_at_the_logs_end_decide_over_its_words(
    failing: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    junit = DATA.parent / "cargo/statuses.xml"
    junit_trailer.print_section(100, junit)
    last = next(number for number, line in enumerate(failing.nix.log) if b"error: test run failed" in line)
    template = failing.nix.log[last]
    failing.nix.log[last + 1 : last + 1] = [
        template.replace(b"error: test run failed", line.encode()) for line in capsys.readouterr().err.splitlines()
    ]
    unit = failing()[UNIT]
    assert (unit.verdict, unit.reason) == (
        Verdict.FAIL,
        "6 tests failed: 1 of them passed when tried again, and flaky tests are to fail",
    )
    assert "x leak" in unit.failing_tests
    assert unit.evidence["tests"] == {"passed": 1, "flaky": 0, "failed": 6, "skipped": 0}
    assert (failing.folder / UNIT / "junit.xml").read_bytes() == junit.read_bytes()
    assert not any("nanna-ci test results" in line for line in unit.log_tail)


def test_results_that_name_another_exit_code_than_nix_does_are_not_believed(
    failing: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    junit_trailer.print_section(105, DATA.parent / "cargo/statuses.xml")
    last = next(number for number, line in enumerate(failing.nix.log) if b"error: test run failed" in line)
    template = failing.nix.log[last]
    failing.nix.log[last + 1 : last + 1] = [
        template.replace(b"error: test run failed", line.encode()) for line in capsys.readouterr().err.splitlines()
    ]
    unit = failing()[UNIT]
    assert sorted(unit.failing_tests) == ["demo tests::killed", "demo tests::wrong"]
    assert "another exit code" in str(unit.reason)


def test_a_failure_is_reported_with_its_reason_when_it_happens(failing: Run) -> None:
    failing()
    lines = [line for line, tone in failing.notes if tone is Tone.BAD]
    unit = next(line for line in lines if line.startswith(f"{UNIT}: failed"))
    assert unit.endswith((": demo tests::wrong, demo tests::killed", ": demo tests::killed, demo tests::wrong"))
    blocker = next(line for line in lines if line.startswith("demo-doc-deps, which jobs need: failed"))
    assert "could not compile `broken`" in blocker
    assert lines.index(blocker) < lines.index(f"{DOC}: failed because a dependency failed")


def test_a_job_reported_as_there_with_failed_tests_is_reported_too(
    passing: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_junit(monkeypatch, DATA.parent / "cargo" / "junit.xml")
    passing()
    assert any(line.startswith(f"{UNIT}: fail") and "2 failed tests" in line for line, _ in passing.notes)
