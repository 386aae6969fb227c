"""nix/pipeline.nix and nanna_ci.pipeline.definition give one value for what both take.

Nix refuses every key of a wrong name or type, and names it. Python explains, and also holds fields against each other:
what only it refuses, no command of ours takes.

Needs `nix` on PATH, 2.26 or later, and nothing that it could build or fetch.
"""

from __future__ import annotations

import copy
import json
import random
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import ConfigError
from nanna_ci.pipeline.definition import load_pipeline, normalised
from nanna_ci.pipeline.fields import Problem
from nanna_ci.pipeline.rules import table_problems
from support.nix_evaluation import evaluate_file
from support.toml_text import render_toml

ROOT = Path(__file__).parents[2]
GOOD = sorted((ROOT / "tests/data/pipelines/good").glob("*.toml"))
BAD = sorted((ROOT / "tests/data/pipelines/bad").glob("*.toml"))
PATTERN_WORDS = ("uses more", "repeats a group", "has too many", "is not a regular expression", "matches every")
UNREADABLE = [path for path in BAD if path.name.startswith("unreadable-")]
"""What Nix's own parser refuses; that ends an evaluation, so each of these takes a process of its own."""

Answer = dict[str, Any]
"""A normalised pipeline, or {"refused": message}."""


class NixError(Exception):
    """The end of what Nix said."""


EXPRESSION = """
map
  (file: import {reader} {{ file = /. + file; refuse = message: {{ refused = message; }}; }})
  (builtins.fromJSON (builtins.readFile {files}))
"""


def read_with_nix(paths: Sequence[Path], folder: Path) -> list[Answer]:
    """Every file in one evaluation. NixError if one cannot even be parsed."""
    files = folder / f"files-{paths[0].name}.json"
    files.write_text(json.dumps([str(path) for path in paths]))
    expression = folder / f"read-{paths[0].name}.nix"
    expression.write_text(EXPRESSION.format(reader=ROOT / "nix/pipeline.nix", files=files))
    done = evaluate_file(expression, timeout_s=300)
    if done.returncode:
        raise NixError(done.stderr.decode(errors="replace")[-20_000:])
    answers: list[Answer] = json.loads(done.stdout)
    return answers


def read_with_python(path: Path) -> Answer:
    try:
        return normalised(load_pipeline(path))
    except ConfigError as error:
        return {"refused": error.message + (f"; {error.hint}" if error.hint else "")}


def can_parse(path: Path) -> bool:
    """Whether a TOML parser takes the file."""
    try:
        tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
    return True


def is_found_by_types(problem: Problem) -> bool:
    """Whether names and types alone say so. Nix leaves regular expressions to Python."""
    return not (problem.path.startswith("cache.push_filter[") and problem.says.startswith(PATTERN_WORDS))


def agree(path: Path, mine: Answer, other: Answer) -> bool:
    """Whether Nix's answer is the one that Python's asks for."""
    if "refused" not in mine:
        return mine == other
    raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    problems = list(table_problems(raw))
    if "refused" not in other:
        return not any(is_found_by_types(problem) for problem in problems)
    named = other["refused"].removeprefix(f"{path}: ").partition(": ")[0]
    return named == "toolchain.channels" or any(problem.path.startswith(named) for problem in problems)


def assert_same(paths: Sequence[Path], folder: Path) -> list[Answer]:
    ours = [read_with_python(path) for path in paths]
    theirs = read_with_nix(paths, folder)
    different = [
        f"{path.read_text()}\nPython: {mine}\nNix:    {other}"
        for path, mine, other in zip(paths, ours, theirs, strict=True)
        if not agree(path, mine, other)
    ]
    assert not different, f"{len(different)} of {len(paths)} files are read differently; the first:\n{different[0]}"
    return ours


def test_both_readers_give_the_same_value_for_every_good_file(tmp_path: Path) -> None:
    own = [ROOT / "pipeline.toml", ROOT / "tests/workspace/pipeline.toml", ROOT / "templates/rust/pipeline.toml"]
    answers = assert_same([*own, *GOOD], tmp_path)
    assert len(answers) > 15
    assert not [answer for answer in answers if "refused" in answer]


def test_nix_names_the_key_of_every_bad_file_that_python_explains(tmp_path: Path) -> None:
    answers = assert_same([path for path in BAD if path not in UNREADABLE], tmp_path)
    assert len(answers) > 60
    assert all("refused" in answer for answer in answers)


