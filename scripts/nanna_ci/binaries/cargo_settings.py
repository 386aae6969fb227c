"""How a workspace wants cargo called: [cargo], [clippy], [doc], [nextest] of pipeline.toml, as words and variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nanna_ci.pipeline.definition import Cargo, Pipeline


@dataclass(frozen=True, slots=True)
class CargoSettings:
    """The settings of an empty pipeline.toml.

    `flags` are words of every command that compiles the workspace. `lints` follow clippy's `--`. `filter` is a nextest
    filterset that tests must match too, `profile` holds lines of nextest's profile: none if the workspace's own
    nextest.toml shall say it.
    """

    flags: tuple[str, ...] = ("--workspace",)
    environment: Mapping[str, str] = field(default_factory=dict)
    deny_clippy: bool = True
    lints: tuple[str, ...] = ()
    deny_doc: bool = False
    doctests: bool = True
    filter: str | None = None
    profile: tuple[str, ...] = ()
    test_arguments: tuple[str, ...] = ()


def cargo_settings(pipeline: Pipeline) -> CargoSettings:
    """The settings of a pipeline.toml."""
    nextest = pipeline.nextest
    profile = [f"retries = {nextest.retries}"] if nextest.retries is not None else []
    if nextest.flaky_result is not None:
        profile.append(f'flaky-result = "{nextest.flaky_result}"')
    if nextest.timeout_s is not None:
        profile.append(f'slow-timeout = {{ period = "{nextest.timeout_s}s", terminate-after = 1 }}')
    return CargoSettings(
        flags=workspace_flags(pipeline.cargo),
        environment=pipeline.cargo.environment,
        deny_clippy=pipeline.clippy.deny_warnings,
        lints=pipeline.clippy.arguments,
        deny_doc=pipeline.doc.deny_warnings,
        doctests=pipeline.doc.tests,
        filter=nextest.filter,
        profile=tuple(profile),
        test_arguments=nextest.arguments,
    )


def workspace_flags(cargo: Cargo) -> tuple[str, ...]:
    """The words of nix/cargo-words.nix but for `--locked`, which a workspace without Cargo.lock cannot have."""
    return (
        "--workspace",
        *(f"--exclude={package}" for package in cargo.exclude),
        *(["--all-features"] if cargo.all_features else []),
        *(["--no-default-features"] if cargo.no_default_features else []),
        *([f"--features={','.join(cargo.features)}"] if cargo.features else []),
        *cargo.arguments,
    )
