"""`ci --rehearse EVENT` on small repositories: what ran, what was left out, what is refused, and the exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nanna_ci
from nanna_ci.binaries import targets
from nanna_ci.cli import main
from nanna_ci.report.github import change_of
from support.fake_ports import FakePorts
from support.rehearsed_repositories import CHECKOUT, DOWNLOAD, EVERY_EVENT, UPLOAD, RehearsedFolder

CI = f"""\
name: CI
{EVERY_EVENT}permissions: {{}}
jobs:
  call:
    name: pipeline
    permissions: {{contents: read}}
    uses: $/.github/workflows/pipeline.yml
    with: {{greeting: hello}}
"""
PIPELINE = f"""\
on:
  workflow_call:
    inputs: {{greeting: {{type: string, required: true}}}}
permissions: {{}}
defaults: {{run: {{shell: bash}}}}
jobs:
  plan:
    runs-on: ubuntu-24.04
    permissions: {{contents: read}}
    outputs: {{matrix: "${{{{ steps.plan.outputs.matrix }}}}"}}
    steps:
      - uses: {CHECKOUT}
        with: {{persist-credentials: false}}
      - id: plan
        run: |
          [[ $(cat README.md) == two ]]
          here='"runner":"ubuntu-24.04"'
          echo "matrix={{'include':[{{'id':'a',$here}},{{'id':'c',$here}},$OTHER]}}" | tr "'" '"' >> "$GITHUB_OUTPUT"
          echo '# Planned' >> "$GITHUB_STEP_SUMMARY"
        env: {{OTHER: '{{"id":"b","runner":"macos-15"}}'}}
  run:
    needs: plan
    name: ${{{{ matrix.id }}}}
    runs-on: ${{{{ matrix.runner }}}}
    strategy: {{matrix: "${{{{ fromJSON(needs.plan.outputs.matrix) }}}}"}}
    steps:
      - run: echo "$TEXT" > text
        env: {{TEXT: "${{{{ inputs.greeting }}}} ${{{{ matrix.id }}}}"}}
      - uses: {UPLOAD}
        with: {{name: "text-${{{{ matrix.id }}}}", path: text}}
  box:
    runs-on: ubuntu-24.04
    container: debian
    steps: [{{run: exit 1}}]
  ci-summary:
    needs: [plan, run, box]
    if: always()
    runs-on: ubuntu-24.04
    steps:
      - uses: {DOWNLOAD}
        with: {{pattern: text-*, path: results}}
      - run: cat results/*/text; echo "$NEEDS"; [[ $NEEDS != *failure* ]]
        env: {{NEEDS: "${{{{ toJSON(needs) }}}}"}}
"""
ENVIRONMENT = f"""\
{EVERY_EVENT}jobs:
  a:
    runs-on: ubuntu-24.04
    steps:
      - run: |
          cp "$GITHUB_EVENT_PATH" event.json
          env -0 > variables
          echo "secret=$SECRET" > values
        env: {{SECRET: "${{{{ secrets.SECRET }}}}"}}
      - uses: {UPLOAD}
        with: {{name: seen, path: "*"}}
"""
STEPS = "    runs-on: ubuntu-24.04\n    steps: [{run: 'true'}]\n"


@pytest.fixture(autouse=True)
def a_linux_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "host_system", lambda platform, machine: targets.System.X86_64_LINUX)


def workflow(body: str, on: str = "push") -> str:
    return f"on: {on}\njobs:\n  a:\n{body}"


def test_a_called_workflow_runs_with_its_matrix_artifacts_and_needs(tmp_path: Path) -> None:
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": CI, "pipeline.yml": PIPELINE})
    refs = folder.git("for-each-ref")
    ran = folder.rehearse("push")
    assert (ran.code, ran.answer["verdict"]) == (0, "pass")
    assert ran.results == {
        "pipeline / plan": "success",
        "pipeline / a": "success",
        "pipeline / c": "success",
        "pipeline / box": "unavailable",
        "pipeline / ci-summary": "success",
    }
    assert [one["name"] for one in ran.answer["unavailable"]] == ["b"]
    log = ran.job_log("pipeline / ci-summary")
    assert "hello a\nhello c\n" in log
    assert '"box"' not in log
    assert "# Planned" in (ran.folder / "summary.md").read_text()
    assert json.loads((ran.folder / "result.json").read_text()) == ran.answer
    assert ran.uploaded("text-a", "text") == "hello a\n"
    assert folder.git("for-each-ref") == refs
    assert folder.git("status", "--porcelain") == ""


def test_the_report_names_jobs_what_was_left_out_and_what_differs(tmp_path: Path) -> None:
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": CI, "pipeline.yml": PIPELINE})
    (folder.folder / "new.txt").write_text("not committed")
    process = subprocess.run(
        [sys.executable, "-m", "nanna_ci", "ci", "--rehearse", "push"],
        cwd=folder.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(nanna_ci.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert "rehearsing a push of " in process.stderr
    assert "pipeline / plan: success after " in process.stderr
    for text in ("pipeline / ci-summary", "b: runs on macos-15", "What differs from GitHub", "'new.txt'"):
        assert text in process.stdout


EVENTS = {
    "push": ("push", "refs/heads/main", False),
    "pull_request": ("pull_request", "refs/pull/1/merge", False),
    "fork": ("pull_request", "refs/pull/1/merge", True),
    "merge_group": ("merge_group", "refs/heads/gh-readonly-queue/main/pr-1-", False),
    "tag": ("push", "refs/tags/v1.2.3", False),
    "nightly": ("schedule", "refs/heads/main", False),
    "release": ("release", "refs/tags/v1.2.3", False),
}


@pytest.mark.parametrize("event", EVENTS)
def test_steps_see_the_event_as_github_would_give_it(tmp_path: Path, event: str) -> None:
    name, ref, is_fork = EVENTS[event]
    folder = RehearsedFolder(
        tmp_path / "mine", {"ci.yml": ENVIRONMENT}, Cargo_toml='[workspace.package]\nversion = "1.2.3"\n'
    )
    folder.git("remote", "add", "origin", "git@github.com:me/mine.git")
    head, before = folder.git("rev-parse", "HEAD"), folder.git("rev-parse", "HEAD~1")
    stand_ins = tmp_path / "stand-ins.toml"
    stand_ins.write_text('[secrets]\nSECRET = "not-so-secret-value"\n')
    ran = folder.rehearse(event, "--stand-ins", str(stand_ins))
    assert ran.code == 0
    seen = dict(line.split("=", 1) for line in ran.uploaded("seen", "variables").split("\0") if line)
    assert (seen["GITHUB_EVENT_NAME"], seen["GITHUB_REPOSITORY"]) == (name, "me/mine")
    assert seen["GITHUB_REF"].startswith(ref)
    assert (seen["GITHUB_SHA"] == head) is (name in {"push", "schedule", "release"})
    assert seen["GITHUB_API_URL"] == "http://127.0.0.1:9"
    payload = tmp_path / "event.json"
    payload.write_text(ran.uploaded("seen", "event.json"))
    change = change_of({**seen, "GITHUB_EVENT_PATH": str(payload)})
    assert change is not None
    assert (change.is_fork, change.pull_request) == (is_fork, 1 if name == "pull_request" else None)
    if name == "pull_request":
        branch = "rehearsed-fork:rehearsal" if is_fork else "rehearsal"
        assert (change.commit, change.branch, change.base_branch) == (head, branch, "main")
        assert folder.git("-C", str(ran.folder / "repository.git"), "rev-parse", f"{seen['GITHUB_SHA']}^1") == before
    if event == "release":
        assert json.loads(payload.read_text())["release"]["tag_name"] == "v1.2.3"
    if event == "nightly":
        assert json.loads(payload.read_text())["schedule"] == "17 3 * * *"
    expected = "secret=\n" if is_fork else "secret=not-so-secret-value\n"
    assert ran.uploaded("seen", "values") == expected
    assert folder.git("tag") == ""


@pytest.mark.parametrize(("event", "result"), [("pull_request", "success"), ("fork", "failure")])
def test_the_token_of_a_fork_has_no_permission_to_write(tmp_path: Path, event: str, result: str) -> None:
    body = """\
    runs-on: ubuntu-24.04
    permissions: {id-token: write, attestations: write}
    steps:
      - run: echo x > file
      - uses: actions/attest@1e69f48acb82d1966a394da916b4c1698aa569d6
        with: {subject-path: file}
"""
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": workflow(body, "pull_request")})
    assert folder.rehearse(event).results == {"a": result}


def test_the_end_of_a_workflow_starts_the_one_that_waits_for_it(tmp_path: Path) -> None:
    post = (
        "name: Post\non: {workflow_run: {workflows: [CI]}}\njobs:\n  post:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - run: echo ${{ github.event.workflow_run.conclusion }} ${{ github.event.workflow_run.head_branch }}\n"
    )
    failing = "name: CI\n" + workflow(STEPS.replace("'true'", "'false'"), "[push, pull_request]")
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": failing, "post.yml": post})
    ran = folder.rehearse("pull_request")
    assert (ran.code, ran.results) == (1, {"a": "failure", "post": "success"})
    assert ran.job_log("post").rstrip().endswith("failure rehearsal")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (f"    snapshot: x\n{STEPS}", ".github/workflows/ci.yml:4: job a has the key 'snapshot'"),
        ("    runs-on: ubuntu-24.04\n    steps: [{uses: them/theirs@v1}]\n", "them/theirs"),
        ("    runs-on: ubuntu-24.04\n    steps: [{run: x, sleep: 3}]\n", "sleep"),
        ("    runs-on: ubuntu-24.04\n    steps: [{run: 'echo ${{ github.ref'}]\n", "github.ref"),
        ("    uses: them/theirs/.github/workflows/x.yml@v1\n", "workflows of them/theirs are not on this machine"),
    ],
)
def test_what_is_not_known_is_refused_before_anything_runs(tmp_path: Path, body: str, problem: str) -> None:
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": workflow(body), "first.yml": workflow(STEPS)})
    ran = folder.rehearse("push")
    assert ran.code == (3 if "not on this machine" in problem else 4)
    assert problem in ran.error
    assert not list(folder.folder.glob(".nanna-ci/rehearsals/*/jobs"))


