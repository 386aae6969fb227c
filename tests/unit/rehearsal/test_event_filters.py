"""Which workflows start: GitHub's filters of branches, tags, paths and types."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.event_filters import Occasion, is_started_by
from nanna_ci.workflow.workflow_file import read_workflow

PUSH = Occasion("push", "", "main", None, lambda: ("src/a.rs", "docs/b.md"))
TAG = replace(PUSH, branch=None, tag="v1.2.3")
PULL = Occasion("pull_request", "synchronize", "main", None, lambda: ("docs/b.md",))


def starts(on: str, occasion: Occasion) -> bool:
    text = f"on: {on}\njobs:\n  a:\n    runs-on: x\n    steps: [{{run: x}}]\n"
    return is_started_by(read_workflow(text.encode(), "ci.yml"), occasion)


@pytest.mark.parametrize(
    ("on", "branch", "tag"),
    [
        ("push", True, True),
        ("[pull_request, push]", True, True),
        ("{push: {branches: [main]}}", True, False),
        ("{push: {branches: ['release/**']}}", False, False),
        ("{push: {branches-ignore: [main]}}", False, False),
        ("{push: {tags: ['v*']}}", False, True),
        ("{push: {tags-ignore: ['v*']}}", False, False),
        ("{push: {branches: [main], tags: ['v*']}}", True, True),
        ("{push: {branches: [main], tags: ['w*']}}", True, False),
        ("{push: {branches: ['**', '!main']}}", False, False),
        ("{push: {branches: ['!main', 'ma?in', 'm[a-b]in']}}", True, False),
        ("{push: {tags: ['v[0-9]+.[0-9]+.[0-9]+']}}", False, True),
        ("{push: {paths: ['**.md']}}", True, True),
        ("{push: {paths: ['*.md']}}", False, True),
        ("{push: {paths: ['src/**', '!src/a.rs']}}", False, True),
        ("{push: {paths-ignore: ['docs/**']}}", True, True),
        ("{push: {paths-ignore: ['**']}}", False, True),
        ("pull_request", False, False),
    ],
)
def test_a_push_starts_what_its_filters_let_in(on: str, branch: bool, tag: bool) -> None:
    assert (starts(on, PUSH), starts(on, TAG)) == (branch, tag)


@pytest.mark.parametrize(
    ("on", "answer"),
    [
        ("{pull_request: }", True),
        ("{pull_request: {types: [closed]}}", False),
        ("{pull_request: {types: [synchronize]}}", True),
        ("{pull_request: {branches: [main]}}", True),
        ("{pull_request: {branches: [topic]}}", False),
        ("{pull_request: {paths: ['src/**']}}", False),
        ("{pull_request: {paths: ['docs/**']}}", True),
    ],
)
def test_a_pull_request_starts_by_its_target_its_action_and_its_files(on: str, answer: bool) -> None:
    assert starts(on, PULL) is answer


def test_an_opened_pull_request_starts_by_default_and_an_edited_one_does_not() -> None:
    assert starts("{pull_request: {}}", replace(PULL, action="opened"))
    assert not starts("{pull_request: {}}", replace(PULL, action="edited"))


def test_the_end_of_a_workflow_starts_only_those_that_name_it() -> None:
    ended = Occasion("workflow_run", "completed", "main", None, lambda: (), "CI")
    assert starts("{workflow_run: {workflows: [CI], types: [completed]}}", ended)
    assert not starts("{workflow_run: {workflows: [CI], types: [requested]}}", ended)
    assert not starts("{workflow_run: {workflows: [Other]}}", ended)


def test_a_schedule_starts_where_there_is_a_time() -> None:
    night = Occasion("schedule", "", "main", None, lambda: ())
    assert starts("{schedule: [{cron: '17 3 * * *'}]}", night)
    with pytest.raises(MalformedData, match="schedule is not a list of cron"):
        starts("{schedule: {cron: '17 3 * * *'}}", night)


@pytest.mark.parametrize(
    ("on", "problem"),
    [
        ("{push: {branch: [main]}}", "push has the key 'branch', which the rehearsal does not know"),
        ("{push: {branches: [main], branches-ignore: [x]}}", "exclude each other"),
        ("{push: {branches: ['[b-a]']}}", "not one that GitHub takes"),
    ],
)
def test_a_filter_that_is_not_known_is_refused(on: str, problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        starts(on, PUSH)
