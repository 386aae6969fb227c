"""A repository that takes the pipeline as its flake's input `pipeline`, as `nix flake lock` leaves it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nanna_ci.store.flake_lock import parse_flake_lock
from nanna_ci.workflow.caller_files import caller_files
from nanna_ci.workflow.pipeline_pin import find_pin
from support.fake_workspaces import git

COMMIT: Final = "2c71e194474d13de031d729b729c968ddbe3507f"
NEXT_COMMIT: Final = "9c71e194474d13de031d729b729c968ddbe3507f"
REPOSITORY: Final = "DominicBurkart/nanna-coder-ci"
_SRI: Final = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


def flake_lock(*, original: Mapping[str, Any] | None = None, name: str = "pipeline", **locked: Any) -> str:
    """The lock of a flake with one input; `locked` changes what that is locked to, None takes a key out."""
    owner, repository = REPOSITORY.split("/")
    attributes = {"type": "github", "owner": owner, "repo": repository, "rev": COMMIT, "narHash": _SRI}
    attributes |= {"lastModified": 1785782307} | locked
    node = {
        "locked": {key: value for key, value in attributes.items() if value is not None},
        "original": {"type": "github", "owner": owner, "repo": repository, **(original or {})},
    }
    root = {"inputs": {name: name}}
    return json.dumps({"version": 7, "root": "root", "nodes": {"root": root, name: node}})


def make_adopter(folder: Path, **locked: Any) -> Path:
    """A git repository with a pipeline.toml, a flake.lock, and no workflow."""
    git("init", "--quiet", "--initial-branch=main", cwd=folder)
    (folder / "flake.lock").write_text(flake_lock(**locked))
    (folder / "pipeline.toml").write_text('[workspace]\nname = "mine"\n')
    return folder


def write_callers(folder: Path, *, branch: str = "main") -> None:
    """What `workflow init` writes, by the lock that is there."""
    lock = parse_flake_lock((folder / "flake.lock").read_bytes(), "flake.lock")
    for path, text in caller_files(find_pin(lock, "pipeline"), branch).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
