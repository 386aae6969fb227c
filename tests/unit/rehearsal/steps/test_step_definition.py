"""Steps are read strictly: what is not known is refused with file and line, before anything runs."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.steps.job_steps import check_job
from support.rehearsed_jobs import read_body


def check(text: str, defaults: str | None = None):
    return check_job("ci.yml", read_body(text), None if defaults is None else read_body(defaults))


def test_a_step_has_all_that_its_workflow_says():
    (step,) = check(
        """\
steps:
  - id: one
    name: First ${{ github.ref }}
    if: always()
    run: echo
    shell: bash
    working-directory: sub
    env: { A: 1 }
    continue-on-error: true
    timeout-minutes: 5
"""
    )
    assert (step.id, step.name, step.condition, step.script) == ("one", "First ${{ github.ref }}", "always()", "echo")
    assert (step.shell, step.working_directory, step.line, step.number) == ("bash", "sub", 2, 1)
    assert step.env is not None
    assert (step.env.text("A"), step.continue_on_error and step.continue_on_error.text) == ("1", "true")


def test_defaults_of_the_job_go_before_those_of_the_workflow():
    text = "defaults: { run: { shell: sh } }\nsteps:\n  - run: a\n  - run: b\n    shell: python\n"
    first, second = check(text, "run: { shell: bash, working-directory: w }")
    assert (first.shell, first.working_directory, second.shell) == ("sh", "w", "python")
    assert check("steps:\n  - run: a\n")[0].shell is None


def test_names_of_actions_and_inputs_ignore_case():
    (step,) = check("steps:\n  - uses: Actions/Checkout@v7\n    with: { Fetch-Depth: 0 }\n")
    assert (step.action, step.reference, dict(step.inputs)["fetch-depth"].text) == ("actions/checkout", "v7", "0")


@pytest.mark.parametrize(
    ("step", "line", "problem"),
    [
        ("- run: a\n    background: true", 3, "key 'background' of step 1"),
        ("- run: a\n    uses: actions/checkout@v7", 2, "both uses and run"),
        ("- name: a", 2, "neither uses and run"),
        ("- run: a\n    with: { x: y }", 3, "with does not go with run"),
        ("- uses: actions/checkout@v7\n    shell: bash", 3, "shell does not go with uses"),
        ("- run: a\n    shell: pwsh", 3, "not the shell 'pwsh'"),
        ("- run: a\n    shell: bash -x {0}", 3, "not the shell"),
        ("- run: a\n    shell: ${{ matrix.shell }}", 3, "not the shell"),
        ("- uses: ./.github/actions/own", 2, "does not know './.github/actions/own'"),
        ("- uses: docker://alpine:3", 2, "does not know 'docker://alpine:3'"),
        ("- uses: actions/checkout", 2, "does not know 'actions/checkout'"),
        ("- uses: some/other@v1", 2, "does not know the action some/other"),
        ("- uses: actions/checkout@v7\n    with: { depth: 1 }", 3, "has no input depth"),
        ("- uses: actions/checkout@v7\n    with: { submodules: true }", 3, "does not know the input submodules"),
        ("- uses: actions/upload-artifact@v7", 2, "needs the input path"),
        ("- uses: actions/checkout@v7\n    with: { ref: a, REF: b }", 3, "is there twice"),
        ("- uses: actions/checkout@v7\n    with: [a]", 3, "not a mapping of inputs"),
        ("- run: a\n    env: text", 3, "env is not a mapping"),
        ("- run: a\n    env: { A: [b] }", 3, "env is not a mapping"),
        ("- run: [a]", 2, "run is not a single value"),
        ("- run: a\n    id: 1a", 3, "'1a' is not the id"),
        ("- run: a\n    id: __a", 3, "'__a' is not the id"),
        ("- run: a\n    id: x\n  - run: b\n    id: X", 4, "the id X is that of another step"),
        ("- run: a\n    if: github.ref ==", 2, "the step's if"),
        ("- run: a\n    if: secrets.A != ''", 2, "secrets"),
        ("- run: a ${{ nothing.b }}", 2, "nothing"),
        ("- run: a\n    env: { A: \"${{ unknown() }}\" }", 3, "unknown"),
        ("- run: a\n    timeout-minutes: ${{ github. }}", 3, "github."),
        ("- uses: actions/checkout@v7\n    with: { ref: \"${{ github.ref\" }", 3, ""),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_with_its_line(step, line, problem):
    with pytest.raises(MalformedData) as refused:
        check(f"steps:\n  {step}\n")
    assert refused.value.message.startswith("ci.yml: ")
    assert f"line {line}: " in refused.value.message
    assert problem in refused.value.message


@pytest.mark.parametrize("text", ["runs-on: x\n", "steps: []\n", "steps: a\n", "steps:\n  - a\n"])
def test_a_job_without_steps_is_refused(text):
    with pytest.raises(MalformedData):
        check(text)


@pytest.mark.parametrize("defaults", ["run: { shells: bash }", "runs: { shell: bash }", "run: { shell: fish }"])
def test_unknown_defaults_are_refused(defaults):
    with pytest.raises(MalformedData, match="line 1"):
        check("steps:\n  - run: a\n", defaults)


@pytest.mark.parametrize("place", ['outputs: { a: "${{ nothing.x }}" }', 'env: { A: "${{ nothing.x }}" }'])
def test_expressions_of_the_job_are_checked_too(place):
    with pytest.raises(MalformedData, match=r"line 1: .*nothing"):
        check(f"{place}\nsteps:\n  - run: a\n")
