"""The programs of scanners: where they are, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, ConfigError, ToolMissing
from nanna_ci.foundation.process import Completed

Run = Callable[..., Completed]

_UNAVAILABLE: Final = "NANNA_CI_UNAVAILABLE"  # program -> why the toolkit has none, as JSON, from the app
_VERSION_S: Final = 60.0


def find_program(name: str, environ: Mapping[str, str]) -> str:
    """The program that the flake's app names, else the one on PATH. Nothing is ever fetched."""
    return environ.get(f"NANNA_CI_{name.upper().replace('-', '_')}") or name


def query_version(name: str, argv: tuple[str, ...], run: Run, environ: Mapping[str, str]) -> str:
    """The first line that a program says of its version.

    Raises ToolMissing where there is no such program, with the toolkit's reason; CommandFailed where it fails.
    """
    try:
        text = run(argv, timeout_s=_VERSION_S, env=environ).text()
    except ToolMissing as error:
        reason = _reasons(environ).get(name)
        hint = f"install {name}, or give it as NANNA_CI_{name.upper().replace('-', '_')}"
        raise ToolMissing(name, reason or "not found", hint=hint) from error
    first = text.strip().partition("\n")[0].strip()
    if not first:
        raise CommandFailed(argv, 0, "no version was printed")
    return first


def _reasons(environ: Mapping[str, str]) -> Mapping[str, str]:
    try:
        value = json.loads(environ.get(_UNAVAILABLE) or "{}")
    except ValueError:
        raise ConfigError(_UNAVAILABLE, "is not JSON") from None
    return value if isinstance(value, dict) else {}
