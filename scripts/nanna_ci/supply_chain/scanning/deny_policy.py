"""The policy that cargo-deny holds a workspace to: its own deny.toml, or the default, with our advisory database."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nanna_ci.foundation.errors import ConfigError, ToolMissing

_FILES: Final = ("deny.toml", ".deny.toml", ".cargo/deny.toml")  # where cargo-deny looks
_DEFAULT: Final = "NANNA_CI_DENY_POLICY"  # a file, from the flake's app
# unmaintained, unsound and noted crates warn by default; cargo-deny has no key for that
_DEFAULT_WORDS: Final = ("--warn=unmaintained", "--warn=unsound", "--warn=notice")
_DATABASE_KEYS: Final = ("db-path", "db-url", "db-urls", "git-fetch-with-cli")
_STALENESS: Final = "maximum-db-staleness"


@dataclass(frozen=True, slots=True)
class DenyPolicy:
    """A policy, its words for `cargo deny check`, and what a report must say of it."""

    tables: Mapping[str, Any]
    words: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def limits_age(self) -> bool:
        """Whether it says itself how old a database may be."""
        return _STALENESS in _advisories(self.tables)

    def render(self, databases: Path) -> str:
        """The policy as TOML, with the databases in that folder in the place of its own."""
        kept = {key: value for key, value in _advisories(self.tables).items() if key not in _DATABASE_KEYS}
        tables = {**self.tables, "advisories": {**kept, "db-path": str(databases)}}
        return "".join(f"{_quoted(key)} = {_toml(value)}\n" for key, value in tables.items())


def find_policy(folder: Path, environ: Mapping[str, str]) -> DenyPolicy:
    """The workspace's policy, else the default of the flake.

    Raises ConfigError where it cannot be read, ToolMissing where there is none at all.
    """
    own = next((path for name in _FILES if (path := folder / name).is_file()), None)
    if own is not None:
        tables = _load(own)
        notes = []
        if any(key in _advisories(tables) for key in _DATABASE_KEYS):
            notes.append(f"{own.name} says where advisories come from: those of --advisory-db are used anyway")
        return DenyPolicy(tables, (), tuple(notes))
    default = environ.get(_DEFAULT)
    if not default:
        problem = f"{folder} has no deny.toml, and no default policy was given"
        raise ToolMissing(
            "cargo-deny", problem, hint="the flake's app `scan` has a default; templates/rust has an example"
        )
    note = "held to the default policy of Nanna CI, for the workspace has no deny.toml"
    return DenyPolicy(_load(Path(default)), _DEFAULT_WORDS, (note,))


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}") from error


def _advisories(tables: Mapping[str, Any]) -> Mapping[str, Any]:
    found = tables.get("advisories", {})
    return found if isinstance(found, dict) else {}


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case dict():
            return "{ " + ", ".join(f"{_quoted(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case int() | float():
            return str(value)
        case _:
            return str(value.isoformat())


def _quoted(text: str) -> str:
    # JSON's strings are TOML's, but for the one control character that JSON leaves bare
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
