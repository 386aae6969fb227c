"""The files of a run: `.nanna-ci/runs/TIME-PID/`, and `.nanna-ci/latest` that points at the last one.

    jobs/ID/result.json, log.txt, junit.xml    one folder a job; junit.xml only if the job made one
    result.json, summary.md, report.html       the whole run

Two runs at once have folders of their own. Whole files and the link appear at once or not at all; logs grow.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.redact import Redactor
from nanna_ci.pipeline.results import JobResult, render_result
from nanna_ci.report.files import write_atomic
from nanna_ci.report.markdown import render_markdown
from nanna_ci.report.outcome import Outcome, json_body

HISTORY_FOLDER = "history"
"""Below `.nanna-ci`: what is kept of all runs."""
_ATTEMPTS = 100
_REDACTED_BYTES = 256 * 1024 * 1024


class JobFolder:
    """One job's files below `path`, which is made when the first is written; `redactor` takes secrets out of each."""

    def __init__(self, path: Path, redactor: Redactor | None = None) -> None:
        self.path = path
        self._redactor = redactor or Redactor(())
        self._log: IO[str] | None = None

    @property
    def log_path(self) -> Path:
        """Where the job's log is, or will be."""
        return self.path / "log.txt"

    @property
    def has_log(self) -> bool:
        """Whether a line was logged."""
        return self._log is not None

    def log(self, line: str) -> None:
        """Append a line to log.txt; the first one starts it afresh."""
        with named_errors(self.log_path):
            if self._log is None:
                self.path.mkdir(parents=True, exist_ok=True)
                self._log = self.log_path.open("w", encoding="utf-8", errors="replace")
            self._log.write(self._redactor.redact_text(line) + "\n")

    def log_lines(self, limit_bytes: int = 1024 * 1024) -> list[str]:
        """The last lines logged, at most `limit_bytes`; a line cut by the limit is left out."""
        if self._log is None:
            return []
        self._log.flush()
        with named_errors(self.log_path), self.log_path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - limit_bytes, 0))
            text = file.read().decode(errors="replace")
        lines = text.splitlines()
        return lines[1:] if size > limit_bytes else lines

    @property
    def junit_path(self) -> Path:
        """Where the job's JUnit file is, if it has one."""
        return self.path / "junit.xml"

    def clear(self) -> None:
        """Forget what an earlier run left here."""
        with named_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            for path in (self.log_path, self.junit_path, self.path / "result.json"):
                path.unlink(missing_ok=True)

    def finish(self, result: JobResult) -> None:
        """Close the log and write result.json.

        The log and a JUnit file that a program wrote here lose their secrets as a whole: one may go over lines.
        """
        self.close()
        for path in (self.log_path, self.junit_path):
            with named_errors(path):
                if path.is_file() and not path.is_symlink() and path.stat().st_size <= _REDACTED_BYTES:
                    self._redact_file(path)
        self.write("result.json", render_result(self._redactor.redact_value(result)))

    def _redact_file(self, path: Path) -> None:
        data = path.read_bytes()
        redacted = self._redactor.redact(data)
        if redacted != data:
            write_atomic(path, redacted)

    def close(self) -> None:
        """Close the log; nothing if there is none."""
        if self._log is not None:
            with named_errors(self.log_path):
                self._log.close()

    def write(self, name: str, data: bytes) -> None:
        """A whole file of the job."""
        with named_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path / name, self._redactor.redact(data))


class JobFolders:
    """The folders of several jobs; `place` says where a job's is, `redactor` takes secrets out of what is written."""

    def __init__(self, place: Callable[[str], Path], redactor: Redactor | None = None) -> None:
        self._place = place
        self._redactor = redactor or Redactor(())
        self._jobs: dict[str, JobFolder] = {}

    def job(self, job_id: str) -> JobFolder:
        """The folder of a job."""
        if job_id not in self._jobs:
            self._jobs[job_id] = JobFolder(self._place(job_id), self._redactor)
        return self._jobs[job_id]

    def close(self) -> None:
        """Close every log."""
        for folder in self._jobs.values():
            folder.close()


class RunFolder(JobFolders):
    """One run's files. `base` is the folder `.nanna-ci`."""

    def __init__(self, base: Path, path: Path, redactor: Redactor | None = None) -> None:
        super().__init__(lambda job_id: path / "jobs" / job_id, redactor)
        self.base = base
        self.path = path

    def finish(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write the run's own files, then let `latest` point here."""
        self.close()
        for name, data in files:
            write_atomic(self.path / name, self._redactor.redact(data))
        self._point_latest()

    def _point_latest(self) -> None:
        temporary = self.base / f".latest-{self.path.name}"
        link = self.base / "latest"
        with named_errors(link):
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            try:
                temporary.symlink_to(Path("runs") / self.path.name, target_is_directory=True)
            except (OSError, NotImplementedError):
                if os.name == "nt":  # symlinks there are a privilege
                    return
                raise
            temporary.replace(link)


def create_run_folder(cwd: Path, *, now: float, pid: int, redactor: Redactor | None = None) -> RunFolder:
    """A new run folder below `cwd`; `now` is seconds since 1970."""
    base = ensure_base(cwd)
    return RunFolder(base, make_stamped_folder(base / "runs", str(pid), now, "run"), redactor)


def make_stamped_folder(parent: Path, suffix: str, now: float, what: str) -> Path:
    """A new folder TIME-SUFFIX in `parent`, with a number behind it if that is taken; `what` it is for, in an error."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    with named_errors(parent, f"{what}s"):
        parent.mkdir(exist_ok=True)
        for attempt in range(_ATTEMPTS):
            path = parent / (f"{stamp}-{suffix}" + (f"-{attempt}" if attempt else ""))
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return path
    raise NannaError(f"{parent}: no free name for a {what} at {stamp}")


def ensure_base(cwd: Path) -> Path:
    """The folder `.nanna-ci` below `cwd`, made if it is not there; it keeps itself out of git."""
    base = cwd / ".nanna-ci"
    ignore = base / ".gitignore"
    with named_errors(base):
        base.mkdir(exist_ok=True)
        if not ignore.exists():
            write_atomic(ignore, b"*\n")
    return base


@contextlib.contextmanager
def named_errors(path: Path, kept: str = "runs") -> Iterator[None]:
    """An OSError within becomes a NannaError that names the path; `kept` is what is kept there."""
    try:
        yield
    except OSError as error:
        raise NannaError(f"{path}: {error.strerror}", hint=f"{kept} are kept below the working folder") from error


def outcome_files(name: str, outcome: Outcome) -> tuple[tuple[str, bytes], ...]:
    """`result.json` for machines, as the command `name` prints it in JSON, and `summary.md` for a step summary."""
    body = json_body(name, outcome.verdict, outcome.data)
    return (
        ("result.json", (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode(errors="replace")),
        ("summary.md", render_markdown(outcome.document).encode(errors="replace")),
    )
