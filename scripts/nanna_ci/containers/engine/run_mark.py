"""The owner of a container, a network or an image: labels and tags that name the run, and which runs are dead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

RUN_LABEL: Final = "io.nanna-ci.run"
EXPIRES_LABEL: Final = "io.nanna-ci.expires"
REPOSITORY: Final = "localhost/nanna-ci-test"  # an image has no labels but its own: its tag names the run
_RUN: Final = re.compile(r"[0-9a-f]{12}")
_TAG: Final = re.compile(r"([0-9a-f]{12})\.([0-9]{1,12})\.[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class RunMark:
    """A run, on all that it creates: `run` is 12 hexadecimal digits; after `expires_s` (Unix time) nobody needs it."""

    run: str
    expires_s: int

    @property
    def labels(self) -> dict[str, str]:
        """For containers and networks."""
        return {RUN_LABEL: self.run, EXPIRES_LABEL: str(self.expires_s)}

    def name(self, image: str) -> str:
        """Of a container, or of the network that an image is tested on."""
        return f"nanna-ci-{self.run}-{image}"

    def tag(self, image: str) -> str:
        """Of an image that the run loaded."""
        return f"{REPOSITORY}:{self.run}.{self.expires_s}.{image}"


def mark_of_labels(labels: Mapping[str, str]) -> RunMark | None:
    """The mark in labels; None if they are not ours, or not as we write them."""
    run, expires = labels.get(RUN_LABEL, ""), labels.get(EXPIRES_LABEL, "")
    if _RUN.fullmatch(run) is None or re.fullmatch("[0-9]{1,12}", expires) is None:
        return None
    return RunMark(run, int(expires))


def mark_of_tag(reference: str) -> RunMark | None:
    """The mark in `localhost/nanna-ci-test:RUN.EXPIRES.IMAGE`; None for any other reference."""
    repository, _, tag = reference.rpartition(":")
    match = _TAG.fullmatch(tag)
    return RunMark(match[1], int(match[2])) if repository == REPOSITORY and match is not None else None


def decide_dead(marks: Iterable[RunMark], running: Mapping[str, bool], now_s: float) -> frozenset[str]:
    """The runs whose leftovers may be removed.

    `running` has the runs of this machine and user: whether somebody holds their lock. A run that it does not know
    (another user of the same engine, another machine behind it) is dead once its time is over.
    """
    return frozenset(mark.run for mark in marks if not running.get(mark.run, mark.expires_s > now_s))
