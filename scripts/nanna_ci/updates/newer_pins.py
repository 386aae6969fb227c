"""Which release of an action is to be pinned: the newest that has been in public for long enough."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Final

from nanna_ci.foundation.errors import GateFailed
from nanna_ci.updates.action_releases import ActionRelease, ActionReleases, parse_version
from nanna_ci.workflow.pin_table import ActionPin

_REUSABLE: Final = "workflow"
_CLOCKS_APART: Final = datetime.timedelta(days=1)


def find_newer_pin(
    pin: ActionPin, releases: ActionReleases, now: datetime.datetime, minimum_age_days: int, *, any_major: bool
) -> ActionPin | None:
    """The pin of a newer release, None if there is none.

    Raises GateFailed for what must not be taken over: a tag that is not where it was, a commit that is younger than
    its release. Otherwise as `ActionReleases` does.
    """
    current = parse_version(pin.version)
    if current is None:
        raise GateFailed(f"{pin.version} is no version with numbers: compare its releases by hand")
    repository = "/".join(pin.action.split("/")[:2])
    chosen = choose_release(
        releases.query_releases(repository),
        current,
        now - datetime.timedelta(days=minimum_age_days),
        any_major=any_major,
    )
    if chosen is None or chosen.numbers == current:
        commit = releases.query_commit(repository, pin.version)
        if commit != pin.commit:
            raise GateFailed(
                f"the tag {pin.version} was moved: it is at {commit[:12]} now, the table has {pin.commit[:12]}"
            )
        return None
    commit = releases.query_commit(repository, chosen.version)
    if releases.query_committed(repository, commit) > chosen.published + _CLOCKS_APART:
        raise GateFailed(f"the commit of {chosen.version} is younger than its release: the tag was moved")
    using = pin.using if pin.using == _REUSABLE else releases.query_runtime(pin.action, commit)
    day = chosen.published.astimezone(datetime.UTC).date()
    return replace(pin, version=chosen.version, commit=commit, seen=day, using=using)


def choose_release(
    releases: tuple[ActionRelease, ...],
    current: tuple[int, int, int],
    published_by: datetime.datetime,
    *,
    any_major: bool,
) -> ActionRelease | None:
    """The highest version from `current` on, of its major version unless `any_major`; None if none is old enough."""
    fit = [
        one
        for one in releases
        if one.published <= published_by and one.numbers >= current and (any_major or one.numbers[0] == current[0])
    ]
    return max(fit, key=lambda one: one.numbers) if fit else None
