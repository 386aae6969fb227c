from __future__ import annotations

from itertools import pairwise

import pytest

from nanna_ci.foundation.errors import UsageError
from nanna_ci.releases.release_version import parse_tag, version_problem


@pytest.mark.parametrize(
    ("name", "package", "version"),
    [
        ("v1.2.3", None, "1.2.3"),
        ("1.2.3", None, "1.2.3"),
        ("my-app-v1.2.3", "my-app", "1.2.3"),
        ("app-1.2.3-rc.1", "app", "1.2.3-rc.1"),
        ("v1.2.3-rc.1+build.5", None, "1.2.3-rc.1+build.5"),
    ],
)
def test_a_tag_names_a_version_and_perhaps_a_package(name: str, package: str | None, version: str):
    tag = parse_tag(name)
    assert (tag.package, tag.version) == (package, version)


@pytest.mark.parametrize("name", ["main", "v1.2", "v01.2.3", "v1.2.3 ", "v1.2.3/..", "--v1.2.3", "v1.2.3-", "v" * 200])
def test_a_tag_without_a_version_is_refused(name: str):
    with pytest.raises(UsageError, match="names no version"):
        parse_tag(name)


def test_versions_are_in_the_order_of_semantic_versioning():
    names = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.2"
    tags = [parse_tag(name) for name in (*names.split(), "1.0.10", "1.2.0", "1.10.0", "10.0.0")]
    assert all(one.order < other.order for one, other in pairwise(tags))
    assert parse_tag("1.0.0+a").order == parse_tag("1.0.0+b").order
    assert [parse_tag(name).is_prerelease for name in ("1.0.0-rc.1", "1.0.0", "1.0.0+x-y")] == [True, False, False]


@pytest.mark.parametrize(
    ("tag", "given", "members", "problem"),
    [
        ("v1.2.3", None, {"a": "1.2.3", "b": "1.2.3"}, None),
        ("v1.2.3", None, {"a": "1.2.4"}, "Cargo.toml says 1.2.4"),
        ("v1.2.3", None, {"a": "1.2.3", "b": "1.2.4"}, "several versions"),
        ("b-v1.2.4", None, {"a": "1.2.3", "b": "1.2.4"}, None),
        ("b-v1.2.3", None, {"a": "1.2.3", "b": "1.2.4"}, "Cargo.toml of b says 1.2.4"),
        ("c-v1.2.3", None, {"a": "1.2.3"}, "which is no crate"),
        ("v1.2.3", "1.2.3", {}, None),
        ("v1.2.3", "1.2.4", {}, "is not of --version '1.2.4'"),
    ],
)
def test_a_tag_must_be_that_of_the_version(tag: str, given: str | None, members: dict[str, str], problem: str | None):
    found = version_problem(parse_tag(tag), given, members)
    assert found is problem if problem is None else problem in (found or "")
