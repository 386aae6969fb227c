"""Whose a container is, and whose may go."""

from __future__ import annotations

import pytest

from nanna_ci.containers.engine.run_mark import RunMark, decide_dead, mark_of_labels, mark_of_tag

MARK = RunMark("0123456789ab", 1_800_000_000)
NOW_S = 1_700_000_000.0


def test_a_mark_is_read_back_from_labels_and_tags():
    assert mark_of_labels({**MARK.labels, "other": "x"}) == MARK
    assert mark_of_tag(MARK.tag("qwen3-container")) == MARK
    assert MARK.name("harness") == "nanna-ci-0123456789ab-harness"


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"io.nanna-ci.run": "0123456789ab"},
        {"io.nanna-ci.run": "0123456789AB", "io.nanna-ci.expires": "1"},
        {"io.nanna-ci.run": "0123456789ab", "io.nanna-ci.expires": "soon"},
        {"io.nanna-ci.run": "../../etc", "io.nanna-ci.expires": "1"},
    ],
)
def test_labels_that_we_did_not_write_are_ignored(labels):
    assert mark_of_labels(labels) is None


@pytest.mark.parametrize(
    "tag",
    [
        "localhost/other:0123456789ab.1.x",
        "docker.io/localhost/nanna-ci-test:0123456789ab.1.x",
        "localhost/nanna-ci-test:latest",
        "localhost/nanna-ci-test:0123456789ab.1",
        "<none>:<none>",
    ],
)
def test_other_tags_are_ignored(tag):
    assert mark_of_tag(tag) is None


def test_a_run_of_this_machine_is_dead_once_nobody_holds_its_lock_however_young():
    assert decide_dead([MARK], {MARK.run: False}, NOW_S) == {MARK.run}
    assert decide_dead([MARK], {MARK.run: True}, NOW_S) == frozenset()
    assert decide_dead([MARK], {MARK.run: True}, MARK.expires_s + 1.0) == frozenset()


def test_a_run_of_somebody_else_is_dead_when_its_time_is_over():
    assert decide_dead([MARK], {}, MARK.expires_s - 1.0) == frozenset()
    assert decide_dead([MARK], {}, MARK.expires_s + 1.0) == {MARK.run}
