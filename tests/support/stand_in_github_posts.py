"""A stand-in for the comments, issues and artifacts of a repository in GitHub's REST API, on loopback, with faults."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.serving import serving
from support.stand_in_github_api import OWNER_REPO, Handled, answer

COMMIT = "c" * 40
BOT = "github-actions[bot]"


class StandInPosts(http.server.ThreadingHTTPServer):
    """One run and one pull request. `faults` answer the first request whose method and path fit, each once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _PostsHandler)
        self.api = f"http://127.0.0.1:{self.server_address[1]}"
        self.login = BOT
        self.user: str | None = None
        self.run: dict[str, Any] = {
            "id": 5,
            "workflow_id": 3,
            "run_number": 50,
            "run_attempt": 1,
            "head_sha": COMMIT,
            "event": "pull_request",
            "head_branch": "topic",
            "head_repository": {"full_name": "fork/coder"},
            "conclusion": "failure",
            "html_url": "https://github.com/nanna/coder/actions/runs/5",
        }
        self.pull: dict[str, Any] = {
            "number": 7,
            "state": "open",
            "head": {"sha": COMMIT, "repo": {"full_name": "fork/coder"}},
        }
        self.runs: list[dict[str, Any]] = []
        self.tags: dict[str, str] = {}
        self.artifacts: list[dict[str, Any]] = []
        self.zips: dict[int, bytes] = {}
        self.storage = self.api
        self.seen_headers: list[tuple[str, dict[str, str]]] = []
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.sent: list[tuple[str, str]] = []
        self.faults: list[tuple[str, str, Handled | None]] = []
        self.before: dict[str, Any] = {}
        self.numbers = 100

    def add_comment(self, body: str, login: str = BOT) -> dict[str, Any]:
        self.numbers += 1
        self.comments.append({"id": self.numbers, "body": body, "user": {"login": login}})
        return self.comments[-1]

    def add_issue(self, body: str, login: str = BOT, **more: Any) -> dict[str, Any]:
        self.numbers += 1
        made = {"number": self.numbers, "body": body, "title": "x", "state": "open", "user": {"login": login}, **more}
        self.issues.append(made)
        return made

    def on_push(self, conclusion: str | None) -> None:
        """The run is one of a push to main."""
        head = {"full_name": OWNER_REPO}
        self.run |= {"event": "push", "head_branch": "main", "head_repository": head, "conclusion": conclusion}

    def on_tag(self, conclusion: str, tag: str = "v1.2.3") -> None:
        """The run is one of a tag that was pushed."""
        self.on_push(conclusion)
        self.run["head_branch"], self.tags[tag] = tag, COMMIT

    def add_artifact(self, data: bytes, name: str = "ci-summary", **more: Any) -> dict[str, Any]:
        """An artifact of the run, downloaded from `storage` by a redirect, as GitHub does."""
        self.numbers += 1
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        made = {
            "id": self.numbers,
            "name": name,
            "size_in_bytes": len(data),
            "expired": False,
            "digest": digest,
            **more,
        }
        self.artifacts.append(made)
        self.zips[self.numbers] = data
        return made

    def writes(self) -> list[str]:
        return [f"{method} {path}" for method, path in self.sent if method != "GET"]


class _PostsHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body: two wait for each other
    server: StandInPosts

    def _answer(self) -> None:
        server, parts = self.server, urlsplit(self.path)
        path = parts.path.removeprefix(f"/repos/{OWNER_REPO}").lstrip("/")
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        server.sent.append((self.command, path))
        server.seen_headers.append((path, {name.lower(): value for name, value in self.headers.items()}))
        hook = server.before.pop(f"{self.command} {path}", None)
        if hook is not None:
            hook()
        for at, (method, part, fault) in enumerate(server.faults):
            if method == self.command and part in path:
                del server.faults[at]
                assert fault is not None
                fault(self)
                return
        download = re.fullmatch(r"(actions/artifacts/|blob/)(\d+)(/zip)?", path)
        if download and int(download[2]) in server.zips:
            moved = answer(302, None, location=f"{server.storage}/blob/{download[2]}?sig=secret")
            (moved if download[3] else answer(200, server.zips[int(download[2])]))(self)
            return
        status, result = self._result(path, body, parse_qs(parts.query))
        answer(status, result)(self)

    def _result(self, path: str, body: dict[str, Any], query: dict[str, list[str]]) -> tuple[int, Any]:
        server, missing = self.server, (404, {"message": "Not Found"})
        route = f"{self.command} {path}"
        comment = re.fullmatch(r"issues/comments/(\d+)", path)
        issue = re.fullmatch(r"issues/(\d+)", path)
        if route == "GET user":
            blocked = (403, {"message": "Resource not accessible by integration"})
            return blocked if server.user is None else (200, {"login": server.user})
        run, pull = f"actions/runs/{server.run['id']}", server.pull["number"]
        if route in {"GET ", f"GET {run}", f"GET pulls/{pull}"}:
            return 200, {"GET ": {"default_branch": "main"}, f"GET {run}": server.run}.get(route, server.pull)
        if route == f"GET {run}/artifacts":
            listed = [one for one in server.artifacts if one["name"] in query.get("name", [one["name"]])]
            return 200, {"total_count": len(listed), "artifacts": listed}
        if route == f"GET actions/workflows/{server.run['workflow_id']}/runs":
            wanted = {"head_branch": query["branch"][0], "event": query["event"][0]}
            return 200, {"workflow_runs": [one for one in server.runs if wanted.items() <= one.items()]}
        if route.startswith("GET commits/tags/"):
            commit = server.tags.get(route.rpartition("/")[2])
            return missing if commit is None else (200, {"sha": commit})
        if route == "GET pulls":
            owner = server.run["head_repository"]["full_name"].partition("/")[0]
            return 200, [server.pull] if query["head"] == [f"{owner}:{server.run['head_branch']}"] else []
        if route == f"GET issues/{pull}/comments":
            return 200, list(server.comments)
        if route == f"POST issues/{pull}/comments":
            return 201, server.add_comment(body["body"], server.login)
        if route == "GET issues":
            return 200, [one for one in server.issues if one["state"] == "open"]
        if route == "POST issues":
            return 201, server.add_issue(body["body"], server.login, title=body["title"], labels=body["labels"])
        found = [one for one in server.comments if comment and one["id"] == int(comment[1])]
        found += [one for one in server.issues if issue and one["number"] == int(issue[1])]
        if not found:
            return missing
        if self.command == "DELETE":
            server.comments.remove(found[0])
            return 204, None
        found[0].update(body)
        return 200, found[0]

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def stand_in_posts() -> Iterator[StandInPosts]:
    """The service, running."""
    with serving(StandInPosts()) as server:
        yield server
