"""What the npm package @actions/expressions answered to our expressions; and how to ask it, where somebody has it.

    python3 tests/support/recorded_expressions.py FOLDER_OF_THE_PACKAGE

asks again (it needs node 20) and writes tests/data/expressions/answers.json.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.expression_corners import CORNERS, DATA, EXPECTED_OTHERWISE
from support.generated_expressions import CONTEXTS, generated_expressions

RECORDED = DATA / "answers.json"
VERSION = "0.3.61"
VARIABLE = "ACTIONS_EXPRESSIONS"
GENERATED, SEED = 600, 14


def recorded_expressions(*, generated: int = GENERATED) -> list[str]:
    """What was asked, in the order of the recorded answers: first what was picked by hand."""
    otherwise = [one.expression for one in EXPECTED_OTHERWISE]
    return [*CORNERS, *otherwise, *generated_expressions(generated, SEED)]


def recorded_answers() -> list[tuple[str, dict[str, Any]]]:
    """Each recorded expression with the package's answer: a value and its text, or an error."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert recorded["version"] == VERSION
    return [(one.pop("expression"), one) for one in recorded["answers"]]


def package_folder() -> tuple[Path | None, str]:
    """Where the package is that $ACTIONS_EXPRESSIONS names, or why it cannot be asked."""
    folder = Path(os.environ.get(VARIABLE, "-"))
    if shutil.which("node") is None:
        return None, "no node on PATH"
    if not (folder / "package.json").is_file():
        return None, f"${VARIABLE} does not name an unpacked @actions/expressions of npm"
    version = json.loads((folder / "package.json").read_bytes())["version"]
    return (folder, "") if version == VERSION else (None, f"version {version} is not {VERSION}")


def ask_package(folder: Path, expressions: list[str]) -> list[dict[str, Any]]:
    """The package's answers, in the same order."""
    program = ["node", str(DATA / "ask_package.mjs"), str(folder)]
    questions = json.dumps({"contexts": CONTEXTS, "expressions": expressions})
    done = subprocess.run(program, input=questions, capture_output=True, text=True, check=True, timeout=120)
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def as_recorded(value: Any) -> Any:
    """A value of ours in the form of the answers."""
    if isinstance(value, float):
        return {"number": value if math.isfinite(value) else str(value)}
    if isinstance(value, list):
        return [as_recorded(item) for item in value]
    if isinstance(value, dict):
        return {"object": [[key, as_recorded(item)] for key, item in value.items()]}
    return value


def comparable(answer: Any) -> Any:
    """An answer of the package with its numbers as numbers: both languages write them differently."""
    if isinstance(answer, list):
        return [comparable(item) for item in answer]
    if isinstance(answer, dict) and "number" in answer:
        number = float(answer["number"])
        return {"number": number if math.isfinite(number) else str(number)}
    if isinstance(answer, dict):
        return {"object": [[key, comparable(item)] for key, item in answer["object"]]}
    return answer


def main() -> None:
    os.environ[VARIABLE] = sys.argv[1]
    folder, problem = package_folder()
    if folder is None:
        raise SystemExit(problem)
    expressions = recorded_expressions()
    answers = zip(expressions, ask_package(folder, expressions), strict=True)
    lines = [json.dumps({"expression": expression, **answer}) for expression, answer in answers]
    text = ",\n".join(lines)
    RECORDED.write_text(f'{{"version": "{VERSION}", "answers": [\n{text}\n]}}\n', encoding="utf-8")
    print(f"{len(lines)} answers")


if __name__ == "__main__":
    main()
