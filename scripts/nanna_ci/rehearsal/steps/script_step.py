"""The script of a step: its shell, its file, the folder that it runs in."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.rehearsal.steps.runner_machine import RunnerMachine
from nanna_ci.rehearsal.steps.step_definition import StepDefinition

_ARGUMENTS: Final[Mapping[str | None, tuple[str, ...]]] = {
    None: ("-e",),
    "bash": ("--noprofile", "--norc", "-e", "-o", "pipefail"),
    "sh": ("-e",),
    "python": (),
}
_PROGRAMS: Final[Mapping[str | None, tuple[str, ...]]] = {
    None: ("bash", "sh"),
    "bash": ("bash",),
    "sh": ("sh",),
    "python": ("python", "python3"),  # where a machine has none by the first name, as Debian
}


class ScriptFailed(Exception):
    """Why a script cannot be started."""


@dataclass(frozen=True, slots=True)
class PreparedScript:
    """A script that can be started."""

    argv: tuple[str, ...]
    folder: Path
    file: Path


def prepare_script(
    step: StepDefinition, script: str, folder: str, machine: RunnerMachine, environment: Mapping[str, str]
) -> PreparedScript:
    """Write a script into its file. `folder` is below the workspace. Raises ScriptFailed."""
    found = (shutil.which(program, path=environment["PATH"]) for program in _PROGRAMS[step.shell])
    program = next((path for path in found if path is not None), None)
    if program is None:
        raise ScriptFailed(f"{step.shell or 'bash'}: command not found")
    place = machine.workspace / folder
    if not place.is_dir():
        raise ScriptFailed(
            f"An error occurred trying to start process '{program}' with working directory '{place}'. "
            "No such file or directory"
        )
    file = machine.temp / f"step-{step.number}{'.py' if step.shell == 'python' else '.sh'}"
    file.write_text(script, encoding="utf-8", errors="surrogateescape")
    return PreparedScript((program, *_ARGUMENTS[step.shell], str(file)), place, file)
