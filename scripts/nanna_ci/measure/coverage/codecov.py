"""Codecov's upload API, as the Codecov CLI 11 speaks it: a commit, a report, an upload, and the report to its storage.

The token is CODECOV_TOKEN, else one that GitHub's OIDC gives this job (`permissions: id-token: write`). A pull request
from a fork has neither: it is taken without a token, under the fork's own branch. Nothing else is sent without one.
CODECOV_ENTERPRISE_URL is a Codecov of one's own, CODECOV_SLUG the repository (OWNER/NAME) where no runner names it.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from nanna_ci.foundation.errors import MalformedData, ToolMissing
from nanna_ci.foundation.json_data import as_text
from nanna_ci.foundation.redact import learn
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.report.github import GithubChange

INGEST_URL: Final = "https://ingest.codecov.io"
_AUDIENCE: Final = "https://codecov.io"
_REPORT: Final = "default"
_SENDER: Final = "nanna-ci"
_SLUG: Final = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)+")
_FLAG: Final = re.compile(r"[A-Za-z0-9_.-]{1,45}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CodecovTarget:
    """Where a report goes. `token` is None for a fork's pull request alone; `oidc` gives one, once it is needed."""

    url: str
    slug: str
    commit: str
    branch: str | None
    pull_request: int | None
    page: str | None
    job: str | None
    token: str | None = field(repr=False)
    oidc: tuple[str, str] | None = field(repr=False, default=None)

    @property
    def identity(self) -> str:
        """By what Codecov knows who sends, in words."""
        if self.oidc is not None:
            return "GitHub's OIDC"
        return "CODECOV_TOKEN" if self.token is not None else f"no token, as a fork's branch {self.branch}"


def find_target(
    environ: Mapping[str, str], change: GithubChange | None, commit: str | None, branch: str | None, page: str | None
) -> CodecovTarget:
    """Where a report would go, by what is known of the run; `commit` and `branch` are git's, for outside of GitHub.

    ToolMissing says what is missing for an upload.
    """
    repository = change.repository if change else None
    slug: str = repository or environ.get("CODECOV_SLUG") or ""
    commit = change.commit if change else commit
    if not _SLUG.fullmatch(slug):
        raise _missing("no repository is named", "set CODECOV_SLUG to OWNER/NAME, outside of GitHub Actions")
    if commit is None or not _COMMIT.fullmatch(commit):
        raise _missing("the commit is unknown, or the work tree has changes", "upload what is committed")
    token = environ.get("CODECOV_TOKEN") or None
    request, bearer = (environ.get(f"ACTIONS_ID_TOKEN_REQUEST_{name}", "") for name in ("URL", "TOKEN"))
    is_fork = change is not None and change.is_fork
    oidc = (request, bearer) if token is None and request and bearer and not is_fork else None
    if token is None and oidc is None and not is_fork:
        hint = "set CODECOV_TOKEN, or give the job `permissions: id-token: write`"
        raise _missing("there is neither CODECOV_TOKEN nor GitHub's OIDC", hint)
    return CodecovTarget(
        url=environ.get("CODECOV_ENTERPRISE_URL", "").rstrip("/") or INGEST_URL,
        slug=slug,
        commit=commit,
        branch=change.branch if change else branch,
        pull_request=change.pull_request if change else None,
        page=page,
        job=change.job if change else None,
        token=token,
        oidc=oidc,
    )


def _missing(reason: str, hint: str) -> ToolMissing:
    return ToolMissing("Codecov", f"nothing was uploaded: {reason}", hint=hint)


def flag_of(rust: str | None) -> str | None:
    """The flag of a Rust version: `rust-1.97.1`; None if it is unknown, or not what Codecov takes."""
    flag = f"rust-{rust}"
    return flag if rust is not None and _FLAG.fullmatch(flag) else None


def upload_report(
    web: WebClient, target: CodecovTarget, lcov: bytes, paths: Sequence[str], flags: Sequence[str]
) -> str:
    """Send a report whose paths are below the top of the repository, and give the address of its page, or what it is.

    Raises what WebClient does, and MalformedData for an answer that names no place for the report.
    """
    owner, _, name = target.slug.rpartition("/")
    slug = "::::".join((owner.replace("/", ":::"), name))
    place = f"{target.url}/upload/github/{slug}/commits"
    headers = _headers(web, target)

    def post(url: str, body: Mapping[str, Any], *, repeatable: bool) -> Mapping[str, Any]:
        content = json.dumps({"cli_args": {}, "version": _SENDER, **body}).encode()
        return web.request("POST", url, headers=headers, content=content, repeatable=repeatable).json_object()

    commit = {
        "branch": target.branch,
        "commitid": target.commit,
        "parent_commit_id": None,
        "pullid": None if target.pull_request is None else str(target.pull_request),
    }
    post(place, commit, repeatable=True)
    post(f"{place}/{target.commit}/reports", {"code": _REPORT}, repeatable=True)
    payload = render_payload(lcov, paths)
    upload: dict[str, Any] = {
        "ci_service": "local" if target.job is None else "github-actions",
        "ci_url": target.page,
        "env": {},
        "flags": list(flags),
        "job_code": target.job,
        "name": None,
        "file_not_found": False,
        "report_payload_bytes": len(payload),
    }
    answer = post(f"{place}/{target.commit}/reports/{_REPORT}/uploads", upload, repeatable=False)
    location = as_text(answer.get("raw_upload_location"), target.url, "raw_upload_location")
    learn([location])  # whoever has it may write there
    schemes = {"https", urlsplit(target.url).scheme}
    if urlsplit(location).scheme not in schemes:
        raise MalformedData(target.url, "raw_upload_location is no https URL")
    web.request("PUT", location, content=payload)
    page = answer.get("url")
    return page if isinstance(page, str) and page else f"commit {target.commit} of {target.slug}"


def _headers(web: WebClient, target: CodecovTarget) -> dict[str, str]:
    token = target.token
    if target.oidc is not None:
        url, bearer = target.oidc
        own = target.url if target.url != INGEST_URL else _AUDIENCE
        request = f"{url}{'&' if '?' in url else '?'}audience={quote(own, safe='')}"
        given = web.request("GET", request, token=Token("ACTIONS_ID_TOKEN_REQUEST_TOKEN", bearer)).json_object()
        token = as_text(given.get("value"), "GitHub's OIDC", "value")
        learn([token])
    headers = {"content-type": "application/json", "user-agent": _SENDER}
    return headers if token is None else {**headers, "authorization": f"token {token}"}


def render_payload(lcov: bytes, paths: Sequence[str]) -> bytes:
    """What Codecov's storage gets: the report, and the repository's paths that it is about."""
    file = {
        "filename": "lcov.info",
        "format": "base64+compressed",
        "data": base64.b64encode(zlib.compress(lcov)).decode(),
        "labels": "",
    }
    payload = {
        "report_fixes": {"format": "legacy", "value": {}},
        "network_files": list(paths),
        "coverage_files": [file],
        "metadata": {},
    }
    return json.dumps(payload).encode()
