"""cachix/install-nix-action: this machine's Nix becomes one that steps find on PATH."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nanna_ci.foundation.redact import NIX_TOKENS, known_secrets
from nanna_ci.rehearsal.steps.action_call import ActionCall, ActionFailed, ActionResult, KnownAction

# what takes a flake, and so the overrides; of `nix flake` each command does
_TAKE_FLAKES: Final = "build|bundle|develop|eval|print-dev-env|run|shell"
_HANDED_ON: Final = re.compile(r"NIX_[A-Z_]+|NANNA_CI_(NIXW|OVERRIDES|TOOLKIT)")
_FEATURES: Final = "extra-experimental-features = nix-command flakes"


def _install(call: ActionCall) -> ActionResult:
    found = shutil.which("nix", path=call.ports.environ.get("PATH", ""))
    if found is None:
        raise ActionFailed("this machine has no nix: run the rehearsal by ./nixw run .#ci, which brings one")
    # not resolved: the programs of Nix are links to one, which goes by the name that it is called by
    folder = call.machine.temp.parent / "nix" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for program in sorted(Path(found).parent.glob("nix-*")):
        (folder / program.name).unlink(missing_ok=True)
        (folder / program.name).symlink_to(program)
    # before those that a step sets, so that these go before ours
    settings = [
        NIX_TOKENS.sub("", call.ports.environ.get("NIX_CONFIG", "")),
        _FEATURES,
        call.inputs["extra_nix_config"],
    ]
    wrapper = folder / "nix"
    wrapper.write_text(_wrapper(found, call, settings), encoding="utf-8")
    wrapper.chmod(0o755)
    call.add_path(str(folder))
    if call.inputs["nix_path"]:
        call.set_variable("NIX_PATH", call.inputs["nix_path"])
    words = f" with {shlex.join(call.services.nix_words)}" if call.services.nix_words else ""
    return ActionResult(stand_in=f"Nix is this machine's, {found}{words}, and so are its store and its settings")


def _handed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """What Nix has of the caller's environment: where its daemon and its caches are, and nixw's own variables."""
    kept = {
        name: value
        for name, value in environ.items()
        if _HANDED_ON.fullmatch(name) and name != "NIX_CONFIG" and not known_secrets({name: value})
    }
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", "/root"), ".cache")  # noqa: PTH118
    kept.setdefault("NIX_CACHE_HOME", os.path.join(cache, "nix"))  # noqa: PTH118
    return kept


def _wrapper(nix: str, call: ActionCall, settings: list[str]) -> str:
    handed_on = _handed_on(call.ports.environ)
    exports = "".join(
        f'[ "${{{name}+x}}" ] || export {name}={shlex.quote(value)}\n' for name, value in handed_on.items()
    )
    ours = shlex.quote("\n".join(text for text in settings if text) + "\n")
    program, words = shlex.quote(nix), shlex.join(call.services.nix_words)
    return f"""#!/bin/sh
{exports}export NIX_CONFIG={ours}"$NIX_CONFIG"
case "$1" in
  {_TAKE_FLAKES}) first=$1; shift; exec {program} "$first" {words} "$@" ;;
  flake) [ $# -lt 2 ] || {{ second=$2; shift 2; exec {program} flake "$second" {words} "$@"; }} ;;
esac
exec {program} "$@"
"""


INSTALL_NIX: Final = KnownAction(
    inputs={
        "extra_nix_config": "",
        "github_access_token": "",
        "install_url": "",
        "install_options": "",
        "nix_path": "",
        "enable_kvm": "true",
        "set_as_trusted_user": "true",
    },
    unknown=frozenset({"install_url", "install_options"}),
    run=_install,
)
