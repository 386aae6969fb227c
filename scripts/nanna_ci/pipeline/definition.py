"""pipeline.toml as typed values.

The twin of nix/pipeline.nix: both readers accept the same files with the same `normalised` value and refuse the others
with the same first problem (a test over many files holds this). What the keys mean is said in pipeline.toml itself.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nanna_ci.foundation.errors import ConfigError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.pipeline.rules import cross_problems, filled, table_problems
from nanna_ci.pipeline.vocabulary import Channel, Severity, Strategy, SuiteKind


@dataclass(frozen=True, slots=True)
class Workspace:
    """The Rust workspace: its name, its folder below the source (`.`: the source), the executables it must build.

    `libraries` are C libraries to link with, `packages` programs that build scripts and tests call, by nixpkgs names.
    """

    name: str
    folder: str
    binaries: tuple[str, ...]
    libraries: tuple[str, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cargo:
    """How cargo is called wherever it compiles: features, members to leave out, more words, variables."""

    all_features: bool
    features: tuple[str, ...]
    no_default_features: bool
    exclude: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Clippy:
    """Whether clippy's warnings fail its check; `arguments` follow the `--`, such as `-A clippy::all`."""

    deny_warnings: bool
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Doc:
    """Whether rustdoc's warnings fail its check, and whether the examples in the documentation are run."""

    deny_warnings: bool
    tests: bool


