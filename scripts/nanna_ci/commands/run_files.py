"""An outcome as the files that stay in its run folder."""

from __future__ import annotations

import json

from nanna_ci.outcome import Outcome
from nanna_ci.report.markdown import render_markdown


def outcome_files(name: str, outcome: Outcome) -> tuple[tuple[str, bytes], ...]:
    """`result.json` for machines, as the command `name` prints it in JSON, and `summary.md` for a step summary."""
    body = {"schemaVersion": 1, "command": name, "verdict": outcome.verdict.value, **outcome.data}
    return (
        ("result.json", (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode(errors="replace")),
        ("summary.md", render_markdown(outcome.document).encode(errors="replace")),
    )
