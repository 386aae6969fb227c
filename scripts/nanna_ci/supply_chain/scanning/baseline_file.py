"""security-baseline.toml: findings that somebody decided on, each with a reason, an owner and an end."""

from __future__ import annotations

import datetime
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nanna_ci.foundation.errors import ConfigError, shorten

_KEYS: Final = {"id", "component", "reason", "owner", "expires", "status", "justification"}
_STATUSES: Final = {"not_affected", "affected", "fixed", "under_investigation"}
_JUSTIFICATIONS: Final = {
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
}


@dataclass(frozen=True, slots=True)
class AcceptedFinding:
    """One decision. `component` is a purl, or None for every component; `status` and `justification` are OpenVEX's."""

    id: str
    component: str | None
    reason: str
    owner: str
    expires: datetime.date
    status: str | None
    justification: str | None


def parse_baseline(data: bytes, file: Path) -> tuple[AcceptedFinding, ...]:
    """Read the file. ConfigError for anything that is not in its format."""
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), f"not TOML: {error}") from None
    entries = document.get("accepted", [])
    if document.keys() - {"accepted"} or not isinstance(entries, list):
        raise ConfigError(str(file), "holds [[accepted]] tables, and nothing else")
    return tuple(_parse(entry, f"{file}: [[accepted]] {number}") for number, entry in enumerate(entries, start=1))


def _parse(entry: Any, where: str) -> AcceptedFinding:
    if not isinstance(entry, dict):
        raise ConfigError(where, "is not a table")
    if unknown := sorted(entry.keys() - _KEYS):
        raise ConfigError(where, f"{shorten(unknown[0])} is not a key of it")
    texts = {}
    for key in ("id", "reason", "owner"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise ConfigError(where, f"{key} is missing")
        texts[key] = entry[key]
    for key, known in (("component", None), ("status", _STATUSES), ("justification", _JUSTIFICATIONS)):
        if key in entry and (not isinstance(entry[key], str) or (known is not None and entry[key] not in known)):
            raise ConfigError(where, f"{key} is {shorten(str(entry[key]))}")
    if type(entry.get("expires")) is not datetime.date:
        raise ConfigError(where, "expires is missing, or no date", hint="expires = 2026-12-31")
    return AcceptedFinding(
        **texts,
        component=entry.get("component"),
        expires=entry["expires"],
        status=entry.get("status"),
        justification=entry.get("justification"),
    )
