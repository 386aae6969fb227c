"""Findings from a repository's settings on GitHub: one per setting, each with its fix. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nanna_ci.forge.settings.repository_facts import (
    ActionsPolicy,
    DeploymentBranches,
    Environment,
    Pages,
    RepositorySetup,
    Unknown,
    WorkflowToken,
)
from nanna_ci.foundation.finding import Finding, Health

CACHE_ENVIRONMENT: Final = "binary-cache"
CACHE_SECRET: Final = "CACHIX_AUTH_TOKEN"  # noqa: S105 - its name
_SHOWN: Final = 3


def check_setup(setup: RepositorySetup) -> tuple[Finding, ...]:
    """All findings but those of the required check, in the order of a repository's settings pages."""
    name = setup.repository.name
    return (
        *_check_workflows(setup),
        *_check_environments(setup),
        _check_cache_secret(setup),
        *_check_repository_secrets(setup),
        _check_token(name, setup.workflow_token),
        _check_policy(name, setup.policy),
        _check_approval(name, setup.approval),
        _check_pages(name, setup.pages),
        _check_immutable(name, setup.has_immutable_releases),
        _check_scanning(setup),
        _check_owners(setup),
    )


def unavailable(check: str, subject: str | None, unknown: Unknown) -> Finding:
    """The finding of what could not be read."""
    return Finding(check, subject, Health.UNAVAILABLE, unknown.why)


def _check_workflows(setup: RepositorySetup) -> Iterator[Finding]:
    rules, check = setup.rules, "required workflow"
    if isinstance(rules, Unknown):
        yield unavailable(check, None, rules)
    elif not rules.workflows:
        yield Finding(check, None, Health.GOOD, "none: only the ruleset of an organisation can have one")
    for workflow in () if isinstance(rules, Unknown) else rules.workflows:
        yield Finding(check, workflow, Health.GOOD, f"required on {setup.repository.branch}")


def _check_environments(setup: RepositorySetup) -> Iterator[Finding]:
    found, name = setup.environments, setup.repository.name
    if isinstance(found, Unknown):
        yield unavailable("environment", CACHE_ENVIRONMENT, found)
        return
    if CACHE_ENVIRONMENT not in {one.name for one in found}:
        yield Finding(
            "environment",
            CACHE_ENVIRONMENT,
            Health.BAD,
            "missing: the first push makes it, open to every branch",
            f"gh api -X PUT repos/{name}/environments/{CACHE_ENVIRONMENT}; then {_only(setup, CACHE_ENVIRONMENT)}",
        )
    for environment in found:
        yield _check_environment(setup, environment)


def _check_environment(setup: RepositorySetup, one: Environment) -> Finding:
    """The cache's is for one branch; any other has to be limited somehow, the more if it has secrets."""
    check, branch, fix = "environment", setup.repository.branch, _only(setup, one.name)
    is_cache = one.name == CACHE_ENVIRONMENT
    if one.branches is DeploymentBranches.ANY:
        if one.has_reviewers and not is_cache:
            return Finding(check, one.name, Health.GOOD, "every branch may use it, after a review")
        has_secrets = not isinstance(one.secrets, Unknown) and bool(one.secrets)
        health = Health.BAD if is_cache or has_secrets else Health.WARN
        holds = (
            f", and its secrets: {_some(one.secrets)}" if has_secrets and not isinstance(one.secrets, Unknown) else ""
        )
        return Finding(check, one.name, health, f"every branch may use it{holds}", fix)
    if one.branches is DeploymentBranches.PROTECTED:
        health = Health.WARN if is_cache else Health.GOOD
        return Finding(check, one.name, health, "every protected branch may use it", fix if is_cache else None)
    if isinstance(one.patterns, Unknown):
        return unavailable(check, one.name, one.patterns)
    if is_cache and one.patterns != (branch,):
        shown = _some(one.patterns) or "none"
        others = any(pattern != branch for pattern in one.patterns)
        health = Health.BAD if others else Health.WARN
        return Finding(check, one.name, health, f"branches and tags that may use it: {shown}; not {branch} alone", fix)
    return Finding(check, one.name, Health.GOOD, f"only for {_some(one.patterns) or 'no branch'}")


