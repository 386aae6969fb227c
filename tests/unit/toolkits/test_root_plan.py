"""What a Debian root is made of, for any state of a mirror."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan import NoRootError, Plan, order, plan_root, upstream
from recipe import Candidate, parse_recipe

OLD, NEW = Candidate("rustc", "stable"), Candidate("rustc", "backports")
RECIPE = parse_recipe("""
[core]
nix
[core rust=rustc suite=stable]
rustc
[core rust=rustc suite=backports]
rustc
[cross]
gcc-arm
[cross rust=rustc suite=stable]
std:arm64
[cross rust=rustc suite=backports]
std:arm64
[containers]
podman
[tests]
mypy
""")


class FakeMirror:
    """Versions by (package, suite); packages that apt would not install together with anything."""

    def __init__(self, versions: Mapping[tuple[str, str], str], conflicts: Sequence[str] = ()) -> None:
        self.versions, self.conflicts = dict(versions), frozenset(conflicts)
        self.problems: Mapping[str, str] = {}
        self.resolutions = 0

    def version(self, package: str, suite: str) -> str | None:
        return self.versions.get((package, suite))

    def conflict(self, packages: Sequence[str], rust: Candidate) -> str | None:
        self.resolutions += 1
        return next((f"{name} breaks something" for name in packages if name in self.conflicts), None)


def everything() -> dict[tuple[str, str], str]:
    versions = {(name, "stable"): "1.0-1" for name in ("nix", "gcc-arm", "podman", "mypy")}
    for suite, rust in (("stable", "1.85.1+dfsg1-1"), ("backports", "1.97.1+dfsg1-1~bpo13+1")):
        versions |= {("rustc", suite): rust, ("std", suite): rust, ("std:arm64", suite): rust}
    return versions


def plan(mirror: FakeMirror, minimum: str | None = None) -> Plan:
    return plan_root(RECIPE, mirror, main_suite="stable", minimum=minimum)


def test_on_most_days_one_resolution_decides() -> None:
    mirror = FakeMirror(everything())
    made = plan(mirror)
    assert (made.candidate, made.rust, made.groups) == (NEW, "1.97.1", ("core", "cross", "containers", "tests"))
    assert made.is_whole
    assert mirror.resolutions == 1


def test_an_older_rust_for_both_architectures_beats_a_newer_one_for_this_machine() -> None:
    mirror = FakeMirror(everything() | {("std:arm64", "backports"): "1.96.1-1"})
    made = plan(mirror)
    assert made.candidate == OLD
    assert made.is_whole
    assert made.passed[0].reason == "std: 1.97.1 on amd64, 1.96.1 on arm64"


def test_if_no_rust_has_both_architectures_the_newest_is_taken_without_cross() -> None:
    versions = everything()
    del versions["std:arm64", "stable"], versions["std:arm64", "backports"]
    made = plan(FakeMirror(versions))
    assert (made.candidate, made.groups) == (NEW, ("core", "containers", "tests"))
    assert made.missing == {"cross": "std:arm64: not in backports"}


def test_versions_that_differ_only_in_debians_part_are_shown_whole() -> None:
    mirror = FakeMirror(everything() | {("std:arm64", "backports"): "1.97.1+dfsg1-2"})
    assert plan(mirror).passed[0].reason == "std: 1.97.1+dfsg1-1~bpo13+1 on amd64, 1.97.1+dfsg1-2 on arm64"


def test_a_conflict_of_an_optional_group_changes_no_rust() -> None:
    made = plan(FakeMirror(everything(), conflicts=["podman"]))
    assert (made.candidate, made.missing) == (NEW, {"containers": "podman breaks something"})


def test_a_rust_too_old_for_the_workspace_is_not_taken() -> None:
    versions = everything()
    del versions["rustc", "backports"]
    assert plan(FakeMirror(versions), "1.85").candidate == OLD
    with pytest.raises(NoRootError, match=r"asks for Rust 1\.90 .*has 1\.85\.1 \(rustc of stable\)"):
        plan(FakeMirror(versions), "1.90")


def test_a_suite_that_could_not_be_read_is_named_with_its_reason() -> None:
    versions = {key: value for key, value in everything().items() if key[1] != "backports"}
    mirror = FakeMirror(versions)
    mirror.problems = {"backports": "the Release file of backports has expired"}
    assert plan(mirror).passed[0].reason == "the Release file of backports has expired"


@pytest.mark.parametrize("gone", ["nix", "rustc"])
def test_without_core_there_is_no_root(gone: str) -> None:
    versions = {key: value for key, value in everything().items() if key[0] != gone}
    with pytest.raises(NoRootError, match="nix: not in stable" if gone == "nix" else "does not have it"):
        plan(FakeMirror(versions))


@given(
    gone=st.sets(st.sampled_from(sorted(everything()))),
    conflicts=st.sets(st.sampled_from(["nix", "gcc-arm", "podman", "mypy", "std:arm64"])),
)
def test_a_plan_holds_only_what_can_be_had_and_accounts_for_every_group(
    gone: set[tuple[str, str]], conflicts: set[str]
) -> None:
    mirror = FakeMirror({k: v for k, v in everything().items() if k not in gone}, sorted(conflicts))
    try:
        made = plan(mirror)
    except NoRootError:
        # right only where core cannot be had with any Rust
        assert "nix" in conflicts or ("nix", "stable") in gone or {("rustc", "stable"), ("rustc", "backports")} <= gone
        return
    assert mirror.conflict(made.packages, made.candidate) is None
    assert {*made.groups, *made.missing} == set(RECIPE.groups)
    assert not {*made.groups} & {*made.missing}
    assert all(made.missing.values())
    assert len(made.passed) == len(RECIPE.rust) - 1
    for group in made.missing:
        wanted = RECIPE.packages(group, made.candidate)
        suites = [(name, suite) for name in wanted for suite in ("stable", "backports")]
        assert conflicts & set(wanted) or gone & set(suites) or gone & {("std", "stable"), ("std", "backports")}


@pytest.mark.parametrize(
    ("debian", "known"), [("1.97.1+dfsg1-1~bpo13+1", "1.97.1"), ("2:2.41-12+deb13u5", "2.41"), ("1.0~rc1-1", "1.0")]
)
def test_the_part_of_a_version_that_people_know(debian: str, known: str) -> None:
    assert upstream(debian) == known


def test_rust_versions_compare_as_numbers() -> None:
    assert order("1.100.0") > order("1.97.1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nix\n", "line 1: nix stands before any heading"),
        ("[core]\n[core]\n", r"line 2: \[core\] comes twice"),
        ("[core] x\n", "line 1: .* is not a heading"),
        ("[core]\nnix\n", "a candidate for Rust"),
    ],
)
def test_a_list_of_packages_in_another_form_is_refused_with_the_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_recipe(text)
