"""`update` with real git, over stand-ins for nix, a registry of models and GitHub's API."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation import process
from support.fake_ports import FakePorts
from support.fake_workspaces import git
from support.stand_in_github_api import OWNER_REPO, answer
from support.stand_in_github_updates import BRANCH, StandInUpdates, stand_in_updates
from support.stand_in_model_registry import serving
from support.update_runs import NEW, OLD, PULL, TABLE, WORKFLOW, UpdateRuns, lock_of

FILES = [".github/workflow.toml", ".github/workflows/ci.yml", "flake.lock", "nix/models.lock.json"]


@pytest.fixture
def github() -> Iterator[StandInUpdates]:
    with stand_in_updates() as server:
        yield server


@pytest.fixture
def update(tmp_path: Path, github: StandInUpdates, monkeypatch: pytest.MonkeyPatch) -> Iterator[UpdateRuns]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving() as registry:
        yield UpdateRuns(tmp_path, github, registry)


def part(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(one) for one in answer["parts"] if one["name"] == name)


def moved(answer: dict[str, Any]) -> list[str]:
    return [one["name"] for each in answer["parts"] for one in each["moved"]]


def problems(answer: dict[str, Any]) -> list[str]:
    listed = [*answer["problems"], *(one for each in answer["parts"] for one in each["problems"])]
    return [one["text"] for one in listed]


def test_where_nothing_is_newer_nothing_is_written_or_sent(update, github):
    assert moved(update()) == []
    answer = update(*PULL)
    assert (answer["branch"], answer["pullRequest"], update.status()) == (None, None, "")
    assert github.writes() == []
    assert update.tip() is None


def test_all_that_is_newer_is_written_into_the_work_tree(update, github):
    update.make_newer()
    answer = update()
    assert moved(answer) == ["advisory-db", "alpha:1b", "actions/checkout"]
    assert sorted(answer["written"]) == FILES
    assert answer["written"][-1] == ".github/workflow.toml"  # until it is written, a rerun finds the same
    assert (update.folder / "flake.lock").read_bytes() == lock_of(NEW)
    assert part(answer, "inputs")["moved"][0]["url"].endswith(f"/rustsec/advisory-db/compare/{OLD}...{NEW}")
    assert (update.tip(), github.writes()) == (None, [])
    assert moved(update()) == []


def test_a_pin_moves_in_the_table_and_in_the_workflows_and_nothing_else_does(update):
    update.make_newer()
    update()
    table = (update.folder / ".github/workflow.toml").read_text()
    wanted = TABLE.replace('"v7.0.0" #', '"v7.1.0" #').replace(OLD, NEW).replace("node20", "node24")
    assert table == wanted.replace("2026-01-01", "2026-11-10", 1)
    assert tomllib.loads(table)["pin"][1]["version"] == "v1.2.0"
    workflow = (update.folder / ".github/workflows/ci.yml").read_text()
    assert workflow == WORKFLOW.replace(f"{OLD} # v7.0.0 to read", f"{NEW} # v7.1.0 to read")


def test_the_pipeline_that_is_called_stays_at_the_commit_of_the_lock(update):
    called = "owner/ci/.github/workflows/pipeline.yml"
    pin = f'\n[[pin]]\naction = "{called}"\nversion = "unstable-2026-01-01"\ncommit = "{OLD}"\n'
    table = update.folder / ".github/workflow.toml"
    table.write_text(f'[pipeline]\nworkflow = "{called}"\n\n{TABLE}{pin}seen = 2026-01-01\nusing = "workflow"\n')
    update.make_newer()
    answer = update()
    assert (problems(answer), moved(answer)[-1]) == ([], "actions/checkout")
    assert table.read_text().endswith(f'{pin}seen = 2026-01-01\nusing = "workflow"\n')


def test_a_dry_run_writes_and_sends_nothing(update, github):
    update.make_newer()
    answer = update("--dry-run")
    assert (len(moved(answer)), answer["written"], update.status()) == (3, [], "")
    answer = update(*PULL, "--dry-run")
    assert answer["branch"] == {"name": BRANCH, "commit": None, "isNew": True}
    assert answer["pullRequest"]["says"] == "would be opened"
    assert (update.tip(), update.status(), github.writes()) == (None, "", [])


def test_a_pull_request_has_all_that_is_newer_and_leaves_the_work_tree_alone(update, github):
    update.make_newer()
    before = git("for-each-ref", "refs/heads", cwd=update.folder)
    answer = update(*PULL)
    assert (update.changed(), update.status()) == (FILES, "")
    assert git("for-each-ref", "refs/heads", cwd=update.folder) == before
    assert answer["pullRequest"] == {"number": 7, "url": f"https://github.com/{OWNER_REPO}/pull/7", "says": "opened"}
    (pull,) = github.pulls
    assert pull["title"] == "Update flake inputs, models and actions"
    for text in ("advisory-db", "alpha:1b", "actions/checkout", "v7.0.0", "v7.1.0", f"compare/{OLD}...{NEW}"):
        assert text in pull["body"]
    message = git("log", "-1", "--format=%B", BRANCH, cwd=update.remote)
    assert "- actions/checkout: v7.0.0 -> v7.1.0" in message
    assert git("cat-file", "blob", f"{BRANCH}:flake.lock", cwd=update.remote) == lock_of(NEW).decode().strip()


def test_a_rerun_with_nothing_new_makes_no_commit_and_sends_nothing(update, github):
    update.make_newer()
    update(*PULL)
    tip, writes = update.tip(), github.writes()
    answer = update(*PULL)
    assert (answer["branch"]["isNew"], answer["pullRequest"]["says"]) == (False, "unchanged")
    assert (update.tip(), github.writes()) == (tip, writes)


def test_a_commit_on_main_that_touches_other_files_changes_nothing(update, github):
    update.make_newer()
    update(*PULL)
    tip = update.tip()
    (update.folder / "other").write_text("x")
    update.commit("something else")
    assert update(*PULL)["branch"]["isNew"] is False
    assert update.tip() == tip
    assert len(github.writes()) == 1


def test_a_commit_on_main_that_touches_the_same_file_renews_the_branch(update, github):
    update.make_newer()
    update(*PULL)
    (update.folder / "flake.lock").write_bytes(lock_of("e" * 40))
    update.commit("another lock")
    assert update(*PULL)["branch"]["isNew"] is True
    assert git("merge-base", "main", BRANCH, cwd=update.remote) == update.tip("main")
    assert update.changed() == FILES


def test_what_is_newer_still_renews_the_branch_and_the_pull_request(update, github):
    update.make_newer()
    update(*PULL)
    update.new_lock.write_bytes(lock_of("d" * 40))
    answer = update(*PULL)
    assert (answer["branch"]["isNew"], answer["pullRequest"]["says"]) == (True, "updated")
    assert [one["number"] for one in github.pulls] == [7]
    assert "d" * 12 in github.pulls[0]["body"]
    assert git("rev-list", "--count", f"main..{BRANCH}", cwd=update.remote) == "1"


def test_after_the_branch_is_merged_the_next_update_begins_anew(update, github):
    update.make_newer()
    update(*PULL)
    git("fetch", "--quiet", "origin", BRANCH, cwd=update.folder)
    git("merge", "--quiet", "FETCH_HEAD", cwd=update.folder)
    git("push", "--quiet", "origin", "HEAD:main", cwd=update.folder)
    github.pulls[0] |= {"state": "closed", "merged_at": "2026-11-28T10:00:00Z"}
    assert update(*PULL)["branch"] is None
    update.new_lock.write_bytes(lock_of("d" * 40))
    assert update(*PULL)["pullRequest"]["number"] == 8
    assert update.changed() == ["flake.lock"]


@pytest.mark.parametrize("whose", ["author", "committer"])
def test_a_branch_with_a_commit_of_somebody_else_is_left_alone(update, github, whose, tmp_path):
    update.make_newer()
    update(*PULL)
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--branch", BRANCH, str(update.remote), str(clone), cwd=tmp_path)
    words = ["--amend", "--no-edit"] if whose == "committer" else []
    git("commit", "--quiet", "--allow-empty", "--message", "mine", *words[:1], cwd=clone)
    git("push", "--quiet", "--force", "origin", BRANCH, cwd=clone)
    tip, writes = update.tip(), github.writes()
    update.new_lock.write_bytes(lock_of("d" * 40))
    answer = update(*PULL, code=1)
    assert f"has a commit of somebody else, {tip[:12]}" in problems(answer)[0]
    assert (update.tip(), github.writes()) == (tip, writes)


def test_a_branch_that_somebody_pushes_to_meanwhile_is_not_overwritten(update, tmp_path):
    update.make_newer()
    update(*PULL)
    tip = update.tip()
    update.new_lock.write_bytes(lock_of("d" * 40))
    other = git("commit-tree", "main^{tree}", "-p", tip, "-m", "mine", cwd=update.remote)
    counter = tmp_path / "counter"  # upload-pack serves main, then the branch: move it after that
    real = git("--exec-path", cwd=tmp_path)
    script = f'echo x >> {counter}; {real}/git-upload-pack "$@"; code=$?\n'
    script += (
        f"test $(wc -l < {counter}) -ne 4 || git -C {update.remote} update-ref refs/heads/{BRANCH} {other}\nexit $code"
    )
    program = tmp_path / "upload-pack"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    git("config", "remote.origin.uploadpack", str(program), cwd=update.folder)
    answer = update(*PULL, code=1)
    assert problems(answer) == [f"{BRANCH} of origin was changed meanwhile: run this again"]
    assert update.tip() == other


def test_a_token_that_may_not_change_workflows_still_proposes_the_rest(update, github):
    update.make_newer()
    refusal = "refusing to allow a GitHub App to create or update workflow 'ci.yml' without 'workflows' permission"
    changed = "case $(git diff --name-only main $new) in *workflows*)"
    update.hook("pre-receive", f'while read old new ref; do {changed} echo "{refusal}" >&2; exit 1; esac; done')
    answer = update(*PULL, code=0)
    assert update.changed() == ["flake.lock", "nix/models.lock.json"]
    assert "the actions were left out" in problems(answer)[0]
    assert "actions were left out" in github.pulls[0]["body"]
    assert github.pulls[0]["title"] == "Update flake inputs and models"
    writes = github.writes()
    assert update(*PULL, code=0)["branch"]["isNew"] is False
    assert github.writes() == writes


def test_inputs_that_cannot_be_had_cost_only_themselves(update):
    update.make_newer()
    update.new_lock.unlink()
    answer = update(code=3)
    assert moved(answer) == ["alpha:1b", "actions/checkout"]
    assert "unable to download" in part(answer, "inputs")["problems"][0]["text"]
    fake = FakePorts(update.folder, environ=update.environ)
    main(["update", "--dry-run"], replace(fake.ports, run=process.run))
    assert "Update: nothing is newer, of what could be asked" in fake.stdout.getvalue()


def test_a_registry_that_refuses_costs_only_the_model(update):
    update.make_newer()
    update.registry.manifests.clear()
    answer = update(code=3)
    assert moved(answer) == ["advisory-db", "actions/checkout"]
    assert part(answer, "models")["problems"][0]["text"].startswith("alpha:1b: ")


def test_an_action_whose_releases_are_refused_costs_only_itself(update, github):
    update.make_newer()
    github.add_release("owner/tool", "v1.3.0", "e" * 40, folder="sub/", using="node24")
    github.faults.append(("GET", "actions/checkout/releases", answer(403, {"message": "blocked"})))
    answered = update(code=3)
    assert moved(answered) == ["advisory-db", "alpha:1b", "owner/tool/sub"]
    assert problems(answered)[0].endswith("HTTP 403: blocked")
    assert 'using = "node24"' in (update.folder / ".github/workflow.toml").read_text()


def test_a_rate_limit_that_lasts_is_named_and_costs_only_the_actions(update, github):
    update.make_newer()
    limit = answer(
        403, {"message": "API rate limit exceeded"}, x_ratelimit_remaining="0", x_ratelimit_reset="1795870800"
    )
    github.faults.append(("GET", "actions/checkout/releases", limit))
    answered = update(code=3)
    assert moved(answered) == ["advisory-db", "alpha:1b"]
    (problem,) = problems(answered)
    assert problem.startswith("actions/checkout and those after it: ")
    assert problem.endswith("the rate limit is used up until 13:00 UTC")
    assert [one for one in github.sent if "owner/tool" in one] == []


@pytest.mark.parametrize(
    ("version", "changed", "reason"),
    [
        ("v7.1.0", {"published": "2026-11-24T10:00:00Z"}, "it is four days old"),
        ("v7.1.0", {"prerelease": True}, "a pre-release"),
        ("v7.1.0", {"draft": True}, "a draft"),
        ("v8.0.0", {}, "another major version"),
        ("v6.9.9", {}, "an older one"),
        ("bundle-v9.0.0", {}, "the tag of something else"),
    ],
)
def test_a_release_that_is_not_to_be_taken_is_left(update, github, version, changed, reason):
    github.add_release("actions/checkout", version, NEW, **changed)
    assert moved(update()) == [], reason


def test_the_newest_of_those_old_enough_is_taken_whatever_their_order(update, github):
    github.add_release("actions/checkout", "v7.10.0", NEW)
    github.add_release("actions/checkout", "v7.9.0", "d" * 40)
    github.add_release("actions/checkout", "v7.11.0", "e" * 40, published="2026-11-27T10:00:00Z")
    update()
    assert f"{NEW} # v7.10.0" in (update.folder / ".github/workflows/ci.yml").read_text()


def test_a_new_major_version_is_taken_if_it_is_wanted(update, github):
    github.add_release("actions/checkout", "v8.0.0", NEW)
    assert moved(update("--major")) == ["actions/checkout"]


def test_a_tag_that_is_no_longer_where_the_table_has_it_is_refused(update, github):
    github.add_release("actions/checkout", "v7.0.0", "d" * 40)
    answer = update(code=1)
    assert problems(answer) == [
        f"actions/checkout: the tag v7.0.0 was moved: it is at {'d' * 12} now, the table has {OLD[:12]}"
    ]


def test_a_commit_younger_than_its_release_is_refused(update, github):
    github.add_release("actions/checkout", "v7.1.0", NEW, committed="2026-11-20T10:00:00Z")
    answer = update(code=1)
    assert moved(answer) == []
    assert "younger than its release" in problems(answer)[0]


def test_a_pull_request_that_somebody_closed_stays_closed(update, github):
    update.make_newer()
    update(*PULL)
    github.pulls[0]["state"] = "closed"
    writes = github.writes()
    assert update(*PULL)["pullRequest"]["says"] == "closed by somebody: it stays so"
    assert github.writes() == writes
    update.new_lock.write_bytes(lock_of("d" * 40))
    assert update(*PULL)["pullRequest"]["number"] == 8


def test_a_text_that_somebody_edited_is_kept_until_something_is_newer(update, github):
    update.make_newer()
    update(*PULL)
    github.pulls[0]["body"] = "Careful!\n" + github.pulls[0]["body"]
    assert update(*PULL)["pullRequest"]["says"] == "unchanged"


def test_a_pull_request_of_a_fork_with_the_same_branch_is_not_ours(update, github):
    update.make_newer()
    foreign = github.add_pull(head={"ref": BRANCH, "sha": OLD, "repo": {"full_name": "nanna/another"}})
    assert update(*PULL)["pullRequest"]["number"] == 8
    assert foreign["body"] == ""


def test_two_runs_at_once_open_one_pull_request(update, github):
    update.make_newer()

    def lose(handler: Any) -> None:
        github.add_pull(body="the other's")
        refusal = {"message": "Validation Failed", "errors": [{"message": "A pull request already exists for x."}]}
        answer(422, refusal)(handler)

    github.faults.append(("POST", "pulls", lose))
    assert update(*PULL)["pullRequest"] == {
        "number": 7,
        "url": f"https://github.com/{OWNER_REPO}/pull/7",
        "says": "updated",
    }


def test_a_token_that_may_open_no_pull_request_says_what_it_needs(update, github):
    update.make_newer()
    blocked = {"message": "GitHub Actions is not permitted to create or approve pull requests."}
    github.faults.append(("POST", "pulls", answer(403, blocked)))
    error = update(*PULL, code=3)["error"]
    assert "not permitted to create" in error["message"]
    assert "pull-requests: write" in error["hint"]
    assert update(*PULL)["pullRequest"]["says"] == "opened"


def test_a_file_that_is_changed_here_is_not_proposed(update, github):
    update.make_newer()
    (update.folder / "flake.lock").write_bytes(lock_of("e" * 40))
    error = update(*PULL, code=2)["error"]
    assert error["message"] == "flake.lock is not as in the commit that is checked out"
    assert (update.tip(), github.writes()) == (None, [])


def test_what_is_checked_out_must_be_on_the_default_branch(update, github):
    update.make_newer()
    git("commit", "--quiet", "--allow-empty", "--message", "of a feature", cwd=update.folder)
    assert "which is not on main of origin" in update(*PULL, code=2)["error"]["message"]
    assert (update.tip(), github.writes()) == (None, [])


def test_a_shallow_clone_is_refused(update, tmp_path):
    update.make_newer()
    update.commit("another")
    clone = tmp_path / "shallow"
    git("clone", "--quiet", "--depth", "1", f"file://{update.remote}", str(clone), cwd=tmp_path)
    update.folder = clone
    assert update(*PULL, code=2)["error"]["hint"] == "actions/checkout: fetch-depth: 0"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--repository", "a/b"), "--repository is for the pull request"),
        (("--pull-request",), "--repository is missing"),
        (("--pull-request", "--repository", "x"), "--repository 'x' is not a repository"),
    ],
)
def test_words_that_do_not_fit_are_refused_before_anything_is_asked(update, github, words, says):
    assert update(*words, code=2)["error"]["message"] == says
    assert github.sent == []


def test_without_a_token_no_pull_request_is_tried(update, github):
    del update.environ["GITHUB_TOKEN"]
    assert update(*PULL, code=2)["error"]["message"] == "GITHUB_TOKEN is not set"
    assert github.sent == []


def test_a_folder_with_nothing_to_update_says_so(update):
    git("rm", "--quiet", "-r", "flake.nix", ".github", "nix", cwd=update.folder)
    (update.folder / "pipeline.toml").write_text('[workspace]\nname = "w"\n')
    answer = update()
    assert [one["note"] for one in answer["parts"]] == [
        "there is no flake.nix here",
        "pipeline.toml has no [[model]]",
        "there is no .github/workflow.toml here",
    ]


def test_the_models_are_those_of_the_work_tree_whatever_flake_the_command_is_from(update, tmp_path):
    update.make_newer()
    (tmp_path / "other.toml").write_text('[workspace]\nname = "w"\n')
    update.environ["NANNA_CI_CONFIG"] = str(tmp_path / "other.toml")
    assert part(update("--dry-run"), "models")["moved"] != []
    assert part(update("--dry-run", "--config", str(tmp_path / "other.toml")), "models")["moved"][0]["after"] is None


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize(
    ("name", "spoiled"),
    [
        ("flake.lock", "inputs"),
        ("nix/models.lock.json", "models"),
        (".github/workflow.toml", "actions"),
        (".github/workflows/ci.yml", "actions"),
    ],
)
def test_what_is_no_file_costs_only_the_part_that_reads_it(update, name, spoiled, put):
    update.make_newer()
    (update.folder / name).unlink()
    put(update.folder / name)
    answer = update("--dry-run", code=3)
    assert [one["name"] for one in answer["parts"] if one["problems"]] == [spoiled]
    assert [one["name"] for one in answer["parts"] if not one["moved"]] == [spoiled]
    assert f"{name}: cannot be read" in problems(answer)[0]
