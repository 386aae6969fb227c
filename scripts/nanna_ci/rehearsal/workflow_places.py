"""Where workflows and checkouts of a rehearsal come from: the clone, stand-ins, the flake that brought us along."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.rehearsal.rehearsed_event import FORK_OWNER
from nanna_ci.rehearsal.rehearsed_repository import RehearsedRepository
from nanna_ci.rehearsal.workflow_library import WorkflowSource

SOURCE_VARIABLE: Final = "NANNA_CI_WORKFLOW_SOURCE"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(slots=True)
class WorkflowPlaces:
    """`source` is a folder with the called workflows of another repository, None if there is none."""

    repository: RehearsedRepository
    stand_ins: Mapping[str, Path]
    source: Path | None
    _from_source: set[str] = field(default_factory=set)

    def own(self, commit: str, ref: str) -> WorkflowSource:
        """This repository at a commit."""
        return WorkflowSource(self.repository.name, ref, commit, lambda path: self.repository.file_at(commit, path))

    def find_source(self, name: str, ref: str) -> WorkflowSource:
        """A repository at a ref, for its workflows. Raises NannaError for one that this machine lacks."""
        if name.lower() == self.repository.name.lower():
            commit = self.repository.git.commit(ref)
            if commit is None:
                raise NannaError(f"{name} has no {ref} here", hint="fetch it, or call the workflow by $/.github/…")
            return self.own(commit, ref)
        folder = self.stand_ins.get(name) or self.source
        if folder is None:
            raise NannaError(
                f"workflows of {name} are not on this machine",
                hint=f"run it by nix run, which brings the flake's along ({SOURCE_VARIABLE}), or name a folder for the"
                " repository in --stand-ins, [repositories]",
            )
        if name not in self.stand_ins:
            self._from_source.add(name.lower())
        sha = ref if _COMMIT.fullmatch(ref) else "0" * 40
        return WorkflowSource(name, ref, sha, lambda path: _read(folder / path))

    def find_repository(self, name: str, ref: str) -> Path:
        """What `actions/checkout` clones. Raises NannaError for a repository that this machine lacks."""
        own = self.repository.name.lower()
        if name.lower() in {own, f"{FORK_OWNER}/{own.partition('/')[2]}"}:
            return self.repository.git.folder
        if (folder := self.stand_ins.get(name)) is not None:
            return folder
        if name.lower() in self._from_source and self.source is not None:
            return self.source
        raise NannaError(
            f"{name}{f' at {ref}' if ref else ''} is not on this machine, and a rehearsal fetches nothing",
            hint="name a folder for it in --stand-ins, [repositories]",
        )


def _read(path: Path) -> bytes | None:
    try:
        return read_file(path, MEBIBYTE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NannaError(f"{path}: cannot be read: {error.strerror}") from error
