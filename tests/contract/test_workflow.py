"""ci.yml against the suite: it calls what exists, and its summary waits for everything."""

from __future__ import annotations

import json
import re
from pathlib import Path

from nanna_ci.commands.run_job import JOB_FOLDERS
from nanna_ci.pipeline.definition import load_pipeline
from nanna_ci.pipeline.job_plan import Event, matrix_entries, plan_jobs
from nanna_ci.pipeline.run_folder import ensure_base

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".github/workflows/ci.yml").read_text()
ENTRIES = matrix_entries(plan_jobs(load_pipeline(ROOT / "pipeline.toml"), Event.PUSH))


def jobs_of(text: str) -> dict[str, str]:
    """Job name -> its text, comments left out. The workflow indents by two spaces (its linters hold it to YAML)."""
    bare = re.sub(r"(?m)^\s*#.*\n|\s#\s.*$", "", text)
    parts = re.split(r"(?m)^  ([\w-]+):\n", bare.partition("\njobs:\n")[2])
    return dict(zip(parts[1::2], parts[2::2], strict=True))


JOBS = jobs_of(TEXT)


def test_the_summary_is_written_even_if_the_results_could_not_be_fetched() -> None:
    steps = JOBS["ci-summary"].split("      - name: ")[2:]
    assert [step.partition("\n")[0] for step in steps] == [
        "Account for every planned job",
        "Keep the texts for whoever may post them",
    ]
    assert all("        if: always()\n" in step for step in steps)


def test_the_summary_is_given_every_result_and_what_became_of_the_needs() -> None:
    summary = JOBS["ci-summary"]
    assert '          pattern: "{job-*,cache-analytics}"\n          path: results\n' in summary
    assert "          name: cache-analytics\n" in JOBS["cache-report"]
    assert "          name: job-${{ matrix.id }}\n" in JOBS["jobs"]
    assert "          NEEDS: ${{ toJSON(needs) }}\n" in summary
    assert "          MATRIX: ${{ needs.plan.outputs.matrix }}\n          PYTHONPATH: scripts\n" in summary


def test_our_own_tests_are_an_unconditional_job_that_runs_what_the_readme_says() -> None:
    job = JOBS["pipeline-tests"]
    assert not re.search(r"\b(?:if|needs|continue-on-error|environment|strategy):", job)
    assert "secrets" not in job
    assert job.rstrip().endswith("run: .ci/run")
    assert (ROOT / ".ci/run").read_text().endswith("\nexec ./nixw run .#test\n")
    assert "./nixw run .#test " in (ROOT / "README.md").read_text()


def test_images_are_published_and_signed_by_one_job_and_only_after_a_push_has_passed() -> None:
    job = JOBS["publish-images"]
    assert "    needs: ci-summary\n    if: github.event_name == 'push'\n" in job
    assert [name for name, text in JOBS.items() if ": write" in text] == ["security-findings", "publish-images"]
    assert re.findall(r"(?m)^      ([\w-]+): write", JOBS["security-findings"]) == ["security-events"]
    assert set(re.findall(r"(?m)^      ([\w-]+): write$", job)) == {"packages", "id-token"}
    assert TEXT.count("github.token") == 1
    step = next(step for step in job.split("      - name: ") if "github.token" in step)
    assert step.rstrip().endswith(
        "run: nix run .#publish-images -- --tested results --format json --output publish-images.json"
    )


def test_what_is_published_is_held_to_the_tests_of_this_run() -> None:
    fetch = next(step for step in JOBS["publish-images"].split("      - ") if "download-artifact" in step)
    assert "pattern: job-container-test-*\n          path: results\n" in fetch
    assert [entry["id"] for entry in ENTRIES if entry["id"].startswith("container-test-")], (
        "there is something to fetch"
    )


def test_the_results_that_are_kept_are_where_run_job_leaves_them(tmp_path: Path) -> None:
    kept = re.search(r"name: job-\$\{\{ matrix\.id }}\n          path: \|\n((?: {12}\S+\n)+)", TEXT)
    assert kept is not None
    subject = re.search(r"(?m)^          path: (\w+)$", JOBS["jobs"])
    assert subject is not None
    folder = ensure_base(tmp_path).relative_to(tmp_path) / JOB_FOLDERS
    assert kept[1].split() == [f"{folder}/", f"{subject[1]}/{folder}/"]


def test_the_caches_token_is_seen_by_one_step_that_only_a_push_runs() -> None:
    assert TEXT.count("secrets.") == 1
    step = next(step for step in JOBS["jobs"].split("      - name: ") if "secrets.CACHIX_AUTH_TOKEN" in step)
    assert "github.event_name == 'push'" in step.partition("env:")[0]
    assert step.rstrip().endswith("run: nix run .#cache-push -- --build-closure")
    assert "    environment: ${{ github.event_name == 'push' && 'binary-cache' || '' }}\n" in JOBS["jobs"]


def test_nix_has_the_caches_before_it_runs_anything() -> None:
    for job in JOBS.values():
        if "nix run" in job:
            assert 0 < job.index("-m nanna_ci cache-setup") < job.index("nix run")


def test_the_lock_names_the_revision_that_macos_and_windows_check_out() -> None:
    node = json.loads((ROOT / "flake.lock").read_text())["nodes"]["nanna-coder"]["locked"]
    assert re.fullmatch("[0-9a-f]{40}", node["rev"])
    assert f"repository: {node['owner']}/{node['repo']}\n" in JOBS["jobs"]
    assert '.nodes["nanna-coder"].locked.rev' in JOBS["plan"]
