"""What pipeline.toml may contain: its tables, the defaults that depend on other fields, and fields against each other.

keys.json holds the keys, their types and defaults; nix/pipeline.nix reads it too, and fills in the same values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from nanna_ci.pipeline.fields import (
    Field,
    Kind,
    Problem,
    array_of,
    boolean,
    check_table,
    choice,
    declared,
    fill,
    integer,
    known,
    list_of,
    name_pattern,
    number,
    quoted,
    some_of,
    string,
    suggest,
    twice,
    variables,
    word_for,
    wrong_type,
)
from nanna_ci.pipeline.vocabulary import (
    POSSIBLE_STRATEGIES,
    RUNNERS,
    STRATEGIES,
    SYSTEMS,
    OperatingSystem,
    SuiteKind,
    key_table,
)

_KEYS = key_table()


def _choices(spec: Mapping[str, Any]) -> tuple[str, ...]:
    match spec:
        case {"choice": words}:
            return tuple(words)
        case {"of_systems": "name"}:
            return tuple(SYSTEMS)
        case {"of_systems": fact}:
            return tuple(getattr(facts, fact) for facts in SYSTEMS.values())
        case _:
            return ()


def _kind(spec: Mapping[str, Any]) -> Kind:
    """The kind that a type of keys.json means."""
    match spec:
        case {"boolean": True}:
            return boolean
        case {"integer": [least, most]}:
            return integer(least, most)
        case {"number": [least, most]}:
            return number(least, most)
        case {"variables": names, "reserved": reserved}:
            return variables(names, reserved, string(spec["pattern"], spec["is"]))
        case {"program": program, "reserved": reserved}:
            return word_for(program, string(spec["pattern"], spec["is"]), reserved)
        case {"names": True}:
            return name_pattern
        case {"pattern": pattern}:
            return string(pattern, spec["is"])
        case _:
            return choice(_choices(spec))


def _field(key: Mapping[str, Any]) -> Field:
    kind = _kind(_KEYS["types"][key["type"]])
    several = {None: kind, "any": array_of(kind), "distinct": list_of(kind), "some": some_of(kind)}
    return Field(key["name"], several[key.get("many")], key.get("default"), required=key.get("required", False))


TABLES: Mapping[str, tuple[Field, ...]] = {
    section["name"]: tuple(map(_field, section["keys"])) for section in _KEYS["sections"]
}
ARRAYS = frozenset(section["name"] for section in _KEYS["sections"] if section["array"])
DEFAULT_SUITES = tuple(map(SuiteKind, _KEYS["default_kinds"]))


def table_problems(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with each table by itself, most important first."""
    sections = tuple(TABLES)
    for key in sorted(raw):
        if key not in TABLES:
            yield Problem(f"[{key}]", "unknown section", suggest(key, sections, known(sections)))
    for section, fields in TABLES.items():
        given = raw.get(section, [] if section in ARRAYS else {})
        if section not in ARRAYS:
            yield from check_table(fields, section, given)
        elif not isinstance(given, list):
            yield from wrong_type(section, "an array of tables", given)
        else:
            for i, table in enumerate(given):
                yield from check_table(fields, f"{section}[{i}]", table)


