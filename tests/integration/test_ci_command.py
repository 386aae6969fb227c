"""`nanna-ci ci` as its user sees it, over what a real Nix said."""

from __future__ import annotations

import html
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.binaries import targets
from nanna_ci.cli import main
from nanna_ci.commands import ci as ci_command
from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import GateFailed, Interrupted
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.jobs import build_job
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.pipeline import nix_jobs
from nanna_ci.pipeline.definition import Budget
from nanna_ci.store.build_times import BuildTime, load_build_times
from nanna_ci.store.store_path import parse_store_path
from support.fake_ports import FakePorts
from support.json_schemas import check
from support.recorded_nix import DATA, RecordedNix
from support.recorded_run import green_junit

UNIT, CLIPPY, DOC, FMT = (f"{kind}-x86_64-linux-stable" for kind in ("unit", "clippy", "doc", "fmt"))
BUILD = "build-x86_64-linux"


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.out)
        check(answer)
        return answer

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = next(job for job in self.json["jobs"] if job["id"] == job_id)
        return found


def ci(folder: Path, nix: RecordedNix, *flags: str, environ: dict[str, str] | None = None) -> Ran:
    if not (folder / "pipeline.toml").exists():
        shutil.copy(DATA / "pipeline.toml", folder)
    fake = FakePorts(folder, environ=environ or {})
    ports = Ports(
        environ=fake.environ,
        stdout=fake.stdout,
        stderr=fake.stderr,
        cwd=folder,
        run=nix,
        clock=lambda: fake.seconds,
        now=lambda: 1_700_000_000.0,
    )
    code = main(["ci", *flags], ports)
    return Ran(code, fake.stdout.getvalue(), fake.stderr.getvalue())


