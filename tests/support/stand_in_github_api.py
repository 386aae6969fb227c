"""A stand-in for GitHub's REST API on loopback: the lists of runs and jobs that this project reads, and its faults."""

from __future__ import annotations

import hashlib
import http.server
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from support.serving import serving

Handled = Callable[[http.server.BaseHTTPRequestHandler], None]
OWNER_REPO = "nanna/coder"


@dataclass
class StandInRun:
    """A run's own object, and the jobs of its last attempt."""

    body: dict[str, Any]
    jobs: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class SeenCall:
    """A request as it came; header names in lower case."""

    target: str
    headers: dict[str, str]


class StandInGithub(http.server.ThreadingHTTPServer):
    """One repository with one workflow, ci.yml.

    `faults` are given first, each once, to the first request whose path contains its key. `largest_page` bounds a
    page below what a request asks for, so that few runs make several pages.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _GithubHandler)
        self.api = f"http://127.0.0.1:{self.server_address[1]}"
        self.runs: list[StandInRun] = []
        self.calls: list[SeenCall] = []
        self.faults: list[tuple[str, Handled]] = []
        self.largest_page = 100

    def add_run(self, number: int, jobs: int = 1, **changed: Any) -> StandInRun:
        """A finished run that passed, a minute after the one before; `changed` are keys of its object."""
        run = StandInRun(
            run_body(number, **changed), [job_body(f"job-{at}", f"2026-11-28T10:{number:02}") for at in range(jobs)]
        )
        self.runs.append(run)
        return run

    def fail(self, part: str, answer: Handled) -> None:
        """Answer the next request whose path has that part so."""
        self.faults.append((part, answer))


class _GithubHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandInGithub

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.calls.append(SeenCall(self.path, headers))
        for at, (part, fault) in enumerate(self.server.faults):
            if part in self.path:
                del self.server.faults[at]
                fault(self)
                return
        parts = urlsplit(self.path)
        place = parts.path.removeprefix(f"/repos/{OWNER_REPO}/actions/")
        jobs = {f"runs/{run.body['id']}/attempts/{run.body['run_attempt']}/jobs": run.jobs for run in self.server.runs}
        if place == "workflows/ci.yml/runs":
            newest_first = sorted((run.body for run in self.server.runs), key=lambda run: -run["id"])
            self._list("workflow_runs", newest_first)
        elif place in jobs:
            self._list("jobs", jobs[place])
        else:
            answer(404, {"message": "Not Found"})(self)

    def _list(self, name: str, items: list[dict[str, Any]]) -> None:
        parts = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        size = min(int(query.get("per_page", 30)), self.server.largest_page)
        page = int(query.get("page", 1))
        shown = items[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(items):
            following = urlencode({**query, "page": page + 1})
            url = f"{self.server.api}{parts.path}?{following}"
            headers["link"] = f'<{url}>; rel="next", <{url}>; rel="last"'
        body = {"total_count": len(items), name: shown}
        etag = f'W/"{hashlib.sha256(json.dumps(body).encode()).hexdigest()}"'
        if self.headers.get("if-none-match") == etag:
            answer(304, None, etag=etag)(self)
        else:
            answer(200, body, etag=etag, **headers)(self)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def run_body(number: int, **changed: Any) -> dict[str, Any]:
    """A run as GitHub lists it, with the keys that this project reads and some that it does not."""
    return {
        "id": number,
        "name": "CI",
        "run_number": number,
        "run_attempt": 1,
        "event": "push",
        "status": "completed",
        "conclusion": "success",
        "head_branch": "main",
        "head_sha": f"{number:040x}",
        "html_url": f"https://github.com/{OWNER_REPO}/actions/runs/{number}",
        "run_started_at": f"2026-11-28T10:{number:02}:00Z",
        "updated_at": f"2026-11-28T11:{number:02}:00Z",
        **changed,
    }


def job_body(name: str, minute: str = "2026-11-28T10:01", **changed: Any) -> dict[str, Any]:
    """A job that waited 10 s and ran 30 s in the minute `minute`, in two steps."""
    return {
        "id": 7,
        "name": name,
        "status": "completed",
        "conclusion": "success",
        "labels": ["ubuntu-24.04"],
        "runner_name": "GitHub Actions 3",
        "created_at": f"{minute}:05Z",
        "started_at": f"{minute}:15Z",
        "completed_at": f"{minute}:45Z",
        "steps": [
            step_body("Set up Nix", f"{minute}:16Z", f"{minute}:20Z"),
            step_body("Run the job", f"{minute}:20Z", f"{minute}:44Z"),
            step_body("Push", f"{minute}:44Z", f"{minute}:44Z", conclusion="skipped"),
        ],
        **changed,
    }


def step_body(name: str, begin: str, end: str, conclusion: str = "success") -> dict[str, Any]:
    """A step of a job."""
    return {"name": name, "status": "completed", "conclusion": conclusion, "started_at": begin, "completed_at": end}


def answer(status: int, body: Any, **headers: str) -> Handled:
    """An answer: JSON, bytes as they are (HTML), or no body for None; `headers` with _ for -."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, bytes) else "application/json; charset=utf-8"

    def handle(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(data)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return handle


def raw_json(data: bytes) -> Handled:
    """An answer 200 whose body claims to be JSON."""
    return answer(200, data, content_type="application/json")


@contextmanager
def stand_in_github() -> Iterator[StandInGithub]:
    """The service, running."""
    with serving(StandInGithub()) as server:
        yield server
