"""The exact command that reproduces a job, to copy from a failure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.store.nix import FLAKE_VARIABLE

NIXW_VARIABLE = "NANNA_CI_NIXW"


@dataclass(frozen=True, slots=True)
class RunOrigin:
    """What identifies this run: flake, overrides, environment, working folder.

    An app knows its own flake by its place in the store: where that is the flake in `cwd` it is called `.`, where it is
    the one beside nixw by that folder.
    """

    flake: str
    overrides: Sequence[tuple[str, str]]
    environ: Mapping[str, str]
    cwd: Path

    def build_command(self, attribute: str) -> str:
        """`./nixw build .#ATTRIBUTE -L`, or `nix build` if nixw did not start us; with the caller's overrides."""
        return shlex.join([*self._nix("build", attribute), "-L", *self._override_words()])

    def run_command(self, app: str, *words: str) -> str:
        """`./nixw run .#APP -- WORDS`, or `nix run`; `nanna-ci APP WORDS` if no flake started us."""
        if not self.environ.get(NIXW_VARIABLE) and not self.environ.get(FLAKE_VARIABLE):
            return shlex.join(["nanna-ci", app, *words])
        return shlex.join([*self._nix("run", app), *self._override_words(), "--", *words])

    def _nix(self, verb: str, attribute: str) -> list[str]:
        nixw = self.environ.get(NIXW_VARIABLE)
        program = "nix" if not nixw else "./nixw" if Path(nixw).parent == self.cwd else nixw
        return [program, verb, f"{self._place(nixw)}#{attribute}"]

    def _place(self, nixw: str | None) -> str:
        if self.flake == "." or _is_flake_in(self.cwd, self.flake):
            return "."
        if nixw and _is_flake_in(Path(nixw).parent, self.flake):
            return str(Path(nixw).parent)
        return self.flake

    def _override_words(self) -> list[str]:
        """The overrides, without those that nixw adds by itself."""
        nixw = self.environ.get(NIXW_VARIABLE)
        own = _own_overrides(Path(nixw).parent) if nixw else frozenset()
        is_own_toolkit = any(pair in own for pair in self.overrides if pair[0].endswith("nixpkgs"))
        words = []
        for name, url in self.overrides:
            of_toolkit = is_own_toolkit and ("nixpkgs/" in name or name == "pipeline")
            if (name, url) not in own and not of_toolkit:
                words += ["--override-input", name, url]
        return words


def _own_overrides(home: Path) -> frozenset[tuple[str, str]]:
    """What nixw adds by itself."""
    debian, workspace = f"path:{home / 'nix/toolkits/debian'}", f"path:{home / 'tests/workspace'}"
    given = {"nixpkgs": debian, "advisory-db": f"{debian}/empty"}
    own = {*given.items(), *((f"pipeline/{name}", url) for name, url in given.items())}
    return frozenset({*own, ("nanna-coder", workspace)})


def _is_flake_in(folder: Path, flake: str) -> bool:
    """Whether a folder holds the flake that a `path:` reference names, by its flake.nix."""
    if not flake.startswith("path:/"):
        return False
    try:
        one, other = (read_file(place / "flake.nix", MEBIBYTE) for place in (Path(flake.removeprefix("path:")), folder))
    except OSError:
        return False
    return one == other
