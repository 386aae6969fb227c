"""pipeline.toml: what it means, and in which words it is refused."""

from __future__ import annotations

import contextlib
import re
import time
import tomllib
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import ConfigError
from nanna_ci.pipeline.definition import (
    Pipeline,
    Suite,
    Target,
    find_pipeline,
    load_pipeline,
    normalised,
    parse_pipeline,
)
from nanna_ci.pipeline.vocabulary import Channel, Strategy, SuiteKind

ROOT = Path(__file__).parents[3]
GOOD = sorted((ROOT / "tests/data/pipelines/good").glob("*.toml"))
BAD = sorted((ROOT / "tests/data/pipelines/bad").glob("*.toml"))
EXPECTED = "# expect: "

MATRIX = {  # the specification's test matrix; what reads Cargo.lock alone answers once
    "unit": {
        ("ubuntu-24.04", "stable"),
        ("ubuntu-24.04", "beta"),
        ("ubuntu-24.04", "nightly"),
        ("macos-15", "stable"),
        ("macos-15", "beta"),
        ("windows-2025", "stable"),
        ("windows-2025", "beta"),
    },
    "integration": {("ubuntu-24.04", "stable"), ("ubuntu-24.04", "beta")},
    "clippy": {
        ("ubuntu-24.04", "stable"),
        ("ubuntu-24.04", "beta"),
        ("macos-15", "stable"),
        ("macos-15", "beta"),
        ("windows-2025", "stable"),
        ("windows-2025", "beta"),
    },
    "fmt": {("ubuntu-24.04", "stable")},
    "doc": {("ubuntu-24.04", "stable")},
    "audit": {("ubuntu-24.04", "stable")},
    "deny": {("ubuntu-24.04", "stable")},
    "coverage": {("ubuntu-24.04", "stable")},
}


@pytest.fixture(scope="module")
def own() -> Pipeline:
    return load_pipeline(ROOT / "pipeline.toml")


def parse(text: str) -> Pipeline:
    return parse_pipeline(text, "pipeline.toml")


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return str(caught.value) + (f"; {caught.value.hint}" if caught.value.hint else "")


def test_the_own_pipeline_has_the_test_matrix_of_the_specification(own: Pipeline) -> None:
    planned: dict[str, set[tuple[str, str]]] = {}
    for suite in own.tests:
        pairs = planned.setdefault(suite.kind.value, set())
        pairs.update((runner, channel.value) for runner in suite.runners for channel in suite.channels)
    assert planned == MATRIX


def test_the_own_pipeline_builds_the_four_systems_of_the_specification(own: Pipeline) -> None:
    assert {target.system: target.runner for target in own.targets} == {
        "x86_64-linux": "ubuntu-24.04",
        "aarch64-linux": "ubuntu-24.04-arm",
        "x86_64-darwin": "macos-15-intel",
        "aarch64-darwin": "macos-15",
    }
    by_system = {target.system: target.strategies for target in own.targets}
    assert by_system["aarch64-linux"][:2] == (Strategy.NIX, Strategy.NIX_CROSS)


def test_the_own_pipeline_has_the_images_and_models_of_the_specification(own: Pipeline) -> None:
    assert {image.name: (set(image.architectures), image.port) for image in own.images} == {
        "harness": ({"x86_64", "aarch64"}, None),
        "ollama": ({"x86_64", "aarch64"}, 11434),
        "qwen3-container": ({"x86_64"}, 11434),
        "llama3-container": ({"x86_64"}, 11434),
    }
    assert {model.name: model.image for model in own.models} == {
        "qwen3:0.6b": "qwen3-container",
        "llama3:8b": "llama3-container",
    }


def test_the_own_pipeline_has_the_targets_and_cache_settings_of_the_specification(own: Pipeline) -> None:
    assert normalised(own)["budget"] == {
        "cache_hit_rate": 0.85,
        "pipeline_s": 20 * 60,
        "image_s": 10 * 60,
        "binary_s": 5 * 60,
        "parallel_jobs": 30,
        "cache_bytes": 50 * 1000**3,
        "artifact_bytes": 100 * 1000**2,
        "regression_ratio": 2.0,
    }
    assert (own.cache.maximum_size_bytes, own.cache.tarball_ttl_s) == (50 * 1000**3, 300)


def test_what_a_file_leaves_out_is_what_the_own_file_says_it_would_be() -> None:
    pipeline = parse('[workspace]\nname = "x"\nbinaries = ["x"]\n')
    assert pipeline.workspace.libraries == ()
    assert pipeline.toolchain.channels == (Channel.STABLE,)
    assert pipeline.toolchain.default is Channel.STABLE
    assert pipeline.targets == (
        Target(
            "x86_64-linux",
            "x86_64-unknown-linux-gnu",
            "ubuntu-24.04",
            (Strategy.NIX, Strategy.NIX_CROSS, Strategy.BUILDER),
        ),
    )
    kinds = (SuiteKind.UNIT, SuiteKind.INTEGRATION, SuiteKind.CLIPPY, SuiteKind.FMT, SuiteKind.DOC)
    assert pipeline.tests == tuple(Suite(kind, ("ubuntu-24.04",), (Channel.STABLE,)) for kind in kinds)
    assert (pipeline.images, pipeline.models, pipeline.cache.name) == ((), (), None)
    own = load_pipeline(ROOT / "pipeline.toml")
    assert (pipeline.security, pipeline.coverage, pipeline.budget) == (own.security, own.coverage, own.budget)


