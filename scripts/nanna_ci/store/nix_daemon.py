"""The nix program: whether the store's daemon, where there is one, takes settings from this user."""

from __future__ import annotations

from nanna_ci.errors import CommandFailed
from nanna_ci.json_data import as_object, load_json
from nanna_ci.store.nix import Nix

_TIMEOUT_S = 60.0


def query_is_trusted(nix: Nix) -> bool | None:
    """Whether substituters and keys that this user sets count; None where the store does not say, or is not there.

    Raises ToolMissing, CommandTimedOut and MalformedData as every call of nix does.
    """
    word = "info" if nix.version().numbers >= (2, 20, 0) else "ping"
    try:
        completed = nix.call(["store", word, "--json"], _TIMEOUT_S)
    except CommandFailed:  # no daemon, or a nix too old to know the flag
        return None
    source = f"nix store {word}"
    trusted = as_object(load_json(completed.stdout, source), source, "it").get("trusted")
    return bool(trusted) if isinstance(trusted, bool | int) else None