@pytest.fixture(autouse=True)
def a_linux_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where executables are what they should be."""
    monkeypatch.setattr(targets, "host_system", lambda platform, machine: targets.System.X86_64_LINUX)
    monkeypatch.setattr(nix_jobs, "junit_path", green_junit)
    monkeypatch.setattr(build_job, "verify_built", lambda *positional, **options: ())


def test_a_green_run_says_what_passed_and_what_could_not_run(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("passing"))
    assert ran.code == 0
    assert "✔ pass: 6 passed, 5 unavailable (3: needs aarch64-darwin" in ran.out
    assert f"{FMT}: already in the store" in ran.err
    assert "\x1b" not in ran.out + ran.err


def test_json_has_every_job_with_its_evidence(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("passing"), "--format", "json")
    assert (ran.code, ran.json["verdict"], ran.json["interrupted"]) == (0, "pass", False)
    assert len(ran.json["jobs"]) == 11
    assert ran.job(UNIT)["evidence"]["outputs"]["out"]["narHash"].startswith("sha256-")
    assert ran.job(FMT) | {"evidence": {}} == {
        "id": FMT,
        "verdict": "pass",
        "seconds": None,
        "state": "present",
        "reason": None,
        "evidence": {},
        "failingTests": [],
        "logTail": [],
        "reproduce": None,
    }
    build = ran.job(BUILD)
    assert build["state"] == "present"
    assert build["evidence"]["attempts"][0] | {"seconds": 0} == {
        "strategy": "nix",
        "outcome": "built",
        "seconds": 0,
        "reason": None,
    }


def test_strict_turns_what_could_not_run_into_failure(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("passing"), "--strict", "--format", "json")
    assert (ran.code, ran.json["verdict"]) == (1, "fail")
    assert "--strict counts unavailable as failure" in ran.json["summary"]


def test_a_failure_comes_first_with_its_test_its_lines_and_its_command(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("failing"))
    assert ran.code == 1
    places = [
        ran.out.index(text)
        for text in (
            f"{UNIT} failed",
            "✘ demo tests::killed",
            "the build failed with exit code 100",
            "sum is wrong",
            "nix build '.#checks.x86_64-linux.unit' -L",
            "Verdict",
        )
    ]
    assert places == sorted(places)


def test_the_command_is_nixws_where_nixw_started_us(tmp_path: Path) -> None:
    nixw = {"NANNA_CI_NIXW": str(tmp_path / "nixw"), "NANNA_CI_OVERRIDES": '[["nanna-coder", "path:/home/user/mine"]]'}
    ran = ci(tmp_path, RecordedNix("failing"), "--format", "json", environ=nixw)
    assert ran.job(UNIT)["reproduce"] == (
        "./nixw build '.#checks.x86_64-linux.unit' -L --override-input nanna-coder path:/home/user/mine"
    )


def test_jobs_behind_a_failed_dependency_name_it_and_the_log_is_reported_once(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("failing"))
    assert "clippy-x86_64-linux-stable, doc-x86_64-linux-stable failed\n" in ran.out
    assert ran.out.count("    error: could not compile `broken`") == 1


def test_the_run_folder_has_results_logs_and_reports(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("failing"), "--format", "json")
    latest = tmp_path / ".nanna-ci/latest"
    assert str(latest.resolve()) == ran.json["runFolder"]
    assert json.loads((latest / "result.json").read_text()) == ran.json
    assert json.loads((latest / "jobs" / UNIT / "result.json").read_text()) == {"schemaVersion": 1, **ran.job(UNIT)}
    assert "sum is wrong" in (latest / "jobs" / UNIT / "log.txt").read_text()
    assert "sum is wrong" in (latest / "summary.md").read_text()
    assert "<!doctype html>" in (latest / "report.html").read_text().lower()


def test_the_page_of_a_run_has_its_critical_path_and_the_whole_log_of_what_failed(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("failing"), "--format", "json")
    latest = tmp_path / ".nanna-ci/latest"
    page = (latest / "report.html").read_text()
    assert "Critical path" in page
    logs = html.unescape(page.rpartition("Logs of what failed")[2])
    failed = [job["id"] for job in ran.json["jobs"] if job["verdict"] == "fail"]
    assert {UNIT, CLIPPY} <= {*failed}
    for name in failed:
        assert f"Log of {name}: all of it" in logs
        assert (latest / f"jobs/{name}/log.txt").read_text().splitlines()[0] in logs
    assert f"Log of {DOC}" not in logs or DOC in failed


def test_build_times_are_kept_beside_the_runs(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("passing"), "--format", "json")
    times = load_build_times(tmp_path / ".nanna-ci/build-times.json")
    unit = parse_store_path(ran.job(UNIT)["evidence"]["derivation"])
    assert times.of(unit, "") == BuildTime(round(ran.job(UNIT)["seconds"], 3), is_exact=True)
    assert times.of(None, "demo-fmt") is None, "it was there before"


def test_a_run_never_fails_over_build_times_that_cannot_be_kept(tmp_path: Path) -> None:
    times = tmp_path / ".nanna-ci/build-times.json"
    times.parent.mkdir()
    times.write_text("{")
    ran = ci(tmp_path, RecordedNix("passing"))
    assert ran.code == 0
    assert "build times are not kept: " in ran.err
    assert "line 1 column 2" in ran.err
    assert "delete it" in ran.err
    assert times.read_text() == "{"


def test_two_runs_leave_two_folders_and_one_latest(tmp_path: Path) -> None:
    first = ci(tmp_path, RecordedNix("passing"), "--format", "json").json["runFolder"]
    second = ci(tmp_path, RecordedNix("present"), "--format", "json").json["runFolder"]
    assert first != second
    assert (tmp_path / ".nanna-ci/latest").resolve() == Path(second)
    assert Path(first, "result.json").exists()


def test_nothing_that_ran_is_not_a_pass(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(
        '[workspace]\nname = "demo"\n[[test]]\nkind = "unit"\nrunners = ["macos-15"]\n'
    )
    nix = RecordedNix("passing")
    ran = ci(tmp_path, nix, "--format", "json")
    assert (ran.code, ran.json["verdict"], nix.calls) == (3, "unavailable", [])
    assert ran.json["summary"].startswith("unavailable: nothing ran")


def test_a_missing_attribute_is_an_error_that_names_it(tmp_path: Path) -> None:
    nix = RecordedNix("passing")
    del nix.evaluated["derivations"]["checks.x86_64-linux.doc"]
    ran = ci(tmp_path, nix)
    assert ran.code == 2
    assert "checks.x86_64-linux.doc, which the flake does not have" in ran.err
    assert nix.of("build") == []


def test_an_executable_for_another_machine_fails_its_build_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*positional: object, **options: object) -> None:
        raise GateFailed("bin/demo is an ELF executable for aarch64, but x86_64-linux was requested")

    monkeypatch.setattr(build_job, "verify_built", refuse)
    ran = ci(tmp_path, RecordedNix("passing"), "--format", "json")
    assert ran.code == 1
    assert ran.job(BUILD)["reason"] == "bin/demo is an ELF executable for aarch64, but x86_64-linux was requested"
    assert ran.job(BUILD)["reproduce"] == "nanna-ci cross-build --system x86_64-linux"
    assert ran.job(UNIT)["verdict"] == "pass"


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_signal_leaves_partial_results_that_say_so(tmp_path: Path, number: int, code: int) -> None:
    nix = RecordedNix("passing")
    nix.interrupt = (b"builder process for", Interrupted(number))
    ran = ci(tmp_path, nix)
    assert (ran.code, ran.out) == (code, "")
    body = json.loads((tmp_path / ".nanna-ci/latest/result.json").read_text())
    check(body)
    assert (body["verdict"], body["interrupted"]) == ("unavailable", True)
    reasons = {job["reason"] for job in body["jobs"]}
    assert "interrupted before it ended" in reasons
    assert "partial results: " in ran.err


def test_quiet_says_nothing_but_the_result(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("passing"), "-q")
    assert ran.err == ""
    assert "pass: 6 passed" in ran.out


@pytest.mark.parametrize(
    ("flags", "environ", "colored"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_goes_by_flag_then_environment(
    tmp_path: Path, flags: list[str], environ: dict[str, str], colored: bool
) -> None:
    ran = ci(tmp_path, RecordedNix("passing"), *flags, environ=environ)
    assert ("\x1b[32m" in ran.err, "\x1b[" in ran.out) == (colored, colored)


def test_a_run_folder_that_cannot_be_made_ends_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / ".nanna-ci").write_text("in the way")
    nix = RecordedNix("passing")
    ran = ci(tmp_path, nix)
    assert ran.code == 3
    assert ".nanna-ci" in ran.err
    assert nix.calls == []


def test_the_events_jobs_run_and_no_others(tmp_path: Path) -> None:
    ran = ci(tmp_path, RecordedNix("passing"), "--event", "release", "--format", "json")
    assert {job["id"] for job in ran.json["jobs"] if "beta" in job["id"]} == set()
    assert ran.json["event"] == "release"


def scan_in_clippys_output(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The recording has no store, and no scan: one job's output is put here."""
    folder.mkdir()
    (folder / "scan.json").write_text(text)
    of_clippy = lambda one: folder if one.derivation.name.endswith("-clippy.drv") else None  # noqa: E731
    monkeypatch.setattr(nix_jobs, "output_folder", of_clippy)