def _only(setup: RepositorySetup, environment: str) -> str:
    branch = setup.repository.branch
    return (
        f"Settings > Environments > {environment} > Deployment branches and tags: "
        f"Selected branches and tags, {branch} only"
    )


def _check_cache_secret(setup: RepositorySetup) -> Finding:
    """Whether pushes to the cache have their token, and only the environment's jobs do."""
    check, name = "secret", setup.repository.name
    put = f"gh secret set {CACHE_SECRET} --env {CACHE_ENVIRONMENT} --repo {name}"
    remove = f"gh secret delete {CACHE_SECRET} --repo {name}"
    wide = [names for names in (setup.secrets, setup.organization_secrets) if not isinstance(names, Unknown)]
    if any(CACHE_SECRET in names for names in wide):
        says = "a secret of the whole repository: the workflow of any branch can read it"
        return Finding(check, CACHE_SECRET, Health.BAD, says, f"{put}; {remove}")
    if isinstance(setup.environments, Unknown):
        return unavailable(check, CACHE_SECRET, setup.environments)
    own = next((one.secrets for one in setup.environments if one.name == CACHE_ENVIRONMENT), ())
    if isinstance(own, Unknown):
        return unavailable(check, CACHE_SECRET, own)
    if CACHE_SECRET not in own:
        return Finding(check, CACHE_SECRET, Health.WARN, "not set: jobs pull from the cache, none pushes", put)
    for names in (setup.secrets, setup.organization_secrets):
        if isinstance(names, Unknown):
            says = f"in {CACHE_ENVIRONMENT}; whether in the whole repository too is not known: {names.why}"
            return Finding(check, CACHE_SECRET, Health.UNAVAILABLE, says)
    return Finding(check, CACHE_SECRET, Health.GOOD, f"in {CACHE_ENVIRONMENT} only")


def _check_repository_secrets(setup: RepositorySetup) -> Iterator[Finding]:
    """Every secret that is not kept in an environment."""
    for names, place, page in (
        (setup.secrets, "repository", "Settings > Environments, and remove it from Settings > Secrets > Actions"),
        (setup.organization_secrets, "organisation", "Settings > Environments, and remove it from the organisation's"),
    ):
        if isinstance(names, Unknown):
            yield unavailable("secret", f"of the {place}", names)
        else:
            for secret in names:
                if secret != CACHE_SECRET:
                    says = f"of the {place}: the workflow of any branch can read it"
                    yield Finding("secret", secret, Health.WARN, says, f"put it into an environment: {page}")


def _check_token(name: str, token: WorkflowToken | Unknown) -> Finding:
    check = "workflow token"
    if isinstance(token, Unknown):
        return unavailable(check, None, token)
    problems = [
        *(["may write where a workflow does not say what it needs"] if token.may_write else []),
        *(["may approve pull requests"] if token.may_approve else []),
    ]
    if problems:
        put = "-f default_workflow_permissions=read -F can_approve_pull_request_reviews=false"
        fix = f"gh api -X PUT repos/{name}/actions/permissions/workflow {put}"
        return Finding(check, None, Health.BAD, " and ".join(problems), fix)
    return Finding(check, None, Health.GOOD, "reads by default, and approves no pull request")


def _check_policy(name: str, policy: ActionsPolicy | Unknown) -> Finding:
    check = "actions policy"
    if isinstance(policy, Unknown):
        return unavailable(check, None, policy)
    put = f"gh api -X PUT repos/{name}/actions/permissions -F enabled=true"
    if not policy.is_enabled:
        fix = f"{put} -f allowed_actions=all -F sha_pinning_required=true"
        return Finding(check, None, Health.BAD, "Actions is off: nothing runs", fix)
    if policy.allowed == "local_only":
        says = "only this owner's actions may run: the workflow uses actions of others, and does not start"
        return Finding(check, None, Health.BAD, says, f"{put} -f allowed_actions=all -F sha_pinning_required=true")
    says = "every action may run" if policy.allowed == "all" else "selected actions may run"
    if policy.needs_pins is None:
        return Finding(check, None, Health.UNAVAILABLE, f"{says}; GitHub does not say whether by commit only")
    if not policy.needs_pins:
        fix = f"{put} -f allowed_actions={policy.allowed} -F sha_pinning_required=true"
        return Finding(check, None, Health.WARN, f"{says}, and by a tag, which can be moved", fix)
    return Finding(check, None, Health.GOOD, f"{says}, by commit only")


