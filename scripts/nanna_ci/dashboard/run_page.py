"""The page of one run of `ci`: its report, its critical path, and the whole log of each job that failed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nanna_ci.dashboard.job_timeline import timeline_blocks
from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, open_file, read_file
from nanna_ci.foundation.json_data import JsonValue, as_list, as_object, as_text, load_json
from nanna_ci.foundation.redact import Redactor
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import JobRecord
from nanna_ci.pipeline.log_text import plain_line
from nanna_ci.pipeline.results import JobResult, parse_result
from nanna_ci.pipeline.run_report import RunReport, report_document
from nanna_ci.report.blocks import Bars, Block, Code, Details, Document, Heading, Paragraph, Table
from nanna_ci.report.units import bytes_text

LOG_BYTES: Final = 256 * 1024
"""As much of a job's log is on the page, from its end."""
_ALL_LOGS_BYTES: Final = 2 * MEBIBYTE
_RESULT_BYTES: Final = 64 * MEBIBYTE
_LARGEST_LOG: Final = 256 * MEBIBYTE


def run_document(report: RunReport, folder: Path, needs: Mapping[str, Sequence[str]]) -> Document:
    """The page; the logs are those in `folder`, which have lost their secrets already.

    The timeline says what the bars of the report say.
    """
    document = report_document(report)
    verdict, *rest = document.blocks
    jobs = [JobRecord(one.id, one.verdict, one.state and one.state.value, run_s=one.seconds) for one in report.results]
    timeline = timeline_blocks(jobs, needs, report.seconds)
    blocks = (
        verdict,
        *(shown for block in rest if not isinstance(block, Bars) for shown in _headed(block)),
        *((Heading("Critical path"), *timeline) if timeline else ()),
        *_log_blocks(report.results, folder),
    )
    return Document(document.title, blocks, contents=True)


def run_to_json(report: RunReport) -> dict[str, Any]:
    """What the page draws."""
    return {
        "folder": report.folder,
        "event": report.event,
        "summary": report.line,
        "seconds": round(report.seconds, 3),
        "jobs": [
            {
                "id": result.id,
                "verdict": result.verdict.value,
                "seconds": None if result.seconds is None else round(result.seconds, 3),
                "reason": result.reason,
            }
            for result in report.results
        ],
    }


def _headed(block: Block) -> tuple[Block, ...]:
    """The table of jobs under a heading of its own, so that the contents lead to it."""
    return (Heading("Jobs"), block) if isinstance(block, Table) and block.sortable else (block,)


def read_run(folder: Path) -> RunReport:
    """The run in a folder that `ci` wrote.

    Raises UsageError if it is none, MalformedData for a file that `ci` would not have written.
    """
    source = folder / "result.json"
    body = as_object(load_json(_read(source, folder), str(source)), str(source), "the file")
    if body.get("command") != "ci":
        raise MalformedData(str(source), "it is not the result of ci", hint="--run takes a folder of .nanna-ci/runs")
    names = [
        as_text(as_object(job, str(source), "a job").get("id"), str(source), "a job's id")
        for job in as_list(body.get("jobs"), str(source), "jobs")
    ]
    results = []
    for name in names:
        if name in {".", ".."} or "/" in name or "\\" in name:
            raise MalformedData(str(source), f"{shorten(name)} is no name of a job")
        path = folder / "jobs" / name / "result.json"
        results.append(parse_result(_read(path, folder), str(path)))
    return RunReport(
        event=as_text(body.get("event"), str(source), "event"),
        results=tuple(results),
        seconds=_seconds(body.get("seconds"), str(source)),
        strict=body.get("strict") is True,
        interrupted=body.get("interrupted") is True,
        folder=str(folder),
    )


def _seconds(value: JsonValue, source: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise MalformedData(source, "seconds is not a number of 0 or more")
    return float(value)


def _read(path: Path, folder: Path) -> bytes:
    try:
        return read_file(path, _RESULT_BYTES)
    except FileNotFoundError:
        hint = "--run takes a folder that `ci` wrote, such as .nanna-ci/latest"
        raise UsageError(f"{folder}: it holds no {path.relative_to(folder)}", hint=hint) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _log_blocks(results: Iterable[JobResult], folder: Path) -> tuple[Block, ...]:
    """Each failed job's log, folded, from its end: LOG_BYTES of one, and of all together 2 MiB."""
    blocks: list[Block] = []
    left, left_out = _ALL_LOGS_BYTES, []
    for result in results:
        if result.verdict not in {Verdict.FAIL, Verdict.ERROR}:
            continue
        path, limit = folder / "jobs" / result.id / "log.txt", min(LOG_BYTES, left)
        text, size = _log_end(path, limit)
        if size and not text:
            left_out.append(result.id)
        if not text:
            continue
        cut = size > limit
        shown = f"the last {bytes_text(len(text.encode()))} of {bytes_text(size)}" if cut else "all of it"
        left -= len(text.encode())
        log = (Code(text, "text"), *((Paragraph(f"All of it: {path}"),) if cut else ()))
        blocks.append(Details(f"Log of {result.id}: {shown}", log))
    if left_out:
        blocks.append(Paragraph(f"Too long for this page: the logs of {', '.join(left_out)}."))
    return (Heading("Logs of what failed"), *blocks) if blocks else ()


def _log_end(path: Path, limit_bytes: int) -> tuple[str, int]:
    """Whole lines from the end of a log, and the size of it all; nothing if there is none to be read.

    Secrets are taken out of it once more, as whole lines: whoever made the folder may not have.
    """
    try:
        with open_file(path, follow_links=False) as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - limit_bytes))
            data = stream.read(limit_bytes)
    except OSError:
        return "", 0
    if size > limit_bytes:
        data = data.partition(b"\n")[2]
    text = Redactor().redact(data).decode("utf-8", "replace")
    return "\n".join(plain_line(line) for line in text.splitlines()), size
