"""security-baseline.toml: findings that somebody decided on, each with a reason, an owner and an end."""

from __future__ import annotations

import datetime
import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nanna_ci.foundation.errors import ConfigError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file

_MOST_BYTES: Final = 4 * MEBIBYTE
_KEYS: Final = ("id", "component", "reason", "owner", "expires", "status", "justification")
_STATUSES: Final = ("not_affected", "affected", "fixed", "under_investigation")
_JUSTIFICATIONS: Final = (
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
)
_HINT: Final = "each [[accepted]] has id, reason, owner, expires; component, status and justification may be left out"


@dataclass(frozen=True, slots=True)
class AcceptedFinding:
    """One decision; it holds until the end of the day `expires`.

    `component` is a finding's component, or None for every one; `status` and `justification` are OpenVEX's.
    """

    id: str
    component: str | None
    reason: str
    owner: str
    expires: datetime.date
    status: str | None
    justification: str | None

    def is_expired(self, today: datetime.date) -> bool:
        """Whether its time is over."""
        return self.expires < today


def load_baseline(file: Path) -> tuple[AcceptedFinding, ...]:
    """Read the file; no decisions if there is none. ConfigError if it cannot be read."""
    try:
        return parse_baseline(read_file(file, _MOST_BYTES), file)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read: {error.strerror}") from error


def parse_baseline(data: bytes, file: Path) -> tuple[AcceptedFinding, ...]:
    """Read the file. ConfigError for anything that is not in its format."""
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), f"not TOML: {error}") from None
    entries = document.get("accepted", [])
    if unknown := sorted(document.keys() - {"accepted"}):
        raise ConfigError(str(file), f"{shorten(unknown[0])} is not known; it holds [[accepted]] tables", hint=_HINT)
    if not isinstance(entries, list):
        raise ConfigError(str(file), "accepted is not an array of tables", hint="write [[accepted]], in two brackets")
    accepted = tuple(_parse(entry, f"{file}: [[accepted]] {number}") for number, entry in enumerate(entries, start=1))
    seen: set[tuple[str, str | None]] = set()
    for number, one in enumerate(accepted, start=1):
        if (one.id, one.component) in seen:
            raise ConfigError(f"{file}: [[accepted]] {number}", f"decides on {shorten(one.id)} a second time")
        seen.add((one.id, one.component))
    return accepted


def _parse(entry: Any, where: str) -> AcceptedFinding:
    if not isinstance(entry, dict):
        raise ConfigError(where, "is not a table", hint=_HINT)
    if unknown := sorted(entry.keys() - set(_KEYS)):
        close = difflib.get_close_matches(unknown[0], _KEYS, n=1)
        raise ConfigError(
            where, f"{shorten(unknown[0])} is not a key", hint=f"did you mean {close[0]}?" if close else _HINT
        )
    texts = {}
    for key in ("id", "reason", "owner"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise ConfigError(where, f"{key} is missing, or no text", hint=_HINT)
        texts[key] = entry[key].strip()
    choices: tuple[tuple[str, tuple[str, ...] | None], ...] = (
        ("component", None),
        ("status", _STATUSES),
        ("justification", _JUSTIFICATIONS),
    )
    for key, known in choices:
        if key in entry and (not isinstance(entry[key], str) or (known is not None and entry[key] not in known)):
            hint = f"one of {', '.join(known)}" if known else "such as pkg:cargo/h2@0.3.27"
            raise ConfigError(where, f"{key} is {shorten(str(entry[key]))}", hint=hint)
    if "justification" in entry and entry.get("status") != "not_affected":
        raise ConfigError(where, "has a justification, which goes with status not_affected alone")
    # a datetime is a date to isinstance, and says an hour that nobody would hold to
    if type(entry.get("expires")) is not datetime.date:
        raise ConfigError(where, "expires is missing, or no day", hint="such as expires = 2026-12-31, without quotes")
    return AcceptedFinding(
        **texts,
        component=entry.get("component"),
        expires=entry["expires"],
        status=entry.get("status"),
        justification=entry.get("justification"),
    )
