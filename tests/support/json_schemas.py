"""A command's JSON against its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

import nanna_ci

FOLDER = Path(nanna_ci.__file__).parent / "schemas"


def check(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, once its command's schema has been held against it."""
    name = "ci-rehearsal" if "rehearsal" in answer else answer["command"]
    schema = json.loads((FOLDER / f"{name}.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(answer)
    return answer
