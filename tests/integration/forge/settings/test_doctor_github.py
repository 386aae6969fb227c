"""`doctor --github` against a stand-in for GitHub's settings: each right, wrong, hidden, malformed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

import pytest

from nanna_ci import cli
from nanna_ci.commands import doctor
from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.foundation.verdict import Verdict
from support.fake_ports import FakePorts
from support.json_schemas import check
from support.stand_in_github_api import OWNER_REPO, raw_json
from support.stand_in_github_settings import (
    REPOSITORY,
    RULE,
    StandInSettings,
    check_run,
    counted,
    environment_body,
    names,
    stand_in_settings,
)

Key = tuple[str, str | None]
POLICIES = "environments/binary-cache/deployment-branch-policies"
TOKEN = "ghs_" + "a1b2c3d4" * 8
PINS = {"enabled": True, "allowed_actions": "all", "sha_pinning_required": True}
BLOCKED = "Resource not accessible by integration"


@pytest.fixture
def github() -> Iterator[StandInSettings]:
    with stand_in_settings() as server:
        yield server


def run(ports: FakePorts, github: StandInSettings, token: str | None = TOKEN) -> tuple[Verdict, dict[Key, Any]]:
    """The verdict, and findings by check and subject, held against the schema; nothing but GET was sent."""
    ports.environ["GITHUB_API_URL"] = github.api
    if token is not None:
        ports.environ["GITHUB_TOKEN"] = token
    arguments = argparse.Namespace(github=OWNER_REPO, substituter=[], to=None)
    outcome = doctor.execute(arguments, ports.context())
    assert github.methods == {"GET"}
    answer = check({"schemaVersion": 1, "command": "doctor", "verdict": outcome.verdict.value, **outcome.data})
    assert all(finding["fix"] for finding in answer["findings"] if finding["health"] in {"warn", "bad"})
    return outcome.verdict, {(finding["check"], finding["subject"]): finding for finding in answer["findings"]}


def changed(findings: dict[Key, Any]) -> dict[Key, str]:
    """What is not good."""
    return {key: finding["health"] for key, finding in findings.items() if finding["health"] != "good"}


def test_a_repository_whose_settings_are_right_passes(fake_ports, github):
    verdict, findings = run(fake_ports, github)
    assert changed(findings) == {}
    assert verdict is Verdict.PASS
    assert {check for check, _ in findings} == {
        *("repository", "required check", "reported check", "required workflow", "environment", "secret"),
        *("workflow token", "actions policy", "fork approval", "pages", "immutable releases", "code scanning"),
        "code owners",
    }
    assert len(github.calls) == len(set(github.paths())) <= 20
    assert {call.headers.get("authorization") for call in github.calls} == {f"Bearer {TOKEN}"}


def protection(*checks: dict[str, Any], admins: bool = True) -> dict[str, Any]:
    return {"required_status_checks": {"checks": list(checks)}, "enforce_admins": {"enabled": admins}}


PINNED = {"context": "ci-summary", "app_id": 15368}
WRONG: list[tuple[str, Any, Key, str, str]] = [
    ("rules/branches/main", [], ("required check", "ci-summary"), "bad", "not required on main"),
    (
        "rules/branches/main",
        [{**RULE, "parameters": {"required_status_checks": [{"context": "lint"}]}}],
        ("required check", "ci-summary"),
        "bad",
        "required: lint",
    ),
    (
        "rules/branches/main",
        [{**RULE, "parameters": {"required_status_checks": [{"context": "ci-summary"}]}}],
        ("required check", "ci-summary"),
        "warn",
        "any app",
    ),
    (
        "commits/main/check-runs",
        counted("check_runs", check_run("ci / ci-summary")),
        ("reported check", "ci-summary"),
        "bad",
        "what is reported is ci / ci-summary",
    ),
    (
        "commits/main/check-runs",
        counted("check_runs", check_run("ci-summary", app=7)),
        ("reported check", "ci-summary"),
        "bad",
        "app 15368 has to report it, and app 7 does",
    ),
    (
        "commits/main/check-runs",
        counted("check_runs", check_run("plan")),
        ("reported check", "ci-summary"),
        "unavailable",
        "has no such check",
    ),
    ("environments", counted("environments"), ("environment", "binary-cache"), "bad", "missing"),
    (
        "environments",
        counted("environments", environment_body("binary-cache", None, "required_reviewers")),
        ("environment", "binary-cache"),
        "bad",
        "every branch may use it, and its secrets: CACHIX_AUTH_TOKEN",
    ),
    (
        "environments",
        counted(
            "environments",
            environment_body("binary-cache", {"protected_branches": True, "custom_branch_policies": False}),
        ),
        ("environment", "binary-cache"),
        "warn",
        "every protected branch",
    ),
    (
        "environments",
        counted("environments", environment_body("binary-cache"), environment_body("docs", None)),
        ("environment", "docs"),
        "warn",
        "every branch may use it",
    ),
    (
        POLICIES,
        counted("branch_policies", {"name": "main", "type": "branch"}, {"name": "v*", "type": "tag"}),
        ("environment", "binary-cache"),
        "bad",
        "main, tag v*; not main alone",
    ),
    (POLICIES, counted("branch_policies"), ("environment", "binary-cache"), "warn", "none"),
    (
        POLICIES,
        counted("branch_policies", {"name": "main", "type": "tag"}),
        ("environment", "binary-cache"),
        "bad",
        "tag main",
    ),
    ("environments/binary-cache/secrets", names(), ("secret", "CACHIX_AUTH_TOKEN"), "warn", "none pushes"),
    ("actions/secrets", names("CACHIX_AUTH_TOKEN"), ("secret", "CACHIX_AUTH_TOKEN"), "bad", "any branch"),
    ("actions/organization-secrets", names("CACHIX_AUTH_TOKEN"), ("secret", "CACHIX_AUTH_TOKEN"), "bad", "any branch"),
    ("actions/secrets", names("NPM_TOKEN"), ("secret", "NPM_TOKEN"), "warn", "of the repository"),
    (
        "actions/permissions/workflow",
        {"default_workflow_permissions": "write", "can_approve_pull_request_reviews": False},
        ("workflow token", None),
        "bad",
        "may write",
    ),
    (
        "actions/permissions/workflow",
        {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True},
        ("workflow token", None),
        "bad",
        "may approve",
    ),
    ("actions/permissions", {"enabled": False}, ("actions policy", None), "bad", "off"),
    ("actions/permissions", {**PINS, "allowed_actions": "local_only"}, ("actions policy", None), "bad", "owner's"),
    ("actions/permissions", {**PINS, "sha_pinning_required": False}, ("actions policy", None), "warn", "by a tag"),
    (
        "actions/permissions",
        {"enabled": True, "allowed_actions": "selected"},
        ("actions policy", None),
        "unavailable",
        "does not say",
    ),
    (
        "actions/permissions/fork-pr-contributor-approval",
        {"approval_policy": "first_time_contributors_new_to_github"},
        ("fork approval", None),
        "warn",
        "new to GitHub",
    ),
    ("pages", {"build_type": "legacy"}, ("pages", None), "warn", "from a branch"),
    ("pages", {"build_type": None}, ("pages", None), "warn", "from a branch"),
    ("pages", {"build_type": "workflow", "https_enforced": False}, ("pages", None), "warn", "without TLS"),
    ("", {**REPOSITORY, "has_pages": False}, ("pages", None), "warn", "no site"),
    ("immutable-releases", {"enabled": False}, ("immutable releases", None), "warn", "off"),
    (
        "codeowners/errors",
        {"errors": [{"path": ".github/CODEOWNERS", "line": 3, "kind": "Unknown owner"}]},
        ("code owners", None),
        "bad",
        ".github/CODEOWNERS:3: Unknown owner",
    ),
    ("", {**REPOSITORY, "full_name": "nanna/harness"}, ("repository", OWNER_REPO), "warn", "nanna/harness now"),
]


@pytest.mark.parametrize(("path", "body", "key", "health", "says"), WRONG)
def test_a_wrong_setting_is_found_and_nothing_else_is(fake_ports, github, path, body, key, health, says):
    github.set(path, body)
    verdict, findings = run(fake_ports, github)
    assert findings[key]["health"] == health
    assert says in findings[key]["says"]
    others = changed(findings).keys() - {key}
    assert others <= {("secret", "CACHIX_AUTH_TOKEN")}, "the environment that is missing has no secret either"
    assert verdict is (Verdict.FAIL if health == "bad" else Verdict.PASS)


def test_fixes_are_commands_for_the_repository_that_was_found(fake_ports, github):
    github.set("immutable-releases", {"enabled": False})
    github.set("", {**REPOSITORY, "full_name": "nanna/harness"})
    _, findings = run(fake_ports, github)
    assert findings["immutable releases", None]["fix"] == "gh api -X PUT repos/nanna/harness/immutable-releases"


@pytest.mark.parametrize("name", ["nanna/coder; rm -rf ~", "nanna", "$(id)/x", "../x"])
def test_a_name_that_a_shell_would_obey_becomes_no_command(fake_ports, github, name):
    github.set("", {**REPOSITORY, "full_name": name})
    with pytest.raises(MalformedData, match="full_name"):
        run(fake_ports, github)


@pytest.mark.parametrize(("admins", "health"), [(True, "good"), (False, "warn")])
def test_branch_protection_requires_it_too_and_may_leave_out_administrators(fake_ports, github, admins, health):
    github.set("rules/branches/main", [])
    github.set("branches/main/protection", protection(PINNED, admins=admins))
    _, findings = run(fake_ports, github)
    assert findings["required check", "ci-summary"]["health"] == "good"
    assert findings["branch protection", "main"]["health"] == health


def test_protection_without_any_checks_requires_none(fake_ports, github):
    github.set("rules/branches/main", [])
    github.set("branches/main/protection", {"enforce_admins": {"enabled": True}})
    _, findings = run(fake_ports, github)
    assert findings["required check", "ci-summary"]["health"] == "bad"


@pytest.mark.parametrize(
    ("level", "check", "admins"),
    [("everyone", "good", "good"), ("non_admins", "good", "warn"), ("off", "bad", None)],
)
def test_who_may_not_read_protection_sees_what_the_branch_shows(fake_ports, github, level, check, admins):
    github.set("rules/branches/main", [])
    github.refuse("branches/main/protection", 403, BLOCKED)
    shown = {"enabled": True, "required_status_checks": {"enforcement_level": level, "checks": [PINNED]}}
    github.set("branches/main", {"name": "main", "protected": True, "protection": shown})
    _, findings = run(fake_ports, github)
    assert findings["required check", "ci-summary"]["health"] == check
    assert findings.get(("branch protection", "main"), {"health": None})["health"] == admins


def test_a_check_by_name_alone_may_be_reported_by_anyone(fake_ports, github):
    github.set("rules/branches/main", [])
    required = {"required_status_checks": {"contexts": ["ci-summary"]}, "enforce_admins": {"enabled": True}}
    github.set("branches/main/protection", required)
    _, findings = run(fake_ports, github)
    assert findings["required check", "ci-summary"]["health"] == "warn"


@pytest.mark.parametrize("status", [403, 404])
def test_protection_that_nobody_shows_is_never_green_nor_red(fake_ports, github, status):
    github.set("rules/branches/main", [])
    github.refuse("branches/main/protection", status)
    github.set("branches/main", {"name": "main", "protected": True})
    verdict, findings = run(fake_ports, github)
    assert findings["required check", "ci-summary"]["health"] == "unavailable"
    assert verdict is Verdict.PASS


def test_a_ruleset_counts_though_protection_is_hidden(fake_ports, github):
    github.refuse("branches/main/protection", 403, BLOCKED)
    github.refuse("branches/main", 403, BLOCKED)
    _, findings = run(fake_ports, github)
    assert changed(findings) == {}


def test_the_check_of_a_reusable_workflow_has_its_callers_name(fake_ports, github):
    required = [{"context": "ci / ci-summary", "integration_id": 15368}]
    github.set("rules/branches/main", [{**RULE, "parameters": {"required_status_checks": required}}])
    github.set("commits/main/check-runs", counted("check_runs", check_run("ci / ci-summary")))
    _, findings = run(fake_ports, github)
    assert changed(findings) == {}


def test_a_workflow_that_an_organisation_requires_is_named(fake_ports, github):
    rule = {"type": "workflows", "parameters": {"workflows": [{"path": ".github/workflows/ci.yml"}]}}
    github.set("rules/branches/main", [RULE, rule])
    _, findings = run(fake_ports, github)
    assert findings["required workflow", ".github/workflows/ci.yml"]["health"] == "good"


@pytest.mark.parametrize(
    ("policy", "rules"),
    [
        ({"protected_branches": True, "custom_branch_policies": False}, ()),
        (None, ("wait_timer", "required_reviewers")),
    ],
)
def test_another_environment_is_limited_by_branches_or_by_review(fake_ports, github, policy, rules):
    github.set(
        "environments",
        counted("environments", environment_body("binary-cache"), environment_body("a/b", policy, *rules)),
    )
    github.set("environments/a%2Fb/secrets", names("KEY"))
    _, findings = run(fake_ports, github)
    assert changed(findings) == {}


def test_an_environment_with_secrets_for_every_branch_is_bad(fake_ports, github):
    github.set(
        "environments", counted("environments", environment_body("binary-cache"), environment_body("docs", None))
    )
    github.set("environments/docs/secrets", names("KEY", "OTHER"))
    _, findings = run(fake_ports, github)
    assert findings["environment", "docs"]["health"] == "bad"
    assert "KEY, OTHER" in findings["environment", "docs"]["says"]


def test_many_environments_do_not_use_up_the_rate_limit(fake_ports, github):
    many = [environment_body(f"pr-{number}") for number in range(60)]
    github.set("environments", counted("environments", environment_body("binary-cache"), *many))
    _, findings = run(fake_ports, github)
    assert len(github.calls) < 60
    assert findings["environment", "pr-59"]["health"] == "unavailable"


@pytest.mark.parametrize(
    ("analysis", "health"),
    [
        ({"code_security": {"status": "enabled"}}, "good"),
        ({"advanced_security": {"status": "enabled"}}, "good"),
        ({"advanced_security": {"status": "disabled"}}, "warn"),
        ({"secret_scanning": {"status": "enabled"}}, "unavailable"),
        (None, "unavailable"),
    ],
)
def test_findings_of_a_private_repository_need_code_security(fake_ports, github, analysis, health):
    github.set("", {**REPOSITORY, "private": True, "security_and_analysis": analysis})
    _, findings = run(fake_ports, github)
    assert findings["code scanning", None]["health"] == health
    assert findings["fork approval", None]["health"] == "unavailable"
    assert "actions/permissions/fork-pr-contributor-approval" not in github.paths()


MALFORMED: list[Any] = [b"<html>Unicorn!</html>", {"message": 1}, [1], [], 7, None, "read", {"enabled": "yes"}]
HIDDEN: list[tuple[str, Key]] = [
    ("rules/branches/main", ("required check", "ci-summary")),
    ("environments", ("environment", "binary-cache")),
    ("environments/binary-cache/secrets", ("secret", "CACHIX_AUTH_TOKEN")),
    (POLICIES, ("environment", "binary-cache")),
    ("actions/secrets", ("secret", "of the repository")),
    ("actions/organization-secrets", ("secret", "of the organisation")),
    ("actions/permissions/workflow", ("workflow token", None)),
    ("actions/permissions", ("actions policy", None)),
    ("actions/permissions/fork-pr-contributor-approval", ("fork approval", None)),
    ("pages", ("pages", None)),
    ("codeowners/errors", ("code owners", None)),
    ("immutable-releases", ("immutable releases", None)),
]


@pytest.mark.parametrize(("path", "key"), HIDDEN)
def test_a_setting_that_a_token_may_not_see_is_not_available(fake_ports, github, path, key):
    github.refuse(path, 403, BLOCKED)
    verdict, findings = run(fake_ports, github)
    assert findings[key]["health"] == "unavailable"
    assert f"HTTP 403 ({BLOCKED}): this needs a token that has " in findings[key]["says"]
    assert set(changed(findings).values()) == {"unavailable"}
    assert verdict is Verdict.PASS


NOT_FOUND_IS_AN_ANSWER = {"codeowners/errors": "warn", "immutable-releases": "warn"}


@pytest.mark.parametrize(("path", "key"), HIDDEN)
def test_not_found_is_an_answer_only_where_the_token_may_know(fake_ports, github, path, key):
    github.refuse(path, 404)
    _, findings = run(fake_ports, github)
    assert findings[key]["health"] == NOT_FOUND_IS_AN_ANSWER.get(path, "unavailable")


@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_list_of_checks_leaves_what_is_required(fake_ports, github, body):
    github.set("commits/main/check-runs", body)
    _, findings = run(fake_ports, github)
    assert changed(findings) == {("reported check", "ci-summary"): "unavailable"}


def test_releases_are_not_called_mutable_by_who_may_not_know(fake_ports, github):
    github.refuse("actions/permissions/workflow", 403, BLOCKED)
    github.refuse("immutable-releases", 404)
    _, findings = run(fake_ports, github)
    assert findings["immutable releases", None]["health"] == "unavailable"


@pytest.mark.parametrize("body", MALFORMED)
@pytest.mark.parametrize("within_environments", [False, True])
def test_malformed_answers_are_never_green(fake_ports, github, within_environments, body):
    chosen = [one for one in HIDDEN if one[0].startswith("environments/") == within_environments]
    for path, _ in chosen:
        github.set(path, body)
    _, findings = run(fake_ports, github)
    for path, key in chosen:
        if (path, body) != ("rules/branches/main", []):  # no rules
            assert findings[key]["health"] == "unavailable", path
            assert "malformed" in findings[key]["says"]


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("actions/permissions", {**PINS, "allowed_actions": "most"}, ("actions policy", None)),
        ("actions/permissions", {**PINS, "enabled": 1}, ("actions policy", None)),
        (
            "actions/permissions/workflow",
            {"default_workflow_permissions": "admin", "can_approve_pull_request_reviews": False},
            ("workflow token", None),
        ),
        (
            "actions/permissions/fork-pr-contributor-approval",
            {"approval_policy": "nobody"},
            ("fork approval", None),
        ),
        ("pages", {"build_type": "other"}, ("pages", None)),
        (
            "rules/branches/main",
            [{**RULE, "parameters": {"required_status_checks": [{"context": "ci-summary", "integration_id": "x"}]}}],
            ("required check", "ci-summary"),
        ),
    ],
)
def test_a_value_that_is_not_known_does_not_count_as_one_that_is(fake_ports, github, path, body, key):
    github.set(path, body)
    _, findings = run(fake_ports, github)
    assert findings[key]["health"] == "unavailable"


def test_malformed_json_of_the_repository_itself_is_malformed_data(fake_ports, github):
    github.answers[""] = raw_json(b'{"full_name": NaN}')
    with pytest.raises(MalformedData):
        run(fake_ports, github)


def test_without_a_token_what_is_public_is_checked_and_the_rest_says_so(fake_ports, github):
    for path in ("environments/binary-cache/secrets", "actions/secrets", "actions/organization-secrets"):
        github.refuse(path, 401, "Requires authentication")
    for path in ("actions/permissions", "actions/permissions/workflow", "branches/main/protection", "pages"):
        github.refuse(path, 401, "Requires authentication")
    github.refuse("actions/permissions/fork-pr-contributor-approval", 401, "Requires authentication")
    github.refuse("immutable-releases", 404)
    verdict, findings = run(fake_ports, github, token=None)
    assert verdict is Verdict.PASS
    assert (
        "no token was sent; this needs a token that has Administration: read"
        in findings["workflow token", None]["says"]
    )
    good = {check for (check, _), finding in findings.items() if finding["health"] == "good"}
    assert {"required check", "environment", "code owners", "code scanning"} <= good
    assert set(changed(findings).values()) == {"unavailable"}
    assert all("authorization" not in call.headers for call in github.calls)


def test_a_token_that_github_refuses_is_the_finding(fake_ports, github):
    github.refuse("", 401, "Bad credentials")
    verdict, findings = run(fake_ports, github)
    assert verdict is Verdict.FAIL
    assert findings.keys() == {("github token", "GITHUB_TOKEN")}
    assert len(github.calls) == 1


@pytest.mark.parametrize(("status", "token"), [(404, TOKEN), (404, None), (403, TOKEN)])
def test_a_repository_that_cannot_be_seen_is_unavailable(fake_ports, github, status, token):
    github.refuse("", status)
    verdict, findings = run(fake_ports, github, token)
    assert verdict is Verdict.UNAVAILABLE
    assert findings["repository", OWNER_REPO]["health"] == "unavailable"


def test_a_rate_limit_ends_the_requests_and_is_the_reason(fake_ports, github):
    limited = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1700005000"}
    github.refuse("environments", 403, "API rate limit exceeded", **limited)
    verdict, findings = run(fake_ports, github)
    assert github.paths()[-1] == "environments"
    assert "rate limit is used up" in findings["actions policy", None]["says"]
    assert findings["required check", "ci-summary"]["health"] == "good"
    assert verdict is Verdict.PASS


def test_a_rate_limit_from_the_start_is_unavailable(fake_ports, github):
    github.refuse("", 429, "slow down", retry_after="3600")
    verdict, findings = run(fake_ports, github)
    assert (verdict, len(findings), len(github.calls)) == (Verdict.UNAVAILABLE, 1, 1)


def test_one_setting_that_fails_costs_no_other(fake_ports, github, monkeypatch):
    monkeypatch.setattr("nanna_ci.foundation.web.backoff_s", lambda *_: 0.0)
    github.refuse("environments", 502, "Unicorn!")
    _, findings = run(fake_ports, github)
    assert changed(findings).keys() == {("environment", "binary-cache"), ("secret", "CACHIX_AUTH_TOKEN")}


def test_a_service_that_keeps_failing_is_left_alone(fake_ports, github, monkeypatch):
    monkeypatch.setattr("nanna_ci.foundation.web.backoff_s", lambda *_: 0.0)
    for path in list(github.answers):
        if path:
            github.refuse(path, 503, "Unicorn!")
    _, findings = run(fake_ports, github)
    assert len(github.calls) == 5, "the repository, and two settings twice"
    assert "good" not in {finding["health"] for key, finding in findings.items() if key[0] == "actions policy"}


def test_hostile_names_of_github_reach_the_terminal_escaped(fake_ports, github):
    hostile = environment_body("a\x1b[2J\u202eb", None)
    github.set("environments", counted("environments", environment_body("binary-cache"), hostile))
    _, findings = run(fake_ports, github)
    assert ("environment", "a\\x1b[2J\\u202eb") in findings


@pytest.mark.parametrize(("flag", "value"), [("substituter", ["https://x.example"]), ("to", "ghcr.io/x")])
def test_flags_of_this_machine_do_not_go_with_it(fake_ports, flag, value):
    arguments = argparse.Namespace(**{"github": OWNER_REPO, "substituter": [], "to": None, flag: value})
    with pytest.raises(UsageError, match="--github"):
        doctor.execute(arguments, fake_ports.context())


@pytest.mark.parametrize("name", ["nanna", "nanna/coder/x", "https://github.com/nanna/coder", "a/..", ""])
def test_what_is_no_repository_is_a_usage_error_before_any_request(fake_ports, github, name):
    fake_ports.environ["GITHUB_API_URL"] = github.api
    assert cli.main(["doctor", "--github", name], fake_ports.ports) == 2
    assert github.calls == []


def test_the_token_is_in_no_output(fake_ports, github):
    fake_ports.environ |= {"GITHUB_API_URL": github.api, "GITHUB_TOKEN": TOKEN}
    github.refuse("pages", 403, f"bad {TOKEN}")
    assert cli.main(["doctor", "--github", OWNER_REPO, "--format", "json"], fake_ports.ports) == 0
    shown = fake_ports.stdout.getvalue()
    assert json.loads(shown)["verdict"] == "pass"
    assert TOKEN not in shown + fake_ports.stderr.getvalue()
