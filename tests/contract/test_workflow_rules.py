"""`workflow check` over this repository finds nothing; and whatever rule our own files break, it names that rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.workflow.workflow_finding import WorkflowRule
from support.checked_workflows import ROOT, check_folder, copy_repository

CI = ".github/workflows/ci.yml"
POLICY = ".github/workflow.toml"
README = "README.md"
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
WITH = "        with:\n          persist-credentials: false\n"
RUNNERS = '["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15-intel", "macos-15", "windows-2025"]'
RUNS_ON = f"runs-on: ${{{{ contains(fromJSON('{RUNNERS}'), matrix.runner) && matrix.runner || 'ubuntu-24.04' }}}}"
STEP = "      - name: Fetch the tests' results\n"
R = WorkflowRule

# rule, file, what is there, what is put in its place
MUTATIONS = [
    (R.NO_DEFAULT_PERMISSIONS, CI, "permissions: {}", "permissions: write-all"),
    (R.NO_DEFAULT_PERMISSIONS, CI, "permissions: {}", "permissions: {contents: read}"),
    (R.NO_DEFAULT_PERMISSIONS, CI, "permissions: {}\n", ""),
    (
        R.JOB_PERMISSIONS,
        CI,
        "permissions:\n      contents: read # to check out the commands\n",
        "permissions: read-all\n",
    ),
    (R.JOB_PERMISSIONS, CI, "    permissions:\n      contents: read # to check out the commands\n", ""),
    (R.JOB_PERMISSIONS, CI, "contents: read # to check out the commands", "contents: admin # to check out"),
    (R.PERMISSION_REASON, CI, "contents: read # to check out the commands", "contents: read"),
    (
        R.WRITE_ON_PULL_REQUEST,
        CI,
        "    needs: ci-summary\n    if: github.event_name == 'push'\n",
        "    needs: ci-summary\n",
    ),
    (R.WRITE_ON_PULL_REQUEST, CI, "if: github.event_name == 'push'\n", "if: github.event_name == 'pull_request'\n"),
    (R.WRITE_ON_PULL_REQUEST, CI, "if: github.event_name == 'push'\n", "if: github.event_name == 'push' || true\n"),
    (R.DANGEROUS_TRIGGER, CI, "  pull_request:\n", "  pull_request_target:\n"),
    (R.FOREIGN_CHECKOUT, CI, "  pull_request:\n", "  pull_request:\n  workflow_run:\n"),
    (R.PERSISTED_CREDENTIALS, CI, WITH, ""),
    (R.PERSISTED_CREDENTIALS, CI, "persist-credentials: false", "persist-credentials: true"),
    (R.PERSISTED_CREDENTIALS, CI, "persist-credentials: false", "fetch-depth: 1"),
    (R.EXPRESSION_IN_SCRIPT, CI, 'nix run .#run-job -- "$JOB"', "nix run .#run-job -- ${{ github.head_ref }}"),
    (R.EXPRESSION_IN_SCRIPT, CI, 'tool dir --bin >> "$GITHUB_PATH"', "tool dir --bin >> ${{ runner.temp }}"),
    (R.TIME_LIMIT, CI, "    timeout-minutes: 45\n", ""),
    (R.TIME_LIMIT, CI, "timeout-minutes: 45", "timeout-minutes: 0"),
    (R.TIME_LIMIT, CI, "timeout-minutes: 45", "timeout-minutes: 361"),
    (R.CONCURRENCY, CI, "cancel-in-progress: ${{ github.event_name == 'pull_request' }}", "cancel-in-progress: true"),
    (R.CONCURRENCY, CI, "  group: ci-${{", "  group: ci # ${{"),
    (R.RUNNER_LIST, CI, "runs-on: ubuntu-24.04\n", "runs-on: self-hosted\n"),
    (R.RUNNER_LIST, CI, "runs-on: ubuntu-24.04\n", "runs-on: [self-hosted, ubuntu-24.04]\n"),
    (R.RUNNER_LIST, CI, RUNS_ON, "runs-on: ${{ matrix.runner }}"),
    (R.RUNNER_LIST, CI, RUNS_ON, RUNS_ON.replace("windows-2025", "self-hosted")),
    (R.RUNNER_REFUSAL, CI, "        run: exit 1\n", "        run: exit 0\n"),
    (R.RUNNER_REFUSAL, CI, "if: ${{ !contains(fromJSON(", "if: ${{ contains(fromJSON("),
    (R.SECRET_ENVIRONMENT, CI, "    environment: ${{ github.event_name == 'push' && 'binary-cache' || '' }}\n", ""),
    (R.SECRET_SCOPE, CI, "    strategy:\n", "    env:\n      T: ${{ secrets.CACHIX_AUTH_TOKEN }}\n    strategy:\n"),
    (R.SECRET_SCOPE, CI, "\njobs:\n", "\nenv:\n  T: ${{ secrets.CACHIX_AUTH_TOKEN }}\n\njobs:\n"),
    (R.SECRET_SCOPE, CI, "${{ secrets.CACHIX_AUTH_TOKEN }}", "${{ toJSON(secrets) }}"),
    (R.SECRET_SCOPE, CI, "${{ secrets.CACHIX_AUTH_TOKEN }}", "${{ secrets[matrix.id] }}"),
    (R.SECRET_SCOPE, CI, "    strategy:\n", "    secrets: inherit\n    strategy:\n"),
    (R.SECRET_ON_PULL_REQUEST, CI, "'nix' && github.event_name == 'push' }}", "'nix' }}"),
    (R.HIDDEN_FAILURE, CI, "continue-on-error: ${{ matrix.skippable }}", "continue-on-error: true"),
    (R.HIDDEN_FAILURE, CI, "run: .ci/run", "run: .ci/run\n        continue-on-error: ${{ always() }}"),
    (R.CACHE_BESIDE_WRITE, CI, STEP, f"      - uses: actions/cache@v6\n{STEP}"),
    (R.CACHE_BESIDE_WRITE, CI, STEP, f"      - uses: Swatinem/rust-cache@v2\n{STEP}"),
    (R.IMAGE_DIGEST, CI, "@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f", ""),
    (R.IMAGE_DIGEST, CI, "    container:\n", "    services:\n      web:\n        image: nginx:1\n    container:\n"),
    (R.PIN_COMMIT, CI, CHECKOUT, "actions/checkout@v7"),
    (R.PIN_COMMIT, CI, CHECKOUT, CHECKOUT.replace("3d3c42e5", "3d3c42e6")),
    (R.PIN_COMMIT, CI, CHECKOUT, "actions/checkout"),
    (R.PIN_COMMIT, CI, CHECKOUT, "someone/else@main"),
    (R.PIN_KNOWN, CI, "cachix/install-nix-action@", "cachix/install-nix-actions@"),
    (R.PIN_COMMENT, CI, CHECKOUT, CHECKOUT.partition(" #")[0]),
    (R.PIN_COMMENT, CI, CHECKOUT, CHECKOUT.replace("v7.0.1", "v7.0.2")),
    (R.PIN_COMMENT, POLICY, 'version = "v7.0.1"', 'version = "v7.0.3"'),
    (R.PIN_AGE, POLICY, "seen = 2026-08-31", "seen = 2026-11-22"),
    (R.PIN_AGE, POLICY, "seen = 2026-08-31", "seen = 2027-07-20"),
    (R.PIN_RUNTIME, POLICY, 'using = "node24"', 'using = "node20"'),
    (R.PIN_UNUSED, CI, "taiki-e/install-action@", "taiki-e/other-action@"),
    (R.COMMAND_LINE, CI, "nix run .#cache-push --", "nix run .#cache-pull --"),
    (R.COMMAND_LINE, CI, "--build-closure", "--build-closures"),
    (R.COMMAND_LINE, CI, "cache-analytics -- --format json", "cache-analytics -- --format yaml"),
    (R.COMMAND_LINE, CI, "-m nanna_ci cache-setup", "-m nanna_ci cache-set-up"),
    (R.COMMAND_LINE, CI, 'nanna-ci run-job "$JOB"', "nanna-ci run-job"),
    (R.COMMAND_LINE, CI, 'nanna-ci run-job "$JOB"', 'nanna-ci run-job "$JOB'),
    (R.EVENT, CI, "  merge_group:\n", ""),
    (R.MATRIX_KEY, CI, "matrix.triple", "matrix.target"),
    (R.MATRIX_KEY, CI, "if: matrix.route == 'cargo'", "if: matrix.route == 'host'"),
    (R.JOB_PLACE, CI, RUNS_ON, RUNS_ON.replace(', "windows-2025"', "")),
    (R.JOB_PLACE, CI, "JOB: ${{ matrix.id }}", "JOB: ${{ matrix.channel }}"),
    (R.JOB_PLACE, CI, "matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}", "matrix: ${{ fromJSON('{}') }}"),
    (R.JOB_PLACE, CI, "    needs: plan\n", "    needs: plan\n    if: github.event_name == 'push'\n"),
    (R.JOB_PLACE, CI, "-m nanna_ci plan", "-m nanna_ci metrics"),
    (R.SCAN_PLACE, CI, "!cancelled() && matrix.scan != ''", "!cancelled() && matrix.scan == ''"),
    (R.RESULT_KEPT, CI, "name: job-${{ matrix.id }}", "name: result-${{ matrix.id }}"),
    (R.RESULT_KEPT, CI, "Keep the result\n        if: always()", "Keep the result\n        if: success()"),
    (R.SUMMARY_ALWAYS, CI, "    if: always()\n    runs-on", "    if: ${{ !cancelled() }}\n    runs-on"),
    (R.SUMMARY_ALWAYS, CI, "    if: always()\n    runs-on", "    runs-on"),
    (R.SUMMARY_ALWAYS, CI, "every planned job\n        if: always()", "every planned job\n        if: success()"),
    (R.SUMMARY_ALWAYS, CI, "-m nanna_ci ci-summary", "-m nanna_ci report"),
    (R.SUMMARY_NEEDS, CI, "needs: [plan, jobs, pipeline-tests]", "needs: [plan, jobs]"),
    (R.SUMMARY_NEEDS, POLICY, '"cache-report", ', ""),
    (R.SUMMARY_NEEDS, POLICY, '"cache-report"', '"cache-reports"'),
    (R.SUMMARY_COMMAND, CI, "plan jobs pipeline-tests\n", "plan jobs\n"),
    (R.DOCUMENTED_JOB, README, "Require `ci-summary`", "Require `summary`"),
]


def test_this_repositorys_own_workflows_break_no_rule(tmp_path: Path) -> None:
    checked = check_folder(copy_repository(tmp_path))
    assert checked.places == []
    assert checked.code == 0


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, *_ in MUTATIONS} == set(WorkflowRule)


@pytest.mark.parametrize(("rule", "path", "right", "wrong"), MUTATIONS)
def test_a_broken_rule_is_named(rule: WorkflowRule, path: str, right: str, wrong: str, tmp_path: Path) -> None:
    file = copy_repository(tmp_path) / path
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, wrong))
    checked = check_folder(tmp_path)
    assert checked.code == 1, checked.error
    assert rule.value in checked.rules


def test_every_rule_is_documented_with_how_to_mend_it() -> None:
    page = (ROOT / "docs/workflow.md").read_text()
    assert [rule for rule in WorkflowRule if f"\n| `{rule.value}` |" not in page] == []
