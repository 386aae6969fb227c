"""Laws of container tests: verdicts, sweeping, plans, and JSON that comes back as it went."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.containers.engine.confinement import parse_listeners
from nanna_ci.containers.engine.engine import last_line
from nanna_ci.containers.engine.limits import (
    Controllers,
    Effective,
    Force,
    LimitReport,
    plan_limits,
    possible_limits,
    report_limits,
)
from nanna_ci.containers.engine.run_mark import RunMark, decide_dead, mark_of_labels, mark_of_tag
from nanna_ci.containers.testing.checks import (
    NEEDS,
    Check,
    CheckKind,
    CheckResult,
    Companion,
    FailureCause,
    ImageFacts,
    ImageResult,
    ImageUnderTest,
    Service,
    Status,
    find_blocker,
    plan_checks,
    skip,
)
from nanna_ci.containers.testing.dataclass_json import from_json, to_json
from nanna_ci.containers.testing.diagnosis import UnhealthyServer, diagnose, written_paths
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.junit import parse_junit
from nanna_ci.report.junit_xml import Case, CaseStatus, JunitSuite, render_junit

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
counts = st.integers(0, 2**50)
seconds = st.integers(0, 10**6).map(lambda number: number / 1000)
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda digits: f"sha256:{digits}")
runs = st.text("0123456789abcdef", min_size=12, max_size=12)
marks = st.builds(RunMark, runs, st.integers(0, 10**11))
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
checks = st.builds(Check, st.sampled_from(CheckKind), texts)


@st.composite
def results(draw: st.DrawFn) -> CheckResult:
    status = draw(st.sampled_from(Status))
    reason = draw(some_text if status is not Status.PASSED else st.none() | some_text)
    cause = draw(st.sampled_from(FailureCause)) if status is Status.FAILED else None
    return CheckResult(draw(checks), status, draw(seconds), cause, reason)


facts = st.builds(
    ImageFacts,
    manifest_digest=st.none() | digests,
    image_id=st.none() | digests,
    architecture=st.none() | some_text,
    size_bytes=st.none() | counts,
    unpacked_bytes=st.none() | counts,
    start_s=st.none() | seconds,
    peak_memory_bytes=st.none() | counts,
    limits=st.lists(
        st.builds(LimitReport, some_text, some_text, st.sampled_from(Force), st.none() | some_text), max_size=3
    ).map(tuple),
    files=st.lists(some_text, max_size=3).map(tuple),
)
images = st.builds(ImageResult, some_text, st.lists(results(), max_size=6).map(tuple), facts, seconds)
subjects = st.builds(
    ImageUnderTest,
    name=names,
    layout=some_text.map(Path),
    service=st.none() | st.builds(Service, st.integers(1, 65535), some_text, seconds),
    probe_paths=st.lists(some_text, max_size=3).map(tuple),
    probe_commands=st.lists(some_text, max_size=3).map(tuple),
    models=st.lists(some_text, max_size=3).map(tuple),
    model_command=st.none() | some_text,
)
companions = st.builds(Companion, names, st.none() | subjects, st.none() | texts)


@given(images)
def test_a_result_comes_back_from_json_as_it_went(image):
    assert from_json(ImageResult, json.loads(json.dumps(to_json(image))), "x") == image


@given(subjects, companions)
def test_a_subject_comes_back_from_json_as_it_went(subject, companion):
    assert from_json(ImageUnderTest, json.loads(json.dumps(to_json(subject))), "x") == subject
    assert from_json(Companion, json.loads(json.dumps(to_json(companion))), "x") == companion


@given(images)
def test_green_means_that_every_check_passed(image):
    statuses = {one.status for one in image.checks}
    assert (image.verdict is Verdict.PASS) == (statuses == {Status.PASSED})
    assert (image.verdict is Verdict.FAIL) == bool(statuses & {Status.FAILED, Status.SKIPPED})
    if Status.FAILED in statuses or Status.UNAVAILABLE in statuses:
        assert image.reason


@given(marks, names, texts)
def test_a_mark_comes_back_from_labels_and_tags(mark, image, other):
    assert mark_of_labels({**mark.labels, other: other} if other not in mark.labels else mark.labels) == mark
    assert mark_of_tag(mark.tag(image)) == mark
    assert len(mark.tag(image).rpartition(":")[2]) <= 128


@given(texts)
def test_other_peoples_names_are_never_ours(text):
    assert mark_of_tag(text) is None
    assert mark_of_tag(f"docker.io/library/{text}:latest") is None


@given(st.lists(marks), st.dictionaries(runs, st.booleans()), st.integers(0, 10**11))
def test_a_run_that_holds_its_lock_is_never_dead(listed, alive, now_s):
    dead = decide_dead(listed, alive, now_s)
    assert dead <= {mark.run for mark in listed}
    assert not {run for run, held in alive.items() if held} & dead
    for mark in listed:
        if alive.get(mark.run) is False:
            assert mark.run in dead
        if mark.run not in alive and all(m.expires_s > now_s for m in listed if m.run == mark.run):
            assert mark.run not in dead


@given(subjects, st.lists(companions, max_size=2, unique_by=lambda one: one.name), st.data())
def test_what_did_not_start_is_not_tested_and_removal_always_follows(subject, others, data):
    """Whatever passes and fails: each planned check has one answer, in order, and a skip has a failure before it."""
    plan = plan_checks(subject, others)
    assert plan[-1].kind is CheckKind.REMOVED
    answers: list[CheckResult] = []
    for check in plan:
        blocker = find_blocker(check, answers)
        if blocker is not None:
            answers.append(skip(check, blocker))
        elif data.draw(st.booleans()):
            answers.append(CheckResult(check, Status.PASSED, 0))
        else:
            answers.append(CheckResult(check, Status.FAILED, 0, FailureCause.ENGINE, "x"))
    assert [one.check for one in answers] == list(plan)
    assert answers[-1].status is not Status.SKIPPED
    broken = False
    for one in answers:
        assert one.status is not Status.SKIPPED or broken
        broken = broken or one.status is Status.FAILED
    for one in answers:
        need = NEEDS.get(one.check.kind)
        if one.status is Status.PASSED and need is not None:
            assert all(other.status is Status.PASSED for other in answers if other.check.kind is need)


@given(
    st.builds(
        UnhealthyServer,
        port=st.integers(1, 65535),
        health_path=some_text,
        waited_s=seconds,
        exit_code=st.none() | st.integers(0, 255),
        out_of_memory=st.booleans(),
        log=texts,
        answer=texts,
        listeners=st.none() | st.just(()),
        written=st.none() | st.lists(some_text, max_size=3).map(tuple),
    )
)
def test_every_failure_has_a_sentence(seen):
    problem = diagnose(seen)
    assert problem.message
    assert "\n" not in last_line(seen.log)


@given(st.lists(texts.map(lambda text: f"A /{text}") | texts))
def test_a_folder_is_not_named_beside_what_is_in_it(changes):
    paths = written_paths(changes)
    assert not [path for path in paths for other in paths if other.startswith(f"{path}/")]


@given(
    counts,
    seconds,
    st.none() | st.booleans(),
    st.none() | st.booleans(),
    st.none() | st.floats(0),
    st.none() | st.floats(0),
)
def test_a_limit_is_called_held_only_if_the_kernel_says_so(size, timeout_s, memory, pids, seen_memory, seen_pids):
    wanted = plan_limits(size, timeout_s)
    given_limits = possible_limits(wanted, Controllers(memory, pids))
    reports = {one.name: one for one in report_limits(wanted, given_limits, Effective(seen_memory, seen_pids), None)}
    for one in reports.values():
        assert (one.force is Force.HELD) == (one.reason is None)
    assert reports["processes"].force is not Force.HELD or (seen_pids is not None and seen_pids <= 512)
    assert reports["memory"].force is not Force.HELD or (seen_memory is not None and memory is not False)


@given(st.lists(texts))
def test_any_table_of_sockets_is_read(lines):
    assert list(parse_listeners(lines)) == sorted(parse_listeners(lines), key=lambda one: one.port)


cases = st.builds(Case, some_text, st.sampled_from(CaseStatus), seconds, texts, texts)


@given(st.lists(st.builds(JunitSuite, some_text, st.lists(cases, max_size=3).map(tuple)), max_size=3))
def test_junit_that_we_write_we_read(suites):
    read = parse_junit(render_junit(suites), "x").cases
    written = [case for suite in suites for case in suite.cases]
    assert [case.status.value for case in read] == [case.status.name.lower() for case in written]
    assert [case.seconds for case in read] == [round(case.seconds, 3) for case in written]
