"""`post-summary` without --from: the artifact of the run, which is a stranger's zip, against a stand-in for GitHub."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from nanna_ci import cli
from nanna_ci.commands.post_summary import ARTIFACT_LIMIT_BYTES
from nanna_ci.forge.github_api import GithubApi
from nanna_ci.forge.run_artifacts import RunArtifacts
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.summary.alerts import alert_marker
from nanna_ci.summary.pull_request_comment import MARKER
from support.fake_ports import FakePorts
from support.json_schemas import check
from support.stand_in_github_api import OWNER_REPO, answer
from support.stand_in_github_posts import StandInPosts, stand_in_posts

TOKEN = "ghs_" + "a1b2c3d4" * 8
TEXT = f"{MARKER}\nall is well"
FAILED = alert_marker("ci-failed-push")
PLAIN: dict[Any, str | bytes] = {
    "comment.md": TEXT,
    "alerts.json": '{"schemaVersion": 1, "alerts": []}',
    "badge.json": "{}",
}


@pytest.fixture
def github() -> Iterator[StandInPosts]:
    with stand_in_posts() as server:
        yield server


@pytest.fixture
def storage(github: StandInPosts) -> Iterator[StandInPosts]:
    """Where artifacts lie: another server than the API."""
    with stand_in_posts() as server:
        github.storage, server.zips = server.api, github.zips
        yield server


@pytest.fixture
def ports(fake_ports: FakePorts, github: StandInPosts, storage: StandInPosts) -> FakePorts:
    fake_ports.environ |= {"GITHUB_API_URL": github.api, "GITHUB_TOKEN": TOKEN}
    return fake_ports


def post(ports: FakePorts, code: int = 0) -> list[str]:
    ports.stdout.seek(0)
    ports.stdout.truncate()
    argv = ["post-summary", "--repository", OWNER_REPO, "--run", "5", "--format", "json"]
    assert cli.main(argv, ports.ports) == code, ports.stderr.getvalue()
    return [one["says"] for one in check(json.loads(ports.stdout.getvalue()))["posts"]] if code == 0 else []


def zipped(members: Mapping[Any, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def member(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def renamed(old: str, new: str, data: bytes) -> bytes:
    """The zip with a name of the same length in place of another, in both places where it stands."""
    assert len(old) == len(new)
    return data.replace(old.encode(), new.encode())


def with_flag(data: bytes, flag: int) -> bytes:
    """The zip with the flag in its directory's first entry."""
    at = data.index(b"PK\x01\x02") + 8
    return data[:at] + struct.pack("<H", flag) + data[at + 2 :]


def test_the_artifact_of_the_run_is_downloaded_and_posted(ports, github):
    github.add_artifact(zipped({"comment.md": f"{MARKER}\nof the first attempt"}))
    github.add_artifact(zipped(PLAIN))
    github.add_artifact(zipped({"comment.md": "x"}), name="ci-summary-2")
    assert post(ports) == ["created"]
    assert github.comments[0]["body"].endswith("all is well")


def test_the_alerts_of_a_push_are_downloaded_too(ports, github):
    github.on_push("failure")
    alert = {"key": "ci-failed-push", "title": "t", "body": f"{FAILED}\nlog", "labels": ["ci"]}
    github.add_artifact(zipped({"alerts.json": json.dumps({"schemaVersion": 1, "alerts": [alert]})}))
    assert post(ports) == ["opened"]
    assert github.issues[0]["body"].endswith("log")


def test_the_storage_that_github_redirects_to_gets_no_token(ports, github, storage):
    github.add_artifact(zipped(PLAIN))
    post(ports)
    assert all("authorization" in headers for _, headers in github.seen_headers)
    ((path, headers),) = storage.seen_headers
    assert path.startswith("blob/")
    assert "authorization" not in headers


def test_a_client_that_follows_redirects_itself_takes_no_token_along(github, storage):
    artifact = github.add_artifact(zipped(PLAIN))
    with WebClient(sleep=lambda _: None) as client:
        api = GithubApi(client, Token("GITHUB_TOKEN", TOKEN), now=lambda: 0.0, sleep=lambda _: None, log=print)
        artifacts = RunArtifacts(api, client, github.api, OWNER_REPO)
        found = artifacts.newest(5, "ci-summary")
        assert found is not None
        assert artifacts.download(found, 10_000) == github.zips[artifact["id"]]
    ((_, headers),) = storage.seen_headers
    assert "authorization" not in headers


def test_a_redirect_off_this_machine_is_not_followed_by_a_server_on_it(ports, github):
    github.add_artifact(zipped(PLAIN))
    github.storage = "http://192.0.2.1"
    post(ports, code=4)
    assert "redirects to" in ports.stderr.getvalue()
    assert "sig=secret" not in ports.stderr.getvalue()


@pytest.mark.parametrize("event", ["pull_request", "push"])
@pytest.mark.parametrize("state", ["never made", "expired", "deleted", "deleted meanwhile"])
def test_a_run_without_the_artifact_is_said_in_one_line_and_is_no_error(ports, github, event, state):
    if event == "push":
        github.on_push("cancelled")
    if state != "never made":
        artifact = github.add_artifact(zipped(PLAIN), expired=state == "expired")
        if state == "deleted meanwhile":
            github.zips.clear()
        elif state == "deleted":
            github.faults.append(("GET", f"artifacts/{artifact['id']}", answer(410, {"message": "Gone"})))
    assert post(ports) == ["none: the run left no text" if event == "pull_request" else "opened"]
    said = "there is none" if state == "never made" else "it is expired or deleted"
    assert [line for line in ports.stderr.getvalue().splitlines() if said in line] == [
        f"artifact ci-summary of run 5: {said}"
    ]
    assert github.comments == []


