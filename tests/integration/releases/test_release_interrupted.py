"""`release` interrupted at every request it makes, in three ways, and finished by another run."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.release_runs import FILES, ReleaseRuns
from support.stand_in_github_releases import ReleaseHandler, StandInReleases, stand_in_releases


@pytest.fixture
def server() -> Iterator[StandInReleases]:
    with stand_in_releases() as server:
        yield server


@pytest.fixture
def release(tmp_path: Path, server: StandInReleases) -> ReleaseRuns:
    return ReleaseRuns(tmp_path, server)


def lose_request(handler: ReleaseHandler) -> None:
    """GitHub never sees it."""


def lose_answer(handler: ReleaseHandler) -> None:
    """GitHub does what was asked, and nobody hears of it."""
    handler.says = lambda status, body: None  # type: ignore[method-assign]
    handler.pages = lambda items: None  # type: ignore[method-assign]
    handler.read_body()
    handler.wfile = io.BytesIO()
    with handler.server.lock:
        handler.route()


def leave_starter(handler: ReleaseHandler) -> None:
    """Of an upload GitHub keeps an asset that is not whole."""
    (one,) = (one for one in handler.server.releases.values() if one["draft"])
    handler.server.add_asset(one, handler.path.rpartition("name=")[2], b"", state="starter")


WAYS = [lose_request, lose_answer, leave_starter]


def check_finished(release: ReleaseRuns, server: StandInReleases) -> None:
    """One release, published once, whole at that time; no other release or draft."""
    server.fault = None
    code, data = release()
    assert (code, data["published"]) == (0, True), data
    (one,) = server.releases.values()
    assert (one["draft"], server.files(one)) == (False, FILES)
    assert server.published_as == [dict.fromkeys(sorted(FILES), "uploaded")]


def requests_of(release: ReleaseRuns, server: StandInReleases, way: Callable[[ReleaseHandler], None]) -> list[int]:
    """The numbers of the requests that an undisturbed release makes; of uploads only, where the way is about these."""
    assert release()[0] == 0
    assert len(server.calls) >= 10
    wanted = "name=" if way is leave_starter else ""
    return [number for number, call in enumerate(server.calls, start=1) if wanted in call]


def begin_anew(server: StandInReleases) -> None:
    for state in (server.releases, server.contents, server.calls, server.published_as):
        state.clear()


@pytest.mark.parametrize("way", WAYS)
def test_a_release_killed_at_any_request_is_finished_by_a_rerun(
    release: ReleaseRuns, server: StandInReleases, way: Callable[[ReleaseHandler], None]
):
    for number in requests_of(release, server, way):
        begin_anew(server)
        child = release.start()

        def kill(at: int, handler: ReleaseHandler, number: int = number, pid: int = child.pid) -> bool:
            if at == number:
                way(handler)
                os.kill(pid, signal.SIGKILL)
            if at >= number:
                handler.hang_up()
            return at >= number

        server.fault = kill
        assert child.wait(30) == -signal.SIGKILL, number
        assert [set(files) for files in server.published_as] in ([], [set(FILES)])
        check_finished(release, server)


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_breaks_at_any_request_is_mended(
    release: ReleaseRuns, server: StandInReleases, way: Callable[[ReleaseHandler], None]
):
    for number in requests_of(release, server, way):
        begin_anew(server)

        def drop(at: int, handler: ReleaseHandler, number: int = number) -> bool:
            if at == number:
                way(handler)
                handler.hang_up()
            return at == number

        server.fault = drop
        assert release()[0] == 0, number
        check_finished(release, server)


def test_ctrl_c_ends_it_and_a_rerun_finishes(release: ReleaseRuns, server: StandInReleases):
    child = release.start()

    def interrupt(_at: int, handler: ReleaseHandler) -> bool:
        if "name=harness" in handler.path:
            os.kill(child.pid, signal.SIGINT)
            handler.hang_up()
            return True
        return False

    server.fault = interrupt
    assert child.wait(30) == 130
    assert server.published == []
    check_finished(release, server)


# A process begins with the peak of the one that forked it, in what wait4 says; VmHWM is its own.
WITH_PEAK = """
import sys
from pathlib import Path
from nanna_ci.cli import main
code = main(sys.argv[1:])
(line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
Path("peak").write_text(line.split()[1])
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_files_are_sent_and_compared_in_little_memory(release: ReleaseRuns, server: StandInReleases):
    large = release.dist / "harness-x86_64-linux.tar.gz"
    with large.open("wb") as file:
        file.truncate(100_000_000)
    server.names_digests = False
    child = release.start(program=("-c", WITH_PEAK))
    assert child.wait(60) == 0
    assert server.published[0]["assets"][1]["size"] == 100_000_000
    assert int((release.folder / "peak").read_text()) < 90_000, "kilobytes"