def _check_approval(name: str, approval: str | Unknown) -> Finding:
    check = "fork approval"
    if isinstance(approval, Unknown):
        return unavailable(check, None, approval)
    fix = (
        f"gh api -X PUT repos/{name}/actions/permissions/fork-pr-contributor-approval "
        "-f approval_policy=first_time_contributors"
    )
    says = {
        "first_time_contributors_new_to_github": "only accounts that are new to GitHub wait for approval",
        "first_time_contributors": "whoever contributes for the first time waits for approval",
        "all_external_contributors": "everybody from outside waits for approval",
    }[approval]
    if approval == "first_time_contributors_new_to_github":
        return Finding(check, None, Health.WARN, says, fix)
    return Finding(check, None, Health.GOOD, says)


def _check_pages(name: str, pages: Pages | Unknown | None) -> Finding:
    check = "pages"
    if isinstance(pages, Unknown):
        return unavailable(check, None, pages)
    if pages is None:
        says, fix = "no site: reports stay artifacts of their runs", f"gh api -X POST repos/{name}/pages"
        return Finding(check, None, Health.WARN, says, f"{fix} -f build_type=workflow")
    if not pages.by_workflow:
        fix = f"gh api -X PUT repos/{name}/pages -f build_type=workflow"
        return Finding(check, None, Health.WARN, "built from a branch, not deployed by a workflow", fix)
    if pages.only_https is False:
        fix = f"gh api -X PUT repos/{name}/pages -F https_enforced=true"
        return Finding(check, None, Health.WARN, "served without TLS too", fix)
    return Finding(check, None, Health.GOOD, "deployed by a workflow")


def _check_immutable(name: str, is_on: bool | Unknown) -> Finding:
    check = "immutable releases"
    if isinstance(is_on, Unknown):
        return unavailable(check, None, is_on)
    if not is_on:
        says = "off: the assets and the tag of a published release can be changed"
        return Finding(check, None, Health.WARN, says, f"gh api -X PUT repos/{name}/immutable-releases")
    return Finding(check, None, Health.GOOD, "on")


def _check_scanning(setup: RepositorySetup) -> Finding:
    check, repository = "code scanning", setup.repository
    if repository.can_scan is None:
        says = (
            "a private repository, and this token is not shown whether Code Security is on (it takes an administrator)"
        )
        return Finding(check, None, Health.UNAVAILABLE, says)
    if not repository.can_scan:
        says = "a private repository without Code Security: the upload of findings fails"
        fix = "Settings > Advanced Security > Code Security: Enable (it costs); the jobs judge the findings without it"
        return Finding(check, None, Health.WARN, says, fix)
    return Finding(check, None, Health.GOOD, "findings can be uploaded")


def _check_owners(setup: RepositorySetup) -> Finding:
    check, errors = "code owners", setup.owner_errors
    if isinstance(errors, Unknown):
        return unavailable(check, None, errors)
    if errors is None:
        fix = "write .github/CODEOWNERS, with a line for /.github/"
        return Finding(check, None, Health.WARN, "there is no CODEOWNERS: changes of workflows have no owner", fix)
    if errors:
        fix = "mend these lines: GitHub skips them, and nobody owns what they name"
        return Finding(check, None, Health.BAD, f"{len(errors)} errors: {_some(errors)}", fix)
    return Finding(check, None, Health.GOOD, "no errors")


def _some(names: tuple[str, ...] | Unknown) -> str:
    if isinstance(names, Unknown):
        return names.why
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
