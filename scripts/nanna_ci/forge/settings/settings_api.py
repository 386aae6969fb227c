"""A repository's settings from GitHub's REST API, by GET alone; what a token may not see is Unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar
from urllib.parse import quote

from nanna_ci.forge.github_api import PER_PAGE, GithubApi, RateLimited
from nanna_ci.forge.settings.repository_facts import (
    ActionsPolicy,
    BranchProtection,
    BranchRules,
    DeploymentBranches,
    Environment,
    Pages,
    ReportedCheck,
    RepositoryFacts,
    RepositorySetup,
    RequiredCheck,
    Unknown,
    WorkflowToken,
)
from nanna_ci.foundation.errors import MalformedData, RequestRefused, ServiceUnavailable
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, describe
from nanna_ci.foundation.visible_text import visible

_Fact = TypeVar("_Fact")
_MOST_ENVIRONMENTS: Final = 20
"""Each takes two requests, and without a token there are 60 an hour."""
_MOST_FAILURES: Final = 2
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_PROTECTION: Final = "branch protection"
_READ_ACTIONS: Final = "Actions: read"
_READ_ADMINISTRATION: Final = "Administration: read"
_READ_SECRETS: Final = "Secrets: read"
_READ_ENVIRONMENTS: Final = "Environments: read"
_POLICIES: Final = frozenset({"all", "local_only", "selected"})
_APPROVALS: Final = frozenset(
    {"first_time_contributors_new_to_github", "first_time_contributors", "all_external_contributors"}
)


class SettingsApi:
    """The settings of one repository, `url` being its own in the API; `has_token` changes what is said of a refusal."""

    def __init__(self, api: GithubApi, url: str, *, has_token: bool) -> None:
        self._api = api
        self._url = url
        self._has_token = has_token
        self._failures = 0
        self._down: Unknown | None = None

    def query_repository(self) -> RepositoryFacts:
        """What the repository says of itself. Raises as GithubApi does: without it, nothing else can be checked."""
        response = self._api.send("GET", self._url)
        body, source = response.json_object(), response.url
        is_private = _flag(body, "private", source)
        name = as_text(body.get("full_name"), source, "full_name")
        if _REPOSITORY.fullmatch(name) is None:  # it becomes part of commands that people copy
            raise MalformedData(source, f"full_name is {describe(name)}, not OWNER/REPO")
        return RepositoryFacts(
            name=name,
            branch=visible(as_text(body.get("default_branch"), source, "default_branch")),
            is_private=is_private,
            has_pages=_flag(body, "has_pages", source),
            can_scan=_can_scan(body) if is_private else True,
        )

    def query_setup(self, repository: RepositoryFacts) -> RepositorySetup:
        """All settings; a request that fails costs what it was for, and is the reason."""
        branch = quote(repository.branch, safe="")
        token = self._one("actions/permissions/workflow", _parse_token, _READ_ADMINISTRATION)
        return RepositorySetup(
            repository=repository,
            rules=self._read(lambda: _parse_rules(list(self._listed(f"rules/branches/{branch}"))), "Metadata: read"),
            protection=self._protection(branch),
            reported=self._read(lambda: tuple(self._reported(branch)), "Checks: read"),
            environments=self._read(lambda: tuple(self._environments()), _READ_ACTIONS),
            secrets=self._names("actions/secrets", _READ_SECRETS),
            organization_secrets=self._names("actions/organization-secrets", _READ_SECRETS),
            workflow_token=token,
            policy=self._one("actions/permissions", _parse_policy, _READ_ADMINISTRATION),
            approval=self._approval(repository),
            pages=self._pages(repository),
            has_immutable_releases=self._immutable(may_administer=not isinstance(token, Unknown)),
            owner_errors=self._owner_errors(),
        )

    def _read(
        self, query: Callable[[], _Fact], permission: str, absent: Callable[[RequestRefused], bool] = lambda _: False
    ) -> _Fact | Unknown:
        """What `query` gives, or why not. Where 404 says that there is no such thing, `absent` knows: raised again."""
        if self._down is not None:
            return self._down
        try:
            return query()
        except RequestRefused as error:
            if error.status == 404 and absent(error):
                raise
            return self._refused(error, permission)
        except RateLimited as error:
            self._down = Unknown(error.message)
            return self._down
        except ServiceUnavailable as error:
            self._failures += 1
            if self._failures == _MOST_FAILURES:
                self._down = Unknown(error.message)
            return Unknown(error.message)
        except MalformedData as error:
            return Unknown(f"malformed answer: {error.message}")

    def _refused(self, error: RequestRefused, permission: str) -> Unknown:
        said = f" ({visible(error.explanation)})" if error.explanation else ""
        needs = f"this needs a token that has {permission}"
        return Unknown(f"HTTP {error.status}{said}: {f'no token was sent; {needs}' if not self._has_token else needs}")

    def _one(self, path: str, parse: Callable[[JsonObject, str], _Fact], permission: str) -> _Fact | Unknown:
        return self._read(lambda: self._parsed(path, parse), permission)

    def _parsed(self, path: str, parse: Callable[[JsonObject, str], _Fact]) -> _Fact:
        response = self._api.send("GET", f"{self._url}/{path}")
        return parse(response.json_object(), response.url)

    def _listed(self, path: str) -> Iterator[JsonObject]:
        url = f"{self._url}/{path}?per_page={PER_PAGE}"
        return (as_object(item, f"{self._url}/{path}", "an item") for item in self._api.listed(url))

    def _items(self, path: str, key: str) -> Iterator[JsonObject]:
        for page in self._api.pages(f"{self._url}/{path}?per_page={PER_PAGE}"):
            for item in as_list(page.body.get(key), page.source, key):
                yield as_object(item, page.source, f"an item of {key}")

    def _names(self, path: str, permission: str) -> tuple[str, ...] | Unknown:
        return self._read(lambda: tuple(_text(item, "name", path) for item in self._items(path, "secrets")), permission)

    def _protection(self, branch: str) -> BranchProtection | Unknown:
        """By the endpoint for administrators; else by what the branch itself shows to everyone."""
        try:
            found = self._read(
                lambda: self._parsed(f"branches/{branch}/protection", _parse_protection),
                _READ_ADMINISTRATION,
                # GitHub's words to who may know; to others a branch with protection is "Not Found" as well
                absent=lambda error: error.explanation.lower().startswith("branch not protected"),
            )
        except RequestRefused:
            return BranchProtection((), None)
        if isinstance(found, Unknown):
            shown = self._one(f"branches/{branch}", _parse_branch, "Contents: read")
            return found if isinstance(shown, Unknown) else shown
        return found

    def _reported(self, branch: str) -> Iterator[ReportedCheck]:
        path = f"commits/{branch}/check-runs"
        for item in self._items(path, "check_runs"):
            app = item.get("app")
            number = None if app is None else as_object(app, path, "app").get("id")
            yield ReportedCheck(_text(item, "name", path), _app(number, path))

    def _environments(self) -> Iterator[Environment]:
        path = "environments"
        for number, item in enumerate(self._items(path, "environments")):
            name = _text(item, "name", path)
            place = f"{path}/{quote(name, safe='')}"
            branches = _parse_deployment(item.get("deployment_branch_policy"), path)
            rules = as_list(item.get("protection_rules") or [], path, "protection_rules")
            kinds = {_text(as_object(rule, path, "a rule"), "type", path) for rule in rules}
            patterns: tuple[str, ...] | Unknown = ()
            secrets: tuple[str, ...] | Unknown = Unknown(f"only the first {_MOST_ENVIRONMENTS} environments are read")
            if number < _MOST_ENVIRONMENTS:
                secrets = self._names(f"{place}/secrets", _READ_ENVIRONMENTS)
            if branches is DeploymentBranches.NAMED:
                within = number < _MOST_ENVIRONMENTS
                patterns = self._patterns(f"{place}/deployment-branch-policies") if within else secrets
            yield Environment(name, branches, patterns, "required_reviewers" in kinds, secrets)

    def _patterns(self, path: str) -> tuple[str, ...] | Unknown:
        def query() -> tuple[str, ...]:
            return tuple(
                f"{'tag ' if item.get('type') == 'tag' else ''}{_text(item, 'name', path)}"
                for item in self._items(path, "branch_policies")
            )

        return self._read(query, _READ_ACTIONS)

    def _approval(self, repository: RepositoryFacts) -> str | Unknown:
        if repository.is_private:
            return Unknown("a private repository: GitHub has this setting for public ones")
        path = "actions/permissions/fork-pr-contributor-approval"
        return self._one(path, _parse_approval, _READ_ADMINISTRATION)

    def _pages(self, repository: RepositoryFacts) -> Pages | Unknown | None:
        if not repository.has_pages:
            return None
        return self._one("pages", _parse_pages, "Pages: read")

    def _immutable(self, *, may_administer: bool) -> bool | Unknown:
        """404 is GitHub's no; to a token that may not know as well, which another setting has shown by then."""
        try:
            return self._read(
                lambda: self._parsed("immutable-releases", lambda body, source: _flag(body, "enabled", source)),
                _READ_ADMINISTRATION,
                absent=lambda _: may_administer,
            )
        except RequestRefused:
            return False

    def _owner_errors(self) -> tuple[str, ...] | Unknown | None:
        try:
            return self._read(
                lambda: self._parsed("codeowners/errors", _parse_owner_errors), "Contents: read", absent=lambda _: True
            )
        except RequestRefused:
            return None


