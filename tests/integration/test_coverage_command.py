"""`nanna-ci coverage` as its user sees it, over a report in lcov's format; git is real, cargo is scripted."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation import process
from support.fake_ports import FakePorts
from support.json_schemas import check
from support.stand_in_codecov import stand_in_codecov

MINIMUMS = '[workspace]\nname = "x"\n[coverage]\nminimum_line_rate = {}\nminimum_patch_rate = {}\n'
IDENTITY = {f"GIT_{who}_{what}": "it" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Machine:
    """A workspace of two members in git; by its report tests run 3 of 4 lines of `a`, and 0 of 1 of `b`."""

    def __init__(self, fake: FakePorts) -> None:
        self.fake = fake
        self.cwd = fake.cwd
        fake.environ |= {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, **IDENTITY}
        packages = [{"name": name, "manifest_path": f"{self.cwd}/{name}/Cargo.toml"} for name in ("a", "b")]
        metadata = json.dumps({"workspace_root": str(self.cwd), "packages": packages}).encode()
        fake.run.script("cargo", "metadata", stdout=metadata)
        self.write("Cargo.toml", "")
        self.write("a/src/lib.rs", "1\n2\n3\n4\n")
        self.write("b/src/lib.rs", "1\n")
        self.write(".gitignore", "*.info\n.nanna-ci\n")
        self.write("it.info", self.section("a/src/lib.rs", 1, 1, 2, 0) + self.section(f"{self.cwd}/b/src/lib.rs", 0))
        for words in (("init", "--quiet", "--initial-branch=main"), ("add", "-A"), ("commit", "--quiet", "-m", "it")):
            self.git(*words)

    @staticmethod
    def section(path: str, *hits: int) -> str:
        lines = "".join(f"DA:{line},{count}\n" for line, count in enumerate(hits, start=1))
        return f"SF:{path}\n{lines}end_of_record\n"

    def write(self, name: str, text: str) -> None:
        path = self.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.cwd, env=self.fake.environ, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def __call__(self, *words: str) -> int:
        for stream in (self.fake.stdout, self.fake.stderr):
            stream.truncate(0)
            stream.seek(0)
        return main(["coverage", *words], self.fake.ports)

    def json(self, *words: str) -> tuple[int, dict[str, Any]]:
        code = self("--lcov", "it.info", *words, "--format", "json")
        return code, check(json.loads(self.fake.stdout.getvalue()))


@pytest.fixture
def machine(fake_ports: FakePorts) -> Machine:
    git = fake_ports.run

    def run(argv: Any, **options: Any) -> process.Completed:
        return process.run(argv, **options) if argv[0] == "git" else git(argv, **options)

    machine = Machine(fake_ports)
    fake_ports.run = run  # type: ignore[assignment]
    return machine


def test_crates_and_files_are_shown_the_least_covered_first(machine: Machine) -> None:
    code, answer = machine.json()
    assert (code, answer["verdict"], answer["lineRate"]) == (0, "pass", 0.6)
    assert answer["crates"] == [
        {"name": "a", "coveredLines": 3, "lines": 4},
        {"name": "b", "coveredLines": 0, "lines": 1},
    ]
    assert answer["files"][0]["uncovered"] == [4]
    assert answer["patch"] is None
    assert machine("--lcov", "it.info") == 0
    shown = machine.fake.stdout.getvalue()
    assert "line coverage: 60.0 %: tests run 3 of 5 lines" in shown
    table = shown.partition("file  ")[2]
    assert table.index("b/src/lib.rs") < table.index("a/src/lib.rs")


def test_reports_are_summed(machine: Machine) -> None:
    machine.write("more.info", machine.section("./a/src/lib.rs", 0, 0, 0, 7))
    code, answer = machine.json("--lcov", "more.info")
    assert (code, answer["coveredLines"]) == (0, 4)


def test_a_changes_lines_that_no_test_runs_are_named(machine: Machine) -> None:
    machine.write("a/src/lib.rs", "1\n2\nthree\nfour\n")
    code, answer = machine.json("--against", "main")
    assert (code, answer["patch"]["lines"], answer["patch"]["coveredLines"]) == (0, 2, 1)
    assert answer["patch"]["uncovered"] == [{"path": "a/src/lib.rs", "line": 4}]
    machine("--lcov", "it.info", "--against", "main")
    assert "no test runs 1 line of this change: a/src/lib.rs:4" in machine.fake.stdout.getvalue()


@pytest.mark.parametrize(
    ("line_rate", "patch_rate", "code", "reason"),
    [
        (0.6, 0.5, 0, None),
        (0.61, 0, 1, "tests run 60.0 % of the lines; the minimum is 61 %"),
        (0, 0.51, 1, "tests run 50.0 % of the changed lines; the minimum is 51 %"),
    ],
)
def test_minimums_of_pipeline_toml_are_a_gate(
    machine: Machine, line_rate: float, patch_rate: float, code: int, reason: str | None
) -> None:
    machine.write("pipeline.toml", MINIMUMS.format(line_rate, patch_rate))
    machine.write("a/src/lib.rs", "1\n2\nthree\nfour\n")
    got, answer = machine.json("--against", "main")
    reasons = [one["reason"] for one in answer["gate"]["checks"] if one["verdict"] == "fail"]
    assert (got, reasons) == (code, [] if reason is None else [reason])


@pytest.mark.parametrize(("words", "code"), [((), 0), (("--strict",), 1)])
def test_a_change_that_cannot_be_measured_is_unknown_and_fails_under_strict(
    machine: Machine, words: tuple[str, ...], code: int
) -> None:
    machine.write("pipeline.toml", MINIMUMS.format(0, 0.5))
    subprocess.run(["rm", "-r", machine.cwd / ".git"], check=True)
    got, answer = machine.json("--against", "main", *words)
    assert (got, answer["patch"], answer["gate"]["checks"][1]["value"]) == (code, None, None)
    assert "lies in no git work tree" in answer["gate"]["checks"][1]["reason"]


def test_a_change_of_the_documentation_alone_passes_under_strict(machine: Machine) -> None:
    machine.write("pipeline.toml", MINIMUMS.format(0, 1))
    machine.write("README.md", "more\n")
    code, answer = machine.json("--against", "main", "--strict")
    assert (code, answer["patch"]["lines"], answer["patch"]["lineRate"]) == (0, 0, None)


def test_figures_are_kept_and_a_fall_is_a_warning(machine: Machine) -> None:
    assert machine.json("--history", "kept")[1]["gate"]["previous"] is None
    machine.write("it.info", machine.section("a/src/lib.rs", 1, 0, 0, 0))
    code, answer = machine.json("--history", "kept", "--dry-run")
    assert (code, answer["verdict"]) == (0, "pass")
    (warning,) = answer["gate"]["warnings"]
    assert warning.startswith("line coverage fell from 60.0 % to 25.0 % since local-coverage-")
    assert len((machine.cwd / "kept" / "coverage.jsonl").read_text().splitlines()) == 1


def test_without_history_nothing_is_kept(machine: Machine) -> None:
    machine.json()
    assert not (machine.cwd / ".nanna-ci").exists()


def test_a_history_that_is_damaged_is_refused_and_left_as_it_was(machine: Machine) -> None:
    machine.write("kept/coverage.jsonl", '{"schemaVersion":1,"run":\n')
    assert machine("--lcov", "it.info", "--history", "kept") == 4
    assert "coverage.jsonl, line 1: " in machine.fake.stderr.getvalue()
    assert (machine.cwd / "kept/coverage.jsonl").read_text() == '{"schemaVersion":1,"run":\n'


def test_coverage_of_nothing_is_no_pass(machine: Machine) -> None:
    machine.write("it.info", "")
    assert machine.json()[1]["lineRate"] is None
    assert machine("--lcov", "it.info") == 3
    assert machine("--lcov", "it.info", "--strict") == 1
    assert "n/a" in machine.fake.stdout.getvalue()


def test_bad_input_is_refused_in_a_line(machine: Machine) -> None:
    machine.write("bad.info", "SF:a.rs\nDA:1,-1\nend_of_record\n")
    for words, code, says in (
        (("--lcov", "bad.info"), 4, "--lcov bad.info: line 2: the count of"),
        (("--lcov", "none.info"), 2, "--lcov none.info cannot be read"),
        (("--lcov", "it.info", "--against", "nowhere"), 2, "--against 'nowhere' is no commit"),
    ):
        assert machine(*words) == code
        assert says in machine.fake.stderr.getvalue()


def test_nothing_is_sent_without_the_flag_or_in_a_dry_run(machine: Machine) -> None:
    with stand_in_codecov() as codecov:
        machine.fake.environ |= {
            "CODECOV_TOKEN": "c0decovTok3n",
            "CODECOV_SLUG": "me/it",
            "CODECOV_ENTERPRISE_URL": codecov.url,
        }
        assert machine.json()[1]["codecov"] == {"sent": None, "problem": None}
        sent = machine.json("--upload", "--dry-run")[1]["codecov"]["sent"]
        assert sent.startswith("would send 2 files of ")
        assert codecov.requests == []


def test_a_report_is_sent_below_the_repositorys_top_and_the_token_is_never_shown(machine: Machine) -> None:
    with stand_in_codecov() as codecov:
        codecov.tokens = {"c0decovTok3n"}
        machine.fake.environ |= {
            "CODECOV_TOKEN": "c0decovTok3n",
            "CODECOV_SLUG": "me/it",
            "CODECOV_ENTERPRISE_URL": codecov.url,
        }
        code, answer = machine.json("--upload")
        assert code == 0, machine.fake.stderr.getvalue()
        assert answer["codecov"]["sent"].endswith("https://app.codecov.io/github/me/it/commit/0")
        assert codecov.report()["paths"] == ["a/src/lib.rs", "b/src/lib.rs"]
        assert codecov.bodies()["commits"]["commitid"] == machine.git("rev-parse", "HEAD")
        assert "c0decovTok3n" not in machine.fake.stdout.getvalue() + machine.fake.stderr.getvalue()


def test_a_report_that_could_not_be_sent_is_no_pass_and_its_figures_are_shown(machine: Machine) -> None:
    code, answer = machine.json("--upload")
    assert (code, answer["verdict"], answer["lineRate"]) == (3, "unavailable", 0.6)
    assert "no repository is named" in answer["codecov"]["problem"]


def test_a_pull_requests_figures_are_compared_with_its_base_branch(machine: Machine) -> None:
    event = {
        "pull_request": {
            "number": 12,
            "head": {"sha": "1" * 40, "ref": "fix", "label": "them:fix", "repo": {"full_name": "them/it"}},
            "base": {"ref": "main"},
        }
    }
    machine.write("event.json", json.dumps(event))
    machine.json("--history", "kept")
    machine.fake.environ |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "7",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REPOSITORY": "me/it",
        "GITHUB_EVENT_PATH": str(machine.cwd / "event.json"),
    }
    answer = machine.json("--history", "kept")[1]
    assert answer["gate"]["previous"]["lineRate"] == 0.6
    record = json.loads((machine.cwd / "kept/coverage.jsonl").read_text().splitlines()[1])
    assert (record["run"], record["branch"], record["commit"]) == ("github-7-1", "them:fix", "1" * 40)


def test_a_folder_given_as_a_report_is_refused(machine: Machine, tmp_path: Path) -> None:
    assert machine("--lcov", str(tmp_path)) == 2
