"""A stand-in for what `update` asks of GitHub, on loopback: releases and tags of actions, and pull requests.

Not GitHub: what it does is by GitHub's documentation.
"""

from __future__ import annotations

import http.server
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.serving import serving
from support.stand_in_github_api import OWNER_REPO, Handled, answer

BRANCH = "nanna-ci/update"
PUBLISHED = "2026-11-10T10:00:00Z"


class StandInUpdates(http.server.ThreadingHTTPServer):
    """Any number of actions, and the pull requests of OWNER_REPO, whose commits `head_commit` knows.

    `faults` answer the first request whose method and path fit, each once. `before` is called with the number of each
    request, from 1, and with whether it is answered already.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _UpdatesHandler)
        self.api = f"http://127.0.0.1:{self.server_address[1]}"
        self.releases: dict[str, list[dict[str, Any]]] = {}
        self.objects: dict[str, Any] = {}
        self.pulls: list[dict[str, Any]] = []
        self.sent: list[str] = []
        self.tokens: set[str | None] = set()
        self.faults: list[tuple[str, str, Handled]] = []
        self.before: Callable[[int, bool], None] = lambda _number, _answered: None
        self.head_commit: Callable[[], str | None] = lambda: None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed is what some tests are about."""

    def add_release(
        self,
        repository: str,
        version: str,
        commit: str,
        *,
        published: str | None = PUBLISHED,
        committed: str = "2026-11-09T10:00:00Z",
        using: str = "node24",
        folder: str = "",
        is_annotated: bool = False,
        **changed: Any,
    ) -> None:
        body = {"tag_name": version, "draft": False, "prerelease": False, "published_at": published, **changed}
        self.releases.setdefault(repository, []).insert(0, body)
        target = {"type": "commit", "sha": commit}
        if is_annotated:
            number = f"{int(commit, 16) ^ 0xFF:040x}"
            self.objects[f"{repository}/git/tags/{number}"] = {"object": target}
            target = {"type": "tag", "sha": number}
        self.objects[f"{repository}/git/ref/tags/{version}"] = {"object": target}
        self.objects[f"{repository}/git/commits/{commit}"] = {"committer": {"date": committed}}
        text = (
            f"name: x\ndescription: |\n  for those using: it\nruns:\n  using: '{using}' # of the runner\n  main: x.js\n"
        )
        self.objects[f"{repository}/contents/{folder}action.yml?ref={commit}"] = text.encode()

    def add_pull(self, **changed: Any) -> dict[str, Any]:
        number = len(self.pulls) + 7
        head = {"ref": BRANCH, "sha": self.head_commit(), "repo": {"full_name": OWNER_REPO}}
        page = f"https://github.com/{OWNER_REPO}/pull/{number}"
        body = {"number": number, "state": "open", "merged_at": None, "head": head, "html_url": page, "body": ""}
        self.pulls.insert(0, {**body, **changed})
        return self.pulls[0]

    def writes(self) -> list[str]:
        return [one for one in self.sent if not one.startswith("GET ")]


class _UpdatesHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body: two wait for each other
    server: StandInUpdates

    def _answer(self) -> None:
        server = self.server
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        place = self.path.removeprefix("/repos/")
        server.sent.append(f"{self.command} {place}")
        server.tokens.add(self.headers.get("authorization"))
        number = len(server.sent)
        server.before(number, False)
        for at, (method, part, fault) in enumerate(server.faults):
            if method == self.command and part in place:
                del server.faults[at]
                fault(self)
                return
        status, result = self._result(place, body)
        server.before(number, True)
        if isinstance(result, bytes):
            answer(status, result, content_type="application/vnd.github.raw+json; charset=utf-8")(self)
        else:
            answer(status, result)(self)

    def _result(self, place: str, body: dict[str, Any]) -> tuple[int, Any]:
        server, parts = self.server, urlsplit(place)
        if self.command == "GET" and place in server.objects:
            return 200, server.objects[place]
        if self.command == "GET" and (listed := re.fullmatch(r"(\S+)/releases", parts.path)):
            return (
                (200, server.releases[listed[1]]) if listed[1] in server.releases else (404, {"message": "Not Found"})
            )
        if place == OWNER_REPO:
            return 200, {"default_branch": "main"}
        if parts.path == f"{OWNER_REPO}/pulls":
            return self._create(body) if self.command == "POST" else (200, self._list(parts.query))
        pull = re.fullmatch(rf"{OWNER_REPO}/pulls/(\d+)", parts.path)
        found = [one for one in server.pulls if pull is not None and one["number"] == int(pull[1])]
        if found and self.command == "PATCH":
            found[0].update(body)
            return 200, found[0]
        return 404, {"message": "Not Found"}

    def _list(self, query: str) -> list[dict[str, Any]]:
        wanted = parse_qs(query)
        assert wanted["head"] == [f"{OWNER_REPO.partition('/')[0]}:{BRANCH}"]
        assert (wanted["base"], wanted["state"]) == (["main"], ["all"])
        return self.server.pulls

    def _create(self, body: dict[str, Any]) -> tuple[int, Any]:
        ours = [one for one in self.server.pulls if one["head"]["repo"]["full_name"] == OWNER_REPO]
        if any(one["state"] == "open" for one in ours):
            return 422, {
                "message": "Validation Failed",
                "errors": [{"message": "A pull request already exists for x."}],
            }
        assert (body["head"], body["base"]) == (BRANCH, "main")
        return 201, self.server.add_pull(title=body["title"], body=body["body"])

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def stand_in_updates() -> Iterator[StandInUpdates]:
    """The service, running."""
    with serving(StandInUpdates()) as server:
        yield server
