"""Takes what a step left in the runner's files into the job's state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from nanna_ci.rehearsal.steps.file_commands import (
    BLOCKED_VARIABLES,
    FileCommandRefused,
    read_folders,
    read_pairs,
    read_summary,
)
from nanna_ci.rehearsal.steps.job_log import JobLog
from nanna_ci.rehearsal.steps.running_job import RunningJob


def take_files(
    files: Mapping[str, Path], state: RunningJob, log: JobLog, outputs: dict[str, str], summaries: list[str]
) -> bool:
    """Folders and variables for later steps, the step's `outputs`, and its summary, masked; the files are removed.

    Whether anything was refused, which fails the step; a summary that is too long is dropped, and fails nothing.
    """

    def folders() -> None:
        for folder in read_folders(files["path"]):
            state.add_folder(folder)

    def variables() -> None:
        for name, value in read_pairs(files["env"]).items():
            if name.upper() in BLOCKED_VARIABLES:
                log.annotate("error", f"Can't store {name} output parameter using '$GITHUB_ENV' command.")
            else:
                state.env[name] = value

    takers: dict[str, Callable[[], object]] = {
        "path": folders,
        "env": variables,
        "output": lambda: outputs.update(read_pairs(files["output"])),
        "state": lambda: read_pairs(files["state"]),
    }
    failed = False
    for kind, take in takers.items():
        try:
            take()
        except FileCommandRefused as error:
            failed = True
            log.annotate("error", f"Unable to process file command '{kind}' successfully.")
            log.annotate("error", str(error))
    try:
        summary = read_summary(files["step_summary"])
    except FileCommandRefused as error:
        log.annotate("error", str(error))
    else:
        summaries += [log.masks.hide_text(summary)] if summary else []
    for path in files.values():
        with contextlib.suppress(OSError):  # what the step put there itself
            path.unlink()
    return failed