OLD_DATABASE = {"date": "2023-10-01", "basis": "commit", "advisories": 3}
SCAN = json.dumps({"schemaVersion": 1, "database": OLD_DATABASE, "policy": None, "yankedUnknown": False})


def test_an_old_advisory_database_is_a_warning_that_is_seen_and_fails_under_strict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan_in_clippys_output(tmp_path / "out", monkeypatch, SCAN)
    old = "the advisory database is 44 days old (2023-10-01, the date of its commit), and database_max_age_days is 14"
    job = ci(tmp_path, RecordedNix("passing"), "--format", "json").job(CLIPPY)
    assert job["verdict"] == "pass"
    assert job["reason"] == "the advisory database is 44 days old"
    assert [warning.partition(";")[0] for warning in job["evidence"]["warnings"]] == [old]
    ran = ci(tmp_path, RecordedNix("passing"))
    assert f"{CLIPPY}: warning: {old}" in ran.err
    assert old in " ".join(ran.out.split("Job", 1)[0].split()), "above the table"
    strict = ci(tmp_path, RecordedNix("passing"), "--format", "json", "--strict").job(CLIPPY)
    assert (strict["verdict"], strict["reason"].startswith(old)) == ("fail", True)
    assert strict["reproduce"] is None, "to build it again would pass"


def test_the_limit_of_the_databases_age_is_that_of_the_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan_in_clippys_output(tmp_path / "out", monkeypatch, SCAN)
    text = (DATA / "pipeline.toml").read_text() + "\n[security]\ndatabase_max_age_days = 44\n"
    (tmp_path / "pipeline.toml").write_text(text)
    job = ci(tmp_path, RecordedNix("passing"), "--format", "json").job(CLIPPY)
    assert (job["verdict"], job["reason"]) == ("pass", None)


def test_a_scan_that_cannot_be_read_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan_in_clippys_output(tmp_path / "out", monkeypatch, "{}")
    job = ci(tmp_path, RecordedNix("passing"), "--format", "json").job(CLIPPY)
    assert (job["verdict"], "schemaVersion" in job["reason"]) == ("error", True)


