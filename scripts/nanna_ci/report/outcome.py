"""What a command answers: a verdict, and the same result for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nanna_ci.foundation.redact import Redactor
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Document, Tone

SCHEMA_VERSION: Final = 1
VERDICT_TONES: Final = {
    Verdict.PASS: Tone.GOOD,
    Verdict.FAIL: Tone.BAD,
    Verdict.ERROR: Tone.BAD,
    Verdict.UNAVAILABLE: Tone.WARN,
}


def json_body(command: str, verdict: Verdict, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a command prints with `--format json`: a head that all commands share, then the command's own keys."""
    return {"schemaVersion": SCHEMA_VERSION, "command": command, "verdict": verdict.value, **data}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A command's result.

    `data` is the JSON body without schemaVersion, command and verdict (`json_body` adds those); its keys are
    camelCase and its values plain JSON. `document` is the same for people. The exit code follows the
    verdict: pass 0, fail 1, unavailable and error 3, unless `exit_code` says otherwise. `outputs` are the step's
    outputs on GitHub, name to value, and what `--format github` prints. `text` stands for the document with
    `--format text`, if another program reads that.
    """

    verdict: Verdict
    document: Document
    data: Mapping[str, Any]
    exit_code: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    def redacted(self, redactor: Redactor) -> Outcome:
        """The outcome without secrets, in whatever form it is written."""
        return replace(
            self,
            document=redactor.redact_value(self.document),
            data=redactor.redact_value(self.data),
            outputs=redactor.redact_value(self.outputs),
            text=redactor.redact_value(self.text),
        )
