"""One run on an engine: what it creates carries its mark and is removed with it, leftovers of dead runs before it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from nanna_ci.containers.engine.engine import Engine
from nanna_ci.containers.engine.inspection import ImageState
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.engine.run_mark import RunMark, decide_dead, mark_of_labels, mark_of_tag
from nanna_ci.containers.image.oci_layout import Layout
from nanna_ci.foundation import process
from nanna_ci.foundation.errors import Interrupted, MalformedData, NannaError

CLEANING_S: Final = 60.0
_LOADS: Final = 3  # another run may remove its tag, and the image with it, before ours is there


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something in an engine: `container ID` and so on, and what removes it."""

    mark: RunMark
    name: str
    remove: Callable[[], None]


@dataclass(slots=True)
class EngineSession:
    """A run. `swept` names what dead runs had left and this one removed, `unswept` what it could not remove, and why.

    `problems` are what of its own could not be removed.
    """

    engine: Engine
    mark: RunMark
    locks: RunLocks
    swept: list[str] = field(default_factory=list)
    unswept: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def load(self, layout: Layout, image: str) -> ImageState:
        """Load an image; its ID is the digest that the layout gives it.

        An image that somebody loaded without a tag is used as it is: a tag of ours would take it with it in the end.
        An engine may be stopped after it has made an image and before that has its tag: hence the note.
        """
        before = self._find(layout)
        if before is None:
            for digest in (layout.config_digest, layout.manifest_digest):
                self.locks.note(self.mark.run, digest)
        elif not before.tags and before.id not in self._noted_by_others([self.mark.run]):
            return before
        for _ in range(_LOADS):
            self.engine.load(layout, self.mark.tag(image))
            if (after := self._find(layout)) is not None:
                return after
        raise MalformedData(
            f"{self.engine.name} load", f"the engine has no image {layout.config_digest} after it has loaded it"
        )

    def _find(self, layout: Layout) -> ImageState | None:
        """The layout's image in the engine: by its configuration, or, in containerd's store, by its manifest."""
        return self.engine.find_image(layout.config_digest, layout.manifest_digest)

    def clean(self) -> list[str]:
        """Remove all that this run has created; the problems met, and what is still there after that."""
        own = self.mark.run
        things = [*self._marked(own), *self._half_loaded([own])]
        if not things:
            return []
        _, problems = _remove_all(things)
        return [*problems, *(f"{thing.name}: is still there" for thing in self._marked(own))]

    def _marked(self, only: str | None) -> list[_Thing]:
        """What carries a mark, in the order in which it can be removed; of one run, or of any."""
        engine = self.engine
        marked = [
            *((mark_of_labels(one.labels), f"container {one.id}", engine.remove, one.id)
              for one in engine.our_containers(only)),
            *((mark_of_labels(one.labels), f"network {one.name}", engine.remove_network, one.name)
              for one in engine.our_networks(only)),
            *((mark_of_tag(tag), f"image {tag}", engine.remove_tag, tag) for tag in engine.our_tags()),
        ]  # fmt: skip
        things = [_Thing(mark, name, partial(remove, key)) for mark, name, remove, key in marked if mark is not None]
        return [thing for thing in things if only in (None, thing.mark.run)]

    def _half_loaded(self, runs: Sequence[str]) -> list[_Thing]:
        """Images that these runs were about to load, and that have no tag: only theirs."""
        noted = {digest: run for run in runs for digest in self.locks.noted(run)}
        found = []
        for digest in noted.keys() - self._noted_by_others(runs):
            image = self.engine.find_image(digest)
            if image is not None and not image.tags:
                remove = partial(self.engine.remove_tag, digest.removeprefix("sha256:"))
                found.append(_Thing(RunMark(noted[digest], 0), f"image {digest}", remove))
        return found

    def _noted_by_others(self, runs: Sequence[str]) -> set[str]:
        """Images that living runs are loading, besides these."""
        others = [run for run, is_running in self.locks.running().items() if is_running and run not in runs]
        return {digest for run in others for digest in self.locks.noted(run)}

    def sweep(self, now_s: float) -> None:
        """Remove what dead runs have left."""
        running = self.locks.running()
        marked = self._marked(None)
        dead = decide_dead([thing.mark for thing in marked], running, now_s)
        silent = [run for run, is_running in running.items() if not is_running]
        removed, self.unswept = _remove_all([thing for thing in marked if thing.mark.run in dead])
        self.swept += removed
        removed, problems = _remove_all(self._half_loaded(silent))
        self.swept += removed
        self.unswept += problems
        for run in silent if not self.unswept else ():
            self.locks.forget(run)


def _remove_all(things: Sequence[_Thing]) -> tuple[list[str], list[str]]:
    """The names of what was removed, and the problems met."""
    removed, problems = [], []
    for thing in things:
        try:
            thing.remove()
        except Interrupted:
            raise
        except NannaError as error:
            problems.append(f"{thing.name}: {error.message}")
        else:
            removed.append(thing.name)
    return removed, problems


@contextlib.contextmanager
def open_session(engine: Engine, mark: RunMark, locks: RunLocks, now_s: float) -> Iterator[EngineSession]:
    """A session that has swept, and in the end removes its own, also after a signal.

    What cannot be removed is in `problems`, and the run's lock file stays, so that the next run tries again.
    """
    session = EngineSession(engine, mark, locks)
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
