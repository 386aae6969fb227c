"""What the jobs of one rehearsal share: artifacts, repositories to check out, what stands in for services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nanna_ci.rehearsal.steps.artifact_store import ArtifactStore


@dataclass(frozen=True, slots=True)
class RehearsalServices:
    """For every job of the run.

    `repositories` answers where `actions/checkout` gets OWNER/NAME at a ref ("" for the default): a local git
    repository, or a folder without git that is copied. It raises NannaError for one that this machine lacks.
    `environment` is added to each step: where the stand-ins listen. `nix_words` go behind `nix run` and its like.
    `token` is what `github.token` is; no log shows it.
    """

    artifacts: ArtifactStore
    repositories: Callable[[str, str], Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    nix_words: tuple[str, ...] = ()
    token: str = ""
