"""Which runners this machine can be, and plans without the entries of all others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.pipeline.vocabulary import RUNNERS
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text

_MORE_LABELS: Final = {
    "ubuntu-latest": "x86_64-linux",
    "ubuntu-26.04": "x86_64-linux",
    "ubuntu-22.04": "x86_64-linux",
    "ubuntu-22.04-arm": "aarch64-linux",
}
SYSTEMS_OF_RUNNERS: Final[Mapping[str, str]] = {**_MORE_LABELS, **RUNNERS}


@dataclass(frozen=True, slots=True)
class TakenOut:
    """An entry of a plan that another machine would run."""

    name: str
    reason: str


def why_no_runner(runs_on: Value, host: str | None) -> str | None:
    """Why this machine, a system double, cannot be the runner of a `runs-on`; None if it can."""
    labels = runs_on.get("labels") if isinstance(runs_on, dict) else runs_on
    names = [as_text(label) for label in labels] if isinstance(labels, list) else [as_text(labels)]
    if isinstance(runs_on, dict) and runs_on.get("group") is not None:
        names.insert(0, f"group {as_text(runs_on['group'])}")
    if len(names) == 1 and host is not None and SYSTEMS_OF_RUNNERS.get(names[0]) == host:
        return None
    return f"runs on {' '.join(names).strip() or 'nothing'}; this machine is {host or 'of an unknown system'}"


def take_out_others(text: str, host: str | None) -> tuple[str, list[TakenOut]]:
    """An output of a job without the entries of a matrix, in its `include`, whose runner this machine is not.

    A matrix that loses all its entries is "", as a plan without any writes it: GitHub takes no empty matrix.
    """
    if '"include"' not in text or '"runner"' not in text:
        return text, []
    try:
        value = json.loads(text)
    except ValueError:
        return text, []
    taken: list[TakenOut] = []
    kept = _without_others(value, host, taken)
    if not taken:
        return text, []
    return "" if kept is None else json.dumps(kept, ensure_ascii=False, separators=(",", ":")), taken


def _without_others(value: Any, host: str | None, taken: list[TakenOut]) -> Any:
    """The value without these entries; None for a matrix that had only such."""
    if not isinstance(value, dict):
        return value
    result = {}
    for key, member in value.items():
        if key != "include" or not isinstance(member, list):
            result[key] = _without_others(member, host, taken)
            continue
        kept = []
        for entry in member:
            reason = why_no_runner(entry["runner"], host) if isinstance(entry, dict) and "runner" in entry else None
            if reason is None:
                kept.append(entry)
            else:
                taken.append(TakenOut(str(entry.get("id") or entry.get("name") or json.dumps(entry)), reason))
        if member and not kept:
            return None
        result[key] = kept
    return result
