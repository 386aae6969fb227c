"""Which engine tests images: the one that was requested, or the first that works."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nanna_ci.containers.engine.docker import Docker
from nanna_ci.containers.engine.engine import Engine, EngineFacts
from nanna_ci.containers.engine.namespaces import why_no_namespaces
from nanna_ci.containers.engine.podman import Podman
from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.foundation.json_data import as_object, load_json
from nanna_ci.foundation.process import Completed

# a JSON object: what the toolkit could not bring, with the reason (nix/apps.nix)
UNAVAILABLE_VARIABLE = "NANNA_CI_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class FoundEngine:
    """An engine that works. `facts` is None for podman in private namespaces: they are only known in there."""

    engine: Engine
    facts: EngineFacts | None


def find_engine(
    choice: str, run: Callable[..., Completed], environ: Mapping[str, str], user: int
) -> tuple[FoundEngine | None, str]:
    """The engine for `auto`, `podman` or `docker`, or None and why there is none.

    podman as the user has it comes before docker, and one that only works in private namespaces comes last. `user`
    is our ID.
    """
    engines: dict[str, Engine] = {"podman": Podman(run, environ=environ), "docker": Docker(run, environ=environ)}
    wanted = list(engines) if choice == "auto" else [choice]
    reasons: list[str] = []
    unavailable = _unavailable(environ)
    for name in wanted:
        try:
            return FoundEngine(engines[name], engines[name].facts()), ""
        except ToolMissing as error:
            reasons.append(unavailable.get(name, error.message))
    if "podman" in wanted and shutil.which("podman", path=environ.get("PATH", "")) is not None:
        problem = why_no_namespaces(environ, user, run)
        if problem is None:
            return FoundEngine(engines["podman"], None), ""
        reasons.append(problem)
    return None, "; ".join(dict.fromkeys(reasons))


def find_working_engine(choice: str, ports: Ports) -> tuple[FoundEngine | None, str]:
    """The engine for --engine, or None and why there is none."""
    user = os.getuid() if hasattr(os, "getuid") else -1
    return find_engine(choice, ports.run, ports.environ, user)


def say_no_engine(reason: str) -> str:
    """Why nothing can be tested, and how to fix it."""
    return f"no container engine works here: {reason}; install podman 4 or newer, or start docker's daemon"


def _unavailable(environ: Mapping[str, str]) -> Mapping[str, str]:
    text = environ.get(UNAVAILABLE_VARIABLE)
    if not text:
        return {}
    reasons = as_object(load_json(text.encode(), UNAVAILABLE_VARIABLE), UNAVAILABLE_VARIABLE, "it")
    return {name: str(reason) for name, reason in reasons.items()}
