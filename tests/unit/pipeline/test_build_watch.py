"""What a command says while it waits for one output; `ci`'s whole view is in test_local_run.py."""

from __future__ import annotations

from nanna_ci.pipeline.build_watch import say_builds
from nanna_ci.store.build_log import BuildLog
from support.recorded_nix import DATA


def test_each_derivation_that_a_build_begins_is_said_once_by_its_name():
    said: list[str] = []
    log, on_event = BuildLog(), say_builds(said.append)
    lines = (DATA / "passing" / "build.log").read_bytes().splitlines()
    for line in lines:
        if (event := log.feed(line)) is not None:
            on_event(log, event)
    begun = sum(b'"action":"start"' in line and b'"type":105' in line for line in lines)
    assert begun > 0
    assert len(said) == begun
    assert all(line.startswith("building demo-") for line in said)
