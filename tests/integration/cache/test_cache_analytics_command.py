"""`cache-analytics` as a command, on lists of paths and without nix: formats, exit codes, faults, Cachix in bulk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.store.build_times import DEFAULT_FILE, record_build_times
from support.analytics_without_nix import PATHS, Sandbox
from support.fake_derivations import narinfo, store_path
from support.fake_ports import FakePorts
from support.fake_store_paths import put_into_folder


@pytest.fixture
def sandbox(fake_ports: FakePorts) -> Sandbox:
    return Sandbox(fake_ports)


def test_a_list_of_paths_needs_no_nix(sandbox: Sandbox) -> None:
    sandbox.add(*PATHS[:3])
    answer = sandbox.analyse_list()
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
    assert sandbox.ports.run.calls == []


def test_standard_input_and_empty_lines(sandbox: Sandbox) -> None:
    sandbox.add(PATHS[0])
    sandbox.ports.stdin.write(f"\n{PATHS[0]}\n\n  {PATHS[1]}\n{PATHS[0]}")
    sandbox.ports.stdin.seek(0)
    answer = sandbox.analyse("--paths-from", "-", "--substituter", sandbox.url)
    assert answer["combined"] == {"present": 1, "missing": 1, "untrusted": 0, "unknown": 0}


def test_a_list_that_is_wrong_names_the_line(sandbox: Sandbox) -> None:
    (sandbox.ports.cwd / "paths.txt").write_text(f"{PATHS[0]}\n\n/nix/store/short\n")
    sandbox.run("--paths-from", "paths.txt", "--substituter", sandbox.url, code=4)
    assert "paths.txt: line 3" in sandbox.ports.stderr.getvalue()


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
def test_a_wrong_request_is_a_usage_error(sandbox: Sandbox, words: list[str], said: str) -> None:
    sandbox.list(*PATHS)
    substituter = f"file://{sandbox.cache}"
    sandbox.run(*words, "--substituter", substituter, "--trusted-key", KEY, code=2)
    assert said in sandbox.ports.stderr.getvalue()


KEY = "cache-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="


def test_installables_need_nix(sandbox: Sandbox) -> None:
    sandbox.run(".#x", "--substituter", sandbox.url, code=3)
    assert "nix: not found" in sandbox.ports.stderr.getvalue()
    sandbox.run("--substituter", sandbox.url, code=3)


def test_signatures_count_unless_the_cache_is_trusted(sandbox: Sandbox) -> None:
    sandbox.add(*PATHS)
    words = ["--paths-from", sandbox.list(*PATHS), "--substituter", f"file://{sandbox.cache}"]
    answer = sandbox.analyse(*words, "--trusted-key", KEY)
    assert answer["combined"] == {"present": 0, "missing": 0, "untrusted": 5, "unknown": 0}
    assert answer["hitRate"]["paths"] == 0
    assert {miss["reason"] for miss in answer["misses"]} == {"untrusted"}
    assert answer["plan"]["download"]["untrusted"] == 5
    assert sandbox.analyse(*words)["combined"]["untrusted"] == 5


@pytest.mark.parametrize(
    ("minimum", "code", "verdict"), [("0.6", 0, "pass"), ("0.61", 1, "fail"), ("0", 0, "pass"), ("1", 1, "fail")]
)
def test_the_gate(sandbox: Sandbox, minimum: str, code: int, verdict: str) -> None:
    sandbox.add(*PATHS[:3])
    answer = sandbox.analyse_list("--minimum-hit-rate", minimum, code=code)
    assert (answer["verdict"], answer["gate"]["verdict"], answer["gate"]["hitRate"]) == (verdict, verdict, 0.6)


def test_no_data_is_not_a_pass(sandbox: Sandbox) -> None:
    answer = sandbox.analyse_list(paths=[], code=3)
    assert (answer["verdict"], answer["hitRate"]["paths"], answer["closure"]["paths"]) == ("unavailable", None, 0)
    gated = sandbox.analyse_list("--minimum-hit-rate", "0", paths=[], code=1)
    assert (gated["verdict"], gated["gate"]["reason"]) == ("fail", "nothing was measured")
    assert "No data" in sandbox.messages(code=3)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("NarSize: 0", "line 6: NarSize: is zero"),
        ("NarSize: 1\nNarSize: 1", "line 7: NarSize occurs a second time"),
        ("<html>", "line 6"),
    ],
)
def test_a_corrupt_answer_is_refused_with_its_line_and_is_not_a_miss(sandbox: Sandbox, damage: str, said: str) -> None:
    sandbox.add(*PATHS)
    file = sandbox.cache / f"{PATHS[0].hash}.narinfo"
    file.write_text(file.read_text().replace("NarSize: 200", damage))
    answer = sandbox.analyse_list("--minimum-hit-rate", "0.1", code=4)
    assert (answer["verdict"], answer["hitRate"]["paths"]) == ("unavailable", None)
    assert answer["combined"] == {"present": 4, "missing": 0, "untrusted": 0, "unknown": 1}
    (unknown,) = answer["unknown"]
    assert unknown["storePath"] == str(PATHS[0])
    assert said in unknown["problem"]
    assert answer["misses"] == []
    assert said in sandbox.messages(code=4)


def test_a_cache_that_is_not_there_is_unavailable_and_named(sandbox: Sandbox) -> None:
    gone = f"file://{sandbox.cache}-gone"
    words = ["--paths-from", sandbox.list(*PATHS), "--trusted-key", KEY, "--substituter", gone]
    answer = sandbox.analyse(*words, code=3)
    assert (answer["verdict"], answer["hitRate"]["paths"]) == ("unavailable", None)
    assert "cache-gone" in answer["substituters"][0]["error"]
    assert answer["substituters"][0]["unknown"] == 5
    sandbox.add(*PATHS)
    both = sandbox.analyse(*words, "--substituter", sandbox.url)
    assert (both["verdict"], both["hitRate"]["paths"]) == ("pass", 1.0)
    assert "⚠ file:///" in sandbox.messages("--substituter", gone)
    assert "could not be queried" in sandbox.messages("--substituter", gone)


def test_of_two_caches_one_suffices(sandbox: Sandbox) -> None:
    sandbox.add(*PATHS[:3])
    other = sandbox.ports.cwd / "other"
    other.mkdir()
    (other / "nix-cache-info").write_text("StoreDir: /nix/store\n")
    for path in PATHS[2:4]:
        put_into_folder(other, narinfo(path))
    answer = sandbox.analyse_list("--substituter", f"file://{other}?trusted=1")
    assert [one["present"] for one in answer["substituters"]] == [3, 2]
    assert answer["combined"] == {"present": 4, "missing": 1, "untrusted": 0, "unknown": 0}
    assert answer["hitRate"]["paths"] == 0.8


def test_a_walk_follows_references(sandbox: Sandbox) -> None:
    sandbox.add(PATHS[1], references=[PATHS[2]])
    sandbox.add(PATHS[0], references=[PATHS[1], PATHS[3]])
    sandbox.add(PATHS[2])
    answer = sandbox.analyse_list("--walk", paths=PATHS[:1])
    assert answer["closure"]["paths"] == 4
    assert answer["combined"]["missing"] == 1
    assert answer["misses"][0]["storePath"] == str(PATHS[3])


def test_evicted_and_never_pushed_against_an_earlier_report(sandbox: Sandbox) -> None:
    sandbox.add(*PATHS[:3])
    before = sandbox.analyse_list()
    (sandbox.ports.cwd / "before.json").write_text(json.dumps(before))
    (sandbox.cache / f"{PATHS[0].hash}.narinfo").unlink()
    answer = sandbox.analyse_list("--baseline", "before.json")
    reasons = {miss["storePath"]: miss["reason"] for miss in answer["misses"]}
    assert reasons == {str(PATHS[0]): "evicted", str(PATHS[3]): "never-pushed", str(PATHS[4]): "never-pushed"}
    assert answer["baseline"] == "before.json"
    assert answer["store"]["growthBytes"] == answer["store"]["sizeBytes"] - before["store"]["sizeBytes"]
    assert answer["store"]["growthBytes"] < 0


def test_pipeline_toml_says_filter_limit_and_target(sandbox: Sandbox) -> None:
    cache = '[cache]\npush_filter = ["^path-[34]$"]\nmaximum_size_bytes = 10\n'
    text = f'[workspace]\nname = "x"\n{cache}[budget]\ncache_hit_rate = 0.5\n'
    (sandbox.ports.cwd / "pipeline.toml").write_text(text)
    sandbox.add(*PATHS[:3])
    answer = sandbox.analyse_list()
    assert {miss["because"] for miss in answer["misses"]} == {"filtered: the push filter ^path-[34]$ keeps it out"}
    assert (answer["store"]["limitBytes"], answer["store"]["sizeBytes"] > 10) == (10, True)
    shown = sandbox.messages()
    assert "over its limit of 10 B" in shown
    assert "50.0 %" in shown


def test_every_format_tells_the_rate_and_the_reasons(sandbox: Sandbox) -> None:
    sandbox.add(*PATHS[:3])
    words = ["--paths-from", sandbox.list(*PATHS), "--substituter", sandbox.url]
    text = sandbox.run(*words)
    assert "60.0 %" in text
    assert "in no cache: never pushed, or collected since" in text
    assert "█" in text
    markdown = sandbox.run(*words, "--format", "markdown")
    assert "| path-3 | ✘ root | in no cache: never pushed, or collected since |" in markdown
    page = sandbox.run(*words, "--format", "html")
    assert '<rect class="part good" x="0.00" width="60.00"' in page
    assert '<rect class="part bad" x="60.00" width="40.00"' in page


def test_build_times_are_those_that_ci_records(sandbox: Sandbox) -> None:
    file = sandbox.ports.cwd / DEFAULT_FILE
    file.parent.mkdir()
    record_build_times(file, {store_path(f"{path.name}.drv"): 10.0 for path in PATHS}, 0.0)
    sandbox.add(*PATHS[:3])
    answer = sandbox.analyse_list()
    assert answer["buildSeconds"] == {"present": 30.0, "absent": 20.0, "unknown": 0, "estimated": 5}
    assert answer["hitRate"]["buildSeconds"] == 0.6
    assert sandbox.analyse_list("--build-times", DEFAULT_FILE)["buildSeconds"] == answer["buildSeconds"]


def test_a_long_list_of_misses_is_cut_in_text_and_whole_in_json(sandbox: Sandbox) -> None:
    many = [store_path(f"gone-{number}") for number in range(50)]
    text = sandbox.run("--paths-from", sandbox.list(*many), "--substituter", sandbox.url)
    assert text.count("in no cache") == 20
    assert "and 30 more" in text
    assert len(sandbox.analyse_list(paths=many)["misses"]) == 50


def test_a_step_on_github_gets_its_summary_output_and_annotation(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add(*PATHS[:3])
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        (tmp_path / name).touch()
        sandbox.ports.environ[name] = str(tmp_path / name)
    sandbox.ports.environ["GITHUB_ACTIONS"] = "true"
    sandbox.analyse_list("--minimum-hit-rate", "0.9", code=1)
    assert "60.0 %" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert "0.6000" in (tmp_path / "GITHUB_OUTPUT").read_text()
    assert "::error title=Cache hit rate" in sandbox.ports.stderr.getvalue()