def test_what_follows_a_workflow_is_read_before_it_runs(tmp_path: Path) -> None:
    post = f"on: {{workflow_run: {{workflows: [CI]}}}}\njobs:\n  post:\n    snapshot: x\n{STEPS}"
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": f"name: CI\n{workflow(STEPS)}", "post.yml": post})
    ran = folder.rehearse("push")
    assert (ran.code, "post.yml:4: job post has the key 'snapshot'" in ran.error) == (4, True)
    assert not list(folder.folder.glob(".nanna-ci/rehearsals/*/jobs"))


def test_strict_counts_what_another_machine_would_run(tmp_path: Path) -> None:
    both = workflow(STEPS) + "  b:\n" + STEPS.replace("ubuntu-24.04", "macos-15")
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": both})
    assert folder.rehearse("push").code == 0
    strict = folder.rehearse("push", "--strict")
    assert (strict.code, strict.answer["verdict"]) == (1, "fail")


def test_without_a_workflow_or_a_machine_there_is_no_pass(tmp_path: Path) -> None:
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": workflow(STEPS.replace("ubuntu-24.04", "macos-15"))})
    assert folder.rehearse("push").code == 3
    nothing = folder.rehearse("nightly")
    assert (nothing.code, nothing.answer["workflows"]) == (3, [])
    assert nothing.answer["summary"].startswith("unavailable: no workflow starts on the schedule")


