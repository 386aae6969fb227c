"""packages.txt: which packages each group of jobs needs, and which candidates there are for Rust."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

CORE = "core"
HEADING = re.compile(r"\[(?P<group>[a-z-]+)(?: rust=(?P<package>[a-z0-9-]+) suite=(?P<suite>[a-z0-9-]+))?\]")


@dataclass(frozen=True)
class Candidate:
    """One way to Rust: the compiler's package, and the suite that it and its companions come from."""

    package: str
    suite: str

    def __str__(self) -> str:
        return f"{self.package} of {self.suite}"


@dataclass(frozen=True)
class Recipe:
    """What a root may hold. Packages are `name` (for amd64) or `name:arm64`.

    `groups` names the packages of each group in the file's order; `rust` those that a group needs of each candidate.
    """

    groups: Mapping[str, tuple[str, ...]]
    rust: Mapping[Candidate, Mapping[str, tuple[str, ...]]]

    def of_rust(self, group: str, candidate: Candidate) -> tuple[str, ...]:
        """What a group needs of this Rust."""
        return self.rust[candidate].get(group, ())

    def packages(self, group: str, candidate: Candidate) -> tuple[str, ...]:
        """All that a group needs, with this Rust."""
        return (*self.groups[group], *self.of_rust(group, candidate))

    @property
    def optional(self) -> tuple[str, ...]:
        """The groups that a root can do without."""
        return tuple(group for group in self.groups if group != CORE)

    @property
    def names(self) -> tuple[str, ...]:
        """Every package of the file, once."""
        lists = [*self.groups.values(), *(part for parts in self.rust.values() for part in parts.values())]
        return tuple(dict.fromkeys(name for packages in lists for name in packages))


def parse_recipe(text: str) -> Recipe:
    """Read packages.txt. Raises ValueError, with the line, if it has another form."""
    groups: dict[str, tuple[str, ...]] = {}
    rust: dict[Candidate, dict[str, tuple[str, ...]]] = {}
    place: dict[str, tuple[str, ...]] | None = None
    group = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        if words.startswith("["):
            heading = HEADING.fullmatch(words)
            if heading is None:
                raise ValueError(f"packages.txt, line {number}: {words} is not a heading")
            group = heading["group"]
            place = groups
            if heading["package"]:
                place = rust.setdefault(Candidate(heading["package"], heading["suite"]), {})
            if group in place:
                raise ValueError(f"packages.txt, line {number}: {words} comes twice")
            place[group] = ()
        elif place is None:
            raise ValueError(f"packages.txt, line {number}: {words} stands before any heading")
        else:
            place[group] += (words,)
    if CORE not in groups or not rust:
        raise ValueError("packages.txt: a group core and a candidate for Rust are needed")
    return Recipe(groups, rust)
