"""A run on an engine: what it creates goes with it, what dead runs left goes first, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.engine_session import open_session
from nanna_ci.containers.engine.inspection import ImageState, NetworkState
from nanna_ci.containers.engine.limits import ContainerLimits
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.engine.run_mark import RunMark
from nanna_ci.containers.image.oci_layout import load_layout
from nanna_ci.foundation.errors import Interrupted
from support.fake_engine import Behaviour, FakeEngine
from support.fake_images import write_layout

NOW_S = 1_700_000_000.0
OWN, DEAD, ALIVE, FOREIGN = (RunMark(digit * 12, 1_700_001_000) for digit in "abcd")


@pytest.fixture
def locks(tmp_path):
    return RunLocks(tmp_path / "locks", "podman")


@pytest.fixture
def layout(tmp_path):
    return load_layout(write_layout(tmp_path / "x", {"bin/a": b"a"}, entrypoint=["/bin/a"]))


def fill(engine: FakeEngine, mark: RunMark) -> None:
    """A container, its network and its image of a run."""
    engine.create_network(mark.name("x"), mark.labels)
    engine.create(
        ContainerSpec(mark.name("x"), "sha256:0", mark.name("x"), "x", 1, ContainerLimits(None, None, 1), mark.labels)
    )
    image = engine.images.get("sha256:0", ImageState("sha256:0", (), 1))
    engine.images["sha256:0"] = replace(image, tags=(*image.tags, mark.tag("x")))


def names(engine: FakeEngine) -> set[str]:
    tags = {tag for image in engine.images.values() for tag in image.tags}
    return {one.spec.name for one in engine.containers.values()} | set(engine.networks) | tags


def test_what_a_session_creates_goes_with_it(locks, layout):
    engine = FakeEngine()
    with open_session(engine, OWN, locks, NOW_S) as session:
        image = session.load(layout, "x")
        assert image.id == layout.config_digest
        fill(engine, OWN)
    assert (engine.containers, engine.networks, engine.images) == ({}, {}, {})
    assert session.problems == []
    assert locks.running() == {}


def test_an_image_that_goes_with_anothers_tag_while_it_is_loaded_is_loaded_again(locks, layout, monkeypatch):
    engine = FakeEngine()
    load, losses = engine.load, [layout.config_digest, layout.config_digest]

    def load_and_lose(wanted, tag):
        load(wanted, tag)
        if losses:
            del engine.images[losses.pop()]

    monkeypatch.setattr(engine, "load", load_and_lose)
    with open_session(engine, OWN, locks, NOW_S) as session:
        assert session.load(layout, "x").id == layout.config_digest
    assert engine.images == {}


def test_it_goes_after_an_error_too(locks):
    engine = FakeEngine()
    with pytest.raises(ZeroDivisionError), open_session(engine, OWN, locks, NOW_S):  # noqa: PT012 - what is left counts
        fill(engine, OWN)
        raise ZeroDivisionError
    assert names(engine) == set()


def test_dead_runs_are_swept_others_are_not(locks):
    engine = FakeEngine()
    for mark in (DEAD, ALIVE, FOREIGN):
        fill(engine, mark)
    engine.networks["precious"] = NetworkState("precious", {})
    engine.images["sha256:1"] = ImageState("sha256:1", ("precious:1",), 1)
    with locks.held(DEAD.run):
        pass
    with locks.held(ALIVE.run), open_session(engine, OWN, locks, NOW_S) as session:
        pass
    assert sorted(session.swept) == [
        "container id1",
        f"image {DEAD.tag('x')}",
        f"network {DEAD.name('x')}",
    ]
    kept = {one for mark in (ALIVE, FOREIGN) for one in (mark.name("x"), mark.tag("x"))}
    assert names(engine) == kept | {"precious", "precious:1"}
    assert locks.running() == {ALIVE.run: False}


def test_a_foreign_run_is_swept_once_its_time_is_over(locks):
    engine = FakeEngine()
    fill(engine, FOREIGN)
    with open_session(engine, OWN, locks, FOREIGN.expires_s + 1.0):
        pass
    assert names(engine) == set()


def test_what_cannot_be_removed_is_said_and_tried_again(locks):
    engine = FakeEngine(Behaviour(remove_errors=["device busy"]))
    with open_session(engine, OWN, locks, NOW_S) as session:
        fill(engine, OWN)
        engine.networks.clear()
    assert len(session.problems) == 2
    assert "container id1: podman exited with 125: Error: device busy" in session.problems[0]
    assert session.unswept == []
    assert session.problems[1] == "container id1: is still there"
    assert locks.running() == {OWN.run: False}

    with open_session(engine, ALIVE, locks, NOW_S) as session:
        pass
    assert session.swept == ["container id1"]
    assert names(engine) == set()
    assert locks.running() == {}


def test_what_cannot_be_swept_is_said_and_is_not_a_fault_of_this_run(locks):
    engine = FakeEngine(Behaviour(remove_errors=["device busy"]))
    fill(engine, DEAD)
    engine.networks.clear()
    with locks.held(DEAD.run):
        pass
    with open_session(engine, OWN, locks, NOW_S) as session:
        pass
    assert session.swept == [f"image {DEAD.tag('x')}"]
    assert len(session.unswept) == 1
    assert session.problems == []
    assert locks.running() == {DEAD.run: False}


class HalfLoading(FakeEngine):
    """An engine that is stopped once the image is there, before it has its tag."""

    def load(self, layout, tag):
        self.images[layout.config_digest] = ImageState(layout.config_digest, (), 5)
        raise Interrupted(15)


def test_an_image_that_was_only_half_loaded_goes_too(locks, layout):
    engine = HalfLoading()
    with pytest.raises(Interrupted), open_session(engine, OWN, locks, NOW_S) as session:
        session.load(layout, "x")
    assert engine.images == {}
    assert locks.running() == {}


def test_an_image_that_a_killed_run_had_half_loaded_goes_with_the_next_run(locks, layout):
    engine = FakeEngine()
    with locks.held(DEAD.run):
        locks.note(DEAD.run, layout.config_digest)
    engine.images[layout.config_digest] = ImageState(layout.config_digest, (), 5)
    with open_session(engine, OWN, locks, NOW_S) as session:
        assert engine.images == {}
    assert session.swept == [f"image {layout.config_digest}"]
    assert locks.running() == {}


def test_an_image_that_got_somebodys_tag_meanwhile_is_theirs(locks, layout):
    engine = FakeEngine()
    with locks.held(DEAD.run):
        locks.note(DEAD.run, layout.config_digest)
    engine.images[layout.config_digest] = ImageState(layout.config_digest, ("theirs:1",), 5)
    with open_session(engine, OWN, locks, NOW_S) as session:
        pass
    assert session.swept == []
    assert list(engine.images) == [layout.config_digest]


def test_what_another_run_is_loading_just_now_is_not_half_loaded(locks, layout):
    engine = FakeEngine()
    engine.images[layout.config_digest] = ImageState(layout.config_digest, (), 5)
    with locks.held(DEAD.run):
        locks.note(DEAD.run, layout.config_digest)
    with locks.held(ALIVE.run):
        locks.note(ALIVE.run, layout.config_digest)
        with open_session(engine, OWN, locks, NOW_S) as session:
            pass
    assert session.swept == []
    assert list(engine.images) == [layout.config_digest]


def test_what_another_run_is_loading_just_now_is_not_taken_for_somebodys(locks, layout):
    """Its image has no tag yet. It would be gone with the other run's tag, if we did not put ours on it."""
    engine = FakeEngine()
    engine.images[layout.config_digest] = ImageState(layout.config_digest, (), 5)
    with locks.held(ALIVE.run):
        locks.note(ALIVE.run, layout.config_digest)
        with open_session(engine, OWN, locks, NOW_S) as session:
            session.load(layout, "x")
            assert engine.images[layout.config_digest].tags == (OWN.tag("x"),)


def test_an_image_that_somebody_tagged_loses_only_our_tag(locks, layout):
    engine = FakeEngine()
    engine.images[layout.config_digest] = ImageState(layout.config_digest, ("theirs:1",), 1)
    with open_session(engine, OWN, locks, NOW_S) as session:
        session.load(layout, "x")
    assert engine.images[layout.config_digest].tags == ("theirs:1",)


def test_an_image_without_a_tag_is_somebodys_and_is_not_tagged(locks, layout):
    """docker removes an image with its last tag: ours would be the last."""
    engine = FakeEngine()
    engine.images[layout.config_digest] = ImageState(layout.config_digest, (), 1)
    with open_session(engine, OWN, locks, NOW_S) as session:
        session.load(layout, "x")
    assert engine.images[layout.config_digest].tags == ()
    assert "load" not in engine.calls
