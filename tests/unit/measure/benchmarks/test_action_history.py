"""github-action-benchmark's history: kept as it is, one entry longer, and never started anew."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.benchmarks.action_history import (
    ActionCommit,
    ActionHistory,
    ActionPerson,
    action_records,
    append_entry,
    parse_action_history,
    read_action_history,
    render_action_history,
)
from nanna_ci.measure.history.records import BenchmarkValue, Metric, Segment
from nanna_ci.report.files import write_atomic

DATA = Path(__file__).parents[3] / "data" / "bencher"
NOW = datetime.datetime(2026, 3, 1, 12, 0, 0, 250000, tzinfo=datetime.UTC)
ME = ActionPerson("Ada", "ada@example.org", "ada")


def commit(id_: str = "c" * 40) -> ActionCommit:
    return ActionCommit(id_, "Sort faster", NOW, f"https://example.org/commit/{id_}", ME, ME)


def value(name: str = "crc32", number: float = 135.0, spread: float | None = 24.0, unit: str = "ns") -> BenchmarkValue:
    low, high = (None, None) if spread is None else (number - spread, number + spread)
    return BenchmarkValue(name, Metric.TIME, unit, number, low, high)


def history_of(*benches: dict[str, object], tool: str = "cargo") -> ActionHistory:
    """A suite "Rust" with one run."""
    entry = {"commit": {"id": "a" * 40}, "date": 1574927127603, "tool": tool, "benches": list(benches)}
    document = {"lastUpdate": 1, "repoUrl": "https://example.org", "entries": {"Rust": [entry]}}
    return parse_action_history(json.dumps(document).encode(), "data.js")


def added(history: ActionHistory, *values: BenchmarkValue, max_items: int | None = None) -> list[dict[str, object]]:
    """The suite "Rust" after one more run."""
    longer = append_entry(history, "Rust", commit(), values, now=NOW, max_items=max_items)
    suites = json.loads(render_action_history(longer).removeprefix(b"window.BENCHMARK_DATA = "))["entries"]
    return list(suites["Rust"])


def test_the_actions_own_file_is_written_again_byte_for_byte() -> None:
    data = (DATA / "data.js").read_bytes()
    assert render_action_history(parse_action_history(data, "data.js")) == data


def test_an_entry_more_is_all_that_changes_and_unknown_keys_stay() -> None:
    before = parse_action_history((DATA / "data.js").read_bytes(), "data.js")
    after = append_entry(before, "Rust Benchmark", commit(), [value()], now=NOW)
    was, now = before.document, after.document
    assert now["lastUpdate"] == 1772366400250
    assert {**now, "entries": 0, "lastUpdate": 0} == {**was, "entries": 0, "lastUpdate": 0}
    assert after.entries("Other") == before.entries("Other")
    assert after.entries("Rust Benchmark")[:-1] == before.entries("Rust Benchmark")
    assert len(before.entries("Rust Benchmark")) == 2


def test_the_entry_is_the_one_that_the_action_adds() -> None:
    history = append_entry(
        ActionHistory({"entries": {}}), "Rust", commit("f00"), [value()], now=NOW, repo_url="https://example.org/r"
    )
    person = {"email": "ada@example.org", "name": "Ada", "username": "ada"}
    assert history.document == {
        "entries": {
            "Rust": [
                {
                    "commit": {
                        "author": person,
                        "committer": person,
                        "id": "f00",
                        "message": "Sort faster",
                        "timestamp": "2026-03-01T12:00:00.250000+00:00",
                        "url": "https://example.org/commit/f00",
                    },
                    "date": 1772366400250,
                    "tool": "cargo",
                    "benches": [{"name": "crc32", "value": 135, "range": "± 24", "unit": "ns/iter"}],
                }
            ]
        },
        "lastUpdate": 1772366400250,
        "repoUrl": "https://example.org/r",
    }


def test_a_range_is_written_as_the_program_printed_it_and_left_out_where_unknown() -> None:
    assert 0.55 + 0.08 - 0.55 != 0.08
    benches = added(history_of(), value(number=0.55, spread=0.08), value("b", spread=None))[-1]["benches"]
    assert benches == [
        {"name": "crc32", "value": 0.55, "range": "± 0.08", "unit": "ns/iter"},
        {"name": "b", "value": 135, "unit": "ns/iter"},
    ]


@pytest.mark.parametrize(
    ("unit_before", "expected"),
    [
        ("us/iter", {"value": 1.35, "range": "± 0.24", "unit": "us/iter"}),
        ("µs/iter", {"value": 1.35, "range": "± 0.24", "unit": "µs/iter"}),
        ("ns/iter", {"value": 1350, "range": "± 240", "unit": "ns/iter"}),
        ("ns", {"value": 1350, "range": "± 240", "unit": "ns/iter"}),
        ("ops/ns", {"value": 1350, "range": "± 240", "unit": "ns/iter"}),
    ],
)
def test_values_take_the_unit_of_the_last_run_as_with_the_action(unit_before: str, expected: dict[str, object]) -> None:
    history = history_of({"name": "crc32", "value": 1, "unit": unit_before})
    assert added(history, value(number=1350, spread=240))[-1]["benches"] == [{"name": "crc32", **expected}]


def test_the_last_run_of_another_commit_gives_the_unit() -> None:
    runs = [
        {"commit": {"id": id_}, "benches": [{"name": "crc32", "value": 1, "unit": unit}]}
        for id_, unit in (("a", "s/iter"), ("b", "us/iter"), ("c", "ms/iter"))
    ]
    history = parse_action_history(json.dumps({"entries": {"Rust": runs}}).encode(), "data.js")
    for id_, number in (("c", 1.5), ("d", 0.0015)):
        entry = append_entry(history, "Rust", commit(id_), [value(number=1500, spread=None)], now=NOW).entries("Rust")[
            -1
        ]
        assert isinstance(entry, dict)
        assert entry["benches"][0]["value"] == number


def test_the_oldest_runs_of_the_suite_go_beyond_the_maximum() -> None:
    history = history_of()
    for number in range(5):
        history = append_entry(history, "Rust", commit(str(number)), [], now=NOW, max_items=3)
    assert [run["commit"]["id"] for run in json.loads(json.dumps(list(history.entries("Rust"))))] == ["2", "3", "4"]
    assert len(added(history, max_items=None)) == 4


def test_plain_json_stays_plain() -> None:
    data = render_action_history(append_entry(history_of(), "Rust", commit(), [], now=NOW))
    assert json.loads(data)["entries"]["Rust"][1]["benches"] == []


def test_a_file_that_is_not_there_is_an_empty_history(tmp_path: Path) -> None:
    empty = read_action_history(tmp_path / "data.js")
    assert render_action_history(empty).startswith(b'window.BENCHMARK_DATA = {\n  "lastUpdate": 0,')
    assert not read_action_history(tmp_path / "data.json").is_script


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1 column 1"),
        ("window.BENCHMARK_DATA = ", "line 1 column 1"),
        ('window.BENCHMARK_DATA = {"entries": {', "line 1 column"),
        ('window.BENCHMARK_DATA = {"entries": {}};', "Extra data"),
        ("window.BENCHMARK_DATA = []", "the document is an array, not an object"),
        ("window.BENCHMARK_DATA = {}", "no entries"),
        ('window.BENCHMARK_DATA = {"entries": []}', "entries is an array, not an object"),
        ('{"entries": {"Rust": {}}}', "entries['Rust'] is an object, not an array"),
        ('{"entries": {"Rust": [null]}}', "entries['Rust'][0] is 'null', not an object"),
        ('{"entries": {"Rust": [{"commit": {}}]}}', "entries['Rust'][0].commit.id is 'null', not a string"),
        ('{"entries": {"Rust": [{"commit": {"id": "a"}}]}}', "entries['Rust'][0].benches is 'null', not an array"),
        ('{"entries": {"Rust": [{"commit": {"id": "a"}, "benches": [{"value": 1}]}]}}', "benches[0].name is 'null'"),
        ('{"entries": {"Rust": [{"commit": {"id": "a"}, "benches": [{"value": NaN}]}]}}', "NaN is not JSON"),
        ("<<<<<<< HEAD\nwindow.BENCHMARK_DATA = {}", "line 1 column 1"),
    ],
)
def test_a_corrupt_history_is_refused_and_stays_as_it_is(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "data.js"
    path.write_text(text)
    with pytest.raises(MalformedData) as caught:
        read_action_history(path)
    assert caught.value.exit_code == 4
    assert str(path) in caught.value.message
    assert problem in caught.value.message
    assert path.read_text() == text


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dangling.js").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.js")
    (tmp_path / "folder.js").mkdir()
    (tmp_path / "bytes.js").write_bytes(b'{"entries": "\xff"}')
    for name in ("dangling", "pipe", "folder", "bytes"):
        with pytest.raises(MalformedData, match=name):
            read_action_history(tmp_path / f"{name}.js")


def test_records_of_a_suite_have_times_commits_and_no_machine() -> None:
    history = parse_action_history((DATA / "data.js").read_bytes(), "data.js")
    first, second = action_records(history, "Rust Benchmark", "data.js")
    assert first.origin.commit == "0ed2f3d2a0a0ab22d3a7e4a0b8b8f1c7b6f0d6a1"
    assert first.origin.started == datetime.datetime(2019, 11, 28, 7, 45, 27, 603000, tzinfo=datetime.UTC)
    assert first.segment == Segment(None, None, None)
    assert first.benchmarks[0] == BenchmarkValue("bench_fib_10", Metric.TIME, "ns", 100, 80, 120)
    assert second.benchmarks[1] == BenchmarkValue("bench_fib_20", Metric.TIME, "ns", 18794.12, None, None)
    assert first.origin.run != second.origin.run
    assert action_records(history, "nothing", "data.js") == []


def test_runs_of_other_tools_and_values_that_were_nan_give_no_times() -> None:
    assert action_records(history_of({"name": "a", "value": 1, "unit": "x"}, tool="pytest"), "Rust", "data.js") == []
    (record,) = action_records(history_of({"name": "a", "value": None, "unit": "ns/iter"}), "Rust", "data.js")
    assert record.benchmarks == ()


@pytest.mark.parametrize(
    ("bench", "problem"),
    [
        ({"name": "a", "value": "1", "unit": "ns"}, "value is '1', not a number"),
        ({"name": "a", "value": True, "unit": "ns"}, "value is 'true', not a number"),
        ({"name": "a", "value": 1}, "unit is 'null', not a string"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_place(bench: dict[str, object], problem: str) -> None:
    with pytest.raises(MalformedData) as caught:
        action_records(history_of(bench), "Rust", "data.js")
    assert f"data.js: entries['Rust'][0].benches[0].{problem}" in caught.value.message


@pytest.mark.parametrize("date", ["1e300", "-1e300", '"today"', "null"])
def test_a_date_that_is_none_is_refused(date: str) -> None:
    data = f'{{"entries": {{"Rust": [{{"commit": {{"id": "a"}}, "date": {date}, "tool": "cargo", "benches": []}}]}}}}'
    with pytest.raises(MalformedData, match=r"\[0\]\.date is"):
        action_records(parse_action_history(data.encode(), "data.js"), "Rust", "data.js")


def test_a_link_of_a_commit_that_runs_a_script_is_no_link() -> None:
    entry = {"commit": {"id": "a", "url": "javascript:1"}, "date": 1, "tool": "cargo", "benches": []}
    data = json.dumps({"entries": {"R": [entry]}}).encode()
    (record,) = action_records(parse_action_history(data, "data.js"), "R", "data.js")
    assert record.origin.url is None


def test_written_and_read_again_it_is_the_same(tmp_path: Path) -> None:
    history = append_entry(read_action_history(tmp_path / "data.js"), "Rust", commit(), [value()], now=NOW)
    write_atomic(tmp_path / "data.js", render_action_history(history))
    assert read_action_history(tmp_path / "data.js") == history


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"), (-0.0, "0"), (0.1, "0.1"), (-2.5, "-2.5"), (1e20, "100000000000000000000"), (1e21, "1e+21"),
        (1.5e21, "1.5e+21"), (1e-6, "0.000001"), (1.25e-5, "0.0000125"), (1e-7, "1e-7"), (1.5e-7, "1.5e-7"),
        (1.2345678901234567e16, "12345678901234568"), (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_javascript_writes_them(number: float, text: str) -> None:
    assert (
        render_action_history(ActionHistory({"entries": number}))
        == f'window.BENCHMARK_DATA = {{\n  "entries": {text}\n}}'.encode()
    )
