"""The settings of a repository as values; what could not be read is Unknown, with the reason."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unknown:
    """In place of a setting that could not be read; `why` is for people."""

    why: str


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """`name` as GitHub has it now: a renamed repository answers to its old name too.

    `can_scan` is whether findings can be uploaded: always for a public repository; None if it does not say.
    """

    name: str
    branch: str
    is_private: bool
    has_pages: bool
    can_scan: bool | None


@dataclass(frozen=True, slots=True)
class RequiredCheck:
    """A check that must pass before a merge; `app` (an id) has to report it, None: anyone may. `source` requires it."""

    name: str
    app: int | None
    source: str


@dataclass(frozen=True, slots=True)
class BranchRules:
    """What the active rulesets demand of a branch; workflows by their path."""

    checks: tuple[RequiredCheck, ...]
    workflows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BranchProtection:
    """The older kind of protection; without any, it demands nothing. `holds_for_admins`: None if it does not say."""

    checks: tuple[RequiredCheck, ...]
    holds_for_admins: bool | None


@dataclass(frozen=True, slots=True)
class ReportedCheck:
    """A check on the branch's latest commit, and the id of the app that reported it."""

    name: str
    app: int | None


class DeploymentBranches(enum.Enum):
    """Which branches and tags may use an environment."""

    ANY = "any"
    PROTECTED = "protected"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Environment:
    """`patterns` of the branches and tags that may use it (of a tag: `tag PATTERN`); secrets by name."""

    name: str
    branches: DeploymentBranches
    patterns: tuple[str, ...] | Unknown
    has_reviewers: bool
    secrets: tuple[str, ...] | Unknown


@dataclass(frozen=True, slots=True)
class WorkflowToken:
    """What a workflow's token may do where the workflow says nothing about it."""

    may_write: bool
    may_approve: bool


@dataclass(frozen=True, slots=True)
class ActionsPolicy:
    """Which actions may run: `allowed` is all, local_only or selected. `needs_pins`: None if GitHub does not say."""

    is_enabled: bool
    allowed: str
    needs_pins: bool | None


@dataclass(frozen=True, slots=True)
class Pages:
    """The site; `by_workflow`: deployed by one, not built from a branch."""

    by_workflow: bool
    only_https: bool | None


@dataclass(frozen=True, slots=True)
class RepositorySetup:
    """All settings; None means that there is no such thing (no site, no file CODEOWNERS)."""

    repository: RepositoryFacts
    rules: BranchRules | Unknown
    protection: BranchProtection | Unknown
    reported: tuple[ReportedCheck, ...] | Unknown
    environments: tuple[Environment, ...] | Unknown
    secrets: tuple[str, ...] | Unknown
    organization_secrets: tuple[str, ...] | Unknown
    workflow_token: WorkflowToken | Unknown
    policy: ActionsPolicy | Unknown
    approval: str | Unknown
    pages: Pages | Unknown | None
    has_immutable_releases: bool | Unknown
    owner_errors: tuple[str, ...] | Unknown | None
