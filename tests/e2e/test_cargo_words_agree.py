"""nix/cargo-words.nix and nanna_ci.binaries.cargo_settings say the same to cargo for one pipeline.toml.

What differs by design: without Nix, `--locked` is for workspaces that have a Cargo.lock, and unit tests are chosen by
`--lib --bins`, which compiles no integration test. Needs `nix` on PATH, and nothing that it could build or fetch.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.binaries.cargo import CargoJob, plan_job
from nanna_ci.binaries.cargo_settings import CargoSettings, cargo_settings
from nanna_ci.pipeline.definition import parse_pipeline
from support.nix_evaluation import evaluate_file
from support.toml_text import render_toml

ROOT = Path(__file__).parents[2]
EXPRESSION = """
map
  (text: removeAttrs
    (import {root}/nix/cargo-words.nix (import {root}/nix/pipeline.nix {{ inherit text; }}))
    # no words of pipeline.toml
    [ "defaultPolicy" ])
  (builtins.fromJSON (builtins.readFile {texts}))
"""
AWKWARD = ['a"b', "${one}", "a\\b", "it's", "''", "$HOME", "two words", "--", "-D"]
# each key's values; None leaves the key out
TABLES: dict[str, dict[str, Sequence[Any]]] = {
    "cargo": {
        "all_features": [None, False, True],
        "no_default_features": [None, False, True],
        "features": [None, [], ["one"], ["one", "crate/two"]],
        "exclude": [None, [], ["left-out"], ["left-out", "b"]],
        "arguments": [None, [], ["--config", "net.retry=3"], AWKWARD],
        "environment": [
            None,
            {},
            {"LC_ALL": "C"},
            {"RUSTDOCFLAGS": "--cfg docs"},
            {"RUSTDOCFLAGS": "", "RUSTFLAGS": "-C debuginfo=0"},
            {f"A{at}": word for at, word in enumerate(AWKWARD)},
        ],
    },
    "clippy": {"deny_warnings": [None, False, True], "arguments": [None, [], ["-A", "clippy::all"], AWKWARD]},
    "doc": {"deny_warnings": [None, False, True], "tests": [None, False, True]},
    "nextest": {
        "filter": [None, "not test(it's slow)", "test(a) | test(b)", 'test(/"${x}\\\\/)'],
        "retries": [None, 0, 2, 100],
        "flaky_result": [None, "pass", "fail"],
        "timeout_s": [None, 1, 86_400],
        "arguments": [None, [], ["--test-threads=1"], AWKWARD],
    },
}


def pipelines() -> Iterator[str]:
    """Every value of every key by itself, and many at once: the same at every run."""
    workspace = {"workspace": {"name": "x"}}
    for section, keys in TABLES.items():
        for key, values in keys.items():
            yield from (render_toml({**workspace, section: {key: value}}) for value in values)
    source = random.Random(11)
    for _ in range(300):
        chosen = {
            section: {key: source.choice(values) for key, values in keys.items()} for section, keys in TABLES.items()
        }
        yield render_toml({**workspace, **chosen})


TEXTS = tuple(pipelines())


@pytest.fixture(scope="module")
def words_of_nix(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What Nix makes of each of TEXTS, in one evaluation."""
    folder = tmp_path_factory.mktemp("words")
    texts, expression = folder / "texts.json", folder / "words.nix"
    texts.write_text(json.dumps(TEXTS))
    expression.write_text(EXPRESSION.format(root=ROOT, texts=texts))
    done = evaluate_file(expression, timeout_s=120)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


def words_of_python(settings: CargoSettings, nix: dict[str, Any]) -> dict[str, Any]:
    """The fields of cargo-words.nix, read from the commands that Python plans; `nix` has its choice of unit tests."""
    clippy = plan_job(CargoJob.CLIPPY, settings).argv
    return {
        "flags": list(settings.flags),
        "environment": dict(settings.environment),
        # behind a `--`, where there are any
        "lints": list(clippy[clippy.index("--all-targets") + 2 :]),
        "rustdocFlags": plan_job(CargoJob.DOC, settings).environment.get("RUSTDOCFLAGS", ""),
        "testProfile": "".join(f"{line}\n" for line in settings.profile),
        "testFilters": {**nix["testFilters"], "integration": plan_job(CargoJob.INTEGRATION, settings).argv[-1]},
    }


def test_nix_and_python_give_cargo_the_same_words(words_of_nix: list[dict[str, Any]]) -> None:
    for text, nix in zip(TEXTS, words_of_nix, strict=True):
        python = words_of_python(cargo_settings(parse_pipeline(text, "test")), nix)
        assert {**nix, "flags": [word for word in nix["flags"] if word != "--locked"]} == python, text


def test_cargo_is_held_to_the_lock_in_nix(words_of_nix: list[dict[str, Any]]) -> None:
    assert {tuple(nix["flags"][:2]) for nix in words_of_nix} == {("--workspace", "--locked")}


def test_unit_and_integration_tests_leave_out_what_the_workspace_says_and_nothing_else(
    words_of_nix: list[dict[str, Any]],
) -> None:
    for text, nix in zip(TEXTS, words_of_nix, strict=True):
        only = parse_pipeline(text, "test").nextest.filter
        narrowed = "" if only is None else f" and ({only})"
        assert nix["testFilters"] == {"unit": f"not kind(test){narrowed}", "integration": f"kind(test){narrowed}"}
