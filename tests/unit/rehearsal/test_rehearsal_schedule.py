"""Jobs run when what they need has ended, with the results, outputs and conditions that GitHub would give them."""

from __future__ import annotations

import json

import pytest

from nanna_ci.foundation.errors import ToolMissing
from support.scripted_rehearsals import run_scripted

STEPS = "    runs-on: ubuntu-24.04\n    steps: [{run: x}]\n"


def job(name: str, *lines: str) -> str:
    return f"  {name}:\n" + "".join(f"    {line}\n" for line in lines) + STEPS


def workflow(*jobs: str) -> str:
    return "on: push\njobs:\n" + "".join(jobs)


def test_a_job_waits_for_its_needs_and_sees_their_results_and_outputs() -> None:
    ran = run_scripted(workflow(job("b", "needs: a"), job("a")), outputs={"a": {"x": "1"}})
    assert ran.ran == ["a", "b"]
    assert ran.needs("b") == {"a": {"result": "success", "outputs": {"x": "1"}}}


def test_after_a_failure_only_those_run_that_ask_for_it() -> None:
    jobs = (
        job("a"),
        job("plain", "needs: a"),
        job("always", "needs: a", "if: always()"),
        job("failure", "needs: a", "if: failure()"),
        job("kept", "needs: a", "if: ${{ !cancelled() }}"),
        job("far", "needs: plain", "if: failure()"),
        job("after", "needs: always"),
    )
    ran = run_scripted(workflow(*jobs), failing=("a",))
    assert ran.results == {
        "a": "failure",
        "plain": "skipped",
        "always": "success",
        "failure": "success",
        "kept": "success",
        "far": "success",
        "after": "skipped",  # success() looks at all ancestors
    }


def test_a_job_behind_a_skipped_one_is_skipped_also_through_one_that_ran() -> None:
    jobs = (
        job("a", "if: false"),
        job("b", "needs: a", "if: always()"),
        job("c", "needs: b"),
        job("d", "needs: b", "if: failure()"),
        job("e", "needs: a", "if: needs.a.result == 'skipped' && !failure()"),
    )
    assert run_scripted(workflow(*jobs)).results == {
        "a": "skipped",
        "b": "success",
        "c": "skipped",
        "d": "skipped",
        "e": "success",
    }


def test_continue_on_error_makes_a_failure_a_success_for_all_others() -> None:
    ran = run_scripted(workflow(job("a", "continue-on-error: true"), job("b", "needs: a")), failing=("a",))
    assert ran.results == {"a": "failure (allowed)", "b": "success"}
    assert ran.needs("b")["a"]["result"] == "success"
    assert ran.workflow.result.value == "success"


def test_a_matrix_from_an_output_runs_each_entry_with_its_name() -> None:
    plan = json.dumps({"include": [{"id": "x", "skip": True}, {"id": "y", "skip": False}]})
    jobs = (
        job("plan"),
        job(
            "run",
            "needs: plan",
            "name: ${{ matrix.id }}",
            "strategy: {fail-fast: false, matrix: '${{ fromJSON(needs.plan.outputs.matrix) }}'}",
            "continue-on-error: ${{ matrix.skip }}",
        ),
        job("end", "needs: run"),
    )
    ran = run_scripted(workflow(*jobs), outputs={"plan": {"matrix": plan}}, failing=("x",))
    assert ran.results == {"plan": "success", "x": "failure (allowed)", "y": "success", "end": "success"}
    assert ran.contexts["y"]["strategy"]["job-index"] == 1
    failed = run_scripted(workflow(*jobs), outputs={"plan": {"matrix": plan}}, failing=("y",))
    assert (failed.results["x"], failed.results["end"]) == ("success", "skipped")


def test_the_last_value_that_is_not_empty_is_a_matrixs_output() -> None:
    jobs = (job("a", "strategy: {matrix: {n: [1, 2, 3]}}"), job("b", "needs: a"))
    outputs = {"a (1)": {"x": "one"}, "a (2)": {"x": "two"}, "a (3)": {"x": ""}}
    assert run_scripted(workflow(*jobs), outputs=outputs).needs("b")["a"]["outputs"] == {"x": "two"}


def test_fail_fast_cancels_what_has_not_begun_and_max_parallel_holds_back() -> None:
    ran = run_scripted(workflow(job("a", "strategy: {matrix: {n: [1, 2, 3]}}")), failing=("a (1)",))
    assert ran.results == {"a (1)": "failure", "a (2)": "cancelled", "a (3)": "cancelled"}
    assert "fail-fast" in ran.reason("a (2)")
    strategy = "strategy: {fail-fast: false, max-parallel: 1, matrix: {n: [1, 2, 3]}}"
    assert run_scripted(workflow(job("a", strategy)), processors=3).most_at_once == 1


def test_jobs_run_beside_each_other_but_for_those_of_one_concurrency_group() -> None:
    assert run_scripted(workflow(*(job(name) for name in "abc")), processors=3).most_at_once == 3
    grouped = (job(name, "concurrency: {group: one}") for name in "abc")
    assert run_scripted(workflow(*grouped), processors=3).most_at_once == 1


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("strategy: {matrix: '${{ fromJSON(vars.NONE) }}'}",), "ci.yml:4: "),
        (("strategy: {matrix: {a: ['${{ vars.LEVEL }}']}, max-parallel: 0}",), "max-parallel is not a number"),
    ],
)
def test_what_github_refuses_only_now_is_a_failure_with_its_place(lines: tuple[str, ...], problem: str) -> None:
    ran = run_scripted(workflow(job("a", *lines)))
    assert ran.results == {"a": "failure"}
    assert problem in ran.reason("a")


