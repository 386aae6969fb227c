"""One run on an engine: what it creates carries its mark, and goes with it; what dead runs left goes first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from nanna_ci import process
from nanna_ci.containers.engine import Engine
from nanna_ci.containers.inspection import ImageState
from nanna_ci.containers.oci_layout import Layout
from nanna_ci.containers.run_lock import RunLocks
from nanna_ci.containers.sweep import Mark, decide_dead, mark_of_labels, mark_of_tag
from nanna_ci.errors import Interrupted, MalformedData, NannaError

CLEANING_S: Final = 60.0


@dataclass(slots=True)
class Session:
    """A run. `swept` names what dead runs had left and this one removed, `problems` what could not be removed."""

    engine: Engine
    mark: Mark
    locks: RunLocks
    swept: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def load(self, layout: Layout, image: str) -> ImageState:
        """Load an image; its ID is the digest that the layout gives it.

        An image that somebody loaded without a tag is used as it is: a tag of ours would take it with it in the end.
        """
        before = self._find(layout)
        if before is not None and not before.tags:
            return before
        self.engine.load(layout, self.mark.tag(image))
        after = self._find(layout)
        if after is None:
            raise MalformedData(
                f"{self.engine.name} load", f"the engine has no image {layout.config_digest} after it has loaded it"
            )
        return after

    def _find(self, layout: Layout) -> ImageState | None:
        """The layout's image in the engine: by its configuration, or, in containerd's store, by its manifest."""
        return self.engine.find_image(layout.config_digest) or self.engine.find_image(layout.manifest_digest)

    def clean(self) -> list[str]:
        """Remove all that this run has created; the problems met, and what is still there after that."""
        own = frozenset({self.mark.run})
        problems = self._remove(own)
        return [*problems, *(f"{name}: is still there" for name in self._names(own))]

    def _names(self, runs: frozenset[str]) -> list[str]:
        return [name for name, _ in self._things(runs)]

    def _remove(self, runs: frozenset[str]) -> list[str]:
        """Remove the things of runs; the problems met."""
        problems = []
        for name, remove in self._things(runs):
            try:
                remove(name.partition(" ")[2])
            except Interrupted:
                raise
            except NannaError as error:
                problems.append(f"{name}: {error.message}")
        return problems

    def _things(self, runs: frozenset[str]) -> list[tuple[str, Callable[[str], None]]]:
        """`container ID` and so on, with what removes it; in the order in which that can be done."""
        engine = self.engine
        own = self.mark.run if runs == {self.mark.run} else None
        containers = [one for one in engine.our_containers(own) if _run(mark_of_labels(one.labels)) in runs]
        networks = [one for one in engine.our_networks(own) if _run(mark_of_labels(one.labels)) in runs]
        tags = [tag for tag in engine.our_tags() if _run(mark_of_tag(tag)) in runs]
        return [
            *((f"container {one.id}", engine.remove) for one in containers),
            *((f"network {one.name}", engine.remove_network) for one in networks),
            *((f"image {tag}", engine.remove_tag) for tag in tags),
        ]

    def sweep(self, now_s: float) -> None:
        """Remove what dead runs have left."""
        alive = self.locks.alive()
        marks: list[Mark | None] = [mark_of_labels(one.labels) for one in self.engine.our_containers()]
        marks += [mark_of_labels(one.labels) for one in self.engine.our_networks()]
        marks += [mark_of_tag(tag) for tag in self.engine.our_tags()]
        dead = decide_dead((mark for mark in marks if mark is not None), alive, now_s)
        if dead:
            self.swept += self._names(dead)
            self.problems += self._remove(dead)
        for run, is_alive in alive.items():
            if not is_alive and not self.problems:
                self.locks.forget(run)


def _run(mark: Mark | None) -> str | None:
    return None if mark is None else mark.run


@contextlib.contextmanager
def open_session(engine: Engine, mark: Mark, locks: RunLocks, now_s: float) -> Iterator[Session]:
    """A session that has swept, and in the end removes its own, also after a signal.

    What cannot be removed is in `problems`, and the run's lock file stays, so that the next run tries again.
    """
    session = Session(engine, mark, locks)
    with locks.held(mark.run):
        session.sweep(now_s)
        try:
            yield session
        finally:
            with process.cleaning_up(CLEANING_S):
                session.problems += _unless_it_fails(session.clean)
                if not session.problems:
                    locks.forget(mark.run)


def _unless_it_fails(clean: Callable[[], Sequence[str]]) -> Sequence[str]:
    try:
        return clean()
    except Interrupted:
        raise
    except NannaError as error:
        return [error.message]