def test_a_second_run_says_what_changed_and_both_are_in_the_history(tmp_path: Path) -> None:
    first = ci(tmp_path, RecordedNix("passing"), "--format", "json")
    assert first.json["changes"] is None
    assert "since the last run" not in first.err
    second = ci(tmp_path, RecordedNix("failing"), "--format", "json")
    failures = second.json["changes"]["newFailures"]
    assert f"{len(failures)} new failures ({failures[0]}" in second.err
    third = ci(tmp_path, RecordedNix("passing"))
    assert third.code == 0
    assert f"{len(failures)} fixed ({failures[0]}" in third.err
    assert "Since the last run" in third.out
    runs = HistoryFolder(tmp_path / ".nanna-ci/history").read_runs()
    assert [run.verdict for run in runs] == [Verdict.PASS, Verdict.FAIL, Verdict.PASS]
    assert {run.origin.workspace for run in runs} == {str(tmp_path)}


def test_every_budget_is_in_the_answer_measured_or_not(tmp_path: Path) -> None:
    budgets = ci(tmp_path, RecordedNix("passing"), "--format", "json").json["budgets"]
    assert {budget["target"] for budget in budgets} == set(Budget.__dataclass_fields__)
    assert [budget["value"] for budget in budgets if budget["target"] == "parallel_jobs"] == [11]
    unmeasured = [budget for budget in budgets if budget["value"] is None]
    assert {budget["verdict"] for budget in unmeasured} == {"unavailable"}


def test_a_corrupt_history_is_a_warning_and_is_left_as_it_is(tmp_path: Path) -> None:
    assert ci(tmp_path, RecordedNix("passing")).code == 0
    path = tmp_path / ".nanna-ci/history/runs.jsonl"
    path.write_bytes(path.read_bytes() + b"{}\n")
    before = path.read_bytes()
    ran = ci(tmp_path, RecordedNix("passing"))
    assert ran.code == 0
    assert "this run is not kept whole in the history" in ran.err
    assert "runs.jsonl, line 2: " in ran.err
    assert path.read_bytes() == before


def test_a_budget_that_is_exceeded_is_a_warning_and_fails_under_strict(tmp_path: Path) -> None:
    shutil.copy(DATA / "pipeline.toml", tmp_path)
    with (tmp_path / "pipeline.toml").open("a") as file:
        file.write("\n[budget]\nparallel_jobs = 2\n")
    ran = ci(tmp_path, RecordedNix("passing"))
    assert ran.code == 0
    assert "over budget: machines at once: 11, limit at most 2" in ran.out
    strict = ci(tmp_path, RecordedNix("passing"), "--strict")
    assert strict.code == 1
    assert "over budget: machines at once: 11, limit at most 2" in strict.err


def test_a_test_that_passed_on_a_later_try_is_a_warning_and_fails_under_strict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flaky = tmp_path / "flaky.xml"
    case = '<testcase name="a" time="1"><flakyFailure message="m"/></testcase>'
    flaky.write_text(f'<testsuites><testsuite name="app">{case}</testsuite></testsuites>')
    monkeypatch.setattr(nix_jobs, "junit_path", lambda one: green_junit(one) and flaky)
    ran = ci(tmp_path, RecordedNix("passing"), "--format", "json")
    warning = "1 test passed only when tried again: app a"
    assert (ran.job(UNIT)["verdict"], ran.job(UNIT)["evidence"]["warnings"]) == ("pass", [warning])
    assert ran.job(UNIT)["evidence"]["tests"]["flaky"] == 1
    assert f"{UNIT}: warning: {warning}" in ran.err
    strict = ci(tmp_path, RecordedNix("passing"), "--format", "json", "--strict").job(UNIT)
    assert (strict["verdict"], strict["reason"]) == ("fail", f"{warning}; --strict counts that as failure")
    kept = HistoryFolder(tmp_path / ".nanna-ci/history").read_tests()
    assert (UNIT, 1) in [(job.job, job.flaky) for job in kept[0].jobs]


def test_a_signal_after_the_last_job_still_leaves_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise Interrupted(2)

    monkeypatch.setattr(ci_command, "remember_run", interrupted)
    ran = ci(tmp_path, RecordedNix("passing"))
    assert ran.code == 130
    assert f"partial results: {tmp_path}" in ran.err
    result = json.loads((tmp_path / ".nanna-ci/latest/result.json").read_text())
    assert (result["interrupted"], len(result["jobs"])) == (True, 11)
