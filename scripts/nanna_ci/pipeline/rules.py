"""What pipeline.toml may say: its tables, the defaults that depend on other fields, and fields against each other.

Keep in step with nix/pipeline.nix: same order, same words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from nanna_ci.pipeline.fields import (
    Field,
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
    required,
    some_of,
    string,
    suggest,
    twice,
    variables,
    words_for,
    wrong_type,
)
from nanna_ci.pipeline.vocabulary import POSSIBLE_STRATEGIES, RUNNERS, STRATEGIES, SYSTEMS, Channel, Strategy, SuiteKind

_PETABYTE = 1_000_000_000_000_000
_NAME = string("[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", "a name of letters, digits, _ and -")
_LOWER_NAME = string("[a-z0-9][a-z0-9-]{0,62}", "a name of lower-case letters, digits and -")
_MODEL = string("[a-z0-9][a-z0-9._-]*:[A-Za-z0-9_][A-Za-z0-9._-]*", "a model with its tag, such as qwen3:0.6b")
_PATH = string("/[A-Za-z0-9._~/?=&%-]*", "a path such as /health")
_COMMAND = string("[!-~]+( [!-~]+)*", "a command: words of printable ASCII characters, one blank between two")
_CACHE_URL = (
    r"(https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+])(:[0-9]+)?(/[A-Za-z0-9._~/%+=@-]*)?|file:///[A-Za-z0-9._~/%+=@-]*)"
    r"(\?[A-Za-z0-9._~/%+=&@:-]*)?"
)
_PART = "[.]?[A-Za-z0-9_-][A-Za-z0-9._-]*"
_FOLDER = string(rf"[.]|{_PART}(/{_PART})*", "a folder below the source, such as rust or crates/app")
_FEATURE = string(
    "[A-Za-z0-9_][A-Za-z0-9_+.-]*(/[A-Za-z0-9_][A-Za-z0-9_+.-]*)?",
    "a feature, or CRATE/FEATURE",
)
# where builds find their programs, their crates, each other's work
_OWN_VARIABLES = (
    "(NEXTEST|NIX|NANNA_CI)_.*"
    "|CARGO_BUILD_(BUILD_DIR|RUSTC_WRAPPER|TARGET|TARGET_DIR)|CARGO_HOME|CARGO_TARGET_DIR|HOME|PATH|RUSTC|RUSTC_WRAPPER|RUSTDOC"
)
_CARGO_OWN = (
    *("--bin", "--bins", "--exclude", "--locked", "--manifest-path", "--message-format", "--no-run", "--package"),
    *("--profile", "--release", "--target", "--target-dir", "--workspace", "-p", "-r"),
)
_NEXTEST_OWN = (
    *("--config-file", "--filter-expr", "--filterset", "--ignore-default-filter", "--no-run", "--no-tests"),
    *("--partition", "--profile", "--retries", "--tool-config-file", "-E", "-P"),
)
_CHANNEL = choice(tuple(Channel))
_RUNNER = choice(tuple(RUNNERS))

TABLES: Mapping[str, tuple[Field, ...]] = {
    "workspace": (
        required("name", _NAME),
        Field("folder", _FOLDER, "."),
        Field("binaries", list_of(_NAME), []),
        Field("libraries", list_of(_NAME), []),
        Field("packages", list_of(_NAME), []),
    ),
    "cargo": (
        Field("all_features", boolean, default=False),
        Field("features", list_of(_FEATURE), []),
        Field("no_default_features", boolean, default=False),
        Field("exclude", list_of(_NAME), []),
        Field("arguments", words_for("cargo", _CARGO_OWN), []),
        Field("environment", variables(_OWN_VARIABLES), {}),
    ),
    "clippy": (
        Field("deny_warnings", boolean, default=True),
        Field("arguments", words_for("clippy", ()), []),
    ),
    "doc": (Field("deny_warnings", boolean, default=False), Field("tests", boolean, default=True)),
    "nextest": (
        Field("filter", string("[ -~]+", "a filter of printable ASCII characters")),
        Field("retries", integer(0, 100)),
        Field("timeout_s", integer(1, 86_400)),
        Field("arguments", words_for("nextest", _NEXTEST_OWN), []),
    ),
    "toolchain": (Field("channels", some_of(_CHANNEL), [Channel.STABLE]), Field("default", _CHANNEL)),
    "target": (
        required("system", choice(tuple(SYSTEMS))),
        Field("triple", choice(tuple(facts.triple for facts in SYSTEMS.values()))),
        Field("runner", _RUNNER),
        Field("strategies", some_of(choice(tuple(Strategy)))),
    ),
    "test": (
        required("kind", choice(tuple(SuiteKind))),
        Field("runners", some_of(_RUNNER), ["ubuntu-24.04"]),
        Field("channels", some_of(_CHANNEL)),
    ),
    "image": (
        required("name", _LOWER_NAME),
        required("contents", some_of(_NAME)),
        Field("arguments", array_of(string("[ -~]+", "an argument of printable ASCII characters")), []),
        Field("architectures", some_of(choice(("x86_64", "aarch64"))), ["x86_64"]),
        Field("port", integer(1, 65535)),
        Field("health_path", _PATH),
        Field("health_timeout_s", integer(1, 3600)),
        Field("probe_paths", list_of(_PATH), []),
        Field("probe_commands", list_of(_COMMAND), []),
        Field("model_command", _COMMAND),
    ),
    "model": (required("name", _MODEL), required("image", _LOWER_NAME)),
    "cache": (
        Field("name", _LOWER_NAME),
        Field("public_keys", list_of(string("[A-Za-z0-9._-]+:[A-Za-z0-9+/]{43}=", "a public key, name:base64")), []),
        Field("substituters", list_of(string(_CACHE_URL, "the URL of a cache: http://, https:// or file:///")), []),
        Field("push_filter", list_of(name_pattern), ["(^|-)source$", r"\.tar\.", "^nixpkgs"]),
        Field("maximum_size_bytes", integer(1, _PETABYTE), 50_000_000_000),
        Field("tarball_ttl_s", integer(0, 31_536_000), 300),
    ),
    "budget": (
        Field("cache_hit_rate", number(0, 1), 0.85),
        Field("pipeline_s", integer(1, 86_400), 1200),
        Field("image_s", integer(1, 86_400), 600),
        Field("binary_s", integer(1, 86_400), 300),
        Field("parallel_jobs", integer(1, 256), 30),
        Field("cache_bytes", integer(1, _PETABYTE), 50_000_000_000),
        Field("artifact_bytes", integer(1, _PETABYTE), 100_000_000),
        Field("regression_ratio", number(1, 100), 2.0),
    ),
}
ARRAYS = frozenset({"target", "test", "image", "model"})
DEFAULT_SUITES = (SuiteKind.UNIT, SuiteKind.INTEGRATION, SuiteKind.CLIPPY, SuiteKind.FMT, SuiteKind.DOC)


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
    """An image without port is a program of the workspace: it is tested by running it, and has no health."""
    for i, image in enumerate(images):
        if image["port"] is not None:
            continue
        first = image["contents"][0]
        if first not in binaries:
            says = f"is missing: without it this image is a program, and {quoted(first)} is none of workspace.binaries"
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
