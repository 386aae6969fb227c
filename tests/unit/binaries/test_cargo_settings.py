"""How cargo is called for what pipeline.toml says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from nanna_ci.binaries.cargo import CargoJob, plan_job, render_nextest_config
from nanna_ci.binaries.cargo_settings import CargoSettings, cargo_settings
from nanna_ci.pipeline.definition import parse_pipeline

NOTHING_SAID = '[workspace]\nname = "x"\n'


def settings(text: str = "") -> CargoSettings:
    return cargo_settings(parse_pipeline(NOTHING_SAID + text, "test"))


def words(job: CargoJob, text: str = "") -> list[str]:
    return list(plan_job(job, settings(text), locked=True).argv[1:])


def test_a_file_that_says_nothing_means_the_defaults() -> None:
    assert settings() == CargoSettings()


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("all_features = true", ["--all-features"]),
        ("no_default_features = true", ["--no-default-features"]),
        ('features = ["a", "b/c"]', ["--features=a,b/c"]),
        ('exclude = ["a", "b"]', ["--exclude=a", "--exclude=b"]),
        ('arguments = ["--config", "a=1"]', ["--config", "a=1"]),
    ],
)
@pytest.mark.parametrize(
    "job", [CargoJob.TESTS, CargoJob.UNIT, CargoJob.INTEGRATION, CargoJob.CLIPPY, CargoJob.DOC, CargoJob.DOCTESTS]
)
def test_every_job_that_compiles_has_the_same_words_after_workspace(job: CargoJob, text: str, flags: list[str]) -> None:
    found = words(job, f"[cargo]\n{text}\n")
    at = found.index("--workspace") + 1
    assert found[at : at + len(flags) + 1] == [*flags, "--locked"]


@pytest.mark.parametrize("job", [CargoJob.FMT, CargoJob.AUDIT])
def test_what_compiles_nothing_knows_no_features(job: CargoJob) -> None:
    assert words(job, "[cargo]\nall_features = true\n") == words(job)


def test_clippys_warnings_are_errors_unless_the_file_says_otherwise() -> None:
    assert words(CargoJob.CLIPPY)[-3:] == ["--", "-D", "warnings"]
    assert "--" not in words(CargoJob.CLIPPY, "[clippy]\ndeny_warnings = false\n")
    assert words(CargoJob.CLIPPY, '[clippy]\narguments = ["-A", "x"]\n')[-5:] == ["--", "-D", "warnings", "-A", "x"]


def test_rustdocs_warnings_can_be_errors_beside_flags_of_the_workspace() -> None:
    assert plan_job(CargoJob.DOC, settings()).environment == {}
    assert plan_job(CargoJob.DOC, settings("[doc]\ndeny_warnings = true\n")).environment == {
        "RUSTDOCFLAGS": "-D warnings"
    }
    both = '[doc]\ndeny_warnings = true\n[cargo]\nenvironment = { RUSTDOCFLAGS = "--cfg docs" }\n'
    assert plan_job(CargoJob.DOC, settings(both)).environment == {"RUSTDOCFLAGS": "--cfg docs -D warnings"}


def test_a_filter_narrows_each_kind_of_test_and_widens_none() -> None:
    text = '[nextest]\nfilter = "test(a) | test(b)"\n'
    assert words(CargoJob.TESTS, text)[-2:] == ["-E", "test(a) | test(b)"]
    assert words(CargoJob.UNIT, text)[-3:] == ["--bins", "-E", "test(a) | test(b)"]
    assert words(CargoJob.INTEGRATION, text)[-2:] == ["-E", "kind(test) and (test(a) | test(b))"]


def test_retries_and_a_limit_go_to_nextests_profile_else_the_workspace_decides() -> None:
    def profile(text: str) -> dict[str, object]:
        rendered = tomllib.loads(render_nextest_config("ours", Path("/run/junit.xml"), settings(text).profile))
        found: dict[str, object] = rendered["profile"]["ours"]
        return found

    junit = {"junit": {"path": "/run/junit.xml"}}
    assert profile("") == junit
    assert profile("[nextest]\nretries = 2\ntimeout_s = 30\n") == {
        "retries": 2,
        "slow-timeout": {"period": "30s", "terminate-after": 1},
        **junit,
    }


@pytest.mark.parametrize(
    ("value", "least"), [("", None), ('flaky_result = "pass"', None), ('flaky_result = "fail"', "0.9.131")]
)
def test_a_nextest_that_cannot_fail_flaky_tests_is_refused_where_it_should(value: str, least: str | None) -> None:
    lines = settings(f"[nextest]\nretries = 1\n{value}\n").profile
    rendered = tomllib.loads(render_nextest_config("ours", Path("/run/junit.xml"), lines))
    assert rendered.get("nextest-version") == least
