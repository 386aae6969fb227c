"""`release` against a stand-in of GitHub on loopback, with real git and cargo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanna_ci.releases.release_notes import body_of
from support.fake_workspaces import git, write
from support.release_runs import FILES, TAG, ReleaseRuns
from support.stand_in_github_api import answer
from support.stand_in_github_releases import ReleaseHandler, StandInReleases, stand_in_releases


@pytest.fixture
def server() -> Iterator[StandInReleases]:
    with stand_in_releases() as server:
        yield server


@pytest.fixture
def release(tmp_path: Path, server: StandInReleases) -> ReleaseRuns:
    return ReleaseRuns(tmp_path, server)


def once(part: str, status: int, body: dict[str, object], **headers: str):
    """A fault: the first request that has the part in its line is answered so."""
    left = [part]

    def fault(_number: int, handler: ReleaseHandler) -> bool:
        if not left or left[0] not in f"{handler.command} {handler.path}":
            return False
        left.clear()
        handler.read_body()
        answer(status, body, **headers)(handler)
        return True

    return fault


def writes(server: StandInReleases) -> list[str]:
    return [call.split("?")[0] for call in server.calls if not call.startswith("GET")]


def test_a_release_is_drafted_filled_compared_published_and_downloaded(release: ReleaseRuns, server: StandInReleases):
    code, data = release()
    assert (code, data["verdict"], data["published"], data["immutable"]) == (0, "pass", True, True)
    assert [(step["step"], step["asset"]) for step in data["steps"]] == [
        ("create", None),
        ("upload", "bill.cdx.json"),
        ("upload", "harness-x86_64-linux.tar.gz"),
        ("publish", None),
    ]
    assert [asset["verified"] for asset in data["assets"]] == [True, True]
    (published,) = server.published
    assert server.files(published) == FILES
    assert (published["target_commitish"], published["prerelease"]) == (release.head, False)
    assert published["body"].startswith(f"Commit: `{release.head}`\n\n")
    last_write = max(at for at, call in enumerate(server.calls) if call.startswith("PATCH"))
    assert sum("GET" in call and "/releases/assets/" in call for call in server.calls[last_write:]) == len(FILES)


def test_nothing_is_published_while_an_asset_is_not_whole(release: ReleaseRuns, server: StandInReleases):
    def starter(_number: int, handler: ReleaseHandler) -> bool:
        for one in server.releases.values():
            for asset in one["assets"]:
                asset["state"] = "starter"
        return False

    server.fault = starter
    code, data = release()
    assert (code, data["published"], server.published) == (1, False, [])
    assert "not whole: GitHub calls it starter" in data["problems"][0]


def test_nothing_is_published_while_an_asset_is_another_one(release: ReleaseRuns, server: StandInReleases):
    def damage(_number: int, handler: ReleaseHandler) -> bool:
        for one in server.releases.values():
            for asset in one["assets"]:
                asset["digest"] = f"sha256:{'0' * 64}"
        return False

    server.fault = damage
    code, data = release()
    assert (code, server.published) == (1, [])
    assert "bill.cdx.json is another file" in data["problems"][0]


def test_what_has_no_digest_is_downloaded_and_hashed(release: ReleaseRuns, server: StandInReleases):
    server.names_digests = False
    assert release()[0] == 0
    publication = next(at for at, call in enumerate(server.calls) if call.startswith("PATCH"))
    assert sum("/releases/assets/" in call for call in server.calls[:publication]) == len(FILES)


def test_a_wrong_file_without_a_digest_is_not_published(release: ReleaseRuns, server: StandInReleases):
    server.names_digests = False

    def damage(_number: int, handler: ReleaseHandler) -> bool:
        server.contents.update((number, b"X" * len(data)) for number, data in server.contents.items())
        return False

    server.fault = damage
    assert (release()[0], server.published) == (1, [])


def test_a_second_run_only_verifies(release: ReleaseRuns, server: StandInReleases):
    release()
    server.calls.clear()
    code, data = release()
    assert (code, data["published"], writes(server)) == (0, True, [])


def test_a_published_release_with_other_files_fails_and_gets_none(release: ReleaseRuns, server: StandInReleases):
    release()
    server.calls.clear()
    (release.dist / "bill.cdx.json").write_bytes(b"{ }\n")
    (release.dist / "more.txt").write_bytes(b"more\n")
    for words in ((), ("--clobber",)):
        code, data = release(TAG, "--assets", "dist", *words)
        assert (code, writes(server)) == (1, [])
        assert data["problems"] == ["more.txt is missing", "bill.cdx.json: it is not what the folder says"]


def draft(release: ReleaseRuns, server: StandInReleases, commit: str | None = None) -> dict[str, object]:
    return server.add_release(TAG, body=body_of(commit or release.head, "notes"))


def test_the_same_asset_is_kept_and_an_interrupted_one_sent_anew(release: ReleaseRuns, server: StandInReleases):
    one = draft(release, server)
    server.add_asset(one, "bill.cdx.json", FILES["bill.cdx.json"])
    server.add_asset(one, "harness-x86_64-linux.tar.gz", b"half", state="starter")
    code, data = release()
    assert (code, server.files(server.published[0])) == (0, FILES)
    assert [(step["step"], step["asset"]) for step in data["steps"]] == [
        ("delete", "harness-x86_64-linux.tar.gz"),
        ("keep", "bill.cdx.json"),
        ("upload", "harness-x86_64-linux.tar.gz"),
        ("publish", None),
    ]


def test_another_file_of_that_name_needs_clobber(release: ReleaseRuns, server: StandInReleases):
    one = draft(release, server)
    server.add_asset(one, "bill.cdx.json", b"[]\n")
    server.add_asset(one, "surplus", b"surplus")
    code, data = release()
    assert (code, writes(server), server.published) == (1, [], [])
    assert data["problems"] == [
        "the draft has surplus, which is not in the folder: --clobber deletes it; "
        "the draft has another bill.cdx.json: --clobber replaces it"
    ]
    assert release(TAG, "--assets", "dist", "--clobber")[0] == 0
    assert server.files(server.published[0]) == FILES


@pytest.mark.parametrize("commit", ["a" * 40, None])
def test_a_draft_of_another_commit_is_left_alone(release: ReleaseRuns, server: StandInReleases, commit: str | None):
    server.add_release(TAG, body="by hand" if commit is None else body_of(commit, "notes"))
    code, data = release()
    assert (code, writes(server)) == (1, [])
    assert "delete" in data["problems"][0]


def test_two_drafts_are_not_chosen_from(release: ReleaseRuns, server: StandInReleases):
    draft(release, server)
    draft(release, server)
    assert (release()[0], writes(server)) == (1, [])


def test_a_draft_beyond_the_first_page_is_found(release: ReleaseRuns, server: StandInReleases):
    one = draft(release, server)
    for number in range(5):
        server.add_release(f"v0.{number}.0", draft=False)
    assert release()[0] == 0
    assert (one["draft"], len(server.published)) == (False, 6)


def test_a_release_published_by_somebody_else_meanwhile_is_said(release: ReleaseRuns, server: StandInReleases):
    def publish(_number: int, handler: ReleaseHandler) -> bool:
        if handler.command == "POST" and "name=harness" in handler.path:
            for one in server.releases.values():
                one.update(draft=False, immutable=True)
        return False

    server.fault = publish
    code, data = release()
    assert code == 1
    assert "published by somebody else before it was whole" in data["problems"][0]
    assert "make a new version" in data["problems"][1]


@pytest.mark.parametrize("status", [502, 500])
@pytest.mark.parametrize("part", ["GET", "POST /repos/nanna/coder/releases ", "name=bill", "name=harness", "PATCH"])
def test_a_server_error_is_mended(release: ReleaseRuns, server: StandInReleases, part: str, status: int):
    server.fault = once(part.strip(), status, {"message": "Server Error"})
    assert release()[0] == 0
    assert [server.files(one) for one in server.releases.values()] == [FILES]


@pytest.mark.parametrize("part", ["GET", "POST", "name=harness", "PATCH"])
def test_a_short_rate_limit_is_waited_for(release: ReleaseRuns, server: StandInReleases, part: str):
    server.fault = once(part, 403, {"message": "You have exceeded a secondary rate limit"}, retry_after="0")
    assert release()[0] == 0
    server.fault = None
    assert "rate limit; again in 0 s" in release.stderr


def test_a_long_rate_limit_ends_it_and_a_rerun_goes_on(release: ReleaseRuns, server: StandInReleases):
    server.fault = once("name=harness", 429, {"message": "slow down"}, retry_after="3600")
    code, data = release()
    assert (code, server.published) == (3, [])
    assert "rate limit is used up until" in data["error"]["message"]
    assert "the same command goes on from there" in release.stderr
    assert release()[0] == 0
    assert server.files(server.published[0]) == FILES


def test_a_token_that_may_not_write_is_said_with_the_permission(release: ReleaseRuns, server: StandInReleases):
    server.fault = once("POST", 403, {"message": "Resource not accessible by integration"})
    code, data = release()
    assert code == 3
    assert "contents: write" in data["error"]["hint"]


def test_an_upload_url_elsewhere_gets_no_token(release: ReleaseRuns, server: StandInReleases):
    one = draft(release, server)
    one["upload_url"] = "https://uploads.example.net/repos/a/b/releases/1/assets{?name,label}"
    code, data = release()
    assert (code, server.published) == (4, [])
    assert "upload_url is elsewhere" in data["error"]["message"]


def test_a_dry_run_says_all_and_changes_nothing(release: ReleaseRuns, server: StandInReleases):
    code, data = release(TAG, "--assets", "dist", "--dry-run")
    assert (code, data["published"], writes(server), server.releases) == (0, False, [], {})
    assert [step["step"] for step in data["steps"]] == ["create", "upload", "upload", "publish", "verify", "verify"]
    assert "## Features" in data["notes"]


def test_what_must_not_be_released_is_refused_before_any_request(release: ReleaseRuns, server: StandInReleases):
    (release.folder / "Cargo.toml").write_text((release.folder / "Cargo.toml").read_text() + "# changed\n")
    (release.folder / "new.rs").write_text("")
    git("tag", "v9.0.0", cwd=release.folder)
    code, data = release("v9.0.0", "--assets", "dist")
    assert (code, server.calls) == (1, [])
    assert data["problems"] == [
        "the tree is not that of its commit: Cargo.toml, new.rs",
        "the tag v9.0.0: Cargo.toml says 1.2.0",
    ]


def test_the_version_is_that_of_the_folder_that_pipeline_toml_names(release: ReleaseRuns, server: StandInReleases):
    text = (release.folder / "Cargo.toml").read_text()
    git("mv", "src", "app-src", cwd=release.folder)
    for name in ("Cargo.toml", "Cargo.lock"):
        (release.folder / name).unlink(missing_ok=True)
    write(release.folder / "app" / "Cargo.toml", text.replace("1.2.0", "1.3.0"))
    write(release.folder / "app" / "src" / "lib.rs", "")
    write(release.folder / "pipeline.toml", '[workspace]\nname = "app"\nfolder = "app"\n')
    release.commit("fix: move")
    git("tag", "v1.3.0", cwd=release.folder)
    git("tag", "v1.4.0", cwd=release.folder)
    release.environ["NANNA_CI_CONFIG"] = "/of/the/workflow.toml"
    server.tags |= dict.fromkeys(("v1.3.0", "v1.4.0"), git("rev-parse", "HEAD", cwd=release.folder))
    assert release("v1.3.0", "--assets", "dist", "--dry-run")[0] == 0
    code, data = release("v1.4.0", "--assets", "dist", "--dry-run")
    assert (code, data["problems"]) == (1, ["the tag v1.4.0: Cargo.toml says 1.3.0"])


def test_a_tag_that_is_not_the_checked_out_commit_is_refused(release: ReleaseRuns, server: StandInReleases):
    release.commit("fix: later")
    code, data = release()
    assert (code, server.calls) == (1, [])
    assert "is checked out" in data["problems"][0]
    assert (
        "there is no tag v3.0.0 here" in release("v3.0.0", "--assets", "dist", "--version", "3.0.0")[1]["problems"][0]
    )


@pytest.mark.parametrize("there", [None, "b" * 40])
def test_a_tag_that_github_does_not_have_so_is_refused(
    release: ReleaseRuns, server: StandInReleases, there: str | None
):
    # GitHub would make the tag itself, of the newest commit
    server.tags = {} if there is None else {TAG: there}
    assert (release()[0], writes(server)) == (1, [])


def test_an_older_version_than_the_latest_release_is_refused(release: ReleaseRuns, server: StandInReleases):
    server.add_release("v1.10.0", draft=False)
    code, data = release()
    assert (code, writes(server)) == (1, [])
    assert data["problems"] == ["v1.2.0 is older than the latest release, v1.10.0"]


def test_verify_alone_compares_with_sums_and_digests(release: ReleaseRuns, server: StandInReleases):
    assert release(TAG, "--verify")[1]["problems"] == ["no release v1.2.0 of nanna/coder is published"]
    release()
    del release.environ["GITHUB_TOKEN"]
    server.tokens.clear()
    code, data = release(TAG, "--verify")
    assert (code, {one["name"] for one in data["assets"]}, set(server.tokens)) == (0, set(FILES), {None})
    number = server.published[0]["assets"][0]["id"]
    server.contents[number] = b"another file"
    code, data = release(TAG, "--verify")
    assert (code, data["problems"]) == (1, ["bill.cdx.json: it is not what GitHub says"])
    server.tags[TAG] = "c" * 40
    assert "its tag is of cccccccccccc now" in release(TAG, "--verify")[1]["problems"][0]


def test_verify_alone_holds_assets_to_the_sums_among_them(release: ReleaseRuns, server: StandInReleases):
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in FILES.items()]
    (release.dist / "SHA256SUMS").write_text("".join(lines))
    assert release()[0] == 0
    (one,) = server.published
    one["assets"] = [asset for asset in one["assets"] if asset["name"] != "bill.cdx.json"]
    server.add_asset(one, "bill.cdx.json", b"[]\n")
    code, data = release(TAG, "--verify")
    assert (code, len(data["problems"])) == (1, 1)
    assert data["problems"][0].startswith("bill.cdx.json is another file: its SHA-256 is ")


def test_notes_of_a_file_are_taken_as_they_are(release: ReleaseRuns, server: StandInReleases):
    (release.folder / "notes.md").write_text("# By hand\n")
    assert release(TAG, "--assets", "dist", "--notes", "notes.md")[0] == 0
    assert server.published[0]["body"] == f"Commit: `{release.head}`\n\n# By hand\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((TAG,), 2),
        (("main", "--assets", "dist"), 2),
        ((TAG, "--assets", "nowhere"), 2),
        ((TAG, "--verify", "--clobber"), 2),
        ((TAG, "--assets", "dist", "--notes", "nowhere"), 2),
    ],
)
def test_a_wrong_command_line_is_a_clear_error(
    release: ReleaseRuns, server: StandInReleases, words: tuple[str, ...], code: int
):
    found, data = release(*words)
    assert (found, server.calls) == (code, [])
    assert data["error"]["message"]


def test_without_a_token_nothing_is_tried(release: ReleaseRuns, server: StandInReleases):
    del release.environ["GITHUB_TOKEN"]
    assert (release()[0], server.calls) == (2, [])
