"""`cache-analytics` as a command, on lists of paths and without nix: formats, exit codes, faults, Cachix in bulk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analytics_lists import PATHS, Ground
from derivation_graphs import narinfo, store_path
from fakes import FakePorts
from nanna_ci.store.build_times import DEFAULT_FILE, record_build_times
from store_paths import put_into_folder


@pytest.fixture
def ground(fake_ports: FakePorts) -> Ground:
    return Ground(fake_ports)


def test_a_list_of_paths_needs_no_nix(ground: Ground) -> None:
    ground.add(*PATHS[:3])
    answer = ground.analyse_list()
    assert answer["verdict"] == "pass"
    assert answer["closure"] == {"paths": 5, "narBytes": None}
    assert answer["hitRate"] == {"paths": 0.6, "bytes": None, "buildSeconds": None}
    assert answer["bytes"]["present"] == 600
    assert answer["plan"]["download"]["storePaths"] == sorted(map(str, PATHS[:3]))
    assert (answer["plan"]["build"], answer["plan"]["unknown"]) == ([], sorted(map(str, PATHS[3:])))
    assert {miss["storePath"] for miss in answer["misses"]} == set(map(str, PATHS[3:]))
    assert all(
        (miss["derivation"], miss["cause"], miss["reason"]) == (None, "root", "never-pushed")
        for miss in answer["misses"]
    )
    assert answer["present"] == sorted(path.base_name for path in PATHS[:3])
    assert ground.ports.run.calls == []


def test_standard_input_and_empty_lines(ground: Ground) -> None:
    ground.add(PATHS[0])
    ground.ports.stdin.write(f"\n{PATHS[0]}\n\n  {PATHS[1]}\n{PATHS[0]}")
    ground.ports.stdin.seek(0)
    answer = ground.analyse("--paths-from", "-", "--substituter", ground.url)
    assert answer["combined"] == {"present": 1, "missing": 1, "untrusted": 0, "unknown": 0}


def test_a_list_that_is_wrong_names_the_line(ground: Ground) -> None:
    (ground.ports.cwd / "paths.txt").write_text(f"{PATHS[0]}\n\n/nix/store/short\n")
    ground.run("--paths-from", "paths.txt", "--substituter", ground.url, code=4)
    assert "paths.txt: line 3" in ground.ports.stderr.getvalue()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--paths-from", "gone.txt"], "gone.txt cannot be read"),
        (["--paths-from", "paths.txt", ".#x"], "do not go together"),
        (["--paths-from", "paths.txt", "--minimum-hit-rate", "85"], "is not a share of 0 to 1"),
        (["--paths-from", "paths.txt", "--minimum-hit-rate", "nan"], "is not a share of 0 to 1"),
        (["--paths-from", "paths.txt", "--concurrency", "0"], "--concurrency"),
        (["--paths-from", "paths.txt", "--concurrency", "many"], "--concurrency"),
        (["--paths-from", "paths.txt", "--baseline", "github:some/where"], "only installables have another revision"),
        (["--paths-from", "paths.txt", "--baseline", "gone.json"], "there is no such file"),
        (["--paths-from", "paths.txt", "--build-times", "gone.json"], "there is no such file"),
        (["--walk"], "--walk needs roots"),
        (["--paths-from", "paths.txt", "--trusted-key", "x"], "--trusted-key"),
        (["--paths-from", "paths.txt", "--config", "gone.toml"], "gone.toml"),
    ],
)
def test_what_is_asked_for_wrongly_is_a_usage_error(ground: Ground, words: list[str], said: str) -> None:
    ground.list(*PATHS)
    substituter = f"file://{ground.cache}"
    ground.run(*words, "--substituter", substituter, "--trusted-key", KEY, code=2)
    assert said in ground.ports.stderr.getvalue()


KEY = "cache-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="


def test_installables_need_nix(ground: Ground) -> None:
    ground.run(".#x", "--substituter", ground.url, code=3)
    assert "nix: not found" in ground.ports.stderr.getvalue()
    ground.run("--substituter", ground.url, code=3)


def test_signatures_count_unless_the_cache_is_trusted(ground: Ground) -> None:
    ground.add(*PATHS)
    words = ["--paths-from", ground.list(*PATHS), "--substituter", f"file://{ground.cache}"]
    answer = ground.analyse(*words, "--trusted-key", KEY)
    assert answer["combined"] == {"present": 0, "missing": 0, "untrusted": 5, "unknown": 0}
    assert answer["hitRate"]["paths"] == 0
    assert {miss["reason"] for miss in answer["misses"]} == {"untrusted"}
    assert answer["plan"]["download"]["untrusted"] == 5
    assert ground.analyse(*words)["combined"]["untrusted"] == 5


@pytest.mark.parametrize(
    ("minimum", "code", "verdict"), [("0.6", 0, "pass"), ("0.61", 1, "fail"), ("0", 0, "pass"), ("1", 1, "fail")]
)
def test_the_gate(ground: Ground, minimum: str, code: int, verdict: str) -> None:
    ground.add(*PATHS[:3])
    answer = ground.analyse_list("--minimum-hit-rate", minimum, code=code)
    assert (answer["verdict"], answer["gate"]["verdict"], answer["gate"]["hitRate"]) == (verdict, verdict, 0.6)


def test_no_data_is_no_pass(ground: Ground) -> None:
    answer = ground.analyse_list(paths=[], code=3)
    assert (answer["verdict"], answer["hitRate"]["paths"], answer["closure"]["paths"]) == ("unavailable", None, 0)
    gated = ground.analyse_list("--minimum-hit-rate", "0", paths=[], code=1)
    assert (gated["verdict"], gated["gate"]["reason"]) == ("fail", "nothing was measured")
    assert "No data" in ground.told(code=3)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("NarSize: 0", "line 6: NarSize: is zero"),
        ("NarSize: 1\nNarSize: 1", "line 7: NarSize occurs a second time"),
        ("<html>", "line 6"),
    ],
)
def test_a_corrupt_answer_is_refused_with_its_line_and_is_no_miss(ground: Ground, damage: str, said: str) -> None:
    ground.add(*PATHS)
    file = ground.cache / f"{PATHS[0].hash}.narinfo"
    file.write_text(file.read_text().replace("NarSize: 200", damage))
    answer = ground.analyse_list("--minimum-hit-rate", "0.1", code=4)
    assert (answer["verdict"], answer["hitRate"]["paths"]) == ("unavailable", None)
    assert answer["combined"] == {"present": 4, "missing": 0, "untrusted": 0, "unknown": 1}
    (unknown,) = answer["unknown"]
    assert unknown["storePath"] == str(PATHS[0])
    assert said in unknown["problem"]
    assert answer["misses"] == []
    assert said in ground.told(code=4)


def test_a_cache_that_is_not_there_is_unavailable_and_named(ground: Ground) -> None:
    gone = f"file://{ground.cache}-gone"
    words = ["--paths-from", ground.list(*PATHS), "--trusted-key", KEY, "--substituter", gone]
    answer = ground.analyse(*words, code=3)
    assert (answer["verdict"], answer["hitRate"]["paths"]) == ("unavailable", None)
    assert "cache-gone" in answer["substituters"][0]["error"]
    assert answer["substituters"][0]["unknown"] == 5
    ground.add(*PATHS)
    both = ground.analyse(*words, "--substituter", ground.url)
    assert (both["verdict"], both["hitRate"]["paths"]) == ("pass", 1.0)
    assert "⚠ file:///" in ground.told("--substituter", gone)
    assert "could not be queried" in ground.told("--substituter", gone)


def test_of_two_caches_one_suffices(ground: Ground) -> None:
    ground.add(*PATHS[:3])
    other = ground.ports.cwd / "other"
    other.mkdir()
    (other / "nix-cache-info").write_text("StoreDir: /nix/store\n")
    for path in PATHS[2:4]:
        put_into_folder(other, narinfo(path))
    answer = ground.analyse_list("--substituter", f"file://{other}?trusted=1")
    assert [one["present"] for one in answer["substituters"]] == [3, 2]
    assert answer["combined"] == {"present": 4, "missing": 1, "untrusted": 0, "unknown": 0}
    assert answer["hitRate"]["paths"] == 0.8


def test_a_walk_follows_references(ground: Ground) -> None:
    ground.add(PATHS[1], references=[PATHS[2]])
    ground.add(PATHS[0], references=[PATHS[1], PATHS[3]])
    ground.add(PATHS[2])
    answer = ground.analyse_list("--walk", paths=PATHS[:1])
    assert answer["closure"]["paths"] == 4
    assert answer["combined"]["missing"] == 1
    assert answer["misses"][0]["storePath"] == str(PATHS[3])


def test_evicted_and_never_pushed_against_an_earlier_report(ground: Ground) -> None:
    ground.add(*PATHS[:3])
    before = ground.analyse_list()
    (ground.ports.cwd / "before.json").write_text(json.dumps(before))
    (ground.cache / f"{PATHS[0].hash}.narinfo").unlink()
    answer = ground.analyse_list("--baseline", "before.json")
    reasons = {miss["storePath"]: miss["reason"] for miss in answer["misses"]}
    assert reasons == {str(PATHS[0]): "evicted", str(PATHS[3]): "never-pushed", str(PATHS[4]): "never-pushed"}
    assert answer["baseline"] == "before.json"
    assert answer["store"]["growthBytes"] == answer["store"]["sizeBytes"] - before["store"]["sizeBytes"]
    assert answer["store"]["growthBytes"] < 0


def test_pipeline_toml_says_filter_limit_and_target(ground: Ground) -> None:
    cache = '[cache]\npush_filter = ["^path-[34]$"]\nmaximum_size_bytes = 10\n'
    text = f'[workspace]\nname = "x"\n{cache}[budget]\ncache_hit_rate = 0.5\n'
    (ground.ports.cwd / "pipeline.toml").write_text(text)
    ground.add(*PATHS[:3])
    answer = ground.analyse_list()
    assert {miss["because"] for miss in answer["misses"]} == {"filtered: the push filter ^path-[34]$ keeps it out"}
    assert (answer["store"]["limitBytes"], answer["store"]["sizeBytes"] > 10) == (10, True)
    shown = ground.told()
    assert "over its limit of 10 B" in shown
    assert "50.0 %" in shown


def test_every_format_tells_the_rate_and_the_reasons(ground: Ground) -> None:
    ground.add(*PATHS[:3])
    words = ["--paths-from", ground.list(*PATHS), "--substituter", ground.url]
    text = ground.run(*words)
    assert "60.0 %" in text
    assert "in no cache: never pushed, or collected since" in text
    assert "█" in text
    markdown = ground.run(*words, "--format", "markdown")
    assert "| path-3 | ✘ root | in no cache: never pushed, or collected since |" in markdown
    page = ground.run(*words, "--format", "html")
    assert '<rect class="part good" x="0.00" width="60.00"' in page
    assert '<rect class="part bad" x="60.00" width="40.00"' in page


def test_build_times_are_those_that_ci_records(ground: Ground) -> None:
    file = ground.ports.cwd / DEFAULT_FILE
    file.parent.mkdir()
    record_build_times(file, {store_path(f"{path.name}.drv"): 10.0 for path in PATHS}, 0.0)
    ground.add(*PATHS[:3])
    answer = ground.analyse_list()
    assert answer["buildSeconds"] == {"present": 30.0, "absent": 20.0, "unknown": 0, "estimated": 5}
    assert answer["hitRate"]["buildSeconds"] == 0.6
    assert ground.analyse_list("--build-times", DEFAULT_FILE)["buildSeconds"] == answer["buildSeconds"]


def test_a_long_list_of_misses_is_cut_in_text_and_whole_in_json(ground: Ground) -> None:
    many = [store_path(f"gone-{number}") for number in range(50)]
    text = ground.run("--paths-from", ground.list(*many), "--substituter", ground.url)
    assert text.count("in no cache") == 20
    assert "and 30 more" in text
    assert len(ground.analyse_list(paths=many)["misses"]) == 50


def test_a_step_on_github_gets_its_summary_output_and_annotation(ground: Ground, tmp_path: Path) -> None:
    ground.add(*PATHS[:3])
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        (tmp_path / name).touch()
        ground.ports.environ[name] = str(tmp_path / name)
    ground.ports.environ["GITHUB_ACTIONS"] = "true"
    ground.analyse_list("--minimum-hit-rate", "0.9", code=1)
    assert "60.0 %" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert "0.6000" in (tmp_path / "GITHUB_OUTPUT").read_text()
    assert "::error title=Cache hit rate" in ground.ports.stderr.getvalue()
