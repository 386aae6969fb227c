"""What a test on an engine takes and gives, and both as JSON for podman in private namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nanna_ci.containers.engine.engine import EngineFacts
from nanna_ci.containers.engine.run_mark import RunMark
from nanna_ci.containers.testing.checks import Companion, ImageResult, ImageUnderTest


@dataclass(frozen=True, slots=True)
class ImageTestsRequest:
    """What to test. `machine` is Go's name of this machine's architecture; `folder` takes what failures leave.

    A failure's files are `folder/IMAGE/NAME`.
    """

    subjects: tuple[ImageUnderTest, ...]
    companions: tuple[Companion, ...]
    machine: str
    folder: Path


@dataclass(frozen=True, slots=True)
class EngineRun:
    """The result. `private`: the engine ran in private namespaces, with a store of its own.

    `swept` names what dead runs had left, `problems` what could not be removed.
    """

    engine: EngineFacts
    private: bool
    images: tuple[ImageResult, ...]
    swept: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PrivateRequest(ImageTestsRequest):
    """A request to podman in private namespaces: its store, and the control group that containers are put into."""

    mark: RunMark
    store: Path
    cgroup: str


@dataclass(frozen=True, slots=True)
class PrivateResult:
    """The result of that; `unavailable` says why podman does not work there either, else there are results."""

    unavailable: str | None
    version: str = ""
    images: tuple[ImageResult, ...] = ()
    swept: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
