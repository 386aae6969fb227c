"""Writes the workflows of templates/rust: what `workflow init` writes, at one commit of this repository.

    python3 templates/write_workflows.py

A commit cannot contain its own hash, so the commit is one before: give PIN a newer one that has all that the workflows
call, run this, and commit. Who starts with the template gets the commit of flake.lock by `workflow check --fix`.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from nanna_ci.report.files import write_together  # noqa: E402 - the path must be known first
from nanna_ci.workflow.caller_files import caller_files  # noqa: E402 - as above
from nanna_ci.workflow.pipeline_pin import PipelinePin  # noqa: E402 - as above

TEMPLATE = ROOT / "templates/rust"
PIN = PipelinePin(
    repository="DominicBurkart/nanna-coder-ci",
    commit="080f3a308e11a0ebf1bb09743250f44d2e8e5b5c",
    version="unstable-2026-11-28",
    seen=datetime.date(2026, 11, 28),
)

if __name__ == "__main__":
    write_together({TEMPLATE / path: text.encode() for path, text in caller_files(PIN, "main").items()})
