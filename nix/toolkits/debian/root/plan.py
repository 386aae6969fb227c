"""Decides what a root is made of: the Rust that fits, and the groups of packages that can be had with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from recipe import CORE, Candidate, Recipe

ARM64 = ":arm64"


class Mirror(Protocol):
    """What a plan asks of a mirror's indices."""

    # suites that could not be read, with the reason
    problems: Mapping[str, str]

    def version(self, package: str, suite: str) -> str | None:
        """The newest version of `name` or `name:arm64` in a suite and its updates."""

    def conflict(self, packages: Sequence[str], rust: Candidate) -> str | None:
        """Why these cannot be installed together, with Rust from the candidate's suite; None if they can."""


class NoRootError(Exception):
    """Not even the group core can be had; the message is the reason, in one line."""


@dataclass(frozen=True)
class Passed:
    """A candidate for Rust that was not taken, with its version (None: the mirror has none) and the reason."""

    candidate: Candidate
    version: str | None
    reason: str

    def __str__(self) -> str:
        return f"{f'{self.version} ' if self.version else ''}({self.candidate}): {self.reason}"


@dataclass(frozen=True)
class Plan:
    """What a root will hold: `packages` to install; `missing` maps each group that cannot be had to the reason."""

    candidate: Candidate
    rust: str
    groups: tuple[str, ...]
    missing: Mapping[str, str]
    passed: tuple[Passed, ...]
    packages: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Nothing is missing."""
        return not self.missing

    def lines(self) -> Iterator[str]:
        """What was chosen, what was skipped and what is missing, a line each."""
        yield f"Rust {self.rust} ({self.candidate})"
        yield from (f"skipped: Rust {passed}" for passed in self.passed)
        yield from (f"without {group}: {reason}" for group, reason in self.missing.items())

    def to_json(self) -> dict[str, Any]:
        """What the toolkit and `doctor` read: etc/nanna-ci-root.json of the root."""
        return {
            "rust": self.rust,
            "candidate": str(self.candidate),
            "groups": list(self.groups),
            "missing": dict(self.missing),
            "passedOver": [str(passed) for passed in self.passed],
        }


def upstream(version: str) -> str:
    """The part of a Debian version that people know: 1.97.1 of 1.97.1+dfsg1-1~bpo13+1."""
    return re.split(r"[+~-]", re.sub(r"^\d+:", "", version), maxsplit=1)[0]


def order(version: str) -> tuple[int, ...]:
    """A released version of Rust as numbers, to compare."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


@dataclass
class _Search:
    recipe: Recipe
    mirror: Mirror
    main_suite: str
    reasons: dict[Candidate, str] = field(default_factory=dict)

    def problem(self, groups: Sequence[str], candidate: Candidate) -> str | None:
        """Why a root of these groups cannot be had with this Rust."""
        for group in groups:
            for packages, suite in (
                (self.recipe.of_rust(group, candidate), candidate.suite),
                (self.recipe.groups[group], self.main_suite),
            ):
                found = self.misfit(packages, suite)
                if found is not None:
                    return found
        return self.mirror.conflict(self.packages(groups, candidate), candidate)

    def packages(self, groups: Sequence[str], candidate: Candidate) -> tuple[str, ...]:
        return tuple(name for group in groups for name in self.recipe.packages(group, candidate))

    def misfit(self, packages: Sequence[str], suite: str) -> str | None:
        """A package that is not there, or has two versions for two architectures: apt would refuse in many words."""
        for package in packages:
            found = self.mirror.version(package, suite)
            if found is None:
                return f"{package}: {self.mirror.problems.get(suite) or f'not in {suite}'}"
            twin = self.mirror.version(package.removesuffix(ARM64), suite)
            if twin is not None and twin != found:
                short = upstream(twin), upstream(found)
                ours, theirs = short if short[0] != short[1] else (twin, found)
                return f"{package.removesuffix(ARM64)}: {ours} on amd64, {theirs} on arm64"
        return None

    def choose(self, groups: Sequence[str], candidates: Sequence[Candidate]) -> Candidate | None:
        """The first candidate with which these groups can be had."""
        for candidate in candidates:
            reason = self.problem(groups, candidate)
            if reason is None:
                return candidate
            self.reasons.setdefault(candidate, reason)
        return None


def plan_root(recipe: Recipe, mirror: Mirror, *, main_suite: str, minimum: str | None = None) -> Plan:
    """The newest Rust that can be had for both architectures, or else for this one; and every group that fits to it.

    `minimum` is the workspace's rust-version. Raises NoRootError.
    """
    versions = {candidate: mirror.version(candidate.package, candidate.suite) for candidate in recipe.rust}
    rust = {candidate: upstream(found) for candidate, found in versions.items() if found is not None}
    search = _Search(recipe, mirror, main_suite)
    for candidate in recipe.rust:
        if candidate not in rust:
            problem = mirror.problems.get(candidate.suite)
            search.reasons[candidate] = problem or f"{candidate.suite} does not have it"
        elif minimum is not None and order(rust[candidate]) < order(minimum):
            search.reasons[candidate] = f"older than the {minimum} that the workspace asks for"
    newest_first = sorted(
        (candidate for candidate in rust if candidate not in search.reasons),
        key=lambda candidate: order(rust[candidate]),
        reverse=True,
    )
    if rust and not newest_first:
        offer = ", ".join(f"{version} ({candidate})" for candidate, version in rust.items())
        raise NoRootError(f"the workspace asks for Rust {minimum} (rust-version in Cargo.toml), the mirror has {offer}")
    # on most days everything fits to the newest, which takes one resolution
    groups = tuple(recipe.groups)
    chosen = newest_first[0] if newest_first and search.problem(groups, newest_first[0]) is None else None
    missing: dict[str, str] = {}
    if chosen is None:
        # what decides which Rust it is: both architectures, or else this one
        for groups in ((CORE, "cross"), (CORE,)):
            chosen = chosen or search.choose(groups, newest_first)
            if chosen is not None:
                break
        else:
            raise NoRootError("; ".join(f"{candidate}: {reason}" for candidate, reason in search.reasons.items()))
        for group in recipe.optional:
            if group not in groups:
                reason = search.problem((*groups, group), chosen)
                if reason is None:
                    groups = (*groups, group)
                else:
                    missing[group] = reason
    passed = tuple(
        Passed(candidate, rust.get(candidate), search.reasons.get(candidate, "not newer"))
        for candidate in recipe.rust
        if candidate != chosen
    )
    return Plan(chosen, rust[chosen], groups, missing, passed, search.packages(groups, chosen))