def test_both_readers_refuse_what_is_not_toml_or_has_values_nix_lacks(tmp_path: Path) -> None:
    assert len(UNREADABLE) > 15
    refuse_one_by_one(UNREADABLE, tmp_path)


def refuse_one_by_one(paths: Sequence[Path], folder: Path) -> None:
    def refused_by_nix(path: Path) -> bool:
        try:
            return "refused" in read_with_nix([path], folder)[0]
        except NixError as error:
            # Nix itself must have read our file and said where it is wrong: no other failure counts
            return f"while reading {path}" in str(error)

    with ThreadPoolExecutor(4) as pool:
        by_nix = dict(zip(paths, pool.map(refused_by_nix, paths), strict=True))
    accepted = [path.name for path in paths if not by_nix[path] or "refused" not in read_with_python(path)]
    assert accepted == []


def test_both_readers_agree_on_mutated_values(tmp_path: Path) -> None:
    dice = random.Random(20260101)
    originals = [tomllib.loads(path.read_text(encoding="utf-8-sig")) for path in [ROOT / "pipeline.toml", *GOOD]]
    paths = []
    for number in range(600):
        path = tmp_path / f"{number}.toml"
        path.write_text(render_toml(mutated(dice.choice(originals), dice)), encoding="utf-8")
        paths.append(path)
    answers = assert_same(paths, tmp_path)
    refused = [answer["refused"] for answer in answers if "refused" in answer]
    assert 150 < len(refused) < 590, "the mutations are too wild or too tame to prove anything"
    assert len({message.partition(": ")[2] for message in refused}) > 100


