"""A stand-in for all of GitHub's REST API that a pipeline uses, on loopback: one address before several servers."""

from __future__ import annotations

import http.client
import http.server
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from support.serving import serving
from support.stand_in_github_api import OWNER_REPO, StandInGithub, stand_in_github
from support.stand_in_github_posts import StandInPosts, stand_in_posts
from support.stand_in_github_releases import StandInReleases, stand_in_releases
from support.stand_in_github_updates import StandInUpdates, stand_in_updates

_HOP = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}


@dataclass(frozen=True)
class StandInForge:
    """The address of the whole, and its parts: runs and jobs, comments and issues, releases, pull requests."""

    api: str
    runs: StandInGithub
    posts: StandInPosts
    releases: StandInReleases
    updates: StandInUpdates

    def part(self, method: str, path: str) -> str:
        """The address of the part that answers a request."""
        place = path.removeprefix(f"/repos/{OWNER_REPO}/")
        if re.match(r"actions/workflows/[\w-]+\.yml/runs|actions/runs/\d+/attempts/", place):
            return self.runs.api
        if re.match(r"releases|commits/tags/", place):
            return self.releases.api
        if path == "/user":
            return self.posts.api
        if not path.startswith(f"/repos/{OWNER_REPO}") or (method, place) == ("POST", "pulls"):
            return self.updates.api
        return self.updates.api if place.startswith("pulls?") and "nanna-ci" in place else self.posts.api


@contextmanager
def stand_in_forge() -> Iterator[StandInForge]:
    """The service, running."""
    with ExitStack() as stack:
        parts = [stack.enter_context(one()) for one in (stand_in_github, stand_in_posts)]
        more = [stack.enter_context(one()) for one in (stand_in_releases, stand_in_updates)]
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Door)
        server.daemon_threads = True
        api = f"http://127.0.0.1:{server.server_address[1]}"
        forge = StandInForge(api, *parts, *more)  # type: ignore[arg-type]
        server.forge = forge  # type: ignore[attr-defined]
        stack.enter_context(serving(server))
        yield forge


class _Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body: two wait for each other

    def _pass_on(self) -> None:
        forge: StandInForge = self.server.forge  # type: ignore[attr-defined]
        place = forge.part(self.command, self.path)
        part = urlsplit(place)
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else None
        connection = http.client.HTTPConnection(part.hostname or "", part.port, timeout=60)
        try:
            given = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, self.path, body, given)
            answer = connection.getresponse()
            # what a part says of its own address is this one's
            data = answer.read().replace(place.encode(), forge.api.encode())
        finally:
            connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP | {"server", "date"}:
                self.send_header(name, value.replace(place, forge.api) if name.lower() == "link" else value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""
