"""The nix program: which outputs installables mean, and the graph of derivations behind them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, UsageError, shorten
from nanna_ci.foundation.json_data import as_object, as_text, as_texts, load_json
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.drv_file import DerivationFiles
from nanna_ci.store.nix import QUERY_TIMEOUT_S, Nix
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_store_path

_OUTPUTS: Final = re.compile(r"(?P<what>.+)\^(?P<outputs>\*|[A-Za-z0-9+\-._?=]+(?:,[A-Za-z0-9+\-._?=]+)*)")
# What `nix build` takes of an installable that names no outputs (nix: src/libcmd/installable-flake.cc).
_APPLY: Final = """
value: {
  derivation = value.drvPath;
  outputs =
    if value ? outputSpecified then (if value.outputSpecified then [ value.outputName ] else [ "out" ])
    else if (value.meta.outputsToInstall or [ ]) != [ ] then value.meta.outputsToInstall
    else [ "out" ];
}
"""


@dataclass(frozen=True, slots=True)
class Installable:
    """What an installable means: a derivation, and the outputs of it that are wanted; None for all."""

    text: str
    derivation: StorePath
    outputs: tuple[str, ...] | None


def evaluate_installable(nix: Nix, text: str) -> Installable:
    """Evaluate `FLAKE#ATTRIBUTE` or read `/nix/store/….drv`, either with `^OUTPUT,…` or `^*` behind it.

    Raises:
        UsageError: nix does not know it, or it is not a derivation.
    """
    match = _OUTPUTS.fullmatch(text)
    what, named = (text, None) if match is None else (match["what"], match["outputs"])
    outputs = None if named in {None, "*"} else tuple(str(named).split(","))
    if what.startswith(f"{STORE_DIR}/"):
        path = parse_store_path(what, "installable")
        if not path.is_derivation:
            raise UsageError(f"{what} is a store path, not a derivation", hint="--walk takes store paths")
        return Installable(text, path, outputs)
    argv = ["eval", "--json", *nix.flake_flags(), "--apply", _APPLY, "--", what]
    try:
        completed = nix.call(argv, QUERY_TIMEOUT_S)
    except CommandFailed as error:
        raise UsageError(f"{shorten(text)} cannot be evaluated: {error.message}", hint=_tail(error)) from error
    source = f"nix eval {what}"
    value = as_object(load_json(completed.stdout, source), source, "it")
    derivation = parse_store_path(as_text(value.get("derivation"), source, "drvPath"), source)
    if named is None:
        outputs = as_texts(value.get("outputs"), source, "outputs")
    return Installable(text, derivation, outputs)


def _tail(error: CommandFailed) -> str | None:
    lines = [line.strip() for line in error.stderr_tail.splitlines() if line.strip()]
    return lines[-2] if len(lines) > 1 else None


def query_graph(nix: Nix, derivations: Sequence[StorePath], folder: Path | None) -> dict[StorePath, Derivation]:
    """The derivations and all that they need: from their files, else from nix.

    Raises:
        ToolMissing, MalformedData: as DerivationFiles and Nix do.
    """
    if folder is not None:
        files = DerivationFiles(folder)
        if all(files.holds(derivation) for derivation in derivations):
            return files.read_closure(derivations)
    return nix.derivation_show(derivations, recursive=True)
