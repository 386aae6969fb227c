"""Versions and the tags that name them: `v1.2.3`, `1.2.3` or `PACKAGE-v1.2.3`, in the order of Semantic Versioning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import UsageError, shorten

_NUMBER: Final = r"(?:0|[1-9][0-9]{0,8})"
_VERSION: Final = re.compile(
    rf"(?P<core>{_NUMBER}\.{_NUMBER}\.{_NUMBER})(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
_TAG: Final = re.compile(rf"(?:(?P<package>[A-Za-z_][A-Za-z0-9_-]*)-)??v?(?P<version>{_VERSION.pattern})")
_LONGEST: Final = 120
VersionOrder = tuple[tuple[int, ...], int, tuple[tuple[int, int, str], ...]]


@dataclass(frozen=True, slots=True)
class ReleaseTag:
    """A tag, and the package (None: the workspace) and version that it names."""

    name: str
    package: str | None
    version: str

    @property
    def is_prerelease(self) -> bool:
        """Whether the version has a part such as `-rc.1`."""
        match = _VERSION.fullmatch(self.version)
        return match is not None and match["pre"] is not None

    @property
    def order(self) -> VersionOrder:
        """What to compare by: numbers by value, a pre-release before its release, build metadata not at all."""
        match = _VERSION.fullmatch(self.version)
        assert match is not None, self.version
        numbers = tuple(int(part) for part in match["core"].split("."))
        if match["pre"] is None:
            return (numbers, 1, ())
        parts = tuple(
            (0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part)
            for part in match["pre"].split(".")
        )
        return (numbers, 0, parts)


def find_version_tag(name: str) -> ReleaseTag | None:
    """What the tag names; None for a tag that names no version."""
    match = _TAG.fullmatch(name) if len(name) <= _LONGEST else None
    return None if match is None else ReleaseTag(name, match["package"], match["version"])


def parse_tag(name: str) -> ReleaseTag:
    """As `find_version_tag`. Raises UsageError for a tag that names no version."""
    tag = find_version_tag(name)
    if tag is None:
        raise UsageError(f"the tag {shorten(name)} names no version", hint="such as v1.2.3, 1.2.3 or PACKAGE-v1.2.3")
    return tag


def version_problem(tag: ReleaseTag, given: str | None, members: Mapping[str, str]) -> str | None:
    """Why the tag does not name the version: that of --version, else of the workspace's crates; None if it does."""
    if given is not None:
        return None if tag.version == given else f"the tag {tag.name} is not of --version {shorten(given)}"
    if tag.package is not None:
        version = members.get(tag.package)
        if version is None:
            return f"the tag {tag.name} names {tag.package}, which is no crate of this workspace"
        return None if version == tag.version else f"the tag {tag.name}: Cargo.toml of {tag.package} says {version}"
    versions = sorted(set(members.values()))
    if len(versions) == 1:
        return None if versions[0] == tag.version else f"the tag {tag.name}: Cargo.toml says {versions[0]}"
    return f"the crates have several versions ({', '.join(versions[:4])}): tag PACKAGE-v1.2.3, or give --version"
