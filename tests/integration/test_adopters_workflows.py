"""`workflow check` where another repository's pipeline is called: clean after `workflow init`, and each rule bites."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.workflow.workflow_finding import WorkflowRule
from support.checked_workflows import check_folder
from support.fake_adopters import COMMIT, NEXT_COMMIT, REPOSITORY, flake_lock, make_adopter, write_callers

CI = ".github/workflows/ci.yml"
POSTER = ".github/workflows/ci-post.yml"
TABLE = ".github/workflow.toml"
ACTION = ".github/actions/build/action.yml"
SECRET = "${{ secrets.CACHIX_AUTH_TOKEN }}"
PERMISSIONS = "permissions: {contents: write"
R = WorkflowRule

COMPOSITE = """\
name: Build
description: builds
runs:
  using: composite
  steps:
    - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
      with:
        persist-credentials: false
    - run: nix run .#plan -- --event push
      shell: bash
"""
PIN = """
[[pin]]
action = "actions/checkout"
version = "v7.0.1"
commit = "3d3c42e5aac5ba805825da76410c181273ba90b1"
seen = 2026-08-31
using = "node24"
"""


@pytest.fixture
def adopter(tmp_path: Path) -> Path:
    make_adopter(tmp_path)
    write_callers(tmp_path)
    return tmp_path


def test_a_young_pipeline_is_no_finding_since_it_runs_here_at_that_commit_already(tmp_path: Path) -> None:
    make_adopter(tmp_path, lastModified=1795824000)  # the day on which it is checked
    write_callers(tmp_path)
    assert "seen = 2026-11-28" in (tmp_path / TABLE).read_text()
    assert check_folder(tmp_path).places == []


@pytest.mark.parametrize(
    ("rule", "path", "right", "wrong"),
    [
        (R.PIPELINE_PIN, CI, f"pipeline.yml@{COMMIT}", f"pipeline.yml@{NEXT_COMMIT}"),
        (R.PIPELINE_PIN, POSTER, f"post.yml@{COMMIT}", f"post.yml@{NEXT_COMMIT}"),
        (R.PIPELINE_PIN, TABLE, COMMIT, NEXT_COMMIT),
        (R.PIPELINE_PIN, "flake.lock", COMMIT, NEXT_COMMIT),
        (R.PIPELINE_PIN, "flake.lock", '"owner": "DominicBurkart"', '"owner": "SomebodyElse"'),
        (R.PIPELINE_PIN, "flake.lock", '"type": "github"', '"type": "path"'),
        (R.PIPELINE_PIN, "flake.lock", f'"{COMMIT}"', '"2c71e19"'),
        (R.PIN_COMMIT, CI, f"@{COMMIT}", "@main"),
        (R.PIN_COMMENT, CI, "# unstable-2026-08-03", "# v1"),
        (R.PIN_UNUSED, POSTER, "post.yml@", "other.yml@"),
        (R.CALL_PERMISSIONS, CI, PERMISSIONS, "permissions: {contents: read"),
        (R.CALL_PERMISSIONS, CI, PERMISSIONS, "permissions: {contents: write, checks: write"),
        (R.CALL_PERMISSIONS, POSTER, "      issues: write", "      discussions: write"),
        (R.CALL_SECRETS, CI, f'{{CACHIX_AUTH_TOKEN: "{SECRET}"}}', "{}"),
        (R.CALL_SECRETS, CI, f'"{SECRET}"', '"${{ secrets.OTHER }}"'),
        (R.CALL_SECRETS, CI, f'"{SECRET}"', f'"{SECRET}", OTHER: "${{{{ secrets.OTHER }}}}"'),
        (R.SECRET_SCOPE, CI, f'{{CACHIX_AUTH_TOKEN: "{SECRET}"}}', "inherit"),
        (R.CALL_INPUTS, CI, "    secrets:", "    with: {workspace: x}\n    secrets:"),
        (R.EVENT, CI, "merge_group: {}", "create: {}"),
        (R.EVENT, CI, 'schedule: [{cron: "17 3 * * *"}]', "create: {}"),
        (R.EVENT, CI, ', tags: ["v*"]', ""),
        (R.EVENT, CI, "pull_request: {}", "pull_request: {paths: [src]}"),
        (R.EVENT, CI, "name: CI", "name: Tests"),
        (R.JOB_PLACE, TABLE, "[pipeline]\nworkflow", "# workflow"),
        (R.NO_DEFAULT_PERMISSIONS, CI, "permissions: {}\n", ""),
        (R.JOB_PERMISSIONS, CI, PERMISSIONS, "permissions: {contents: admin"),
        (R.PERMISSION_REASON, CI, "# to publish", ""),
        (R.CONCURRENCY, CI, "{group:", "{groups:"),
        (R.DANGEROUS_TRIGGER, CI, "pull_request: {}", "pull_request_target: {}"),
    ],
)
def test_a_broken_rule_is_named(adopter: Path, rule: WorkflowRule, path: str, right: str, wrong: str) -> None:
    file = adopter / path
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, wrong))
    assert rule.value in check_folder(adopter).rules


def test_without_a_lock_nobody_knows_which_pipeline_runs(adopter: Path) -> None:
    (adopter / "flake.lock").unlink()
    checked = check_folder(adopter)
    assert checked.places == [f"{TABLE}:1: pipeline-pin"]
    assert "there is no flake.lock" in checked.findings[0]["says"]


def test_after_an_update_of_the_lock_fix_takes_its_commit_over_everywhere(adopter: Path) -> None:
    (adopter / "flake.lock").write_text(flake_lock(rev=NEXT_COMMIT, lastModified=1795824000))
    broken = check_folder(adopter)
    assert (broken.rules, {one["isFixable"] for one in broken.findings}) == ({"pipeline-pin"}, {True})
    texts = {path: (adopter / path).read_text() for path in (CI, POSTER, TABLE)}
    tried = check_folder(adopter, "--fix", "--dry-run")
    assert (tried.code, sorted(one["path"] for one in tried.answer["changes"])) == (1, [TABLE, POSTER, CI])
    assert {path: (adopter / path).read_text() for path in texts} == texts
    assert check_folder(adopter, "--fix").places == []
    for path, text in texts.items():
        expected = text.replace(COMMIT, NEXT_COMMIT).replace("2026-08-03", "2026-11-28")
        assert (adopter / path).read_text() == expected


def test_fix_leaves_other_pins_and_the_tables_own_form_alone(adopter: Path) -> None:
    table = adopter / TABLE
    table.write_text(table.read_text().replace("version = ", "version   =   ", 1) + PIN)
    (adopter / "flake.lock").write_text(flake_lock(rev=NEXT_COMMIT))
    assert check_folder(adopter, "--fix").rules == {"pin-unused"}
    assert 'version   =   "unstable-2026-08-03"' in table.read_text()
    assert table.read_text().endswith(PIN)


def test_one_file_is_mended_only_as_far_as_the_table_goes(adopter: Path) -> None:
    (adopter / "flake.lock").write_text(flake_lock(rev=NEXT_COMMIT))
    checked = check_folder(adopter, "--fix", "--file", CI)
    assert (checked.rules, checked.answer["changes"]) == ({"pipeline-pin"}, [])


def test_the_steps_of_a_composite_action_keep_to_the_rules_too(adopter: Path) -> None:
    (adopter / ACTION).parent.mkdir(parents=True)
    (adopter / ACTION).write_text(COMPOSITE)
    (adopter / TABLE).write_text((adopter / TABLE).read_text() + PIN)
    assert check_folder(adopter).places == []


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        (R.EXPRESSION_IN_SCRIPT, "--event push", "--event ${{ inputs.event }}"),
        (R.HIDDEN_FAILURE, "--event push", "--event push || true"),
        (R.HIDDEN_FAILURE, "shell: bash", "shell: bash {0}"),
        (R.HIDDEN_FAILURE, "shell: bash", "shell: bash\n      continue-on-error: true"),
        (R.PERSISTED_CREDENTIALS, "persist-credentials: false", "fetch-depth: 1"),
        (R.PIN_COMMIT, "3d3c42e5", "3d3c42e6"),
        (R.PIN_COMMENT, " # v7.0.1", ""),
        (R.PIN_KNOWN, "actions/checkout", "actions/check-out"),
        (R.COMMAND_LINE, "--event push", "--events push"),
        (R.CALL_TARGET, "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "./elsewhere"),
    ],
)
def test_a_rule_that_a_composite_action_breaks_is_named(
    adopter: Path, rule: WorkflowRule, right: str, wrong: str
) -> None:
    (adopter / ACTION).parent.mkdir(parents=True)
    assert right in COMPOSITE
    (adopter / ACTION).write_text(COMPOSITE.replace(right, wrong))
    (adopter / TABLE).write_text((adopter / TABLE).read_text() + PIN)
    found = [one for one in check_folder(adopter).findings if one["path"] == ACTION]
    assert rule.value in {one["rule"] for one in found}


def test_an_action_that_is_no_composite_one_has_no_steps_to_look_at(adopter: Path) -> None:
    (adopter / ACTION).parent.mkdir(parents=True)
    (adopter / ACTION).write_text("name: x\nruns:\n  using: node24\n  main: x.js\n")
    assert check_folder(adopter).places == []
    (adopter / ACTION).write_text("name: x\n")
    assert (check_folder(adopter).code, check_folder(adopter).error) == (4, f"{ACTION}: runs is missing")


def test_the_template_of_a_copy_names_what_to_do(tmp_path: Path) -> None:
    make_adopter(tmp_path)
    write_callers(tmp_path)
    (tmp_path / "flake.lock").write_text(flake_lock(owner="SomebodyElse"))
    checked = check_folder(tmp_path)
    assert checked.places == [f"{TABLE}:1: pipeline-pin"]
    assert f"flake.lock has no input of {REPOSITORY}" in checked.findings[0]["says"]
    assert "workflow init --force" in checked.findings[0]["fix"]