def test_both_readers_agree_when_a_line_is_lost_or_doubled(tmp_path: Path) -> None:
    lines = [line for line in (ROOT / "pipeline.toml").read_text().splitlines() if line and not line.startswith("#")]
    paths = []
    for number, text in enumerate(with_a_line_lost_or_doubled(lines)):
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        paths.append(path)
    readable = [path for path in paths if can_parse(path)]
    assert len(readable) > 100
    assert_same(readable, tmp_path)
    broken = [path for path in paths if path not in readable]
    refuse_one_by_one(broken[:: max(1, len(broken) // 16)], tmp_path)  # a sample: each takes a process


def test_both_readers_agree_on_images_with_and_without_port(tmp_path: Path) -> None:
    dice = random.Random(20260103)
    choices: dict[str, list[Any]] = {
        "contents": [["ollama"], ["ollama", "tool"], ["tool", "ollama"], ["tol"], ["other", "tool"]],
        "port": [None, 8080, 0],
        "health_path": [None, "/health", "health"],
        "health_timeout_s": [None, 60, 0],
        "probe_paths": [None, [], ["/a"]],
        "probe_commands": [None, [], ["tool --help", "tool list"], ["tool  x"]],
        "model_command": ["tool ask {url} {model}"],
        "arguments": [["serve"]],
    }
    bases: list[dict[str, Any]] = [{"port": None, "probe_commands": ["tool --help"]}, {"port": 1}]
    paths = []
    for number in range(500):
        images = [
            {"name": name, "contents": ["tool"], **dice.choice(bases)}
            | {key: dice.choice(choices[key]) for key in dice.sample(list(choices), dice.randint(0, 2))}
            for name in ("tool", "server")
        ]
        models = [{"name": "m:1", "image": dice.choice(["tool", "server", "tol"])}] if dice.randrange(2) else []
        workspace = {"name": "x", "binaries": dice.choice([["tool"], ["tool", "other"]])}
        path = tmp_path / f"{number}.toml"
        path.write_text(render_toml({"workspace": workspace, "image": images, "model": models}), encoding="utf-8")
        paths.append(path)
    answers = assert_same(paths, tmp_path)
    refused = {answer["refused"].partition(": ")[2] for answer in answers if "refused" in answer}
    accepted = [image for answer in answers for image in answer.get("image", [])]
    assert {image["port"] for image in accepted} == {None, 1, 8080}
    for message in ("is missing: without it", "is for servers", "must not be empty: without port", "serves no model"):
        assert [one for one in refused if message in one], message


def test_both_readers_refuse_strings_and_keys_of_a_megabyte(tmp_path: Path) -> None:
    huge = "x" * 1_000_000
    workspace = {"name": "x", "binaries": ["x"]}
    image = {"name": "i", "contents": ["x"], "port": 1}
    documents: list[dict[str, Any]] = [
        {"workspace": {"name": huge}},
        {"workspace": workspace, "toolchain": {"channels": [huge]}},
        {"workspace": workspace, "image": [{**image, "health_path": f"/{huge}"}]},
        {"workspace": workspace, "image": [image], "model": [{"name": f"x:{huge}", "image": "i"}]},
        {"workspace": workspace, "cache": {"push_filter": [huge]}},
        {"workspace": workspace, "cache": {"public_keys": [f"x:{huge}"]}},
        {"workspace": {**workspace, huge: 1}},
        {"workspace": workspace, huge: {}},
    ]
    paths = []
    for number, document in enumerate(documents):
        path = tmp_path / f"{number}.toml"
        path.write_text(render_toml(document))
        paths.append(path)
    assert all("refused" in answer for answer in assert_same(paths, tmp_path))


def with_a_line_lost_or_doubled(lines: Sequence[str]) -> Iterator[str]:
    for i in range(len(lines)):
        yield "\n".join([*lines[:i], *lines[i + 1 :]])
        yield "\n".join([*lines[: i + 1], *lines[i:]])


JUNK: list[Any] = [
    *("", "x", "X", "-x", "a b", "é", "stable", "nightly", "unit", "clippy", "nix", "cargo-cross", "cargo-apple"),
    *("x86_64-linux", "aarch64-darwin", "macos-15", "ubuntu-24.04", "x86_64-apple-darwin", "harness", "ollama", "a:b"),
    *("x" * 64, "x" * 65, "n" * 100_000, "\x00".replace("\x00", "\x01"), '"', "\\", "\u2028", "\U0001f980"),
    *(-1, 0, 1, 2, 256, 257, 65535, 65536, 10**15, 10**15 + 1, 2**63 - 1, -(2**63)),
    *(0.0, -0.0, 0.5, 1.0, 1.5, 100.0, 100.00000000000001, float("nan"), float("inf"), float("-inf"), True, False),
    *([], ["x"], ["x", "x"], ["stable"], ["beta", "stable"], [1], [[]], {}, {"name": "x"}, [{}], [{"kind": "unit"}]),
]


def mutated(document: Any, dice: random.Random) -> Any:
    """The document with one to three things lost, renamed, replaced, copied or added."""
    result = copy.deepcopy(document)
    for _ in range(dice.randint(1, 3)):
        container = dice.choice(list(containers(result)))
        places: list[Any] = list(container) if isinstance(container, dict) else list(range(len(container)))
        place = dice.choice(places) if places else None
        match dice.randrange(6):
            case 0 if place is not None:
                del container[place]
            case 1 if isinstance(place, str) and place:
                container[misspelt(place, dice)] = container.pop(place)
            case 2 if place is not None and isinstance(container[place], str):
                container[place] = misspelt(container[place], dice)
            case 3 if isinstance(container, list) and place is not None:
                container.append(copy.deepcopy(container[place]))
            case 4 if place is not None:
                container[place] = copy.deepcopy(dice.choice(JUNK))
            case _ if isinstance(container, dict):
                container[dice.choice(["name", "kind", "runner", "channels", "strategies", "port", "zzz"])] = (
                    dice.choice(JUNK)
                )
            case _:
                container.append(copy.deepcopy(dice.choice(JUNK)))
    return result


def containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


def misspelt(word: str, dice: random.Random) -> str:
    at = dice.randrange(len(word) + 1)
    return dice.choice(
        [word[:at] + word[at + 1 :], word[:at] + "e" + word[at:], word[:at] + "x" + word[at + 1 :], word + "s"]
    )


@pytest.mark.parametrize("source", ["some/where.toml", "a b"])
def test_a_text_without_a_file_is_named_by_its_source(source: str, tmp_path: Path) -> None:
    expression = tmp_path / "text.nix"
    expression.write_text(f'import {ROOT}/nix/pipeline.nix {{ text = "[x]"; source = {json.dumps(source)}; }}')
    argv = [
        "nix",
        "--extra-experimental-features",
        "nix-command",
        "eval",
        "--impure",
        "--json",
        "--file",
        str(expression),
    ]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=60, text=True)
    assert done.returncode != 0
    assert f"error: {source}: [x]: is not what pipeline.toml may say there; `nix run .#plan` says why" in done.stderr