def test_a_folder_without_a_commit_and_a_change_with_conflicts_are_refused(
    tmp_path: Path, fake_ports: FakePorts
) -> None:
    empty = RehearsedFolder(tmp_path / "mine", {"ci.yml": workflow(STEPS, "pull_request")})
    empty.git("checkout", "--quiet", "-b", "topic", "HEAD~1")
    (empty.folder / "README.md").write_text("three\n")
    empty.commit("Other")
    conflict = empty.rehearse("pull_request")
    assert (conflict.code, conflict.error) == (
        2,
        "HEAD and main have conflicts: GitHub starts no workflow for such a pull request",
    )
    (tmp_path / "bare").mkdir()
    bare = RehearsedFolder.__new__(RehearsedFolder)
    bare.folder = tmp_path / "bare"
    assert bare.rehearse("push", GIT_CEILING_DIRECTORIES=str(tmp_path)).code == 2
    assert main(["ci", "--stand-ins", "x.toml"], fake_ports.ports) == 2
    assert main(["ci", "--event", "push", "--rehearse", "push"], fake_ports.ports) == 2


def test_workflows_of_another_repository_come_from_the_flake_that_brought_us(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / ".github" / "workflows").mkdir(parents=True)
    (source / "tool").write_text("from the source\n")
    commit = "c" * 40
    called = f"""\
on: workflow_call
permissions: {{}}
jobs:
  b:
    runs-on: ubuntu-24.04
    permissions: {{contents: read}}
    steps:
      - uses: {CHECKOUT}
        with:
          repository: ${{{{ job.workflow_repository }}}}
          ref: ${{{{ job.workflow_sha }}}}
          path: .tools
          persist-credentials: false
      - run: cat .tools/tool; echo "${{{{ job.workflow_ref }}}}"
"""
    (source / ".github" / "workflows" / "x.yml").write_text(called)
    folder = RehearsedFolder(
        tmp_path / "mine", {"ci.yml": workflow(f"    uses: them/theirs/.github/workflows/x.yml@{commit}\n")}
    )
    ran = folder.rehearse("push", NANNA_CI_WORKFLOW_SOURCE=str(source))
    assert ran.results == {"a / b": "success"}
    log = ran.job_log("a / b")
    assert "from the source" in log
    assert f"them/theirs/.github/workflows/x.yml@{commit}" in log