def _flag(body: JsonObject, key: str, source: str) -> bool:
    value = body.get(key)
    if not isinstance(value, bool):
        raise MalformedData(source, f"{key} is {describe(value)}, not true or false")
    return value


def _optional_flag(body: JsonObject, key: str, source: str) -> bool | None:
    return None if body.get(key) is None else _flag(body, key, source)


def _text(body: JsonObject, key: str, source: str) -> str:
    return visible(as_text(body.get(key), source, key))


def _member(body: JsonObject, key: str, source: str) -> JsonObject | None:
    value = body.get(key)
    return None if value is None else as_object(value, source, key)


def _app(value: JsonValue, source: str) -> int | None:
    """The id of an app; GitHub writes null or -1 where any may report."""
    if value is None or value == -1:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedData(source, f"the id of an app is {describe(value)}")
    return value


def _can_scan(body: JsonObject) -> bool | None:
    analysis = body.get("security_and_analysis")
    if not isinstance(analysis, Mapping):
        return None
    states = [analysis.get(key) for key in ("code_security", "advanced_security")]
    found = [state.get("status") for state in states if isinstance(state, Mapping)]
    return "enabled" in found if found else None


def _parse_rules(rules: Sequence[JsonObject]) -> BranchRules:
    checks: list[RequiredCheck] = []
    workflows: list[str] = []
    source = "the rules of the branch"
    for rule in rules:
        kind, parameters = _text(rule, "type", source), _member(rule, "parameters", source) or {}
        if kind == "required_status_checks":
            name = f"ruleset {rule.get('ruleset_id')} of {rule.get('ruleset_source')}"
            for item in as_list(parameters.get(kind), source, kind):
                check = as_object(item, source, "a check")
                app = _app(check.get("integration_id"), source)
                checks.append(RequiredCheck(_text(check, "context", source), app, visible(name)))
        elif kind == "workflows":
            found = as_list(parameters.get(kind), source, kind)
            workflows += [_text(as_object(item, source, "a workflow"), "path", source) for item in found]
    return BranchRules(tuple(checks), tuple(workflows))


