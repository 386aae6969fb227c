"""Checks what a strategy built against its target, before anything refers to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanna_ci.binaries.emulation import Trial, try_run
from nanna_ci.binaries.executables import parse_executable, verify_machine
from nanna_ci.binaries.headers import Executable
from nanna_ci.binaries.intake import open_inputs, resolve_source
from nanna_ci.binaries.manifest import facts_to_json
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.foundation.errors import GateFailed
from nanna_ci.foundation.process import Completed


@dataclass(frozen=True, slots=True)
class VerifiedExecutable:
    """An executable that is for the target, by its header; `trial` says whether it ran under emulation."""

    name: str
    path: Path
    size_bytes: int
    sha256: str
    facts: Executable
    trial: Trial


def verify_built(
    folder: Path,
    target: BuildTarget,
    binaries: Sequence[str],
    *,
    host: System | None,
    run: Callable[..., Completed],
    environ: Mapping[str, str],
    which: Callable[[str], str | None],
) -> tuple[VerifiedExecutable, ...]:
    """Every binary of the workspace in a built folder.

    Raises GateFailed (one is missing, is for another machine, or crashes under emulation), MalformedData (one is not an
    executable at all).
    """
    verified = []
    with open_inputs(resolve_source(folder), target, binaries) as inputs:
        for item in inputs:
            facts = parse_executable(item.stream, str(item.path))
            verify_machine(facts, target.system, str(item.path))
            digest = hashlib.sha256()
            for chunk in item.chunks():
                digest.update(chunk)
            trial = try_run(item.path, facts, target.system, host, run=run, environ=environ, which=which)
            if trial.ran is False:
                raise GateFailed(f"{item.path} does not run: {trial.reason}")
            verified.append(VerifiedExecutable(item.name, item.path, item.size_bytes, digest.hexdigest(), facts, trial))
    return tuple(verified)


def executables_to_json(verified: Sequence[VerifiedExecutable]) -> list[dict[str, Any]]:
    """What was built, with the header's facts."""
    return [
        {
            "name": item.name,
            "path": str(item.path),
            "sizeBytes": item.size_bytes,
            "sha256": item.sha256,
            **facts_to_json(item.facts),
            "ran": item.trial.ran,
            "ranReason": item.trial.reason,
        }
        for item in verified
    ]
