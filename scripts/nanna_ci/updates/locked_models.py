"""The models of pipeline.toml as their tags are now: what `lock-models --update` writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from nanna_ci.containers.models.model_lock import DEFAULT_REGISTRY, parse_lock, render_lock
from nanna_ci.containers.models.model_registry import Resolved
from nanna_ci.foundation.errors import Interrupted, NannaError
from nanna_ci.updates.updated_part import Moved, PartName, UpdatedPart, UpdateProblem, read_present

_SHOWN: Final = slice(len("sha256:"), len("sha256:") + 12)


def update_models(
    folder: Path, lock: str, declared: Sequence[str], resolve: Callable[[str, str], Resolved]
) -> UpdatedPart:
    """The lock with every declared model that could be resolved; `resolve` takes a name and a registry's URL.

    A model that cannot be resolved stays as it is. Raises MalformedData for a lock that cannot be read.
    """
    present = read_present(folder, lock)
    before = {} if present is None else parse_lock(present, lock)
    if not declared and not before:
        return UpdatedPart(PartName.MODELS, note="pipeline.toml has no [[model]]")
    after = {name: before[name] for name in declared if name in before}
    problems = []
    for name in declared:
        try:
            after[name] = resolve(name, before[name].registry if name in before else DEFAULT_REGISTRY).model
        except Interrupted:
            raise
        except NannaError as error:
            problems.append(UpdateProblem(f"{name}: {error.message}"))
    after = {name: after[name] for name in declared if name in after}
    moved = tuple(
        Moved(name, *(lock[name].manifest_digest[_SHOWN] if name in lock else None for lock in (before, after)))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )
    return UpdatedPart(PartName.MODELS, {lock: render_lock(after)} if moved else {}, moved, tuple(problems))
