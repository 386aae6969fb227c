from __future__ import annotations

import pytest

from nanna_ci.releases.github_releases import GithubAsset, GithubRelease
from nanna_ci.releases.release_assets import ReleaseAsset
from nanna_ci.releases.release_steps import choose_release, plan_draft, unlike
from nanna_ci.releases.release_version import parse_tag

COMMIT = "a" * 40


def here(name: str, sha256: str = "1", size_bytes: int = 3) -> ReleaseAsset:
    return ReleaseAsset(name, size_bytes, sha256, b"")


def there(name: str, sha256: str | None = "1", state: str = "uploaded", size_bytes: int = 3) -> GithubAsset:
    return GithubAsset(hash(name) % 1000, name, state, size_bytes, sha256)


def digests(*assets: GithubAsset) -> dict[int, str]:
    return {one.id: one.sha256 for one in assets if one.sha256 is not None}


def made(tag: str, *, draft: bool = False, commit: str | None = COMMIT, target: str = COMMIT) -> GithubRelease:
    return GithubRelease(len(tag), tag, draft, "-rc" in tag, False, commit, target, "page", "upload")


@pytest.mark.parametrize(
    ("asset", "problem"),
    [
        (None, "a is missing"),
        (there("a", state="starter"), "a is not whole: GitHub calls it starter"),
        (there("a", "2"), "a is another file than the one here"),
        (there("a", None), "a is another file than the one here"),
        (there("a", size_bytes=4), "a is another file than the one here"),
    ],
)
def test_a_draft_with_anything_amiss_is_not_published(asset: GithubAsset | None, problem: str):
    found = () if asset is None else (asset,)
    assert unlike([here("a")], found, digests(*found)) == (problem,)


def test_a_draft_with_too_much_is_not_published():
    both = (there("a"), there("b"))
    assert unlike([here("a")], both, digests(*both)) == ("b is there, and not in the folder",)
    assert unlike([here("a")], (there("a"),) * 2, digests(there("a"))) == ("two assets have one name",)
    assert unlike([here("a"), here("b")], both, digests(*both)) == ()


def test_a_problem_leaves_no_step():
    found = (there("a", "2"), there("b", state="starter"))
    plan = plan_draft(True, [here("a"), here("b")], found, digests(*found), clobber=False)
    assert (plan.steps, plan.problems) == ((), ("the draft has another a: --clobber replaces it",))


@pytest.mark.parametrize(
    ("release", "problem"),
    [
        (made("v1.0.0", draft=True), None),
        (made("v1.0.0", draft=True, target="main"), None),
        (made("v1.0.0", draft=True, target="b" * 40), "is of commit bbbbbbbbbbbb, not aaaaaaaaaaaa: delete the draft"),
        (made("v1.0.0", draft=True, commit="b" * 40), "is of commit bbbbbbbbbbbb, not aaaaaaaaaaaa: delete the draft"),
        (made("v1.0.0", commit="b" * 40), "make a new version"),
        (made("v1.0.0", draft=True, commit=None), "names no commit: delete it"),
        (made("v1.0.0", commit=None), "by something else: make a new version"),
    ],
)
def test_only_a_release_of_the_same_commit_is_gone_on_with(release: GithubRelease, problem: str | None):
    found, problems = choose_release([release, made("v0.9.0")], parse_tag("v1.0.0"), COMMIT)
    assert found is release
    assert problems == () if problem is None else problem in problems[0]


@pytest.mark.parametrize(
    ("tag", "others", "is_older"),
    [
        ("v1.1.0", ["v1.2.0"], True),
        ("1.2.0", ["v1.2.0"], True),
        ("v1.2.0-rc.1", ["v1.2.0"], True),
        ("v1.10.0", ["v1.9.0", "nightly"], False),
        ("v1.1.0", ["v2.0.0-rc.1"], False),
        ("v1.1.0", ["app-v1.2.0"], False),
        ("app-v1.1.0", ["app-v1.2.0"], True),
    ],
)
def test_an_older_version_than_a_release_of_that_kind_is_refused(tag: str, others: list[str], is_older: bool):
    _, problems = choose_release([made(one) for one in others], parse_tag(tag), COMMIT)
    assert ["is older than" in problem for problem in problems] == [True] * is_older


def test_a_version_that_is_published_is_no_older_one():
    assert choose_release([made("v1.0.0"), made("v2.0.0")], parse_tag("v1.0.0"), COMMIT)[1] == ()
