"""Whether the one check that decides is required on the branch, by whom it may be reported, and whom it binds. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from nanna_ci.forge.settings.repository_facts import ReportedCheck, RepositorySetup, RequiredCheck, Unknown
from nanna_ci.forge.settings.setting_findings import unavailable
from nanna_ci.foundation.finding import Finding, Health

REQUIRED_CHECK: Final = "ci-summary"
_AS_REPORTED: Final = f"pipeline / {REQUIRED_CHECK}"
"""By the workflow that `workflow init` writes."""
_CHECK: Final = "required check"
_SHOWN: Final = 5


def check_required(setup: RepositorySetup) -> Iterator[Finding]:
    """The finding of the required check, and one for the administrators whom branch protection may leave out."""
    rules, protection = setup.rules, setup.protection
    required = [
        *(() if isinstance(rules, Unknown) else rules.checks),
        *(() if isinstance(protection, Unknown) else protection.checks),
    ]
    ours = [check for check in required if _is_ours(check.name)]
    if not ours:
        unread = [one for one in (rules, protection) if isinstance(one, Unknown)]
        yield unavailable(_CHECK, REQUIRED_CHECK, unread[0]) if unread else _missing(setup, required)
        return
    yield _check_source(setup, ours)
    yield _check_reported(setup, ours)
    by_rules = [] if isinstance(rules, Unknown) else [check for check in rules.checks if _is_ours(check.name)]
    if not by_rules and not isinstance(protection, Unknown):
        yield _check_admins(setup, protection.holds_for_admins)


def _is_ours(name: str) -> bool:
    """A job of a reusable workflow is reported as `CALLER / ci-summary`."""
    return name == REQUIRED_CHECK or name.endswith(f" / {REQUIRED_CHECK}")


def _missing(setup: RepositorySetup, required: Sequence[RequiredCheck]) -> Finding:
    others = ", ".join(check.name for check in required[:_SHOWN])
    branch = setup.repository.branch
    says = f"not required on {branch}: what fails can be merged"
    return Finding(
        _CHECK, REQUIRED_CHECK, Health.BAD, f"{says}; required: {others}" if others else says, _fix(setup, branch)
    )


def _fix(setup: RepositorySetup, branch: str) -> str:
    reported = () if isinstance(setup.reported, Unknown) else setup.reported
    name = next((check.name for check in reported if _is_ours(check.name)), _AS_REPORTED)
    return (
        f"Settings > Rules > Rulesets > New branch ruleset: target {branch}, Require status checks to pass, "
        f"add {name} from GitHub Actions"
    )


def _check_source(setup: RepositorySetup, ours: Sequence[RequiredCheck]) -> Finding:
    first = ours[0]
    if all(check.app is None for check in ours):
        says = f"required by {first.source}; but any app, and whoever may write, can report it as passed"
        fix = f"Settings > Rules, or > Branches: choose GitHub Actions as the source of {first.name}"
        return Finding(_CHECK, first.name, Health.WARN, says, fix)
    return Finding(_CHECK, first.name, Health.GOOD, f"required on {setup.repository.branch} by {first.source}")


def _check_reported(setup: RepositorySetup, ours: Sequence[RequiredCheck]) -> Finding:
    """All of `ours` must pass: one that nobody reports is waited for without end."""
    reported, branch, check = setup.reported, setup.repository.branch, "reported check"
    if isinstance(reported, Unknown):
        return unavailable(check, ours[0].name, reported)
    known = [one for one in reported if _is_ours(one.name)]
    if not known:
        says = f"the latest commit of {branch} has no such check: has the workflow run on it?"
        return Finding(check, ours[0].name, Health.UNAVAILABLE, says)
    for one in ours:
        problem = _unmatched(one, known)
        if problem is not None:
            return Finding(check, one.name, Health.BAD, problem, _fix(setup, branch))
    return Finding(check, ours[0].name, Health.GOOD, f"the latest commit of {branch} has it")


def _unmatched(check: RequiredCheck, known: Sequence[ReportedCheck]) -> str | None:
    """How a required check differs from what is reported: the name, or the app."""
    same = [one for one in known if one.name == check.name]
    if not same:
        return f"it is required, and what is reported is {known[0].name}: merges wait for it without end"
    if check.app is not None and all(one.app not in {None, check.app} for one in same):
        return f"app {check.app} has to report it, and app {same[0].app} does: merges wait for it without end"
    return None


def _check_admins(setup: RepositorySetup, holds: bool | None) -> Finding:
    check, branch = "branch protection", setup.repository.branch
    if holds is None:
        return unavailable(check, branch, Unknown("GitHub does not show whether it binds administrators"))
    if not holds:
        fix = f"Settings > Branches > {branch} > Do not allow bypassing the above settings"
        return Finding(check, branch, Health.WARN, "administrators may merge without the check", fix)
    return Finding(check, branch, Health.GOOD, "binds administrators too")
