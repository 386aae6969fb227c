"""manifest.json and SHA256SUMS: what the artifacts are and where they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.binaries.headers import Executable
from nanna_ci.binaries.targets import BuildTarget, Format

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class BinaryOrigin:
    """Where the executables come from; None is unknown.

    `revision` is the commit of a clean source tree; derivation, output (store paths) and NAR hash are the Nix store's.
    """

    revision: str | None = None
    derivation: str | None = None
    output: str | None = None
    nar_hash: str | None = None
    strategy: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """One file of the artifacts; `sha256` in hexadecimal."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArtifactExecutable:
    """An executable of the workspace: its name there, its file here, its header's facts."""

    name: str
    file: ArtifactFile
    facts: Executable


def facts_to_json(facts: Executable) -> dict[str, Any]:
    """Header facts as manifest.json and the commands' JSON have them."""
    return {
        "format": facts.format.value,
        "machine": facts.machine,
        "architectures": [machine.value for machine in facts.architectures],
        "bits": facts.bits,
        "interpreter": facts.interpreter,
        "glibcFloor": facts.glibc_floor,
        "needed": None if facts.format is Format.PE else list(facts.needed),
        "searchPaths": None if facts.format is Format.PE else list(facts.search_paths),
    }


def file_to_json(file: ArtifactFile) -> dict[str, Any]:
    """A file as manifest.json and the command's JSON have it."""
    return {"file": file.name, "sizeBytes": file.size_bytes, "sha256": file.sha256}


def render_manifest(
    workspace: str,
    target: BuildTarget,
    origin: BinaryOrigin,
    executables: Iterable[ArtifactExecutable],
    archive: ArtifactFile,
) -> bytes:
    """manifest.json: the same values give the same bytes."""
    body = {
        "schemaVersion": SCHEMA_VERSION,
        "workspace": workspace,
        "system": target.system.value,
        "triple": target.triple,
        "sourceRevision": origin.revision,
        "derivation": origin.derivation,
        "output": origin.output,
        "narHash": origin.nar_hash,
        "strategy": origin.strategy,
        "executables": [
            {"name": executable.name, **file_to_json(executable.file), **facts_to_json(executable.facts)}
            for executable in executables
        ],
        "archive": file_to_json(archive),
    }
    return (json.dumps(body, indent=2, allow_nan=False) + "\n").encode()


def render_sums(files: Iterable[ArtifactFile]) -> bytes:
    """SHA256SUMS as `sha256sum -c` reads it, by name."""
    return "".join(f"{file.sha256}  {file.name}\n" for file in sorted(files, key=lambda file: file.name)).encode()
