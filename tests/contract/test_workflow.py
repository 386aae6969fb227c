"""The workflows against the suite: they call what exists, and the summary waits for everything."""

from __future__ import annotations

import json
import re
from pathlib import Path

from nanna_ci.commands.run_job import JOB_FOLDERS
from nanna_ci.pipeline.definition import load_pipeline
from nanna_ci.pipeline.job_plan import Event, Stage, matrix_entries, plan_jobs
from nanna_ci.pipeline.run_folder import ensure_base

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github/workflows"
PIPELINE, RUN_JOBS = (FOLDER / "pipeline.yml").read_text(), (FOLDER / "run-jobs.yml").read_text()
ENTRIES = matrix_entries(plan_jobs(load_pipeline(ROOT / "pipeline.toml"), Event.PUSH))
TAG = "github.event_name == 'push' && github.ref_type == 'tag'"
BRANCH = "github.event_name == 'push' && github.ref_type == 'branch'"


def jobs_of(text: str) -> dict[str, str]:
    """Job name -> its text, comments left out. The workflow indents by two spaces (its linters hold it to YAML)."""
    bare = re.sub(r"(?m)^\s*#.*\n|\s#\s.*$", "", text)
    parts = re.split(r"(?m)^  ([\w-]+):\n", bare.partition("\njobs:\n")[2])
    return dict(zip(parts[1::2], parts[2::2], strict=True))


JOBS = jobs_of(PIPELINE)
(RUN,) = jobs_of(RUN_JOBS).values()


def permissions_of(job: str) -> set[str]:
    return set(re.findall(r"(?m)^      ([\w-]+): write$", JOBS[job]))


def test_the_summary_is_written_even_if_the_results_could_not_be_fetched() -> None:
    steps = JOBS["ci-summary"].split("      - name: ")[4:]
    assert [step.partition("\n")[0] for step in steps] == [
        "Account for every planned job",
        "Keep the texts for whoever may post them",
    ]
    assert all("        if: always()\n" in step for step in steps)


def test_the_summary_is_given_every_result_and_what_became_of_the_needs() -> None:
    summary = JOBS["ci-summary"]
    assert '          pattern: "{plan,job-*,bench,cache-analytics}"\n          path: results\n' in summary
    assert "          name: cache-analytics\n" in JOBS["cache-maintenance"]
    assert "          name: bench\n" in JOBS["benchmark"]
    assert "          name: job-${{ matrix.id }}\n" in RUN
    assert "          NEEDS: ${{ toJSON(needs) }}\n" in summary
    assert "          MATRIX: ${{ needs.plan.outputs.matrix }}\n" in summary


def test_every_stage_of_the_plan_is_a_job_that_runs_its_own_matrix() -> None:
    for stage in Stage:
        job = JOBS[stage.value]
        assert f"    if: needs.plan.outputs.{stage.output} != ''\n" in job
        assert "    uses: $/.github/workflows/run-jobs.yml\n" in job
        assert f"      matrix: ${{{{ needs.plan.outputs.{stage.output} }}}}\n" in job
        assert f"      {stage.output}: ${{{{ steps.plan.outputs.{stage.output} }}}}\n" in JOBS["plan"]
    assert "      matrix: ${{ fromJSON(inputs.matrix) }}\n" in RUN
    assert "      fail-fast: false\n" in RUN


def test_our_own_tests_are_a_job_that_runs_what_the_readme_says() -> None:
    job = JOBS["pipeline-tests"]
    assert "    if: inputs.pipeline-tests && github.event_name != 'release'\n" in job
    assert not re.search(r"\b(?:needs|continue-on-error|environment|strategy):", job)
    assert "secrets" not in job
    assert "pipeline-tests: true" in (FOLDER / "ci.yml").read_text()
    assert job.rstrip().endswith("run: .ci/run")
    assert (ROOT / ".ci/run").read_text().endswith("\nexec ./nixw run .#test\n")
    assert "./nixw run .#test " in (ROOT / "README.md").read_text()