def _parse_protection(body: JsonObject, source: str) -> BranchProtection:
    required = _member(body, "required_status_checks", source)
    admins = _member(body, "enforce_admins", source)
    holds = None if admins is None else _flag(admins, "enabled", source)
    return BranchProtection(() if required is None else _parse_checks(required, source), holds)


def _parse_branch(body: JsonObject, source: str) -> BranchProtection:
    if not _flag(body, "protected", source):
        return BranchProtection((), None)
    shown = _member(body, "protection", source)
    required = None if shown is None else _member(shown, "required_status_checks", source)
    if required is None:
        raise MalformedData(source, "the branch is protected, and does not say by what")
    level = _text(required, "enforcement_level", source)
    checks = () if level == "off" else _parse_checks(required, source)
    return BranchProtection(checks, {"everyone": True, "non_admins": False}.get(level))


def _parse_checks(required: JsonObject, source: str) -> tuple[RequiredCheck, ...]:
    """The list with apps where there is one: it repeats the older list of names."""
    if required.get("checks"):
        items = [as_object(one, source, "a check") for one in as_list(required["checks"], source, "checks")]
        return tuple(
            RequiredCheck(_text(one, "context", source), _app(one.get("app_id"), source), _PROTECTION) for one in items
        )
    names = as_list(required.get("contexts") or [], source, "contexts")
    return tuple(RequiredCheck(visible(as_text(name, source, "a context")), None, _PROTECTION) for name in names)


def _parse_deployment(value: JsonValue, source: str) -> DeploymentBranches:
    if value is None:
        return DeploymentBranches.ANY
    policy = as_object(value, source, "deployment_branch_policy")
    if _flag(policy, "custom_branch_policies", source):
        return DeploymentBranches.NAMED
    return DeploymentBranches.PROTECTED if _flag(policy, "protected_branches", source) else DeploymentBranches.ANY


def _parse_token(body: JsonObject, source: str) -> WorkflowToken:
    default = _known(body, "default_workflow_permissions", frozenset({"read", "write"}), source)
    return WorkflowToken(default == "write", _flag(body, "can_approve_pull_request_reviews", source))


def _parse_policy(body: JsonObject, source: str) -> ActionsPolicy:
    is_enabled = _flag(body, "enabled", source)
    allowed = _known(body, "allowed_actions", _POLICIES, source) if is_enabled else "none"
    return ActionsPolicy(is_enabled, allowed, _optional_flag(body, "sha_pinning_required", source))


def _parse_approval(body: JsonObject, source: str) -> str:
    return _known(body, "approval_policy", _APPROVALS, source)


def _parse_pages(body: JsonObject, source: str) -> Pages:
    if "build_type" not in body:
        raise MalformedData(source, "it has no build_type")
    is_new = body["build_type"] is not None
    kind = _known(body, "build_type", frozenset({"legacy", "workflow"}), source) if is_new else "legacy"
    return Pages(kind == "workflow", _optional_flag(body, "https_enforced", source))


def _parse_owner_errors(body: JsonObject, source: str) -> tuple[str, ...]:
    items = [as_object(item, source, "an error") for item in as_list(body.get("errors"), source, "errors")]
    return tuple(f"{_text(one, 'path', source)}:{one.get('line')}: {_text(one, 'kind', source)}" for one in items)


def _known(body: JsonObject, key: str, values: frozenset[str], source: str) -> str:
    """A word of GitHub's; one that is not known must not count as one that is."""
    value = as_text(body.get(key), source, key)
    if value not in values:
        raise MalformedData(source, f"{key} is {describe(value)}, which this version does not know")
    return value
