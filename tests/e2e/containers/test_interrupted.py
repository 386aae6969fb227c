"""Runs that are interrupted, killed, or not alone: what they created goes, and nothing else does."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.container_test_runs import MODEL, answer_of, command
from support.engine_sandbox import EngineSandbox, send


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"{what} never happened"
        time.sleep(0.05)


def containers(sandbox: EngineSandbox) -> list[str]:
    return sandbox.lines("ps", "--format", "{{.Names}}")


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
def test_a_signal_removes_everything_and_ends(sandbox, folder, never_ready, number):
    before = sandbox.everything()
    process = sandbox.popen(command(folder, sandbox.engine, [never_ready]), folder)
    wait_for(lambda: containers(sandbox), "a container")
    started = time.monotonic()
    send(process, number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert b"interrupted" in stderr
    assert b'"verdict": "unavailable"' in stdout
    assert time.monotonic() - started < 50
    assert sandbox.everything() == before


@pytest.mark.parametrize("delay_s", [0.3, 0.6, 0.9, 1.2])
def test_a_signal_at_any_moment_leaves_nothing_that_the_next_run_does_not_remove(sandbox, folder, bakery, delay_s):
    """An engine may finish a request after we are gone: then the next run finds it."""
    good = bakery.image("good", probe_paths=["/extra"])
    before = sandbox.everything()
    process = sandbox.popen(command(folder, sandbox.engine, [good]), folder)
    time.sleep(delay_s)
    if process.poll() is None:
        send(process, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode in (143, -15, 0)
    assert answer_of(sandbox.popen(command(folder, sandbox.engine, [good]), folder)).code == 0
    assert sandbox.everything() == before


def test_what_a_killed_run_left_goes_with_the_next_one(sandbox, folder, bakery, never_ready):
    before = sandbox.everything()
    process = sandbox.popen(command(folder, sandbox.engine, [never_ready]), folder)
    wait_for(lambda: containers(sandbox), "a container")
    send(process, signal.SIGKILL)
    process.communicate(timeout=60)
    left = sandbox.everything()
    assert len(left["containers"]) == 1
    assert len(left["networks"]) == len(before["networks"]) + 1
    assert len(left["images"]) == len(before["images"]) + 1

    good = bakery.image("good")
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, [good]), folder))
    assert answer.code == 0
    assert sorted(name.split()[0] for name in answer.data["swept"]) == ["container", "image", "network"]
    assert sandbox.everything() == before


def test_what_belongs_to_others_stays(sandbox, folder, bakery):
    """Somebody's container, network and image, made from the very image that is tested."""
    good = bakery.image("good", probe_paths=["/extra"])
    answer_of(sandbox.popen(command(folder, sandbox.engine, [good]), folder))
    empty = sandbox.everything()
    process = sandbox.popen(
        command(folder, sandbox.engine, [bakery.image("holder", "--silent-health", health_timeout_s=60)]), folder
    )
    wait_for(lambda: containers(sandbox), "a container")
    (theirs,) = [image for image in sandbox.everything()["images"] if image.startswith("localhost/nanna-ci-test:")]
    sandbox.call("tag", theirs.split()[0], "localhost/precious:1")
    sandbox.call("network", "create", "precious-network")
    sandbox.call("create", "--name", "precious", "--network", "precious-network", "localhost/precious:1")
    send(process, signal.SIGTERM)
    process.communicate(timeout=60)
    before = sandbox.everything()
    assert before["containers"] == ["precious"]
    assert [image.split()[0] for image in before["images"]] == ["localhost/precious:1"]

    # the same image again, beside theirs, and a run that sweeps
    holder = replace(bakery.made[-1], keys={**bakery.made[-1].keys, "health_timeout_s": 1})
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, [good, holder]), folder))
    assert {name: image["verdict"] for name, image in answer.images.items()} == {"good": "pass", "holder": "fail"}
    assert sandbox.everything() == before
    sandbox.call("rm", "precious")
    sandbox.call("network", "rm", "precious-network")
    sandbox.call("rmi", "localhost/precious:1")
    assert sandbox.everything() == empty


def test_a_run_beside_another_leaves_it_alone(sandbox, folder, bakery, never_ready):
    before = sandbox.everything()
    first = sandbox.popen(command(folder, sandbox.engine, [never_ready]), folder)
    wait_for(lambda: containers(sandbox), "a container")
    running = containers(sandbox)
    other = folder / "other"
    other.mkdir()
    model = bakery.image("model", "--model", MODEL, models=[MODEL])
    answer = answer_of(sandbox.popen(command(other, sandbox.engine, [model]), other))
    assert (answer.code, answer.data["swept"]) == (0, [])
    assert containers(sandbox) == running
    send(first, signal.SIGTERM)
    first.communicate(timeout=60)
    assert sandbox.everything() == before


def test_two_runs_of_one_image_at_once(sandbox, folder, bakery):
    good = bakery.image("good", "--slow-health", "2", probe_paths=["/extra"])
    before = sandbox.everything()
    folders = [folder / name for name in ("one", "two")]
    for each in folders:
        each.mkdir()
    processes = [sandbox.popen(command(each, sandbox.engine, [good]), each) for each in folders]
    assert [answer_of(process).code for process in processes] == [0, 0]
    assert sandbox.everything() == before


def test_a_second_signal_ends_at_once(sandbox, folder, never_ready, bakery):
    before = sandbox.everything()
    process = sandbox.popen(command(folder, sandbox.engine, [never_ready]), folder)
    wait_for(lambda: containers(sandbox), "a container")
    send(process, signal.SIGINT)
    send(process, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    good = bakery.image("good")
    assert answer_of(sandbox.popen(command(folder, sandbox.engine, [good]), folder)).code == 0
    assert sandbox.everything() == before
