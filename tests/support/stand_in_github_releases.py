"""A stand-in for GitHub's releases on loopback: drafts, uploads with their states, immutable releases, and faults.

Not GitHub: what it does is by GitHub's documentation, and by what others report of its errors.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from support.serving import serving
from support.stand_in_github_api import OWNER_REPO, answer

LARGEST_PIECE = 64 * 1024
Fault = Callable[["ReleaseHandler"], bool]
"""Called before a request is handled; True if it answered, so that nothing else happens."""


class StandInReleases(http.server.ThreadingHTTPServer):
    """One repository. `tags` are commits by tag; `faults` are asked in turn, each with its number of request from 1."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ReleaseHandler)
        self.api = f"http://127.0.0.1:{self.server_address[1]}"
        self.tags: dict[str, str] = {}
        self.releases: dict[int, dict[str, Any]] = {}
        self.contents: dict[int, bytes] = {}
        self.calls: list[str] = []
        self.tokens: list[str | None] = []
        self.fault: Callable[[int, ReleaseHandler], bool] | None = None
        self.names_digests = True
        self.is_immutable = True
        self.keeps_contents = True
        self.published_as: list[dict[str, str]] = []
        self._ids = iter(range(1, 10_000))
        self.lock = threading.RLock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed is what some tests are about."""

    def add_release(self, tag: str, *, draft: bool = True, **changed: Any) -> dict[str, Any]:
        number = next(self._ids)
        body = {
            "id": number,
            "tag_name": tag,
            "target_commitish": self.tags.get(tag, "main"),
            "name": tag,
            "body": "",
            "draft": draft,
            "prerelease": False,
            "immutable": False,
            "html_url": f"https://github.com/{OWNER_REPO}/releases/tag/{tag}",
            "upload_url": f"{self.api}/repos/{OWNER_REPO}/releases/{number}/assets{{?name,label}}",
            "assets": [],
            **changed,
        }
        self.releases[number] = body
        return body

    def add_asset(
        self, release: dict[str, Any], name: str, data: bytes, *, state: str = "uploaded", digest: str | None = None
    ) -> dict[str, Any]:
        number = next(self._ids)
        named = digest or f"sha256:{hashlib.sha256(data).hexdigest()}"
        whole = state == "uploaded"
        asset = {
            "id": number,
            "name": name,
            "state": state,
            "size": len(data) if whole else 0,
            "digest": named if whole and self.names_digests else None,
        }
        release["assets"].append(asset)
        self.contents[number] = data if self.keeps_contents else b""
        return asset

    def files(self, release: dict[str, Any]) -> dict[str, bytes]:
        """What a release has, by name; the state of what is not whole."""
        return {
            one["name"]: self.contents[one["id"]] if one["state"] == "uploaded" else one["state"].encode()
            for one in release["assets"]
        }

    @property
    def published(self) -> list[dict[str, Any]]:
        return [one for one in self.releases.values() if not one["draft"]]


class ReleaseHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets: 40 ms an answer
    server: StandInReleases
    body = b""

    def handle_any(self) -> None:
        self.server.calls.append(f"{self.command} {self.path}")
        authorization = self.headers.get("authorization")
        self.server.tokens.append(authorization)
        fault = self.server.fault
        if fault is not None and fault(len(self.server.calls), self):
            return
        self.read_body()
        with self.server.lock:
            self.route()

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - names of http.server

    def read_body(self) -> None:
        left, pieces = int(self.headers.get("content-length", 0)), []
        while left > 0 and (piece := self.rfile.read(min(left, LARGEST_PIECE))):
            pieces.append(piece)
            left -= len(piece)
        self.body = b"".join(pieces)

    def route(self) -> None:
        place = urlsplit(self.path).path.removeprefix(f"/repos/{OWNER_REPO}/")
        may_write = self.headers.get("authorization") is not None
        for method, pattern, handle in (
            ("GET", r"commits/tags/([^/]+)", self.tag),
            ("GET", r"releases", self.listed),
            ("POST", r"releases", self.create),
            ("GET", r"releases/tags/([^/]+)", self.by_tag),
            ("GET", r"releases/(\d+)", self.one),
            ("PATCH", r"releases/(\d+)", self.change),
            ("GET", r"releases/(\d+)/assets", self.assets),
            ("POST", r"releases/(\d+)/assets", self.upload),
            ("GET", r"releases/assets/(\d+)", self.download),
            ("DELETE", r"releases/assets/(\d+)", self.delete),
        ):
            match = re.fullmatch(pattern, place)
            if method == self.command and match is not None and (method == "GET" or may_write):
                handle(*match.groups())
                return
        self.says(404, {"message": "Not Found"})

    def says(self, status: int, body: Any) -> None:
        answer(status, body)(self)

    def invalid(self, **error: str) -> None:
        self.says(422, {"message": "Validation Failed", "errors": [error]})

    def tag(self, name: str) -> None:
        commit = self.server.tags.get(unquote(name))
        if commit is None:
            self.says(422, {"message": f"No commit found for SHA: tags/{unquote(name)}"})
        else:
            self.says(200, {"sha": commit})

    def listed(self) -> None:
        may_write = self.headers.get("authorization") is not None
        shown = [one for one in self.server.releases.values() if may_write or not one["draft"]]
        self.pages(sorted(shown, key=lambda one: -one["id"]))

    def pages(self, items: list[dict[str, Any]]) -> None:
        query = {key: values[-1] for key, values in parse_qs(urlsplit(self.path).query).items()}
        size, page = min(3, int(query.get("per_page", 30))), int(query.get("page", 1))
        url = f"{self.server.api}{urlsplit(self.path).path}?per_page={size}&page={page + 1}"
        headers = {"link": f'<{url}>; rel="next"'} if page * size < len(items) else {}
        answer(200, items[(page - 1) * size : page * size], **headers)(self)

    def create(self) -> None:
        fields = json.loads(self.body)
        if any(one["tag_name"] == fields["tag_name"] for one in self.server.published):
            self.invalid(resource="Release", code="already_exists", field="tag_name")
            return
        assert fields["draft"] is True
        del fields["draft"]
        self.says(201, self.server.add_release(fields.pop("tag_name"), **fields))

    def by_tag(self, tag: str) -> None:
        found = [one for one in self.server.published if one["tag_name"] == unquote(tag)]
        self.says(200, found[0]) if found else self.says(404, {"message": "Not Found"})

    def one(self, number: str) -> None:
        found = self.server.releases.get(int(number))
        self.says(200, found) if found else self.says(404, {"message": "Not Found"})

    def change(self, number: str) -> None:
        release = self.server.releases[int(number)]
        fields = json.loads(self.body)
        if release["draft"] and fields.get("draft") is False:
            release["immutable"] = self.server.is_immutable
            named = {one["name"]: one["state"] for one in release["assets"]}
            self.server.published_as.append(named)
        release.update(fields)
        self.says(200, release)

    def assets(self, number: str) -> None:
        self.pages(self.server.releases[int(number)]["assets"])

    def upload(self, number: str) -> None:
        release = self.server.releases[int(number)]
        name = parse_qs(urlsplit(self.path).query)["name"][0]
        assert int(self.headers["content-length"]) == len(self.body)
        if release["immutable"]:
            self.says(422, {"message": "Cannot upload assets to an immutable release."})
        elif any(one["name"] == name for one in release["assets"]):
            self.invalid(resource="ReleaseAsset", code="already_exists", field="name")
        else:
            self.says(201, self.server.add_asset(release, name, self.body))

    def download(self, number: str) -> None:
        data = self.server.contents.get(int(number))
        if data is None:
            self.says(404, {"message": "Not Found"})
        else:
            assert self.headers["accept"] == "application/octet-stream"
            answer(200, data, content_type="application/octet-stream")(self)

    def delete(self, number: str) -> None:
        for release in self.server.releases.values():
            for asset in release["assets"]:
                if asset["id"] == int(number):
                    if release["immutable"]:
                        self.says(422, {"message": "Cannot delete asset from an immutable release"})
                        return
                    release["assets"].remove(asset)
                    answer(204, None)(self)
                    return
        self.says(404, {"message": "Not Found"})

    def hang_up(self) -> None:
        """Break the connection, as a network does."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def stand_in_releases() -> Iterator[StandInReleases]:
    """The service, running."""
    with serving(StandInReleases()) as server:
        yield server
