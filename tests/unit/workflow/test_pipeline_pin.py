"""The commit of the pipeline in flake.lock, and the locks by which GitHub could call nothing."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from nanna_ci.foundation.errors import ConfigError
from nanna_ci.store.flake_lock import FlakeLock, parse_flake_lock
from nanna_ci.workflow.pipeline_pin import PipelinePin, find_pin, pins_from
from support.fake_adopters import COMMIT, REPOSITORY, flake_lock

DAY = datetime.date(2026, 8, 3)


def lock(**what: Any) -> FlakeLock:
    return parse_flake_lock(flake_lock(**what).encode(), "flake.lock")


def test_a_commit_without_a_release_is_named_by_its_day() -> None:
    assert find_pin(lock(), "pipeline") == PipelinePin(REPOSITORY, COMMIT, "unstable-2026-08-03", DAY)


@pytest.mark.parametrize(
    ("asked", "version"), [("v1.2.0", "v1.2.0"), ("main", "unstable-2026-08-03"), ("v1 # x", "unstable-2026-08-03")]
)
def test_only_a_release_that_the_flake_asks_for_is_a_version(asked: str, version: str) -> None:
    assert find_pin(lock(original={"ref": asked}), "pipeline").version == version


def test_the_input_may_have_another_name() -> None:
    assert find_pin(lock(name="ci"), "ci").commit == COMMIT


@pytest.mark.parametrize(
    ("what", "problem", "fix"),
    [
        ({"name": "nixpkgs"}, "the flake has no input 'pipeline'; its inputs: nixpkgs", "--input"),
        ({"type": "git"}, "input pipeline is of type 'git'", "inputs.pipeline.url = github:"),
        ({"type": "path"}, "input pipeline is of type 'path'", "nix flake update pipeline"),
        ({"type": "git", "dirtyRev": f"{COMMIT}-dirty"}, "changes that no commit has", "nix flake update pipeline"),
        ({"dirtyRev": f"{COMMIT}-dirty"}, "changes that no commit has", "nix flake update pipeline"),
        ({"host": "git.example"}, "no repository on github.com", "inputs.pipeline.url"),
        ({"owner": "a b"}, "no repository on github.com", "inputs.pipeline.url"),
        ({"repo": None}, "no repository on github.com", "inputs.pipeline.url"),
        ({"rev": "2c71e19"}, "no commit of 40 digits", "nix flake update pipeline"),
        ({"rev": None}, "no commit of 40 digits", "nix flake update pipeline"),
        ({"lastModified": None}, "does not say of which day", "nix flake update pipeline"),
        ({"lastModified": True}, "does not say of which day", "nix flake update pipeline"),
    ],
)
def test_what_github_could_not_call_is_refused_with_the_fix(what: dict[str, Any], problem: str, fix: str) -> None:
    with pytest.raises(ConfigError, match=r"^flake\.lock: ") as refused:
        find_pin(lock(**what), "pipeline")
    assert problem in refused.value.message
    assert fix in (refused.value.hint or "")


def test_the_inputs_from_a_repository_are_found_whatever_their_names() -> None:
    assert [pin.commit for pin in pins_from(lock(name="ci"), REPOSITORY.lower())] == [COMMIT]
    assert pins_from(lock(), "someone/else") == ()
    assert pins_from(lock(type="git"), REPOSITORY) == ()