def test_git_pushes_into_the_clone_and_nowhere_else(tmp_path: Path) -> None:
    steps = f"""\
    runs-on: ubuntu-24.04
    steps:
      - uses: {CHECKOUT}
        with: {{persist-credentials: false}}
      - run: git push --quiet origin HEAD:refs/heads/history
      - run: git fetch --quiet origin kept && git log -1 --format=%s FETCH_HEAD
      - run: git push https://github.com/me/other HEAD:refs/heads/history 2>&1
"""
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": workflow(steps)})
    folder.git("remote", "add", "origin", "https://github.com/me/mine.git")
    head = folder.git("rev-parse", "HEAD")
    folder.git("update-ref", "refs/remotes/origin/kept", "HEAD~1")
    ran = folder.rehearse("push")
    assert [step["conclusion"] for step in ran.job("a")["steps"]][:4] == ["success", "success", "success", "failure"]
    assert "\nFirst\n" in ran.job_log("a")
    assert "/nonexistent/a-rehearsal-pushes-nothing/" in ran.job_log("a")
    assert folder.git("-C", str(ran.folder / "repository.git"), "rev-parse", "history") == head
    assert "history" not in folder.git("for-each-ref")


def test_uncommitted_changes_are_named_and_not_rehearsed(tmp_path: Path) -> None:
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": workflow(STEPS)})
    folder.write({"ci.yml": "not a workflow"})
    ran = folder.rehearse("push")
    assert (ran.code, ran.answer["uncommitted"]) == (0, [".github/workflows/ci.yml"])
    assert "warning: not rehearsed, because it is not committed: '.github/workflows/ci.yml'" in ran.log


def test_a_signal_ends_all_jobs_and_keeps_the_folder(tmp_path: Path) -> None:
    slow = workflow("    runs-on: ubuntu-24.04\n    steps: [{run: 'echo $$ > /PLACE/pid; sleep 100'}]\n")
    slow = slow.replace("/PLACE", str(tmp_path)) + f"  b:\n    needs: a\n{STEPS}"
    folder = RehearsedFolder(tmp_path / "mine", {"ci.yml": slow})
    process = subprocess.Popen(
        [sys.executable, "-m", "nanna_ci", "ci", "--rehearse", "push"],
        cwd=folder.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(nanna_ci.__file__).parents[1])},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline, "the step did not begin"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted, partial: 2 cancelled" in said
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    [result] = folder.folder.glob(".nanna-ci/rehearsals/*/result.json")
    assert json.loads(result.read_text())["interrupted"] is True
