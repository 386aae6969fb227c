"""Takes a release from whatever GitHub has of it to published: draft, uploads one by one, comparison, publication.

Each pass reads what is there first, so that a request whose answer was lost, and a run that was killed, are both
mended by another pass. Nothing is ever uploaded to a published release.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nanna_ci.foundation.errors import GateFailed, RequestRefused, ServiceUnavailable
from nanna_ci.foundation.retry import backoff_s
from nanna_ci.releases.github_releases import UPLOADED, GithubAsset, GithubRelease, ReleasesApi, refusal_is
from nanna_ci.releases.release_assets import SUMS, ReleaseAsset, parse_sums, sum_problems
from nanna_ci.releases.release_steps import ReleasePlan, ReleaseStep, StepKind, choose_release, plan_draft, unlike
from nanna_ci.releases.release_version import ReleaseTag
from nanna_ci.report.units import bytes_text

PASSES: Final = 5


class _Again(Exception):
    """What GitHub has is not what this pass began with: another pass reads it anew."""


@dataclass(frozen=True, slots=True)
class WantedRelease:
    """What the release shall be. `body` is only for a draft that has to be made."""

    tag: ReleaseTag
    commit: str
    body: str
    assets: tuple[ReleaseAsset, ...]


@dataclass(slots=True)
class ReleasePublisher:
    """`done` is each step that was taken, over all passes; `sleep` waits between passes."""

    api: ReleasesApi
    say: Callable[[str], None]
    sleep: Callable[[float], None]
    clobber: bool = False
    done: list[ReleaseStep] = field(default_factory=list)
    _downloaded: dict[int, str] = field(default_factory=dict)

    def plan(self, wanted: WantedRelease) -> tuple[GithubRelease | None, ReleasePlan]:
        """What GitHub has of the release, and what is left to do; only reads."""
        tag = wanted.tag.name
        commit = self.api.tag_commit(tag)
        if commit != wanted.commit:
            state = "is not on GitHub: push it" if commit is None else f"is of commit {commit[:12]} on GitHub"
            return None, ReleasePlan(problems=(f"the tag {tag} {state}; here it is of {wanted.commit[:12]}",))
        release, problems = choose_release(self.api.releases(), wanted.tag, wanted.commit)
        if problems:
            return release, ReleasePlan(problems=problems)
        if release is not None and not release.is_draft:
            steps = tuple(ReleaseStep(StepKind.VERIFY, one.name) for one in wanted.assets)
            return release, ReleasePlan(steps)
        there = () if release is None else self.api.assets(release)
        digests = self._digests(there, wanted.assets)
        return release, plan_draft(release is not None, wanted.assets, there, digests, clobber=self.clobber)

    def publish(self, wanted: WantedRelease) -> GithubRelease:
        """The release, published.

        Raises GateFailed for what must not be published, and as `GithubApi.send` does where passes do not help.
        """
        for number in range(1, PASSES + 1):
            try:
                return self._pass(wanted)
            except (ServiceUnavailable, _Again) as error:
                if number == PASSES:
                    if isinstance(error, ServiceUnavailable):
                        raise
                    raise GateFailed(f"{wanted.tag.name} changes on GitHub meanwhile: {error}") from error
                wait_s = backoff_s(number, random.uniform)
                self.say(f"{error}: what GitHub has is read again, in {wait_s:.1f} s")
                self.sleep(wait_s)
        raise AssertionError("the last pass returns or raises")

    def _pass(self, wanted: WantedRelease) -> GithubRelease:
        release, plan = self.plan(wanted)
        if plan.problems:
            raise GateFailed("; ".join(plan.problems))
        if release is None:
            release = self._create(wanted)
        if not release.is_draft:
            return release
        self._fill(release, wanted, plan)
        there = self.api.assets(release)
        problems = unlike(wanted.assets, there, self._digests(there, wanted.assets))
        if problems:
            raise GateFailed(f"the draft was not published: {'; '.join(problems)}")
        self.say(f"publish {wanted.tag.name}: all {len(there)} assets are whole and equal")
        published = self.api.publish(release)
        if published.is_draft:
            raise _Again("GitHub did not publish the draft")
        self.done.append(ReleaseStep(StepKind.PUBLISH))
        return published

    def _create(self, wanted: WantedRelease) -> GithubRelease:
        self.say(f"create the draft {wanted.tag.name} of {wanted.commit[:12]}")
        try:
            release = self.api.create(wanted.tag.name, wanted.commit, wanted.body, prerelease=wanted.tag.is_prerelease)
        except RequestRefused as error:
            if refusal_is(error, "already_exists"):
                raise _Again("the release is there by now") from error
            raise
        self.done.append(ReleaseStep(StepKind.CREATE))
        return release

    def _fill(self, release: GithubRelease, wanted: WantedRelease, plan: ReleasePlan) -> None:
        there = {one.name: one for one in self.api.assets(release)}
        assets = {one.name: one for one in wanted.assets}
        for step in plan.steps:
            if step.kind is StepKind.DELETE and step.name in there:
                self.say(f"delete {step.name}: {step.why}")
                self.api.delete(there[step.name])
                self.done.append(step)
            elif step.kind is StepKind.KEEP and step not in self.done:
                self.done.append(step)
            elif step.kind is StepKind.UPLOAD and step.name is not None:
                self._upload(release, assets[step.name])
                self.done.append(step)

    def _upload(self, release: GithubRelease, asset: ReleaseAsset) -> None:
        self.say(f"upload {asset.name}, {bytes_text(asset.size_bytes)}")
        try:
            self.api.upload(release, asset)
        except RequestRefused as error:
            if refusal_is(error, "already_exists"):
                raise _Again(f"{asset.name} is there by now") from error
            if error.status == 422 and not self.api.release(release.id).is_draft:
                immutable = "GitHub takes no more assets for it"
                raise GateFailed(
                    f"{release.tag} was published by somebody else before it was whole: {immutable}",
                    hint="make a new version; delete that release, if nobody may have it",
                ) from error
            raise

    def _digests(self, there: Sequence[GithubAsset], wanted: Sequence[ReleaseAsset]) -> dict[int, str]:
        """The digests of assets that are whole; downloads those of which the server names none."""
        sizes = {one.name: one.size_bytes for one in wanted}
        return {
            one.id: one.sha256 or self._download_digest(one)
            for one in there
            if one.state == UPLOADED and sizes.get(one.name) == one.size_bytes
        }

    def _download_digest(self, asset: GithubAsset) -> str:
        if asset.id not in self._downloaded:
            self.say(f"download {asset.name}: the server names no digest")
            self._downloaded[asset.id] = self.api.download_digest(asset).sha256
        return self._downloaded[asset.id]


@dataclass(frozen=True, slots=True)
class VerifiedAsset:
    """An asset that was downloaded anew; `problem` says why it is not what it should be."""

    name: str
    size_bytes: int
    sha256: str
    problem: str | None


def verify_release(
    api: ReleasesApi, release: GithubRelease, expected: Mapping[str, str] | None, say: Callable[[str], None]
) -> tuple[tuple[VerifiedAsset, ...], tuple[str, ...]]:
    """Download every asset of a published release and compare: with GitHub's digest, with SHA256SUMS, and with
    `expected` (None: nothing is here to compare with). The assets, and what is wrong with the release."""
    problems = []
    commit = api.tag_commit(release.tag)
    if release.commit is None:
        problems.append("the release names no commit: this command did not make it")
    elif commit != release.commit:
        now = "is gone" if commit is None else f"is of {commit[:12]} now"
        problems.append(f"the release is of commit {release.commit[:12]}; its tag {now}")
    there = api.assets(release)
    found, sums = [], None
    for asset in there:
        say(f"download {asset.name}, {bytes_text(asset.size_bytes)}")
        got = api.download_digest(asset)
        wanted = {"GitHub": asset.sha256, "the folder": None if expected is None else expected.get(asset.name, "")}
        unequal = [who for who, digest in wanted.items() if digest is not None and digest != got.sha256]
        problem = f"it is not what {' and '.join(unequal)} says" if unequal else None
        if asset.state != UPLOADED:
            problem = f"it is not whole: GitHub calls it {asset.state}"
        found.append(VerifiedAsset(asset.name, got.size_bytes, got.sha256, problem))
        if asset.name == SUMS:
            sums = parse_sums(api.download(asset), f"{SUMS} of the release")
    names = {one.name for one in there}
    problems += [f"{name} is missing" for name in sorted((expected or {}).keys() - names)]
    problems += [] if sums is None else sum_problems(sums, {one.name: one.sha256 for one in found})
    if not there:
        problems.append("the release has no assets")
    return tuple(found), (*problems, *(f"{one.name}: {one.problem}" for one in found if one.problem is not None))