def test_a_library_has_tests_and_nothing_to_build() -> None:
    pipeline = parse('[workspace]\nname = "x"\n')
    assert pipeline.targets == ()
    assert pipeline.tests != ()


def test_the_first_channel_is_the_default_and_the_one_of_a_test_that_names_none() -> None:
    pipeline = parse('[workspace]\nname = "x"\n[toolchain]\nchannels = ["beta", "stable"]\n[[test]]\nkind = "fmt"\n')
    assert pipeline.toolchain.default is Channel.BETA
    assert pipeline.tests[0].channels == (Channel.BETA,)


def test_the_templates_example_is_right_with_and_without_its_comments() -> None:
    text = (ROOT / "templates/rust/pipeline.toml").read_text()
    assert len(parse(text).tests) == 5
    example = "\n".join(re.sub(r"^# (?=\[|\w+ = )", "", line) for line in text.splitlines())
    uncommented = parse(example)
    assert [len(suite.runners) for suite in uncommented.tests] == [3]
    assert [target.system for target in uncommented.targets] == ["aarch64-linux"]


def test_the_templates_policy_for_cargo_deny_is_the_default_one_but_for_its_own_scopes() -> None:
    ours, template = (
        tomllib.loads((ROOT / path).read_text()) for path in ("nix/deny.toml", "templates/rust/deny.toml")
    )
    assert template.pop("advisories") == {"unmaintained": "workspace", "unsound": "workspace", "yanked": "warn"}
    del ours["advisories"]
    assert template == ours


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_read(path: Path) -> None:
    load_pipeline(path)


@pytest.mark.parametrize(
    "path", [path for path in BAD if not path.name.startswith("unreadable-")], ids=lambda path: path.stem
)
def test_a_bad_file_is_refused_with_place_problem_and_hint(path: Path) -> None:
    text = path.read_bytes().decode()
    expected = text.partition("\n")[0]
    assert expected.startswith(EXPECTED)
    assert refusal(text) == f"pipeline.toml: {expected.removeprefix(EXPECTED)}"


@pytest.mark.parametrize(
    "path", [path for path in BAD if path.name.startswith("unreadable-")], ids=lambda path: path.stem
)
def test_an_unreadable_file_is_refused_by_name(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.exit_code == 2


def test_a_syntax_error_says_the_line() -> None:
    assert "is not TOML" in refusal("[workspace]\nname =\n")
    assert "line 2" in refusal("[workspace]\nname =\n")


def test_deep_nesting_is_refused() -> None:
    assert refusal(f"x = {'[' * 5000}{']' * 5000}\n") == "pipeline.toml: is nested too deeply"


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_pipeline(tmp_path / "pipeline.toml")
    assert "No such file" in str(caught.value)
    assert "--config" in (caught.value.hint or "")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="directory"):
        load_pipeline(tmp_path)


def test_the_flag_wins_over_the_environment_and_that_over_the_working_folder() -> None:
    cwd = Path("/somewhere")
    environ = {"NANNA_CI_CONFIG": "from/environment.toml"}
    assert find_pipeline(Path("flag.toml"), environ, cwd) == cwd / "flag.toml"
    assert find_pipeline(Path("/flag.toml"), environ, cwd) == Path("/flag.toml")
    assert find_pipeline(None, environ, cwd) == cwd / "from/environment.toml"
    assert find_pipeline(None, {"NANNA_CI_CONFIG": ""}, cwd) == cwd / "pipeline.toml"
    assert find_pipeline(None, {}, cwd) == cwd / "pipeline.toml"


@pytest.mark.parametrize(
    "text",
    [
        '[workspace]\nname = "x"\nbinaries = [{}]\n'.format(", ".join(f'"b{number}"' for number in range(40_000))),
        '[workspace]\nname = "x"\n' + "".join(f"k{number} = 1\n" for number in range(40_000)),
        '[workspace]\nname = "x"\nbinaries = ["x"]\n'
        + "".join(f'[[model]]\nname = "m:{number}"\nimage = "i{number}"\n' for number in range(40_000)),
        '[workspace]\nname = "x"\nbinaries = ["x"]\n'
        + "".join(f'[[image]]\nname = "i{number}"\ncontents = ["x"]\nport = 1\n' for number in range(20_000))
        + "".join(f'[[model]]\nname = "m:{number}"\nimage = "i{number}"\n' for number in range(20_000)),
    ],
    ids=["binaries", "unknown keys", "unknown images", "models"],
)
def test_many_names_take_no_time_that_grows_with_their_square(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ConfigError):
        parse(text)
    assert time.process_time() - started < 8.0


@pytest.mark.parametrize("digits", [20, 4301, 5000, 100_000])
def test_a_number_of_many_digits_is_a_configuration_error(digits: int) -> None:
    said = refusal(f'[workspace]\nname = "x"\n[cache]\ntarball_ttl_s = {"1" * digits}\n')
    assert "11111" not in said