def filled(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Every section with every field, for a file without `table_problems`."""
    value: dict[str, Any] = {
        section: [fill(fields, table) for table in raw.get(section, [])]
        if section in ARRAYS
        else fill(fields, raw.get(section, {}))
        for section, fields in TABLES.items()
    }
    toolchain = value["toolchain"]
    toolchain["default"] = toolchain["default"] or toolchain["channels"][0]
    if "target" not in raw and value["workspace"]["binaries"]:
        value["target"] = [fill(TABLES["target"], {"system": "x86_64-linux"})]
    for target in value["target"]:
        facts = SYSTEMS[target["system"]]
        target["triple"] = target["triple"] or facts.triple
        target["runner"] = target["runner"] or facts.runner
        target["strategies"] = target["strategies"] or list(STRATEGIES[facts.os])
    if "test" not in raw:
        value["test"] = [fill(TABLES["test"], {"kind": kind}) for kind in DEFAULT_SUITES]
    for test in value["test"]:
        test["channels"] = test["channels"] or [toolchain["default"]]
    for server in (image for image in value["image"] if image["port"] is not None):
        server["health_path"] = server["health_path"] or "/health"
        server["health_timeout_s"] = server["health_timeout_s"] or 60
    for ratio in ("cache_hit_rate", "regression_ratio"):
        value["budget"][ratio] = float(value["budget"][ratio])
    value["coverage"] = {key: None if share is None else float(share) for key, share in value["coverage"].items()}
    return value


def cross_problems(value: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong between the fields of a `filled` value."""
    channels = value["toolchain"]["channels"]
    names = [image["name"] for image in value["image"]]
    images = dict.fromkeys(names)  # in their order, and found at once
    programs = {image["name"] for image in value["image"] if image["port"] is None}
    yield from declared("toolchain.default", "toolchain.channels", channels, value["toolchain"]["default"])
    yield from _target_problems(value["target"], value["workspace"]["binaries"])
    for i, test in enumerate(value["test"]):
        for channel in test["channels"]:
            yield from declared(f"test[{i}].channels", "toolchain.channels", channels, channel)
    yield from _coverage_problems(value["test"])
    yield from _repeated_jobs(value["test"])
    yield from twice(lambda i: f"image[{i}].name", names)
    yield from _program_problems(value["image"], dict.fromkeys(value["workspace"]["binaries"]))
    yield from twice(lambda i: f"model[{i}].name", [model["name"] for model in value["model"]])
    for i, model in enumerate(value["model"]):
        yield from declared(f"model[{i}].image", "the images", images, model["image"])
        if model["image"] in programs:
            says = f"{quoted(model['image'])} serves no model: without port it is a program"
            yield Problem(f"model[{i}].image", says)


def _program_problems(images: Sequence[Mapping[str, Any]], binaries: Collection[str]) -> Iterator[Problem]:
    """An image without port is a program of the workspace: it is tested by running it, and has no health path."""
    for i, image in enumerate(images):
        if image["port"] is not None:
            continue
        first = image["contents"][0]
        if first not in binaries:
            says = f"is missing: without it this image is a program, and {quoted(first)} is not in workspace.binaries"
            yield Problem(f"image[{i}].port", says, suggest(first, list(binaries)))
        for key in ("health_path", "health_timeout_s", "probe_paths"):
            if image[key]:
                says = "is for servers: without port this image is a program"
                yield Problem(f"image[{i}].{key}", says, "give the port, or leave this out")
        if not image["probe_commands"]:
            says = "must not be empty: without port this image is a program, which is tested by running it"
            yield Problem(f"image[{i}].probe_commands", says, "give a command that exits with 0, or the port")


def _target_problems(targets: Sequence[Mapping[str, Any]], binaries: Sequence[str]) -> Iterator[Problem]:
    if targets and not binaries:
        yield Problem("target", "there is nothing to build: workspace.binaries is empty")
    yield from twice(lambda i: f"target[{i}].system", [target["system"] for target in targets])
    for i, target in enumerate(targets):
        system, triple, runner = target["system"], target["triple"], target["runner"]
        facts = SYSTEMS[system]
        if triple != facts.triple:
            yield Problem(
                f"target[{i}].triple", f"{quoted(triple)} is not the triple of {system}", f"it is {facts.triple}"
            )
        if SYSTEMS[RUNNERS[runner]].os is not facts.os:
            yield Problem(f"target[{i}].runner", f"{runner} cannot build for {system}")
        possible = POSSIBLE_STRATEGIES[facts.os]
        for strategy in target["strategies"]:
            if strategy not in possible:
                yield Problem(f"target[{i}].strategies", f"{strategy} cannot build for {system}", known(possible))


def _coverage_problems(tests: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Coverage is measured by a derivation: on runners that have Nix."""
    for i, test in enumerate(tests):
        for runner in test["runners"] if test["kind"] == SuiteKind.COVERAGE else ():
            if SYSTEMS[RUNNERS[runner]].os is not OperatingSystem.LINUX:
                yield Problem(f"test[{i}].runners", f"coverage is measured on Linux, not on {runner}")


def _repeated_jobs(tests: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for i, test in enumerate(tests):
        jobs = [
            f"{test['kind']} on {runner} with {channel}" for runner in test["runners"] for channel in test["channels"]
        ]
        for job in jobs:
            if job in seen:
                yield Problem(f"test[{i}]", f"{job} comes twice")
        seen.update(jobs)
