"""The narinfo lookup at one substituter: what was queried and answered so far. Here the base class and folders."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Container, Coroutine, Sequence
from pathlib import Path
from typing import Final, Protocol

from nanna_ci.cache.client.folder import archive_problem, read_cache_info, read_narinfo
from nanna_ci.cache.client.request import RequestTally
from nanna_ci.cache.substituters import Substituter
from nanna_ci.foundation.errors import MalformedData, NannaError, ToolMissing
from nanna_ci.store.narinfo import NarInfo, parse_narinfo
from nanna_ci.store.store_path import StorePath

_FILES_A_ROUND: Final = 64  # of a folder, before the event loop may turn to the network again


class Survey(Protocol):
    """What the lookups of one query at several substituters share. `known` are store paths by base name."""

    known: dict[str, StorePath]

    def log(self, line: str, /) -> None:
        """One progress line."""

    def found(self, info: NarInfo, lookup: Lookup) -> None:
        """A path is there, as `lookup` says: its references may be wanted too."""

    def settled(self) -> None:
        """A substituter has answered every query."""

    def abandoned(self) -> None:
        """A substituter no longer counts: what only it led to is not wanted."""

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` concurrently; what it raises ends the whole query."""


class Lookup(ABC):
    """The state of one substituter. `outstanding` counts unanswered queries; with `error` there are none."""

    def __init__(self, substituter: Substituter, survey: Survey) -> None:
        self.substituter = substituter
        self.survey = survey
        self.found: dict[StorePath, NarInfo] = {}
        self.missing: set[StorePath] = set()
        self.corrupt: dict[StorePath, str] = {}
        self.failures: dict[StorePath, str] = {}
        self.hollow: dict[StorePath, str] = {}  # of those missing: why the archive of a narinfo is unusable
        self.error: NannaError | None = None
        self.priority = 0
        self.tally = RequestTally()
        self.outstanding = 0
        self.settled_s = asyncio.get_running_loop().time()

    @abstractmethod
    def want(self, paths: Sequence[StorePath]) -> None:
        """Query paths that were not queried before."""

    @abstractmethod
    def forget(self, keep: Container[StorePath]) -> None:
        """Drop all queries and answers except those about the paths of `keep`."""

    def finish(self) -> None:  # noqa: B027 - most have nothing to decide
        """All answers are in: decide what depends on all of them."""

    def take(self, path: StorePath, data: bytes, source: str) -> None:
        """A narinfo that came for a path."""
        try:
            info = parse_narinfo(data, source, self.survey.known)
        except MalformedData as error:
            self.corrupt[path] = error.message
            return
        if (
            info.store_path is not path and info.store_path != path
        ):  # mostly the same object, and identity is checked faster
            self.corrupt[path] = f"{source}: is of another path, {info.store_path}"
            return
        self.accept(path, info)

    def accept(self, path: StorePath, info: NarInfo) -> None:
        """A valid narinfo; if archives are verified, that has been done."""
        self.found[path] = info
        self.survey.found(info, self)

    def no_archive(self, path: StorePath, problem: str) -> None:
        """The narinfo is there, but nothing that Nix could unpack: that is not a hit."""
        self.missing.add(path)
        self.hollow[path] = problem

    def settle(self, questions: int = 1) -> None:
        """So many queries were answered. An answer may abandon the lookup: then none are left."""
        self.outstanding = max(0, self.outstanding - questions)
        if self.outstanding == 0:
            self.settled_s = asyncio.get_running_loop().time()
            self.survey.settled()

    def abandon(self, error: NannaError) -> None:
        """The substituter cannot be queried: its answers so far do not count."""
        self.error = error
        for said in (self.found, self.missing, self.corrupt, self.failures, self.hollow):
            said.clear()
        self.settle(self.outstanding)
        self.survey.abandoned()

    def keep_answers(self, keep: Container[StorePath]) -> None:
        """Drop the answers about all other paths."""
        self.missing = {path for path in self.missing if path in keep}
        for said in (self.found, self.corrupt, self.failures, self.hollow):
            for path in [path for path in said if path not in keep]:
                del said[path]


class FolderLookup(Lookup):
    """Reads a folder, some files a round."""

    def __init__(self, substituter: Substituter, folder: Path, survey: Survey) -> None:
        super().__init__(substituter, survey)
        self._folder = folder
        self._queue: deque[StorePath] = deque()
        self._is_due = False
        self.outstanding = 1
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._begin)

    def want(self, paths: Sequence[StorePath]) -> None:
        """Query paths that were not queried before."""
        if self.error is None:
            self.outstanding += len(paths)
            self._queue.extend(paths)
            self._read_soon()

    def accept(self, path: StorePath, info: NarInfo) -> None:
        """A path counts if its archive is there, which costs only a stat."""
        problem = archive_problem(self._folder, info)
        if problem is None:
            super().accept(path, info)
        else:
            self.no_archive(path, problem)

    def forget(self, keep: Container[StorePath]) -> None:
        """Drop all queries and answers except those about the paths of `keep`."""
        kept = [path for path in self._queue if path in keep]
        dropped = len(self._queue) - len(kept)
        self._queue = deque(kept)
        self.keep_answers(keep)
        if dropped:
            self.settle(dropped)

    def _begin(self) -> None:
        try:
            self.priority = read_cache_info(self._folder).priority
        except (ToolMissing, MalformedData) as error:
            self._queue.clear()
            self.abandon(error)
        else:
            self.settle()

    def _read_soon(self) -> None:
        if self._queue and not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._is_due = False
        for _ in range(min(_FILES_A_ROUND, len(self._queue))):
            if not self._queue:  # what was found may end the walk
                break
            path = self._queue.popleft()
            self.tally.requests += 1
            try:
                data = read_narinfo(self._folder, path)
            except MalformedData as error:
                self.corrupt[path] = error.message
            except OSError as error:
                self.failures[path] = f"{self._folder}/{path.hash}.narinfo: {error.strerror}"
            else:
                if data is None:
                    self.missing.add(path)
                else:
                    self.tally.received_bytes += len(data)
                    self.take(path, data, f"{self._folder}/{path.hash}.narinfo")
            self.settle()
        self._read_soon()