def test_only_these_jobs_may_write_and_each_of_them_only_after_a_push_or_at_night() -> None:
    assert {name: permissions_of(name) for name in JOBS if permissions_of(name)} == {
        "security-findings": {"security-events"},
        "publish-images": {"packages", "id-token"},
        "attest": {"id-token", "attestations", "artifact-metadata"},
        "release": {"contents"},
        "record-history": {"contents"},
        "pages": {"pages", "id-token"},
        "update-inputs": {"contents", "pull-requests"},
    }
    for name in JOBS:
        if permissions_of(name):
            condition = JOBS[name].partition("    if: ")[2].partition("\n")[0]
            assert "github.event_name == 'push'" in condition or condition == "github.event_name == 'schedule'"
    assert not re.search(": write", RUN_JOBS)


def test_no_job_that_may_write_runs_what_the_caller_builds() -> None:
    for name, job in JOBS.items():
        if permissions_of(name) and name != "publish-images":  # whose images are of the very builds that passed
            assert "nix run .#" not in job
            assert "run-job" not in job


def test_images_and_releases_wait_for_the_one_required_check() -> None:
    assert "    needs: [plan, ci-summary]\n" in JOBS["publish-images"]
    assert "    needs: [build-matrix, ci-summary]\n" in JOBS["attest"]
    assert "    needs: [attest, publish-images, ci-summary]\n" in JOBS["release"]
    assert TAG in JOBS["attest"]
    assert "needs.attest.result == 'success'" in JOBS["release"]


def test_images_are_signed_as_the_workflow_that_holds_the_job() -> None:
    job = JOBS["publish-images"]
    assert "          IDENTITY: ${{ github.server_url }}/${{ job.workflow_ref }}\n" in job
    assert 'publish-images -- --tested results --identity "$IDENTITY"' in job


def test_what_is_published_is_held_to_the_tests_of_this_run() -> None:
    fetch = next(step for step in JOBS["publish-images"].split("      - ") if "download-artifact" in step)
    assert 'pattern: "{plan,job-container-test-*}"\n          path: results\n' in fetch
    assert [entry["id"] for entry in ENTRIES if entry["id"].startswith("container-test-")], (
        "there is something to fetch"
    )


def test_the_results_that_are_kept_are_where_run_job_leaves_them(tmp_path: Path) -> None:
    kept = re.search(r"name: job-\$\{\{ matrix\.id }}\n          path: \|\n((?: {12}\S+\n)+)", RUN_JOBS)
    assert kept is not None
    folder = ensure_base(tmp_path).relative_to(tmp_path) / JOB_FOLDERS
    assert {f"{folder}/", f"subject/{folder}/"} <= set(kept[1].split())
    assert "          path: subject\n" in RUN


def test_the_caches_token_is_seen_by_one_step_that_only_a_push_runs() -> None:
    assert RUN_JOBS.count("secrets.") == 1
    step = next(step for step in RUN.split("      - name: ") if "secrets.CACHIX_AUTH_TOKEN" in step)
    assert BRANCH in step.partition("env:")[0]
    assert "cache-push -- --build-closure" in step
    assert f"    environment: ${{{{ {BRANCH} && 'binary-cache' || '' }}}}\n" in RUN


def test_nix_has_the_caches_before_it_runs_the_callers_flake() -> None:
    for job in (*JOBS.values(), RUN):
        if "nix run .#" in job:
            assert 0 < job.index("-m nanna_ci cache-setup") < job.index("nix run .#")


def test_the_lock_names_the_revision_that_macos_and_windows_check_out() -> None:
    node = json.loads((ROOT / "flake.lock").read_text())["nodes"]["nanna-coder"]["locked"]
    assert re.fullmatch("[0-9a-f]{40}", node["rev"])
    assert "workspace-input: nanna-coder" in (FOLDER / "ci.yml").read_text()
    assert "          repository: ${{ inputs.repository }}\n          ref: ${{ inputs.revision }}\n" in RUN
