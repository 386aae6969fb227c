"""`bench` from the command line, with programs that stand in for Criterion's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import nanna_ci
from nanna_ci import cli
from nanna_ci.foundation import process
from nanna_ci.foundation.context import Ports
from nanna_ci.measure.history.history_folder import HistoryFolder
from support.fake_benchmarks import fake_bencher_program, fake_programs
from support.fake_ports import FakePorts
from support.json_schemas import check

Benchmarks = Mapping[str, Mapping[str, Any]]
QUICK = {"a": {"ns": 100}}


def run(ports: FakePorts, *words: str) -> int:
    """The exit code; programs are started, and nothing else is."""
    real = ports.ports
    started = Ports(
        environ={"PATH": "/nowhere", **ports.environ},
        stdout=real.stdout,
        stderr=real.stderr,
        stdin=real.stdin,
        cwd=ports.cwd,
        run=process.run,
    )
    return cli.main(["bench", *words], started)


def compare(ports: FakePorts, base: Benchmarks, head: Benchmarks, *words: str) -> tuple[int, Any]:
    fake_programs(ports.cwd / "base", base)
    fake_programs(ports.cwd / "head", head)
    code = run(ports, "--programs", "head", "--against-programs", "base", "--format", "json", *words)
    return code, check(json.loads(ports.stdout.getvalue()))


def row(answer: Any, name: str) -> Any:
    (found,) = (one for one in answer["benchmarks"] if (one["name"], one["metric"]) == (name, "time"))
    return found


def test_the_same_programs_pass_after_five_pairs(fake_ports: FakePorts) -> None:
    code, answer = compare(fake_ports, QUICK, QUICK)
    assert (code, answer["verdict"]) == (0, "pass")
    one = row(answer, "a")
    assert (one["base"], one["head"], one["median"], one["pairs"], one["verdict"]) == (100, 100, 1, 5, "pass")
    lines = (fake_ports.cwd / "calls.txt").read_text().split("\n")
    assert [line.split()[0] for line in lines if line] == ["base", "head", "head", "base"] * 2 + ["base", "head"]


def test_twice_the_time_fails_and_names_the_interval(fake_ports: FakePorts) -> None:
    code, answer = compare(fake_ports, {"a": {"ns": 100}, "b": {"ns": 9}}, {"a": {"ns": 200}, "b": {"ns": 9}})
    assert (code, answer["verdict"]) == (1, "fail")
    slow = row(answer, "a")
    assert (slow["median"], slow["low"], slow["high"], slow["pairs"]) == (2, 2, 2, 25)
    assert "2 times is not excluded" in slow["reason"]
    assert row(answer, "b")["pairs"] == 5


def test_half_again_the_time_warns_and_passes(fake_ports: FakePorts) -> None:
    code, answer = compare(fake_ports, {"a": {"ns": 100}}, {"a": {"ns": 150}})
    assert (code, row(answer, "a")["verdict"]) == (0, "warn")


def test_the_limit_is_the_budget_of_pipeline_toml(fake_ports: FakePorts) -> None:
    (fake_ports.cwd / "pipeline.toml").write_text('[workspace]\nname = "it"\n[budget]\nregression_ratio = 1.5\n')
    code, _ = compare(fake_ports, {"a": {"ns": 100}}, {"a": {"ns": 150}})
    assert code == 1


def test_a_vanished_benchmark_fails(fake_ports: FakePorts) -> None:
    code, answer = compare(fake_ports, {"a": {"ns": 1}, "b": {"ns": 1}}, {"a": {"ns": 1}})
    assert (code, answer["vanished"], answer["added"]) == (1, ["b"], [])


def test_another_name_is_a_benchmark_gone_and_one_new_unless_both_are_known_to_be_one(fake_ports: FakePorts) -> None:
    code, answer = compare(fake_ports, {"old": {"ns": 1}}, {"new": {"ns": 1}})
    assert (code, answer["vanished"], answer["added"], answer["renamed"]) == (1, ["old"], ["new"], [])


def test_a_new_benchmark_is_measured_and_compared_with_nothing(fake_ports: FakePorts) -> None:
    code, answer = compare(fake_ports, {}, {"new": {"ns": 7}})
    assert (code, answer["added"]) == (0, ["new"])
    one = row(answer, "new")
    assert (one["base"], one["head"], one["verdict"], one["reason"]) == (
        None,
        7,
        "unavailable",
        "the base does not have it",
    )


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ({"does": "crash"}, "the head gives no measurement: it--bench exited with 1"),
        ({"does": "nothing"}, "the head gives no measurement: 'a': Criterion wrote no result of this name"),
        ({"ns": None}, "point_estimate is 'null', not a finite number above 0"),
        ({"ns": 0}, "point_estimate is '0', not a finite number above 0"),
        ({"ns": -4.5}, "point_estimate is '-4.5', not a finite number above 0"),
    ],
)
def test_a_head_that_gives_no_value_fails(fake_ports: FakePorts, does: dict[str, Any], reason: str) -> None:
    code, answer = compare(fake_ports, QUICK, {"a": does})
    one = row(answer, "a")
    assert (code, one["verdict"], one["median"]) == (1, "fail", None)
    assert reason in one["reason"]


def test_what_a_benchmark_said_before_it_crashed_is_shown(fake_ports: FakePorts) -> None:
    _, answer = compare(fake_ports, QUICK, {"a": {"does": "crash"}})
    assert row(answer, "a")["output"] == "thread main panicked: as the test wants it"


@pytest.mark.parametrize("does", [{"does": "crash"}, {"ns": 0}])
def test_a_base_that_gives_no_value_blames_nobody(fake_ports: FakePorts, does: dict[str, Any]) -> None:
    code, answer = compare(fake_ports, {"a": does, "b": {"ns": 1}}, {"a": {"ns": 100}, "b": {"ns": 1}})
    assert (code, row(answer, "a")["verdict"], row(answer, "b")["verdict"]) == (0, "warn", "pass")


def test_where_the_base_gives_no_value_at_all_there_is_no_answer(fake_ports: FakePorts) -> None:
    code, answer = compare(fake_ports, {"a": {"does": "crash"}}, {"a": {"ns": 100}, "new": {"ns": 1}})
    assert (code, answer["verdict"], answer["reason"]) == (3, "unavailable", "no benchmark could be compared")


def test_a_benchmark_that_does_not_end_is_ended(fake_ports: FakePorts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanna_ci.commands.bench.LIMIT_S", 0.5)
    code, answer = compare(fake_ports, QUICK, {"a": {"does": "hang"}}, "--time", "0.01")
    one = row(answer, "a")
    assert (code, one["verdict"], one["output"]) == (1, "fail", "about to hang")
    assert "it--bench did not end within 0.7 s" in one["reason"]


def test_a_program_of_the_head_that_cannot_even_list_fails(fake_ports: FakePorts) -> None:
    fake_programs(fake_ports.cwd / "base", QUICK)
    fake_programs(fake_ports.cwd / "head", QUICK, lists="crash")
    assert run(fake_ports, "--programs", "head", "--against-programs", "base", "--format", "json") == 1
    answer = check(json.loads(fake_ports.stdout.getvalue()))
    assert answer["vanished"] == ["a"]
    assert answer["problems"] == [
        {"side": "head", "program": "it--bench", "reason": "it--bench exited with 1", "output": "no list today"}
    ]


def test_one_name_in_two_programs_counts_with_the_programs(fake_ports: FakePorts) -> None:
    for side in ("base", "head"):
        fake_programs(fake_ports.cwd / side, QUICK, name="x--one")
        fake_programs(fake_ports.cwd / side, QUICK, name="x--two")
    assert run(fake_ports, "--programs", "head", "--against-programs", "base", "--format", "json") == 0
    answer = json.loads(fake_ports.stdout.getvalue())
    assert [one["name"] for one in answer["benchmarks"]] == ["x--one: a", "x--two: a"]


def test_a_filter_chooses_on_both_sides(fake_ports: FakePorts) -> None:
    both = {"a/1": {"ns": 1}, "b/1": {"ns": 1}}
    code, answer = compare(fake_ports, {**both, "b/gone": {"ns": 1}}, both, "--filter", "^a")
    assert (code, [one["name"] for one in answer["benchmarks"]], answer["vanished"]) == (0, ["a/1"], [])


def test_the_text_of_libtest_is_read_from_a_program_of_any_harness(fake_ports: FakePorts) -> None:
    for side in ("base", "head"):
        fake_bencher_program(fake_ports.cwd / side, "test it::works ... bench:       1,234 ns/iter (+/- 56)")
    assert run(fake_ports, "--programs", "head", "--against-programs", "base", "--format", "json") == 0
    assert row(json.loads(fake_ports.stdout.getvalue()), "it::works")["head"] == 1234


def test_without_a_base_the_head_is_measured_and_nothing_decided(fake_ports: FakePorts) -> None:
    fake_programs(fake_ports.cwd / "head", QUICK)
    assert run(fake_ports, "--programs", "head", "--format", "json") == 0
    answer = check(json.loads(fake_ports.stdout.getvalue()))
    assert (answer["against"], row(answer, "a")["head"], row(answer, "a")["reason"]) == (None, 100, None)


def test_no_benchmarks_are_no_pass(fake_ports: FakePorts) -> None:
    code, answer = compare(fake_ports, {}, {})
    assert (code, answer["verdict"], answer["reason"]) == (3, "unavailable", "there are no benchmarks")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--against", "main", "--programs", "head"], "--against builds both sides"),
        (["--against-programs", "head"], "needs --programs"),
        (["--programs", "none"], "none: no such folder"),
        (["--programs", "head", "--time", "0"], "--time '0' is not a number of seconds from 0.01 to 600"),
        (["--programs", "head", "--time", "nan"], "--time 'nan' is not"),
        (["--programs", "head", "--time", "-1"], "--time '-1' is not"),
        (["--programs", "head", "--filter", "("], "--filter '(' is not a regular expression"),
        (["--programs", "head", "--filter", "zzz"], "--filter 'zzz' matches no benchmark"),
    ],
)
def test_a_wrong_command_line_is_said_in_a_line(fake_ports: FakePorts, words: list[str], said: str) -> None:
    fake_programs(fake_ports.cwd / "head", QUICK)
    assert run(fake_ports, *words) == 2
    assert said in fake_ports.stderr.getvalue()


def test_people_see_a_table_and_what_failed(fake_ports: FakePorts) -> None:
    fake_programs(fake_ports.cwd / "base", {"a": {"ns": 1500}, "b": {"ns": 5}})
    fake_programs(fake_ports.cwd / "head", {"a": {"ns": 3000}})
    assert run(fake_ports, "--programs", "head", "--against-programs", "base") == 1
    text = fake_ports.stdout.getvalue()
    assert "b has vanished: the base has it, and the head does not." in text
    assert "[2.000, 2.000]" in text
    assert "1.5 µs" in text
    assert "n/a: valgrind is not on this machine" in text


def test_an_interruption_leaves_what_was_measured_and_no_process(tmp_path: Path) -> None:
    fake_programs(tmp_path / "base", {"a": {"ns": 1}, "b": {"ns": 1}})
    fake_programs(tmp_path / "head", {"a": {"ns": 1}, "b": {"does": "hang"}})
    argv = [sys.executable, "-m", "nanna_ci", "bench", "--programs", "head", "--against-programs", "base"]
    environ = {**os.environ, "PYTHONPATH": str(Path(nanna_ci.__file__).parents[1]), "PATH": "/nowhere"}
    with subprocess.Popen([*argv, "--format", "json"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE) as started:
        deadline, calls = time.monotonic() + 30, tmp_path / "calls.txt"
        while not calls.exists() or "head ^b$" not in calls.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        started.send_signal(signal.SIGINT)
        out, _ = started.communicate(timeout=30)
    answer = check(json.loads(out))
    assert (started.returncode, answer["verdict"], answer["interrupted"]) == (130, "unavailable", True)
    assert (row(answer, "a")["pairs"], row(answer, "a")["reason"]) == (1, "1 of 5 pairs were measured")


def measure_again(ports: FakePorts, nanoseconds: float, *words: str) -> tuple[int, Any]:
    """One more run of the head alone; each is a run of its own, as on GitHub."""
    ports.stdout.seek(0)
    ports.stdout.truncate()
    number = int(ports.environ.get("GITHUB_RUN_ID", "0")) + 1
    page = {"GITHUB_SERVER_URL": "https://example.invalid", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": str(number)}
    ports.environ |= {
        "GITHUB_ACTIONS": "true",
        "PATH": os.environ["PATH"],
        "NANNA_CI_VALGRIND": "/nowhere/valgrind",
        **page,
    }
    fake_programs(ports.cwd / "head", {"a": {"ns": nanoseconds}})
    code = run(ports, "--programs", "head", "--format", "json", *words)
    return code, json.loads(ports.stdout.getvalue())


def test_a_history_grows_with_each_run_and_fails_what_is_twice_its_median(fake_ports: FakePorts) -> None:
    for nanoseconds in (100, 101, 99, 100, 103):
        code, answer = measure_again(fake_ports, nanoseconds, "--history", "kept")
        assert (code, check(answer)["history"][0]["verdict"]) == (0, "unknown")
    code, answer = measure_again(fake_ports, 199, "--history", "kept")
    assert (code, answer["history"][0]["median"], row(answer, "a")["verdict"]) == (0, 100, "pass")
    code, answer = measure_again(fake_ports, 201, "--history", "kept", "--dry-run")
    assert (code, row(answer, "a")["verdict"], answer["history"][0]["ratio"]) == (1, "fail", 2)
    kept = [json.loads(line) for line in (fake_ports.cwd / "kept/benchmarks.jsonl").read_text().splitlines()]
    assert [one["benchmarks"][0]["value"] for one in kept] == [100, 101, 99, 100, 103, 199]
    assert kept[0]["run"] == "github-1-1"


def test_another_processor_starts_anew(fake_ports: FakePorts) -> None:
    for _ in range(5):
        measure_again(fake_ports, 100, "--history", "kept")
    fake_ports.environ["ImageOS"] = "another"
    code, answer = measure_again(fake_ports, 1000, "--history", "kept")
    assert (code, answer["history"][0]["verdict"], answer["levelChanges"]) == (0, "unknown", [])


def test_a_level_that_changed_is_said_and_decides_nothing(fake_ports: FakePorts) -> None:
    for number in range(20):
        code, answer = measure_again(fake_ports, (100 if number < 10 else 150) + number % 5, "--history", "kept")
    assert (code, [one["run"] for one in answer["levelChanges"]]) == (0, ["github-11-1"])


def test_a_workspace_that_never_had_a_benchmark_fails_no_push(fake_ports: FakePorts) -> None:
    fake_programs(fake_ports.cwd / "none", {})
    code = run(fake_ports, "--programs", "none", "--history", "kept", "--format", "json")
    answer = json.loads(fake_ports.stdout.getvalue())
    assert (code, answer["verdict"], answer["reason"]) == (0, "unavailable", "there are no benchmarks")
    assert measure_again(fake_ports, 100, "--history", "kept")[0] == 0
    fake_ports.stdout.seek(0)
    fake_ports.stdout.truncate()
    assert run(fake_ports, "--programs", "none", "--history", "kept", "--format", "json") == 3, "they are gone"


def test_a_record_of_its_own_leaves_the_history_as_it_is(fake_ports: FakePorts) -> None:
    for _ in range(5):
        measure_again(fake_ports, 100, "--history", "kept")
    before = (fake_ports.cwd / "kept/benchmarks.jsonl").read_bytes()
    code, answer = measure_again(fake_ports, 201, "--history", "kept", "--record", "new")
    assert (code, answer["history"][0]["ratio"]) == (1, 2.01)
    assert (fake_ports.cwd / "kept/benchmarks.jsonl").read_bytes() == before
    (record,) = HistoryFolder(fake_ports.cwd / "new").read_benchmarks()
    assert (record.origin.run, record.benchmarks[0].value) == ("github-6-1", 201)


def test_pairs_decide_where_there_is_a_base_and_the_history_is_only_shown(fake_ports: FakePorts) -> None:
    for _ in range(5):
        measure_again(fake_ports, 100, "--history", "kept")
    fake_programs(fake_ports.cwd / "base", {"a": {"ns": 300}})
    code, answer = measure_again(fake_ports, 300, "--history", "kept", "--against-programs", "base", "--dry-run")
    assert (code, answer["history"][0]["verdict"], row(answer, "a")["verdict"]) == (0, "fail", "pass")


def test_a_corrupt_history_is_refused_before_anything_is_measured(fake_ports: FakePorts) -> None:
    measure_again(fake_ports, 100, "--history", "kept")
    (fake_ports.cwd / "kept/benchmarks.jsonl").write_text("{}\n")
    (fake_ports.cwd / "calls.txt").unlink()
    code, _ = measure_again(fake_ports, 100, "--history", "kept")
    assert code == 4
    assert not (fake_ports.cwd / "calls.txt").exists()
    assert (fake_ports.cwd / "kept/benchmarks.jsonl").read_text() == "{}\n"


def test_a_run_goes_on_in_the_file_of_github_action_benchmark(fake_ports: FakePorts) -> None:
    git = ("git", "-c", "user.name=n", "-c", "user.email=n@example.invalid", "-c", "commit.gpgsign=false")
    for words in (("init", "--quiet"), ("commit", "--quiet", "--allow-empty", "--message", "why\n\nbecause")):
        subprocess.run([*git, *words], cwd=fake_ports.cwd, check=True)
    path = fake_ports.cwd / "data.js"
    bench = {"name": "old", "value": 3, "unit": "ns/iter"}
    entry = {"commit": {"id": "0" * 40}, "date": 1, "tool": "cargo", "benches": [bench]}
    path.write_text(
        "window.BENCHMARK_DATA = " + json.dumps({"lastUpdate": 1, "repoUrl": "r", "entries": {"mine": [entry]}})
    )
    for nanoseconds in (100, 110):
        code, _ = measure_again(fake_ports, nanoseconds, "--data-js", "data.js")
        assert code == 0, fake_ports.stderr.getvalue()
    runs = json.loads(path.read_text().removeprefix("window.BENCHMARK_DATA = "))["entries"]["mine"]
    assert runs[0] == entry
    assert [run["benches"][0]["value"] for run in runs[1:]] == [100, 110]
    assert runs[1]["commit"]["message"] == "why\n\nbecause"
    assert runs[1]["commit"]["url"].startswith("https://example.invalid/o/r/commit/")


def test_a_file_of_github_action_benchmark_that_is_none_stays_as_it_is(fake_ports: FakePorts) -> None:
    (fake_ports.cwd / "data.js").write_text("window.BENCHMARK_DATA = [")
    code, _ = measure_again(fake_ports, 100, "--data-js", "data.js")
    assert code == 4
    assert (fake_ports.cwd / "data.js").read_text() == "window.BENCHMARK_DATA = ["