def test_a_job_of_another_machine_is_unavailable_and_nobody_waits_for_it() -> None:
    jobs = (
        job("mac").replace("ubuntu-24.04", "macos-15"),
        job("box", "container: debian"),
        job("served", "services: {db: {image: postgres}}"),
        job("end", "needs: [mac, box, served, a]"),
        job("a"),
    )
    ran = run_scripted(workflow(*jobs))
    assert ran.results == {
        "mac": "unavailable",
        "box": "unavailable",
        "served": "unavailable",
        "end": "success",
        "a": "success",
    }
    assert list(ran.needs("end")) == ["a"]
    assert "macos-15" in ran.reason("mac")
    assert "container" in ran.reason("box")


def test_a_job_of_another_machine_that_would_be_skipped_is_skipped() -> None:
    jobs = (job("mac", "if: false").replace("ubuntu-24.04", "macos-15"), job("end", "needs: mac"))
    assert run_scripted(workflow(*jobs)).results == {"mac": "skipped", "end": "skipped"}


def test_entries_of_a_plan_for_other_machines_leave_every_output() -> None:
    entries = [{"id": "x", "runner": "ubuntu-24.04"}, {"id": "y", "runner": "windows-2025"}]
    matrix = "strategy: {matrix: '${{ fromJSON(needs.plan.outputs.MATRIX) }}'}"
    jobs = (
        job("plan"),
        job("run", "needs: plan", "name: ${{ matrix.id }}", matrix.replace("MATRIX", "all")),
        job("other", "needs: plan", matrix.replace("MATRIX", "windows")),
        job("end", "needs: [plan, run, other]"),
    )
    outputs = {"plan": {"all": json.dumps({"include": entries}), "windows": json.dumps({"include": entries[1:]})}}
    ran = run_scripted(workflow(*jobs), outputs=outputs)
    assert ran.results == {"plan": "success", "x": "success", "other": "unavailable", "end": "success"}
    assert [one.name for one in ran.taken_out] == ["y"]
    assert ran.needs("end")["plan"]["outputs"]["windows"] == ""
    assert "other" not in ran.needs("end")


def test_a_called_workflow_has_inputs_secrets_and_outputs_of_its_own() -> None:
    files = {
        "ci.yml": workflow(
            job("plan"),
            "  call:\n    needs: plan\n    name: tests\n    uses: ./.github/workflows/x.yml\n"
            "    with: {text: '${{ needs.plan.outputs.x }}', on: true}\n    secrets: {S: '${{ secrets.MINE }}'}\n",
            job("end", "needs: call"),
        ),
        "x.yml": (
            "on:\n  workflow_call:\n    inputs:\n      text: {type: string}\n      on: {type: boolean}\n"
            "      level: {type: string, default: '${{ vars.LEVEL }}'}\n      none: {type: number}\n"
            "    secrets: {S: {}}\n    outputs: {all: {value: '${{ jobs.b.outputs.y }}'}}\njobs:\n"
            + job("b", "if: inputs.on && inputs.text == '1'", "name: '${{ inputs.level }}'")
        ),
    }
    ran = run_scripted(
        files, outputs={"plan": {"x": "1"}, "tests / high": {"y": "2"}}, secrets={"MINE": "m", "OTHER": "o"}
    )
    assert ran.results == {"plan": "success", "tests / high": "success", "end": "success"}
    assert ran.contexts["tests / high"]["inputs"] == {"text": "1", "on": True, "level": "high", "none": 0.0}
    assert ran.contexts["tests / high"]["secrets"] == {"GITHUB_TOKEN": "t", "S": "m"}
    assert ran.needs("end")["call"] == {"result": "success", "outputs": {"all": "2"}}


def test_a_called_workflow_fails_with_its_jobs_and_is_unavailable_with_them() -> None:
    call = "  call:\n    uses: ./.github/workflows/x.yml\n"
    called = "on: workflow_call\njobs:\n" + job("b") + job("c")
    files = {"ci.yml": workflow(call, job("end", "needs: call")), "x.yml": called}
    assert run_scripted(files, failing=("call / c",)).results["end"] == "skipped"
    others = run_scripted({**files, "x.yml": called.replace("ubuntu-24.04", "macos-15")})
    assert others.results == {"call / b": "unavailable", "call / c": "unavailable", "end": "success"}


def test_an_input_of_another_type_is_a_failure_of_the_call() -> None:
    files = {
        "ci.yml": workflow("  call:\n    uses: ./.github/workflows/x.yml\n    with: {on: '${{ vars.LEVEL }}'}\n"),
        "x.yml": "on: {workflow_call: {inputs: {on: {type: boolean}}}}\njobs:\n" + job("b"),
    }
    ran = run_scripted(files)
    assert ran.results == {"call": "failure"}
    assert "the input on is 'high', which is not a boolean" in ran.reason("call")


def test_a_fault_of_the_rehearsal_is_told_apart_from_a_failure() -> None:
    ran = run_scripted(workflow(job("a")), failing=("a",), error=ToolMissing("git", "not found"))
    [entry] = ran.workflow.jobs["a"].entries
    assert (entry.is_our_fault, ran.reason("a")) == (True, "git: not found")
