"""`workflow check` over this repository finds nothing; and whatever rule our own files break, it names that rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.workflow.workflow_finding import WorkflowRule
from support.checked_workflows import ROOT, check_folder, copy_repository

CI = ".github/workflows/ci.yml"
POSTER = ".github/workflows/ci-post.yml"
PIPELINE = ".github/workflows/pipeline.yml"
POST = ".github/workflows/post.yml"
JOBS = ".github/workflows/run-jobs.yml"
POLICY = ".github/workflow.toml"
README = "README.md"
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
WITH = "        with:\n          persist-credentials: false\n"
RUNNERS = '["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15-intel", "macos-15", "windows-2025"]'
RUNS_ON = f"runs-on: ${{{{ contains(fromJSON('{RUNNERS}'), matrix.runner) && matrix.runner || 'ubuntu-24.04' }}}}"
STEP = "      - name: Fetch the tests' results\n"
COMMANDS = "contents: read # to check out the repository and this workflow's own source\n    steps:"
SUMMARY = "if: ${{ always() && github.event_name != 'release' }}"
MATRIX = "matrix: ${{ needs.plan.outputs.build_matrix }}"
HAND_ON = "build_matrix: ${{ steps.plan.outputs.build_matrix }}"
NEEDS = "needs: [plan, test-matrix, build-matrix, build-containers, pipeline-tests, scan-newest-advisories, benchmark]"
POSTS = "if: github.event.workflow_run.event == 'pull_request' || github.event.workflow_run.event == 'push'"
SOURCE = "ref: ${{ job.workflow_sha }}"
SECRET = "secrets: {CACHIX_AUTH_TOKEN: "
CALL = "uses: $/.github/workflows/pipeline.yml"
R = WorkflowRule

# rule, file, what is there, what is put in its place
MUTATIONS = [
    (R.NO_DEFAULT_PERMISSIONS, PIPELINE, "permissions: {}", "permissions: write-all"),
    (R.NO_DEFAULT_PERMISSIONS, CI, "permissions: {}", "permissions: {contents: read}"),
    (R.NO_DEFAULT_PERMISSIONS, JOBS, "permissions: {}\n", ""),
    (R.JOB_PERMISSIONS, PIPELINE, f"permissions:\n      {COMMANDS}", "permissions: read-all\n    steps:"),
    (R.JOB_PERMISSIONS, PIPELINE, f"    permissions:\n      {COMMANDS}", "    steps:"),
    (R.JOB_PERMISSIONS, PIPELINE, COMMANDS, COMMANDS.replace("read", "admin", 1)),
    (R.PERMISSION_REASON, PIPELINE, COMMANDS, "contents: read\n    steps:"),
    (R.PERMISSION_REASON, CI, "actions: read, # what is published", "actions: read,"),
    (R.WRITE_ON_PULL_REQUEST, PIPELINE, "    if: github.event_name == 'schedule'\n", ""),
    (
        R.WRITE_ON_PULL_REQUEST,
        PIPELINE,
        "if: github.event_name == 'schedule'",
        "if: github.event_name == 'pull_request'",
    ),
    (
        R.WRITE_ON_PULL_REQUEST,
        PIPELINE,
        "if: github.event_name == 'schedule'",
        "if: github.event_name == 'schedule' || true",
    ),
    (R.WRITE_ON_PULL_REQUEST, POST, POSTS, f"{POSTS} || always()"),
    (R.DANGEROUS_TRIGGER, CI, "pull_request: {}", "pull_request_target: {}"),
    (R.FOREIGN_CHECKOUT, CI, "pull_request: {}", "pull_request: {}, issue_comment: {}"),
    (R.FOREIGN_CHECKOUT, POST, SOURCE, "ref: ${{ github.event.workflow_run.head_sha }}"),
    (R.FOREIGN_CHECKOUT, POST, "run: nix run", "run: gh pr checkout 1 && nix run"),
    (R.PERSISTED_CREDENTIALS, PIPELINE, WITH, ""),
    (R.PERSISTED_CREDENTIALS, JOBS, "persist-credentials: false", "persist-credentials: true"),
    (R.PERSISTED_CREDENTIALS, POST, "persist-credentials: false", "fetch-depth: 1"),
    (R.EXPRESSION_IN_SCRIPT, JOBS, 'nix run .#run-job -- "$JOB"', "nix run .#run-job -- ${{ github.head_ref }}"),
    (R.EXPRESSION_IN_SCRIPT, JOBS, '"$TOOLS" >> "$GITHUB_PATH"', '"$TOOLS" >> ${{ runner.temp }}'),
    (R.MODULE_PATH, PIPELINE, "python3 -P -m nanna_ci plan", "python3 -m nanna_ci plan"),
    (R.MODULE_PATH, JOBS, "python -P -m nanna_ci run-job", "python -B -m nanna_ci run-job"),
    (R.TIME_LIMIT, JOBS, "    timeout-minutes: 45\n", ""),
    (R.TIME_LIMIT, JOBS, "timeout-minutes: 45", "timeout-minutes: 0"),
    (R.TIME_LIMIT, PIPELINE, "timeout-minutes: 45", "timeout-minutes: 361"),
    (
        R.CONCURRENCY,
        CI,
        "cancel-in-progress: \"${{ github.event_name == 'pull_request' }}\"",
        "cancel-in-progress: true",
    ),
    (R.CONCURRENCY, CI, '{group: "ci-${{', '{group: "ci-", x: "${{'),
    (R.RUNNER_LIST, PIPELINE, "runs-on: ubuntu-24.04\n", "runs-on: self-hosted\n"),
    (R.RUNNER_LIST, POST, "runs-on: ubuntu-24.04\n", "runs-on: [self-hosted, ubuntu-24.04]\n"),
    (R.RUNNER_LIST, JOBS, RUNS_ON, "runs-on: ${{ matrix.runner }}"),
    (R.RUNNER_LIST, JOBS, RUNS_ON, RUNS_ON.replace("windows-2025", "self-hosted")),
    (R.RUNNER_REFUSAL, JOBS, "        run: exit 1\n", "        run: exit 0\n"),
    (R.RUNNER_REFUSAL, JOBS, "if: ${{ !contains(fromJSON(", "if: ${{ contains(fromJSON("),
    (R.SECRET_ENVIRONMENT, JOBS, "    environment: ${{", "    name2: ${{"),
    (R.SECRET_SCOPE, JOBS, "    strategy:\n", "    env:\n      T: ${{ secrets.CACHIX_AUTH_TOKEN }}\n    strategy:\n"),
    (R.SECRET_SCOPE, PIPELINE, "\njobs:\n", "\nenv:\n  T: ${{ secrets.CACHIX_AUTH_TOKEN }}\n\njobs:\n"),
    (R.SECRET_SCOPE, JOBS, "${{ secrets.CACHIX_AUTH_TOKEN }}", "${{ toJSON(secrets) }}"),
    (R.SECRET_SCOPE, JOBS, "${{ secrets.CACHIX_AUTH_TOKEN }}", "${{ secrets[matrix.id] }}"),
    (R.SECRET_SCOPE, CI, 'secrets: {CACHIX_AUTH_TOKEN: "${{ secrets.CACHIX_AUTH_TOKEN }}"}', "secrets: inherit"),
    (R.SECRET_ON_PULL_REQUEST, JOBS, "'nix' && github.event_name == 'push' && ", "'nix' && "),
    (R.HIDDEN_FAILURE, JOBS, "continue-on-error: ${{ matrix.skippable }}", "continue-on-error: true"),
    (R.HIDDEN_FAILURE, PIPELINE, "run: .ci/run", "run: .ci/run\n        continue-on-error: ${{ always() }}"),
    (R.HIDDEN_FAILURE, PIPELINE, "run: .ci/run", "run: .ci/run || true"),
    (R.HIDDEN_FAILURE, PIPELINE, "run: .ci/run", 'run: .ci/run||exit 0; echo "|| no"'),
    (R.HIDDEN_FAILURE, PIPELINE, "run: .ci/run", "run: |\n          set +e\n          .ci/run"),
    (R.HIDDEN_FAILURE, PIPELINE, "run: .ci/run", "run: set +o errexit; .ci/run"),
    (R.HIDDEN_FAILURE, PIPELINE, "run: .ci/run", "run: .ci/run\n        shell: bash {0}"),
    (R.HIDDEN_FAILURE, JOBS, "    shell: bash\n", "    shell: bash -u {0}\n"),
    (R.CACHE_BESIDE_WRITE, PIPELINE, STEP, f"      - uses: actions/cache@v6\n{STEP}"),
    (R.CACHE_BESIDE_WRITE, PIPELINE, STEP, f"      - uses: Swatinem/rust-cache@v2\n{STEP}"),
    (R.IMAGE_DIGEST, PIPELINE, "@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f", ""),
    (
        R.IMAGE_DIGEST,
        PIPELINE,
        "    container:\n",
        "    services:\n      web:\n        image: nginx:1\n    container:\n",
    ),
    (R.PIN_COMMIT, PIPELINE, CHECKOUT, "actions/checkout@v7"),
    (R.PIN_COMMIT, JOBS, CHECKOUT, CHECKOUT.replace("3d3c42e5", "3d3c42e6")),
    (R.PIN_COMMIT, POST, CHECKOUT, "actions/checkout"),
    (R.PIN_COMMIT, PIPELINE, CHECKOUT, "someone/else@main"),
    (R.PIN_KNOWN, PIPELINE, "cachix/install-nix-action@", "cachix/install-nix-actions@"),
    (R.PIN_COMMENT, PIPELINE, CHECKOUT, CHECKOUT.partition(" #")[0]),
    (R.PIN_COMMENT, JOBS, CHECKOUT, CHECKOUT.replace("v7.0.1", "v7.0.2")),
    (R.PIN_COMMENT, POLICY, 'version = "v7.0.1"', 'version = "v7.0.3"'),
    (R.PIN_AGE, POLICY, "\nseen = ", "\nseen = 2026-11-22 # "),
    (R.PIN_AGE, POLICY, "\nseen = ", "\nseen = 2027-07-20 # "),
    (R.PIN_RUNTIME, POLICY, 'using = "node24"', 'using = "node20"'),
    (R.PIN_UNUSED, JOBS, "Swatinem/rust-cache@", "Swatinem/other-cache@"),
    (R.CALL_TARGET, CI, CALL, CALL.replace("pipeline.yml", "nothing.yml")),
    (R.CALL_TARGET, CI, CALL, CALL.replace("pipeline.yml", "ci-post.yml")),
    (R.CALL_TARGET, CI, CALL, CALL.replace("$/", "./").replace("pipeline.yml", "ci.yml")),
    (
        R.CALL_TARGET,
        JOBS,
        "      - name: Install Nix\n",
        "      - uses: $/.github/actions/x\n      - name: Install Nix\n",
    ),
    (R.CALL_PERMISSIONS, CI, "contents: write, ", "contents: read, "),
    (R.CALL_PERMISSIONS, CI, "contents: write, ", ""),
    (R.CALL_PERMISSIONS, CI, "contents: write, ", "contents: write, checks: write, "),
    (R.CALL_PERMISSIONS, CI, "actions: read, ", "actions: write, "),
    (R.CALL_PERMISSIONS, POSTER, "      issues: write # to open and close the issue of an alert\n", ""),
    (R.CALL_PERMISSIONS, JOBS, "contents: read # to check out", "packages: read # to check out"),
    (R.CALL_SECRETS, CI, SECRET, "secrets: {OTHER_TOKEN: "),
    (R.CALL_SECRETS, CI, "${{ secrets.CACHIX_AUTH_TOKEN }}", "${{ secrets.OTHER_TOKEN }}"),
    (R.CALL_SECRETS, JOBS, "      CACHIX_AUTH_TOKEN:\n", "      CACHIX_TOKEN:\n"),
    (R.CALL_INPUTS, CI, "pipeline-tests: true", "pipeline_tests: true"),
    (R.CALL_INPUTS, PIPELINE, "      revision: ${{ needs.plan.outputs.revision }}\n", ""),
    (R.COMMAND_LINE, JOBS, "nix run .#cache-push --", "nix run .#cache-pull --"),
    (R.COMMAND_LINE, JOBS, "--build-closure", "--build-closures"),
    (R.COMMAND_LINE, POST, "source#post-summary", "source#post-summaries"),
    (R.COMMAND_LINE, PIPELINE, "cache-analytics -- --format json", "cache-analytics -- --format yaml"),
    (R.COMMAND_LINE, PIPELINE, "-m nanna_ci cache-setup", "-m nanna_ci cache-set-up"),
    (R.COMMAND_LINE, JOBS, 'python -P -m nanna_ci run-job "$JOB"', "python -P -m nanna_ci run-job"),
    (R.COMMAND_LINE, JOBS, 'python -P -m nanna_ci run-job "$JOB"', 'python -P -m nanna_ci run-job "$JOB'),
    (R.EVENT, CI, "merge_group: {}", "create: {}"),
    (R.EVENT, CI, 'schedule: [{cron: "17 3 * * *"}]', "create: {}"),
    (R.EVENT, CI, ', tags: ["v*"]', ""),
    (R.EVENT, CI, ', tags: ["v*"]', ', tags: ["v*"], paths: [src]'),
    (R.EVENT, CI, "types: [published]", "types: [published, edited]"),
    (R.EVENT, CI, "release: {types: [published]}", "release: {}"),
    (R.EVENT, CI, "pull_request: {}", "pull_request: {paths-ignore: [docs]}"),
    (R.EVENT, CI, "merge_group: {}", "merge_group: {branches: [next]}"),
    (R.EVENT, POSTER, "workflows: [CI]", "workflows: [Pipeline run]"),
    (R.MATRIX_KEY, JOBS, "matrix.triple", "matrix.target"),
    (R.MATRIX_KEY, JOBS, "if: matrix.route == 'cargo'", "if: matrix.route == 'host'"),
    (R.JOB_PLACE, JOBS, RUNS_ON, RUNS_ON.replace(', "windows-2025"', "")),
    (R.JOB_PLACE, JOBS, "JOB: ${{ matrix.id }}", "JOB: ${{ matrix.channel }}"),
    (R.JOB_PLACE, JOBS, "matrix: ${{ fromJSON(inputs.matrix) }}", "matrix: ${{ fromJSON('{}') }}"),
    (R.JOB_PLACE, JOBS, "matrix: ${{ fromJSON(inputs.matrix) }}", "matrix: ${{ fromJSON(inputs.revision) }}"),
    (R.JOB_PLACE, JOBS, "    environment: ${{", "    if: github.event_name == 'push'\n    environment: ${{"),
    (R.JOB_PLACE, PIPELINE, "if: needs.plan.outputs.build_matrix != ''", "if: github.event_name == 'push'"),
    (R.JOB_PLACE, PIPELINE, "if: needs.plan.outputs.build_matrix", "if: needs.plan.outputs.test_matrix"),
    (R.JOB_PLACE, PIPELINE, MATRIX, MATRIX.replace("build", "test")),
    (R.JOB_PLACE, PIPELINE, MATRIX, "matrix: ${{ needs.plan.outputs.matrix }}"),
    (R.JOB_PLACE, PIPELINE, HAND_ON, HAND_ON.replace("outputs.build", "outputs.test")),
    (R.JOB_PLACE, PIPELINE, HAND_ON, HAND_ON.replace("steps.plan", "steps.workspace")),
    (R.JOB_PLACE, PIPELINE, "-m nanna_ci plan", "-m nanna_ci metrics"),
    (R.SCAN_PLACE, JOBS, "!cancelled() && matrix.scan != ''", "!cancelled() && matrix.scan == ''"),
    (R.RESULT_KEPT, JOBS, "name: job-${{ matrix.id }}", "name: result-${{ matrix.id }}"),
    (R.RESULT_KEPT, JOBS, "Keep the result\n        if: always()", "Keep the result\n        if: success()"),
    (R.SUMMARY_ALWAYS, PIPELINE, SUMMARY, "if: ${{ !cancelled() }}"),
    (R.SUMMARY_ALWAYS, PIPELINE, SUMMARY, SUMMARY.replace("release", "push")),
    (R.SUMMARY_ALWAYS, PIPELINE, f"    {SUMMARY}\n", ""),
    (R.SUMMARY_ALWAYS, PIPELINE, "every planned job\n        if: always()", "every planned job\n        if: success()"),
    (R.SUMMARY_ALWAYS, PIPELINE, "-m nanna_ci ci-summary", "-m nanna_ci report"),
    (R.SUMMARY_NEEDS, PIPELINE, NEEDS, NEEDS.replace("build-matrix, ", "")),
    (R.SUMMARY_NEEDS, POLICY, '"cache-maintenance", ', ""),
    (R.SUMMARY_NEEDS, POLICY, '"cache-maintenance"', '"cache-report"'),
    (
        R.SUMMARY_COMMAND,
        PIPELINE,
        "plan test-matrix build-matrix build-containers\n",
        "plan test-matrix build-matrix\n",
    ),
    (R.SUMMARY_COMMAND, PIPELINE, "--optional pipeline-tests ", ""),
    (R.DOCUMENTED_JOB, README, "Require `pipeline / ci-summary`", "Require `pipeline / summary`"),
    (R.DOCUMENTED_JOB, README, "Require `pipeline / ci-summary`", "Require `ci-summary`"),
    (R.DOCUMENTED_JOB, "docs/security.md", "check `pipeline / ci-summary`", "check `ci / ci-summary`"),
    (R.DOCUMENTED_JOB, README, "Require `pipeline / ci-summary`", "See job `summary`"),
    (R.DOCUMENTED_JOB, "docs/workflow.md", "| `verify-release` |", "| `verify-releases` |"),
]
# rules over what adopters have, and this repository has not: tests/integration/test_adopters_workflows.py
OF_ADOPTERS = {R.PIPELINE_PIN}


def test_this_repositorys_own_workflows_break_no_rule(tmp_path: Path) -> None:
    checked = check_folder(copy_repository(tmp_path))
    assert checked.places == []
    assert checked.code == 0


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, *_ in MUTATIONS} | OF_ADOPTERS == set(WorkflowRule)


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
