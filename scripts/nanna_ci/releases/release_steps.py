"""What is left to do for a release, from what is here and what GitHub has: pure, so that a dry run says the same."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nanna_ci.releases.github_releases import UPLOADED, GithubAsset, GithubRelease
from nanna_ci.releases.release_assets import ReleaseAsset
from nanna_ci.releases.release_version import ReleaseTag, find_version_tag


class StepKind(enum.Enum):
    """What a step does: of the release (create, publish), or of one asset."""

    CREATE = "create"
    DELETE = "delete"
    UPLOAD = "upload"
    KEEP = "keep"
    PUBLISH = "publish"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class ReleaseStep:
    """One step; `name` is the asset's, None for what is about the release."""

    kind: StepKind
    name: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """The steps in order; with `problems` none of them is taken."""

    steps: tuple[ReleaseStep, ...] = ()
    problems: tuple[str, ...] = ()


def choose_release(
    releases: Sequence[GithubRelease], tag: ReleaseTag, commit: str
) -> tuple[GithubRelease | None, tuple[str, ...]]:
    """The release of the tag to go on with (None: there is none), and why that may not be."""
    ours = sorted((one for one in releases if one.tag == tag.name), key=lambda one: (one.is_draft, one.id))
    problems = []
    if len(ours) > 1:
        problems.append(f"GitHub has {len(ours)} releases of {tag.name}, with drafts: delete the drafts but one")
    if not any(not one.is_draft for one in ours) and (newer := _newer(releases, tag)):
        problems.append(f"{tag.name} is older than the latest release, {newer.name}")
    for release in ours[:1]:
        kind = "draft" if release.is_draft else "release"
        if release.commit is None:
            problems.append(
                f"the {kind} {tag.name} on GitHub was not made by this command, and names no commit: delete it"
                if release.is_draft
                else f"{tag.name} is published already, by something else: make a new version"
            )
        elif release.commit != commit or (len(release.target) == len(commit) and _differs(release.target, commit)):
            made = release.commit if release.commit != commit else release.target
            mend = "delete the draft" if release.is_draft else "make a new version"
            problems.append(f"the {kind} {tag.name} on GitHub is of commit {made[:12]}, not {commit[:12]}: {mend}")
    return (ours[0] if ours else None), tuple(problems)


def plan_draft(
    exists: bool,
    wanted: Sequence[ReleaseAsset],
    there: Sequence[GithubAsset],
    digests: Mapping[int, str],
    *,
    clobber: bool,
) -> ReleasePlan:
    """For a draft, or none yet. `digests` are those of the assets there that are whole, by id."""
    steps = [] if exists else [ReleaseStep(StepKind.CREATE)]
    problems = []
    names = {one.name for one in wanted}
    by_name = {one.name: one for one in there}
    for asset in there:
        if asset.state != UPLOADED:
            steps.append(ReleaseStep(StepKind.DELETE, asset.name, "an upload that was interrupted"))
        elif asset.name not in names:
            if clobber:
                steps.append(ReleaseStep(StepKind.DELETE, asset.name, "it is not in the folder"))
            else:
                problems.append(f"the draft has {asset.name}, which is not in the folder: --clobber deletes it")
    for one in wanted:
        found = by_name.get(one.name)
        if found is None or found.state != UPLOADED:
            steps.append(ReleaseStep(StepKind.UPLOAD, one.name))
        elif digests.get(found.id) == one.sha256 and found.size_bytes == one.size_bytes:
            steps.append(ReleaseStep(StepKind.KEEP, one.name, "the same is there"))
        elif clobber:
            steps.append(ReleaseStep(StepKind.DELETE, one.name, "another file is there"))
            steps.append(ReleaseStep(StepKind.UPLOAD, one.name))
        else:
            problems.append(f"the draft has another {one.name}: --clobber replaces it")
    if problems:
        return ReleasePlan(problems=tuple(problems))
    last = (ReleaseStep(StepKind.PUBLISH), *(ReleaseStep(StepKind.VERIFY, one.name) for one in wanted))
    return ReleasePlan((*steps, *last))


def unlike(wanted: Sequence[ReleaseAsset], there: Sequence[GithubAsset], digests: Mapping[int, str]) -> tuple[str, ...]:
    """Why a draft must not be published: anything missing, not whole, different, or too much."""
    by_name = {one.name: one for one in there}
    problems = [f"{name} is there, and not in the folder" for name in by_name.keys() - {one.name for one in wanted}]
    if len(by_name) != len(there):
        problems.append("two assets have one name")
    for one in wanted:
        found = by_name.get(one.name)
        if found is None:
            problems.append(f"{one.name} is missing")
        elif found.state != UPLOADED:
            problems.append(f"{one.name} is not whole: GitHub calls it {found.state}")
        elif digests.get(found.id) != one.sha256 or found.size_bytes != one.size_bytes:
            problems.append(f"{one.name} is another file than the one here")
    return tuple(sorted(problems))


def _newer(releases: Sequence[GithubRelease], tag: ReleaseTag) -> ReleaseTag | None:
    """The newest release with the same kind of tag, if it is newer; pre-releases and drafts count for none."""
    tags = [find_version_tag(one.tag) for one in releases if not (one.is_draft or one.is_prerelease)]
    alike = [one for one in tags if one is not None and one.package == tag.package and one.name != tag.name]
    newest = max(alike, key=lambda one: one.order, default=None)
    return newest if newest is not None and newest.order >= tag.order else None


def _differs(target: str, commit: str) -> bool:
    """Whether target_commitish names another commit: for a tag that is there GitHub may name a branch instead."""
    return target != commit and all(character in "0123456789abcdef" for character in target)
