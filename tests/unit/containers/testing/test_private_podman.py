"""podman in private namespaces, seen from outside; tests/e2e/containers has real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.containers.engine.namespaces import namespace_words
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.engine.run_mark import RunMark
from nanna_ci.containers.testing.checks import ImageUnderTest, Service
from nanna_ci.containers.testing.dataclass_json import from_json
from nanna_ci.containers.testing.hand_over import ImageTestsRequest
from nanna_ci.containers.testing.private_podman import PrivatePodman, parse_engine_run, private_runs_folder
from nanna_ci.foundation.errors import CommandFailed, MalformedData, ToolMissing

MARK = RunMark("a" * 12, 5)
RESULT = {"unavailable": None, "version": "5.4.2", "images": [], "swept": ["x"], "problems": []}


class World:
    """A folder of private stores, control groups, and a program that plays the inside."""

    def __init__(self, folder: Path) -> None:
        self.runs_folder = folder / "podman-runs"
        self.groups = folder / "cgroup"
        self.groups.mkdir()
        self.locks = RunLocks(folder / "locks", "podman")
        self.request = ImageTestsRequest(
            (ImageUnderTest("x", Path("/l"), Service(1, "/h", 2.0)),), (), "amd64", folder / "run"
        )
        self.argv: list[str] = []
        self.handed_over: dict[str, object] = {}
        self.result: object = RESULT

    def run(self, argv, **options):
        self.argv, self.options = argv, options
        handed_over, answer = map(Path, argv[-2:])
        self.handed_over = json.loads(handed_over.read_text())
        for controller in ("memory", "pids"):
            (self.groups / controller / f"nanna-ci-{MARK.run}" / "libpod-1").mkdir(parents=True)
        Path(options["env"]["TMPDIR"], "left").touch()
        if isinstance(self.result, Exception):
            raise self.result
        answer.write_text(json.dumps(self.result))

    def test(self):
        podman = PrivatePodman(self.runs_folder, self.locks, self.groups)
        return podman.test(self.request, MARK, run=self.run, environ={"A": "b"}, say=lambda _: None)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_the_namespaces_end_with_who_made_them():
    words = namespace_words(["program"])
    assert words[:3] == ["setpriv", "--pdeathsig", "KILL"]
    assert {"--net", "--mount", "--pid", "--ipc", "--kill-child=KILL"} <= set(words)
    assert words[-1] == "program"


def test_a_private_run_gets_its_request_and_is_removed_afterwards(world):
    tested = world.test()
    assert tested.private
    assert (tested.engine.version, tested.swept, tested.problems) == ("5.4.2", ("x",), ())
    assert [from_json(ImageUnderTest, one, "x") for one in world.handed_over["subjects"]] == list(
        world.request.subjects
    )
    assert world.handed_over["store"].startswith(str(world.runs_folder))
    assert world.handed_over["cgroup"] == f"/nanna-ci-{MARK.run}"
    assert list(world.runs_folder.iterdir()) == []
    assert list(world.groups.glob("*/*")) == []
    assert world.locks.running() == {}


def test_it_is_gone_after_a_failure_too(world):
    world.result = CommandFailed(["setpriv"], 3, "unshare failed: Operation not permitted\n")
    with pytest.raises(CommandFailed):
        world.test()
    assert list(world.runs_folder.iterdir()) == []
    assert list(world.groups.glob("*/*")) == []


def test_podman_that_does_not_work_in_there_either_is_missing(world):
    world.result = {"unavailable": "no runtime"}
    with pytest.raises(ToolMissing, match="podman: no runtime"):
        world.test()


def test_private_runs_that_are_dead_go_others_stay(world):
    for run in ("b" * 12, "c" * 12, "notes"):
        (world.runs_folder / run / "store").mkdir(parents=True)
    (world.groups / "memory" / f"nanna-ci-{'b' * 12}" / "conmon").mkdir(parents=True)
    with world.locks.held("c" * 12):
        tested = world.test()
    assert tested.swept == (f"private podman {'b' * 12}", "x")
    assert sorted(path.name for path in world.runs_folder.iterdir()) == ["c" * 12, "notes"]
    assert list(world.groups.glob("*/*")) == []


@pytest.mark.parametrize("data", [b"", b"[]", b'{"version": 1}', b'{"version": "1", "images": [{}]}'])
def test_an_invalid_result_is_refused(data):
    with pytest.raises(MalformedData):
        parse_engine_run(data, "x")


def test_private_runs_are_beside_the_locks():
    assert private_runs_folder(Path("/c/nanna-ci/container-runs")) == Path("/c/nanna-ci/podman-runs")
