"""A stand-in for the settings of a repository in GitHub's REST API, on loopback: all of them right until a test
changes one. It takes nothing but GET, and keeps what else was sent."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from support.serving import serving
from support.stand_in_github_api import OWNER_REPO, Handled, SeenCall, answer

ACTIONS_APP = 15368
RULE = {
    "type": "required_status_checks",
    "ruleset_source_type": "Repository",
    "ruleset_source": OWNER_REPO,
    "ruleset_id": 42,
    "parameters": {
        "strict_required_status_checks_policy": False,
        "required_status_checks": [{"context": "ci-summary", "integration_id": ACTIONS_APP}],
    },
}
REPOSITORY = {
    "full_name": OWNER_REPO,
    "private": False,
    "has_pages": True,
    "default_branch": "main",
    "permissions": {"admin": True, "push": True, "pull": True},
}
LIMITED = {"protected_branches": False, "custom_branch_policies": True}


def environment_body(name: str, policy: dict[str, bool] | None = LIMITED, *rules: str) -> dict[str, Any]:
    """An environment as GitHub lists it, with the kinds of its protection rules."""
    return {
        "id": 1,
        "name": name,
        "protection_rules": [{"id": 2, "type": rule} for rule in rules],
        "deployment_branch_policy": policy,
    }


def check_run(name: str, app: int = ACTIONS_APP) -> dict[str, Any]:
    """A check of a commit."""
    return {"id": 3, "name": name, "status": "completed", "app": {"id": app, "slug": "github-actions"}}


def counted(key: str, *items: Any) -> dict[str, Any]:
    """A list in GitHub's manner."""
    return {"total_count": len(items), key: list(items)}


def names(*given: str) -> dict[str, Any]:
    """Secrets, of which GitHub shows no values."""
    return counted("secrets", *({"name": name, "created_at": "2026-11-28T10:00:00Z"} for name in given))


class StandInSettings(http.server.ThreadingHTTPServer):
    """`answers` by path below the repository ("" is the repository itself); what is not there is 404 Not Found."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SettingsHandler)
        self.api = f"http://127.0.0.1:{self.server_address[1]}"
        self.calls: list[SeenCall] = []
        self.methods: set[str] = set()
        self.answers: dict[str, Handled] = {}
        self.set("", REPOSITORY)
        self.set("rules/branches/main", [{"type": "deletion"}, RULE])
        self.refuse("branches/main/protection", 404, "Branch not protected")
        self.set("branches/main", {"name": "main", "protected": False})
        self.set("commits/main/check-runs", counted("check_runs", check_run("plan"), check_run("ci-summary")))
        self.set("environments", counted("environments", environment_body("binary-cache")))
        self.set(
            "environments/binary-cache/deployment-branch-policies",
            counted("branch_policies", {"id": 4, "name": "main", "type": "branch"}),
        )
        self.set("environments/binary-cache/secrets", names("CACHIX_AUTH_TOKEN"))
        self.set("actions/secrets", names())
        self.set("actions/organization-secrets", names())
        read = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
        self.set("actions/permissions/workflow", read)
        self.set(
            "actions/permissions",
            {"enabled": True, "allowed_actions": "all", "sha_pinning_required": True},
        )
        self.set("actions/permissions/fork-pr-contributor-approval", {"approval_policy": "first_time_contributors"})
        self.set("pages", {"status": "built", "build_type": "workflow", "https_enforced": True})
        self.set("immutable-releases", {"enabled": True, "enforced_by_owner": False})
        self.set("codeowners/errors", {"errors": []})

    def set(self, path: str, body: Any, **headers: str) -> None:
        """Answer 200 with that body."""
        self.answers[path] = answer(200, body, **headers)

    def refuse(self, path: str, status: int, message: str = "Not Found", **headers: str) -> None:
        """Answer with a status and GitHub's words for it."""
        self.answers[path] = answer(status, {"message": message}, **headers)

    def paths(self) -> list[str]:
        """The paths below the repository that were asked for."""
        return [urlsplit(call.target).path.removeprefix(f"/repos/{OWNER_REPO}").lstrip("/") for call in self.calls]


class _SettingsHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body: two wait for each other
    server: StandInSettings

    def _answer(self) -> None:
        self.server.methods.add(self.command)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.calls.append(SeenCall(self.path, headers))
        given = self.server.answers.get(self.server.paths()[-1])
        if self.command != "GET":
            answer(405, {"message": "Method Not Allowed"}, connection="close")(self)
        elif given is None:
            answer(404, {"message": "Not Found"})(self)
        else:
            given(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def stand_in_settings() -> Iterator[StandInSettings]:
    """The service, running."""
    with serving(StandInSettings()) as server:
        yield server
