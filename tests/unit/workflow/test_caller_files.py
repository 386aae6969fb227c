"""The files of an adopter: short, and nothing in them but what the lock and git say."""

from __future__ import annotations

import datetime

import pytest

from nanna_ci.foundation.errors import UsageError
from nanna_ci.workflow.caller_files import CALLER, PIPELINE, POLICY, POST, POSTER, caller_files, example_caller
from nanna_ci.workflow.pin_table import parse_policy
from nanna_ci.workflow.pipeline_pin import PipelinePin
from nanna_ci.workflow.workflow_file import read_workflow

PIN = PipelinePin("owner/ci", "a" * 40, "v1.2.0", datetime.date(2026, 8, 3))


def test_the_caller_has_at_most_twelve_lines() -> None:
    lines = [line for line in caller_files(PIN, "main")[CALLER].splitlines() if line.strip()]
    assert len([line for line in lines if not line.lstrip().startswith("#")]) <= 12


def test_both_workflows_call_the_commit_of_the_lock_and_name_its_version() -> None:
    files = caller_files(PIN, "main")
    for path, called in ((CALLER, PIPELINE), (POSTER, POST)):
        (use,) = [use for _, use in read_workflow(files[path].encode(), path).uses()]
        assert use is not None
        assert use.comment is not None
        assert (use.name, use.ref, use.comment.text) == (f"owner/ci/{called}", "a" * 40, "v1.2.0")


def test_the_table_pins_what_the_workflows_call() -> None:
    policy = parse_policy(caller_files(PIN, "main")[POLICY].encode(), POLICY)
    assert policy.pipeline == f"owner/ci/{PIPELINE}"
    assert {pin.action: (pin.commit, pin.version, pin.using) for pin in policy.pins.values()} == {
        f"owner/ci/{called}": ("a" * 40, "v1.2.0", "workflow") for called in (PIPELINE, POST)
    }


@pytest.mark.parametrize("branch", ["main", "trunk", "release/1.x", "true"])
def test_pushes_to_the_default_branch_start_it(branch: str) -> None:
    assert f'push: {{branches: ["{branch}"], tags: ["v*"]}}' in caller_files(PIN, branch)[CALLER]


@pytest.mark.parametrize("branch", ["", "a*", "a+b", "!main", 'x"]', "a\nb", "-x", "ä"])
def test_a_branch_that_would_be_a_pattern_is_refused(branch: str) -> None:
    with pytest.raises(UsageError, match="cannot be named in a workflow"):
        caller_files(PIN, branch)


@pytest.mark.parametrize(("called", "job"), [(PIPELINE, "pipeline"), (POST, "post")])
def test_the_example_is_what_would_be_written(called: str, job: str) -> None:
    path = {PIPELINE: CALLER, POST: POSTER}[called]
    written = read_workflow(caller_files(PIN, "main")[path].encode(), path)
    example = example_caller(called)
    assert [name for name, _ in example.triggers] == [name for name, _ in written.triggers]
    assert [one.id for one in example.jobs] == [one.id for one in written.jobs] == [job]
