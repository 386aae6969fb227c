"""A build log fed with anything, in any order: it never raises, stays bounded, and never invents a success."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_state import BuildState
from nanna_ci.store.store_path import StorePath

DERIVATIONS = [StorePath(str(number) * 32, f"{number}.drv") for number in range(4)]
OUTPUTS = {StorePath(str(number) * 32, "out"): derivation for number, derivation in enumerate(DERIVATIONS)}
IDS = st.integers(0, 6)
ANY_FIELD = st.integers(-5, 5) | st.text(max_size=5) | st.sampled_from([str(p) for p in [*DERIVATIONS, *OUTPUTS]])
EVENTS = (
    st.builds(
        lambda identity, kind, fields: {"action": "start", "id": identity, "type": kind, "text": "", "fields": fields},
        IDS,
        st.sampled_from([100, 101, 103, 104, 105, 108, 110, 999]),
        st.lists(ANY_FIELD, max_size=4),
    )
    | st.builds(lambda identity: {"action": "stop", "id": identity}, IDS)
    | st.builds(
        lambda identity, kind, fields: {"action": "result", "id": identity, "type": kind, "fields": fields},
        IDS,
        st.sampled_from([101, 104, 105, 106, 107, 999]),
        st.lists(ANY_FIELD, max_size=4),
    )
    | st.builds(
        lambda level, text, path: {"action": "msg", "level": level, "msg": text.format(path)},
        st.integers(0, 7),
        st.sampled_from(
            [
                "error: builder for '{}' failed",
                "error: 1 dependencies of derivation '{}' failed to build",
                "builder process for '{}' finished",
                "substitution of path '{}' succeeded",
                "talk",
            ]
        ),
        st.sampled_from([*DERIVATIONS, *OUTPUTS]),
    )
)


def line(event: dict[str, Any]) -> bytes:
    return b"@nix " + json.dumps(event).encode()


def fed(lines: list[bytes]) -> BuildLog:
    log = BuildLog(outputs=OUTPUTS)
    for one in lines:
        log.feed(one)
    return log


@given(st.lists(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: b"@nix " + data), max_size=20))
@example([b"@nix " + b"[" * 100_000])
def test_any_bytes_are_events_or_talk(lines: list[bytes]) -> None:
    log = fed(lines)
    assert log.derivations() == ()
    assert len(log.notes) <= len(lines)


@given(st.lists(EVENTS, max_size=40), st.booleans())
def test_any_events_in_any_order_leave_every_derivation_in_one_sound_state(
    events: list[dict[str, Any]], success: bool
) -> None:
    log = fed([line(event) for event in events])
    log.close(success=success)
    for heard in log.derivations():
        assert (heard.reason is None) or heard.state in (BuildState.FAILED, BuildState.DEPENDENCY_FAILED)
        assert heard.seconds is None or heard.seconds >= 0
        assert heard.started_s is not None or heard.state in (BuildState.FAILED, BuildState.DEPENDENCY_FAILED)
        assert not (success and heard.state in (BuildState.BUILDING, BuildState.SUBSTITUTING))


@given(st.lists(EVENTS, max_size=40))
def test_without_nix_counting_a_build_nothing_is_ever_called_built(events: list[dict[str, Any]]) -> None:
    log = fed([line(event) for event in events if event.get("type") != 104])
    assert BuildState.BUILT not in {heard.state for heard in log.derivations()}


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=4),
    st.permutations(range(4)),
    st.booleans(),
)
def test_however_builds_end_each_gets_its_own_outcome(
    fates: list[tuple[bool, bool]], order: list[int], named: bool
) -> None:
    """As Nix 2.26 reports it: counters as each build ends, activities of what was requested and errors at the very end.

    Each fate is (goes well, is somebody's dependency); `named` is a log with -vvv.
    """
    running = [number for number in order if number < len(fates)]
    lines = [line({"action": "start", "id": 99, "type": 104, "text": ""})]
    for number in range(len(fates)):
        fields = [str(DERIVATIONS[number]), "", 1, 1]
        lines.append(line({"action": "start", "id": number, "type": 105, "text": "", "fields": fields}))
    done = failed = 0
    late: list[bytes] = []
    for number in running:
        well, dependency = fates[number]
        if named:
            lines.append(
                line({"action": "msg", "level": 6, "msg": f"builder process for '{DERIVATIONS[number]}' finished"})
            )
        done, failed = done + well, failed + (not well)
        lines.append(line({"action": "result", "id": 99, "type": 105, "fields": [done, 4, 0, failed]}))
        error = line({"action": "msg", "level": 0, "msg": f"error: builder for '{DERIVATIONS[number]}' failed"})
        stop = line({"action": "stop", "id": number})
        if dependency:
            lines += ([] if well else [error]) + [stop]
        else:
            late = [stop, *late] + ([] if well else [error])
    log = fed(lines + late)
    expected = {DERIVATIONS[n]: BuildState.BUILT if well else BuildState.FAILED for n, (well, _) in enumerate(fates)}
    assert {heard.derivation: heard.state for heard in log.derivations()} == expected
