"""What a check of the setup found, in one line, with its fix."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Health(enum.Enum):
    """GOOD and BAD decide; WARN will hurt later; UNAVAILABLE could not be checked, and `says` says why."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names what was checked, `subject` whose (a URL, a variable) or None; a `fix` for all that is not good."""

    check: str
    subject: str | None
    health: Health
    says: str
    fix: str | None = None