@dataclass(frozen=True, slots=True)
class Nextest:
    """Which tests run, and how: None is what the workspace's own nextest.toml says, or nextest's default.

    `filter` is a filterset that tests must match too; `timeout_s` ends a test that runs longer. `flaky_result` is pass
    or fail: what becomes of a test that passes only when it is tried again.
    """

    filter: str | None
    retries: int | None
    flaky_result: str | None
    timeout_s: int | None
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Channels that tests may use; `default` is one of them."""

    channels: tuple[Channel, ...]
    default: Channel


@dataclass(frozen=True, slots=True)
class Target:
    """A system to build for: its Rust triple, GitHub's runner, and the strategies in the order they are tried."""

    system: str
    triple: str
    runner: str
    strategies: tuple[Strategy, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """A [[test]] table: one job for every runner and channel."""

    kind: SuiteKind
    runners: tuple[str, ...]
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """A container image: what is in it, where it listens, and the path that answers 200 once it is ready.

    The first of `contents` is what a container runs, with `arguments`. Without `port` it is a program, not a server: it
    has no `health_path`, no `health_timeout_s` and no `probe_paths`, and at least one of `probe_commands`.
    """

    name: str
    contents: tuple[str, ...]
    arguments: tuple[str, ...]
    architectures: tuple[str, ...]
    port: int | None
    health_path: str | None
    health_timeout_s: int | None
    probe_paths: tuple[str, ...]
    probe_commands: tuple[str, ...]
    model_command: str | None


@dataclass(frozen=True, slots=True)
class Model:
    """A model by name and tag, and the image that carries it."""

    name: str
    image: str


@dataclass(frozen=True, slots=True)
class Cache:
    """The binary cache; without a name nothing is pushed. `substituters` are the URLs of more caches to take from.

    `push_filter` holds patterns (nanna_ci.foundation.name_pattern) of names that are not pushed.
    """

    name: str | None
    public_keys: tuple[str, ...]
    substituters: tuple[str, ...]
    push_filter: tuple[str, ...]
    maximum_size_bytes: int
    tarball_ttl_s: int


@dataclass(frozen=True, slots=True)
class Security:
    """How old the advisory database may be, the least severity that fails, and the file of accepted findings.

    `baseline` is a path below the source; there need be no such file.
    """

    database_max_age_days: int
    fail_severity: Severity
    baseline: str


@dataclass(frozen=True, slots=True)
class CoverageMinimums:
    """The least shares (0..1) of all lines, and of a change's lines, that tests must run; None: no minimum."""

    minimum_line_rate: float | None
    minimum_patch_rate: float | None


@dataclass(frozen=True, slots=True)
class Budget:
    """The performance targets: `cache_hit_rate` (0..1) is a least, all others are a most."""

    cache_hit_rate: float
    pipeline_s: int
    image_s: int
    binary_s: int
    parallel_jobs: int
    cache_bytes: int
    artifact_bytes: int
    regression_ratio: float


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole pipeline.toml, every default filled in."""

    workspace: Workspace
    cargo: Cargo
    clippy: Clippy
    doc: Doc
    nextest: Nextest
    toolchain: Toolchain
    targets: tuple[Target, ...]
    tests: tuple[Suite, ...]
    images: tuple[Image, ...]
    models: tuple[Model, ...]
    cache: Cache
    security: Security
    coverage: CoverageMinimums
    budget: Budget


def find_pipeline(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """The file that counts: --config, else NANNA_CI_CONFIG, else pipeline.toml in the working folder."""
    if config is not None:
        return cwd / config
    return cwd / (environ.get("NANNA_CI_CONFIG") or "pipeline.toml")


def load_pipeline(path: Path) -> Pipeline:
    """The pipeline in a file. ConfigError says where it is wrong, or why it cannot be read."""
    try:
        text = read_file(path, 4 * MEBIBYTE).decode()
    except OSError as error:
        hint = "name the file with --config FILE or NANNA_CI_CONFIG, or go to the folder that has a pipeline.toml"
        raise ConfigError(str(path), f"cannot be read: {error.strerror}", hint=hint) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), f"is not UTF-8 at byte {error.start}") from error
    return parse_pipeline(text, str(path))


def parse_pipeline(text: str, source: str) -> Pipeline:
    """The pipeline in a TOML text; `source` names the text in a ConfigError, which reports the first problem."""
    try:
        raw = tomllib.loads(text.removeprefix("\ufeff"))  # Nix takes a byte order mark too
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, f"is not TOML: {_where(error)}") from None
    except RecursionError:
        raise ConfigError(source, "is nested too deeply") from None
    except ValueError:  # of int(), for thousands of digits
        raise ConfigError(source, "is not TOML: a number is too long to read") from None
    first = next(table_problems(raw), None)
    if first is None:
        value = filled(raw)
        first = next(cross_problems(value), None)
        if first is None:
            return _typed(value)
    raise ConfigError(f"{source}: {first.path}", first.says, hint=first.hint)


def _where(error: tomllib.TOMLDecodeError) -> str:
    """The library's words if nothing of the file is quoted in them, else the place alone."""
    text, place = re.fullmatch(r"(.*?)(?: \((at .*)\))?", str(error), re.DOTALL).groups()  # type: ignore[union-attr]
    plain = re.fullmatch("[A-Za-z, -]+", text) is not None
    return f"{text} {place or ''}".strip() if plain else f"a parser stops {place or 'somewhere'}"


def normalised(pipeline: Pipeline) -> dict[str, Any]:
    """The pipeline as plain JSON with the file's own names, as nix/pipeline.nix gives it."""
    singular = {"targets": "target", "tests": "test", "images": "image", "models": "model"}
    plain: dict[str, Any] = json.loads(json.dumps(asdict(pipeline)))
    return {singular.get(name, name): value for name, value in plain.items()}


def _typed(value: Mapping[str, Any]) -> Pipeline:
    """From a value without problems: lists become tuples, words members of their enums."""
    toolchain = value["toolchain"]
    return Pipeline(
        workspace=Workspace(**_with_tuples(value["workspace"])),
        cargo=Cargo(**_with_tuples(value["cargo"])),
        clippy=Clippy(**_with_tuples(value["clippy"])),
        doc=Doc(**value["doc"]),
        nextest=Nextest(**_with_tuples(value["nextest"])),
        toolchain=Toolchain(tuple(map(Channel, toolchain["channels"])), Channel(toolchain["default"])),
        targets=tuple(
            Target(t["system"], t["triple"], t["runner"], tuple(map(Strategy, t["strategies"])))
            for t in value["target"]
        ),
        tests=tuple(
            Suite(SuiteKind(t["kind"]), tuple(t["runners"]), tuple(map(Channel, t["channels"]))) for t in value["test"]
        ),
        images=tuple(Image(**_with_tuples(image)) for image in value["image"]),
        models=tuple(Model(model["name"], model["image"]) for model in value["model"]),
        cache=Cache(**_with_tuples(value["cache"])),
        security=_security(value["security"]),
        coverage=CoverageMinimums(**value["coverage"]),
        budget=Budget(**value["budget"]),
    )


def _security(table: Mapping[str, Any]) -> Security:
    return Security(table["database_max_age_days"], Severity(table["fail_severity"]), table["baseline"])


def _with_tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(item) if isinstance(item, list) else item for key, item in table.items()}
