"""The chain of evidence as values: links by name, each with what was checked and how that ended."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict


class LinkName(enum.Enum):
    """The links, in the order of the chain."""

    INDEX = "index"
    SOURCE = "source"
    DERIVATION = "derivation"
    OUTPUT = "output"
    ARTIFACT = "artifact"
    SBOM = "sbom"
    LAYERS = "layers"
    IMAGE = "image"
    SARIF = "sarif"
    TEST_RESULTS = "test-results"
    VEX = "vex"
    SIGNATURE = "signature"
    REBUILD = "rebuild"


class LinkState(enum.Enum):
    """How a check, or a link, ended. ABSENT: the folder says that it has none of it, and may."""

    VERIFIED = "verified"
    FAILED = "failed"
    MISSING = "missing"
    ABSENT = "n/a"


_ORDER: Final = (LinkState.FAILED, LinkState.MISSING, LinkState.VERIFIED, LinkState.ABSENT)


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """One check: of which file, output or image, how it ended, and in what words."""

    subject: str
    state: LinkState
    says: str


@dataclass(frozen=True, slots=True)
class ChainLink:
    """A link: the worst of its checks is its state. Without any check nothing was shown: it is missing."""

    name: LinkName
    checks: tuple[LinkCheck, ...]

    @property
    def state(self) -> LinkState:
        """How it ended."""
        states = {check.state for check in self.checks}
        return next((state for state in _ORDER if state in states), LinkState.MISSING)

    @property
    def troubles(self) -> tuple[LinkCheck, ...]:
        """The checks that fail the chain."""
        return tuple(check for check in self.checks if check.state in (LinkState.FAILED, LinkState.MISSING))


def decide_chain(links: tuple[ChainLink, ...]) -> Verdict:
    """The chain holds where every link is verified, or absent as the folder says."""
    broken = any(link.state in (LinkState.FAILED, LinkState.MISSING) for link in links)
    return Verdict.FAIL if broken or not links else Verdict.PASS


@dataclass(slots=True)
class LinkChecks:
    """The checks of a link, gathered while they are made."""

    name: LinkName
    checks: list[LinkCheck] = field(default_factory=list)

    def verified(self, subject: str, says: str) -> None:
        """It holds."""
        self.checks.append(LinkCheck(subject, LinkState.VERIFIED, says))

    def failed(self, subject: str, says: str) -> None:
        """It does not hold."""
        self.checks.append(LinkCheck(subject, LinkState.FAILED, says))

    def missing(self, subject: str, says: str) -> None:
        """What it would be checked with is not there."""
        self.checks.append(LinkCheck(subject, LinkState.MISSING, says))

    def absent(self, subject: str, says: str) -> None:
        """There is none of it, as the folder says."""
        self.checks.append(LinkCheck(subject, LinkState.ABSENT, says))

    def expect(self, subject: str, *, holds: bool, says: str, problem: str) -> bool:
        """One of the two, and which."""
        if holds:
            self.verified(subject, says)
        else:
            self.failed(subject, problem)
        return holds

    @contextlib.contextmanager
    def reading(self, subject: str) -> Iterator[None]:
        """A block in which data that is refused fails the link, under this subject."""
        try:
            yield
        except MalformedData as error:
            self.failed(subject, error.message.removeprefix(f"{error.source}: "))
        except OSError as error:
            self.failed(subject, f"cannot be read: {error.strerror}")

    def link(self) -> ChainLink:
        """What came of it."""
        return ChainLink(self.name, tuple(self.checks))


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
