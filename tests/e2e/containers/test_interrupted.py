"""Runs that are interrupted, killed, or not alone: what they created goes, and nothing else does."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from container_tests import MODEL, answer_of, command
from engine_rooms import EngineRoom, send


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"{what} never happened"
        time.sleep(0.05)


def containers(room: EngineRoom) -> list[str]:
    return room.lines("ps", "--format", "{{.Names}}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def never_ready(bakery):
    """A run that would wait for a minute."""
    return bakery.image("waiting", "--silent-health", health_timeout_s=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_removes_everything_and_ends(room, folder, never_ready, number):
    before = room.everything()
    process = room.popen(command(folder, room.engine, [never_ready]), folder)
    wait_for(lambda: containers(room), "a container")
    started = time.monotonic()
    send(process, number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert b"interrupted" in stderr
    assert b'"verdict": "unavailable"' in stdout
    assert time.monotonic() - started < 50
    assert room.everything() == before


@pytest.mark.parametrize("delay_s", [0.3, 0.6, 0.9, 1.2])
def test_a_signal_at_any_moment_leaves_nothing_that_the_next_run_does_not_remove(room, folder, bakery, delay_s):
    """An engine may finish what it was asked for after we are gone: then the next run finds it."""
    good = bakery.image("good", probe_paths=["/extra"])
    before = room.everything()
    process = room.popen(command(folder, room.engine, [good]), folder)
    time.sleep(delay_s)
    if process.poll() is None:
        send(process, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode in (143, -15, 0)
    assert answer_of(room.popen(command(folder, room.engine, [good]), folder)).code == 0
    assert room.everything() == before


def test_what_a_killed_run_left_goes_with_the_next_one(room, folder, bakery, never_ready):
    before = room.everything()
    process = room.popen(command(folder, room.engine, [never_ready]), folder)
    wait_for(lambda: containers(room), "a container")
    send(process, signal.SIGKILL)
    process.communicate(timeout=60)
    left = room.everything()
    assert len(left["containers"]) == 1
    assert len(left["networks"]) == len(before["networks"]) + 1
    assert len(left["images"]) == len(before["images"]) + 1

    good = bakery.image("good")
    answer = answer_of(room.popen(command(folder, room.engine, [good]), folder))
    assert answer.code == 0
    assert sorted(name.split()[0] for name in answer.data["swept"]) == ["container", "image", "network"]
    assert room.everything() == before


def test_what_belongs_to_others_stays(room, folder, bakery):
    """Somebody's container, network and image, made from the very image that is tested."""
    good = bakery.image("good", probe_paths=["/extra"])
    answer_of(room.popen(command(folder, room.engine, [good]), folder))
    empty = room.everything()
    process = room.popen(
        command(folder, room.engine, [bakery.image("holder", "--silent-health", health_timeout_s=60)]), folder
    )
    wait_for(lambda: containers(room), "a container")
    (theirs,) = [image for image in room.everything()["images"] if image.startswith("localhost/nanna-ci-test:")]
    room.call("tag", theirs.split()[0], "localhost/precious:1")
    room.call("network", "create", "precious-network")
    room.call("create", "--name", "precious", "--network", "precious-network", "localhost/precious:1")
    send(process, signal.SIGTERM)
    process.communicate(timeout=60)
    before = room.everything()
    assert before["containers"] == ["precious"]
    assert [image.split()[0] for image in before["images"]] == ["localhost/precious:1"]

    # the same image again, beside theirs, and a run that sweeps
    holder = replace(bakery.made[-1], keys={**bakery.made[-1].keys, "health_timeout_s": 1})
    answer = answer_of(room.popen(command(folder, room.engine, [good, holder]), folder))
    assert {name: image["verdict"] for name, image in answer.images.items()} == {"good": "pass", "holder": "fail"}
    assert room.everything() == before
    room.call("rm", "precious")
    room.call("network", "rm", "precious-network")
    room.call("rmi", "localhost/precious:1")
    assert room.everything() == empty


def test_a_run_beside_another_leaves_it_alone(room, folder, bakery, never_ready):
    before = room.everything()
    first = room.popen(command(folder, room.engine, [never_ready]), folder)
    wait_for(lambda: containers(room), "a container")
    running = containers(room)
    other = folder / "other"
    other.mkdir()
    model = bakery.image("model", "--model", MODEL, models=[MODEL])
    answer = answer_of(room.popen(command(other, room.engine, [model]), other))
    assert (answer.code, answer.data["swept"]) == (0, [])
    assert containers(room) == running
    send(first, signal.SIGTERM)
    first.communicate(timeout=60)
    assert room.everything() == before


def test_two_runs_of_one_image_at_once(room, folder, bakery):
    good = bakery.image("good", "--slow-health", "2", probe_paths=["/extra"])
    before = room.everything()
    folders = [folder / name for name in ("one", "two")]
    for each in folders:
        each.mkdir()
    processes = [room.popen(command(each, room.engine, [good]), each) for each in folders]
    assert [answer_of(process).code for process in processes] == [0, 0]
    assert room.everything() == before


def test_a_second_signal_ends_at_once(room, folder, never_ready, bakery):
    before = room.everything()
    process = room.popen(command(folder, room.engine, [never_ready]), folder)
    wait_for(lambda: containers(room), "a container")
    send(process, signal.SIGINT)
    send(process, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    good = bakery.image("good")
    assert answer_of(room.popen(command(folder, room.engine, [good]), folder)).code == 0
    assert room.everything() == before
