"""Called workflows: found, held against what is handed to them, never with more rights than their caller."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import MalformedData
from support.scripted_rehearsals import load_workflows

STEPS = "    runs-on: ubuntu-24.04\n    steps: [{run: x}]\n"
CALLED = f"on: {{workflow_call: {{}}}}\njobs:\n  b:\n{STEPS}"


def caller(more: str = "", uses: str = "./.github/workflows/x.yml") -> str:
    return f"on: push\njobs:\n  a:\n    uses: {uses}\n{more}"


def refusal(files: dict[str, str]) -> str:
    with pytest.raises(MalformedData) as refused:
        load_workflows(files)
    return refused.value.message


@pytest.mark.parametrize("start", [".", "$"])
def test_a_workflow_of_the_same_repository_is_called_by_either_form(start: str) -> None:
    loaded = load_workflows({"ci.yml": caller(uses=f"{start}/.github/workflows/x.yml"), "x.yml": CALLED})
    called = loaded.jobs["a"].called
    assert called is not None
    assert list(called.jobs) == ["b"]


def test_a_workflow_of_another_repository_finds_its_own_neighbours_there() -> None:
    others = {
        "them/theirs": {"x.yml": f"on: workflow_call\n{caller(uses='./.github/workflows/y.yml')[9:]}", "y.yml": CALLED}
    }
    loaded = load_workflows({"ci.yml": caller(uses="them/theirs/.github/workflows/x.yml@v1"), "y.yml": "bad"}, others)
    called = loaded.jobs["a"].called
    assert called is not None
    assert called.source.context(called.model.path)["workflow_ref"] == "them/theirs/.github/workflows/x.yml@v1"
    assert called.jobs["a"].called is not None


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"ci.yml": caller()}, "ci.yml:4: me/mine has no .github/workflows/x.yml"),
        ({"ci.yml": caller(uses="x.yml")}, "ci.yml:4: 'x.yml' names no workflow"),
        ({"ci.yml": caller(), "x.yml": CALLED.replace("workflow_call", "push")}, "x.yml cannot be called"),
        ({"ci.yml": caller("    with: {a: b}\n"), "x.yml": CALLED}, "ci.yml:5: the called workflow has no input 'a'"),
        (
            {"ci.yml": caller("    secrets: {A: b}\n"), "x.yml": CALLED},
            "ci.yml:5: the called workflow has no secret 'A'",
        ),
        ({"ci.yml": caller("    name: ${{ steps.a }}\n"), "x.yml": CALLED}, "ci.yml:5: "),
        ({"ci.yml": caller("    if: ${{ matrix.a }}\n"), "x.yml": CALLED}, "ci.yml:5: "),
        ({"ci.yml": caller("    if: github.ref ==\n"), "x.yml": CALLED}, "ci.yml:5: "),
    ],
)
def test_a_call_that_github_refuses_is_refused_with_its_line(files: dict[str, str], problem: str) -> None:
    assert problem in refusal(files)


def test_inputs_and_secrets_that_are_required_must_be_given_and_of_their_type() -> None:
    called = CALLED.replace(
        "{workflow_call: {}}",
        "{workflow_call: {inputs: {n: {type: number, required: true}}, secrets: {S: {required: true}}}}",
    )
    secret = "    secrets: {S: x}\n"
    assert "does not give the input n" in refusal({"ci.yml": caller(secret), "x.yml": called})
    assert "does not give the secret S" in refusal({"ci.yml": caller("    with: {n: 3}\n"), "x.yml": called})
    assert "which is not a number" in refusal({"ci.yml": caller(f"    with: {{n: '3'}}\n{secret}"), "x.yml": called})
    assert load_workflows({"ci.yml": caller("    with: {n: 3}\n    secrets: inherit\n"), "x.yml": called})


def test_a_workflow_that_calls_itself_is_refused() -> None:
    text = caller(uses="./.github/workflows/ci.yml").replace("push", "workflow_call")
    assert "more than 10 levels deep" in refusal({"ci.yml": text})


@pytest.mark.parametrize(
    ("caller_has", "called_wants", "problem"),
    [
        ("contents: read", "contents: write", "job b wants contents: write, but the job that calls this workflow has"),
        ("contents: read", "packages: read", "has packages: none"),
        ("contents: write", "contents: read", None),
        ("contents: read", "issues: none", None),
    ],
)
def test_a_called_job_gets_no_more_than_its_caller(caller_has: str, called_wants: str, problem: str | None) -> None:
    called = CALLED.replace("  b:\n", f"  b:\n    permissions: {{{called_wants}}}\n")
    files = {"ci.yml": caller(f"    permissions: {{{caller_has}}}\n"), "x.yml": called}
    if problem is None:
        assert load_workflows(files)
    else:
        assert problem in refusal(files)


def test_a_called_job_that_states_nothing_has_its_callers_permissions() -> None:
    loaded = load_workflows({"ci.yml": caller("    permissions: {issues: write}\n"), "x.yml": CALLED})
    called = loaded.jobs["a"].called
    assert called is not None
    assert called.jobs["b"].permissions == {"issues": "write"}