def test_an_artifact_that_says_it_is_too_large_is_not_downloaded(ports, github, storage):
    github.add_artifact(zipped(PLAIN), size_in_bytes=ARTIFACT_LIMIT_BYTES + 1)
    post(ports, code=4)
    assert storage.sent == []
    assert not any("zip" in path for _, path in github.sent)


def test_an_artifact_that_is_larger_than_it_says_is_cut_off(ports, github):
    data = zipped(PLAIN | {"more": b"x" * (ARTIFACT_LIMIT_BYTES + 1)}, zipfile.ZIP_STORED)
    github.add_artifact(data, size_in_bytes=100)
    post(ports, code=4)
    assert github.comments == []


def test_an_artifact_that_is_not_what_its_digest_says_is_refused(ports, github):
    github.add_artifact(zipped(PLAIN), digest=f"sha256:{'0' * 64}")
    post(ports, code=4)
    assert github.comments == []


def test_a_token_that_may_not_read_runs_is_said(ports, github):
    github.faults.append(("GET", "artifacts", answer(403, {"message": "Resource not accessible by integration"})))
    post(ports, code=3)
    assert "actions: read" in ports.stderr.getvalue()


def test_nothing_is_downloaded_where_nothing_can_be_posted(ports, github):
    github.pull["state"] = "closed"
    github.add_artifact(zipped(PLAIN))
    assert post(ports)[0].startswith("none: no open pull request")
    assert not any("artifacts" in path for _, path in github.sent)


HOSTILE = {
    "no zip": b"PK\x03\x04 and nothing more",
    "empty": b"",
    "cut": zipped(PLAIN)[:-10],
    "a folder up": zipped(PLAIN | {"../comment.md": "x"}),
    "a folder up, inside": zipped(PLAIN | {"a/../../b": "x"}),
    "an absolute name": zipped(PLAIN | {"/etc/passwd": "x"}),
    "a drive": zipped(PLAIN | {"C:x": "x"}),
    "a backslash": zipped(PLAIN | {"..\\x": "x"}),
    "a NUL in a name": renamed("comment.mdxx", "comment.md\0x", zipped({"comment.mdxx": TEXT})),
    "a line in a name": zipped(PLAIN | {"a\nb": "x"}),
    "a link": zipped({member("comment.md", stat.S_IFLNK | 0o777): TEXT}),
    "a device": zipped({member("comment.md", stat.S_IFBLK | 0o666): TEXT}),
    "a folder": zipped(PLAIN | {"folder/": ""}),
    "twice": renamed("comment.xx", "comment.md", zipped(PLAIN | {"comment.xx": f"{MARKER}\nother"})),
    "twice, in capitals": zipped(PLAIN | {"COMMENT.md": "x"}),
    "encrypted": with_flag(zipped(PLAIN), 1),
    "an encrypted directory": with_flag(zipped(PLAIN), 0x2000),
    "an odd method": zipped(PLAIN, zipfile.ZIP_BZIP2),
    "many members": zipped({f"{number}": "" for number in range(65)}),
    "a bomb": zipped(PLAIN | {"bomb": b"\0" * 2_000_000}),
    "much together": zipped({f"{number}": b"\0" * 1_000_000 for number in range(20)}),
    "a long comment": zipped({"comment.md": f"{MARKER}\n" + "x" * 300_000}),
    "a broken member": zipped({"comment.md": TEXT}, zipfile.ZIP_STORED).replace(b"well", b"bell"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_zip_that_tries_something_is_refused_whole(ports, github, data):
    github.add_artifact(data)
    post(ports, code=4)
    assert github.comments == []
    assert "Traceback" not in ports.stderr.getvalue()


@pytest.mark.parametrize("size_bytes", [-1, "7", None])
def test_a_list_of_artifacts_that_is_malformed_is_refused(ports, github, size_bytes):
    github.add_artifact(zipped(PLAIN), size_in_bytes=size_bytes)
    post(ports, code=4)


def test_a_redirect_in_a_circle_ends(ports, github, storage):
    github.add_artifact(zipped(PLAIN))
    storage.faults.append(("GET", "blob", answer(302, None, location=f"{storage.api}/blob/1")))
    post(ports, code=3)
    assert len(storage.sent) == 1


def test_malformed_data_of_a_zip_names_the_artifact(github):
    github.add_artifact(b"x")
    with WebClient(direct=True) as client:
        api = GithubApi(client, Token("T", None), now=lambda: 0.0, sleep=lambda _: None, log=print)
        artifacts = RunArtifacts(api, client, github.api, OWNER_REPO)
        found = artifacts.newest(5, "ci-summary")
        assert found is not None
        with pytest.raises(MalformedData, match=r"artifact ci-summary \(\d+\): 1 bytes: over 0"):
            artifacts.download(found, 0)
