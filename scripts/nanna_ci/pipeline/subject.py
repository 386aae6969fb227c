"""The workspace under CI, for a working folder that has none: this repository's own folder holds no Cargo.toml."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.store.store_path import STORE_DIR

_INPUT: Final = "nanna-coder"


@dataclass(frozen=True, slots=True)
class Subject:
    """The folder of the workspace under CI; one in the Nix store can be read and not changed."""

    folder: Path

    @property
    def is_read_only(self) -> bool:
        """Whether it is a store path: what a flake input is, unless a folder was given in its place."""
        return self.folder.is_relative_to(STORE_DIR)

    def target_folder(self, environ: Mapping[str, str]) -> Path:
        """Where cargo builds it: the caller's own choice, else a folder of its own below the user's cache folder.

        Not inside the workspace, which may be read-only, nor below the working folder: Nix copies the folder of a
        `path:` reference whole. nix/shell/bin/cargo-nextest takes the same.
        """
        if own := environ.get("CARGO_TARGET_DIR"):
            return Path(own)
        cache = environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME') or '/var/tmp'}/.cache"  # noqa: S108 - no home
        key = hashlib.sha256(str(self.folder).encode(errors="surrogateescape")).hexdigest()[:16]
        return Path(cache) / "nanna-ci" / f"target-{key}"


def find_subject(cwd: Path, overrides: Iterable[tuple[str, str]]) -> Subject | None:
    """The workspace that `overrides` ([input, flake reference]) name, if neither `cwd` nor a folder above has one.

    None if cargo finds a Cargo.toml by itself, and if no folder with one, or with a pipeline.toml that says where
    it is, is named.
    """
    if any((folder / "Cargo.toml").is_file() for folder in (cwd, *cwd.parents)):
        return None
    named = [Path(reference.removeprefix("path:")) for name, reference in overrides if name == _INPUT]
    marks = ("Cargo.toml", "pipeline.toml")
    return next((Subject(folder) for folder in named if any((folder / mark).is_file() for mark in marks)), None)


def source_folder(cwd: Path, overrides: Iterable[tuple[str, str]]) -> Path:
    """The source tree of the workspace under CI: the working folder, unless `find_subject` knows another one."""
    subject = find_subject(cwd, overrides)
    return cwd if subject is None else subject.folder
