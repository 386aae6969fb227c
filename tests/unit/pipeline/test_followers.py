"""Jobs that start as soon as what they need is there, beside the build."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import Interrupted
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.job_plan import Job, ProductKind
from nanna_ci.pipeline.local_run import AT_ONCE, EffectRequest
from nanna_ci.pipeline.results import JobResult, JobState
from support.recorded_nix import RecordedNix
from support.recorded_run import BUILD, FMT, JOBS, UNIT, Run


@pytest.fixture
def passing(tmp_path: Path) -> Run:
    return Run(tmp_path, RecordedNix("passing"))


def follower(*needs: str) -> Job:
    build = next(job for job in JOBS if job.id == BUILD)
    return replace(build, id="follower", kind=ProductKind.CONTAINER_TEST, attribute=None, needs=needs)


class Meeting:
    """A follower that must begin before the one `nix build` is over: the build's last line waits for it."""

    def __init__(self, run: Run) -> None:
        self.begun = threading.Event()
        self.requests: list[EffectRequest] = []
        run.effect = self.effect
        feed = run.nix._build

        def build(on_stderr: Callable[[bytes], None]) -> None:
            feed(on_stderr)
            assert self.begun.wait(30), "the follower waited for the end of the build"

        run.nix._build = build  # type: ignore[method-assign]

    def effect(self, request: EffectRequest) -> JobResult:
        if request.job.id == "follower":
            self.requests.append(request)
            self.begun.set()
        return JobResult(request.job.id, Verdict.PASS, 1.0, JobState.RAN)


@pytest.mark.parametrize("needs", [(FMT,), (UNIT,), (FMT, UNIT)], ids=["there before", "built now", "both"])
def test_a_job_starts_as_soon_as_what_it_needs_is_there(passing: Run, needs: tuple[str, ...]) -> None:
    meeting = Meeting(passing)
    results = passing((*JOBS, follower(*needs)))
    assert results["follower"].verdict is Verdict.PASS
    (request,) = meeting.requests
    assert [one.job.id for one in request.needed] == list(needs)
    for one in request.needed:
        assert str(one.output) == results[one.job.id].evidence["outputs"]["out"]["path"]
    assert (passing.folder / "follower" / "result.json").exists()


def test_two_followers_run_at_a_time_and_no_more(passing: Run) -> None:
    both, most = threading.Barrier(AT_ONCE), threading.Semaphore(AT_ONCE)

    def effect(request: EffectRequest) -> JobResult:
        if request.job.needs:
            assert most.acquire(blocking=False)
            both.wait(30)
            most.release()
        return JobResult(request.job.id, Verdict.PASS, 1.0, JobState.RAN)

    passing.effect = effect
    many = tuple(replace(follower(FMT), id=f"follower-{number}") for number in range(3 * AT_ONCE))
    results = passing((*JOBS, *many))
    assert {results[job.id].verdict for job in many} == {Verdict.PASS}


def test_a_job_that_needs_what_the_toolkit_lacks_does_not_run(passing: Run) -> None:
    result = passing((*JOBS, follower(FMT, "audit-x86_64-linux-stable")))["follower"]
    assert (result.verdict, result.reason) == (
        Verdict.UNAVAILABLE,
        "needs audit-x86_64-linux-stable, which did not pass",
    )


def test_a_signal_during_the_build_ends_a_follower_too(passing: Run) -> None:
    ended = threading.Event()

    def effect(request: EffectRequest) -> JobResult:
        if request.job.needs:
            ended.set()
            raise Interrupted(2)  # as every program that it runs does then
        return JobResult(request.job.id, Verdict.PASS, 1.0, JobState.RAN)

    passing.effect = effect
    passing.nix.interrupt = (b"builder process for '/nix/store/", Interrupted(2))
    results, interrupted = passing.run.run((*JOBS, follower(FMT), replace(follower(FMT), id="later")))
    assert interrupted is not None
    assert ended.is_set()
    assert results["follower"].reason == results["later"].reason == "interrupted before it ended"


def test_a_mistake_of_ours_in_a_job_is_its_error_and_leaves_the_others_their_results(passing: Run) -> None:
    def effect(request: EffectRequest) -> JobResult:
        raise KeyError("a mistake")

    passing.effect = effect
    results = passing((*(job for job in JOBS if job.id != BUILD), follower(FMT)))
    assert results["follower"].verdict is Verdict.ERROR
    assert results["follower"].reason == "a bug in nanna-ci: KeyError: 'a mistake'"
    log = Path(results["follower"].evidence["report"])
    assert "Traceback" in log.read_text(), "whoever fixes it needs the place"
    assert results[FMT].verdict is Verdict.PASS
