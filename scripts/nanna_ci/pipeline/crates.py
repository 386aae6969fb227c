"""cargo's progress, from its own output: the crates begun, and the total if its progress bar shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BEGUN = re.compile(r"\s*(?:Compiling|Checking|Documenting) (?P<crate>\S+ v\S+)")
# cargo's own bar, and what the builder makes of it as the phase of a Nix build
_BAR = re.compile(r"\s*Building \[[=> ]*\] (?P<done>\d+)/(?P<total>\d+)")
_PHASE = re.compile(r"(?P<done>\d+) of (?P<total>\d+) crates$")


@dataclass(slots=True)
class CrateCount:
    """Takes lines of output one by one. `total` is None until cargo has named it."""

    total: int | None = None
    _begun: set[str] = field(default_factory=set)
    _done: int = 0

    def take(self, line: str) -> None:
        """One plain line, or one state of the progress bar."""
        if match := _BAR.match(line) or _PHASE.match(line):
            self._done, self.total = int(match["done"]), int(match["total"])
        elif match := _BEGUN.match(line):
            self._begun.add(match["crate"])

    @property
    def summary(self) -> str | None:
        """`45 of 210 crates`, `12 crates`, None if cargo has not said anything."""
        if self.total is not None:
            return f"{self._done} of {self.total} crates"
        return f"{len(self._begun)} crates" if self._begun else None


def is_progress_bar(line: str) -> bool:
    """Whether a line is only a state of cargo's progress bar: for the view, and not for a log."""
    return (_BAR.match(line) or _PHASE.match(line)) is not None
