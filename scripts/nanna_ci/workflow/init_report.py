"""The answer of `workflow init`, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Block, Code, Document, Facts, Heading, Notice, Paragraph, Tone
from nanna_ci.report.outcome import Outcome
from nanna_ci.workflow.pipeline_pin import PipelinePin

_NEXT: Final = (
    "Commit these files. On GitHub, require the check `pipeline / ci-summary`.",
    "To push to Cachix, keep CACHIX_AUTH_TOKEN in an environment `binary-cache` that only the default branch may use.",
    "nix run .#workflow -- check says whether your other workflows keep to the rules too.",
)


@dataclass(frozen=True, slots=True)
class InitReport:
    """What was written or would be: `paths` are all files, `changes` those that differ, path to unified diff.

    `refused` are there already with another text; if there are any, nothing was written.
    """

    pin: PipelinePin
    branch: str
    paths: tuple[str, ...]
    changes: Mapping[str, str]
    refused: tuple[str, ...]
    is_dry_run: bool


def make_init_report(report: InitReport) -> Outcome:
    """Refused files first, then the files, the differences, and what is left to do by hand."""
    pin = report.pin
    blocks: list[Block] = [
        Notice(
            Tone.BAD,
            f"{path} is there already, with another text: nothing is written; fix: look at the difference, then"
            " workflow init --force writes over it",
        )
        for path in report.refused
    ]
    if not report.refused and not report.changes:
        blocks.append(Notice(Tone.GOOD, "All files are as they should be: nothing is written."))
    elif not report.refused:
        said = "would be written" if report.is_dry_run else "written"
        blocks.append(Notice(Tone.GOOD, f"{', '.join(report.changes)}: {said}."))
    blocks.append(Facts((("Pipeline", f"{pin.repository} at {pin.commit} ({pin.version})"), ("Branch", report.branch))))
    if report.changes and (report.is_dry_run or report.refused):
        blocks.append(Heading("Would change"))
        blocks += [Code(diff, "diff") for diff in report.changes.values()]
    elif report.changes:
        blocks += [Heading("Next"), *map(Paragraph, _NEXT)]
    data: dict[str, Any] = {
        "workflows": list(report.paths),
        "dryRun": report.is_dry_run,
        "findings": [],
        "changes": [{"path": path, "diff": diff} for path, diff in report.changes.items()],
        "init": {
            "repository": pin.repository,
            "commit": pin.commit,
            "version": pin.version,
            "branch": report.branch,
            "refused": list(report.refused),
        },
    }
    verdict = Verdict.FAIL if report.refused else Verdict.PASS
    return Outcome(verdict, Document("Workflows of the pipeline", tuple(blocks)), data)
