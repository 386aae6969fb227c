"""A run as a trace: OTLP in its JSON encoding, for a collector (`POST /v1/traces`, or its file receiver).

The run is the root span, its jobs are children, their steps grandchildren; attributes are those of OpenTelemetry's
conventions for CI/CD. A job whose begin or time nobody measured has no span, and is counted in an attribute of the run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, assert_never

from nanna_ci import __version__
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import JobRecord, RunRecord

_INTERNAL: Final = 1
_OK, _ERROR, _UNSET = 1, 2, 0
_NANOSECONDS: Final = 1_000_000_000


def render_otlp(run: RunRecord) -> bytes:
    """An ExportTraceServiceRequest as JSON; the same run gives the same bytes, its ids too."""
    trace = _id(32, run.origin.run, run.origin.commit or "")
    root = {"traceId": trace, "spanId": _id(16, trace, "run")}
    begin_ns = round(run.origin.started.timestamp()) * _NANOSECONDS
    spans = [span for job in run.jobs for span in _job_spans(job, root, begin_ns)]
    ends = [int(span["endTimeUnixNano"]) for span in spans]
    if run.wall_s is not None:
        ends.append(begin_ns + round(run.wall_s * _NANOSECONDS))
    attributes = {
        "cicd.pipeline.run.id": run.origin.run,
        "cicd.pipeline.run.url.full": run.origin.url,
        "cicd.pipeline.result": _result(run.verdict),
        "vcs.ref.head.revision": run.origin.commit,
        "vcs.ref.head.name": run.origin.branch,
        "nanna_ci.event": run.origin.event,
        "nanna_ci.jobs.without_times": sum(job.begin_s is None or job.run_s is None for job in run.jobs),
    }
    times_ns = (begin_ns, max(ends, default=begin_ns))
    own = _span(root, run.origin.event, times_ns, run.verdict, attributes)
    scope = {"name": "nanna-ci", "version": __version__}
    resource = {"attributes": _attributes({"service.name": "nanna-ci", "service.version": __version__})}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": [own, *spans]}]}]}
    return (json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "replace")


def _job_spans(job: JobRecord, root: Mapping[str, str], begin_ns: int) -> list[dict[str, Any]]:
    if job.begin_s is None or job.run_s is None:
        return []
    start_ns = begin_ns + round(job.begin_s * _NANOSECONDS)
    attributes = {
        "cicd.pipeline.task.name": job.id,
        "cicd.pipeline.task.run.result": _result(job.verdict),
        "cicd.worker.name": job.runner,
        "nanna_ci.queue_seconds": job.queue_s,
        "nanna_ci.state": job.state,
    }
    own = _below(root, "job", job.id)
    times_ns = (start_ns, start_ns + round(job.run_s * _NANOSECONDS))
    spans = [_span(own, job.id, times_ns, job.verdict, attributes)]
    for number, step in enumerate(job.steps):
        end_ns = start_ns + round(step.seconds * _NANOSECONDS)
        spans.append(_span(_below(own, "step", job.id, str(number)), step.name, (start_ns, end_ns), None, {}))
        start_ns = end_ns
    return spans


def _below(parent: Mapping[str, str], *name: str) -> dict[str, str]:
    """The ids of a span below another one."""
    trace = parent["traceId"]
    return {"traceId": trace, "spanId": _id(16, trace, *name), "parentSpanId": parent["spanId"]}


def _span(
    ids: Mapping[str, str],
    name: str,
    times_ns: tuple[int, int],
    verdict: Verdict | None,
    attributes: Mapping[str, str | float | None],
) -> dict[str, Any]:
    """A span from one time to another; numbers of 64 bits are strings in OTLP's JSON."""
    return {
        **ids,
        "name": name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(times_ns[0]),
        "endTimeUnixNano": str(times_ns[1]),
        "attributes": _attributes(attributes),
        "status": {"code": _status(verdict)},
    }


def _attributes(values: Mapping[str, str | float | None]) -> list[dict[str, Any]]:
    """The values that are known."""
    found = []
    for key, value in values.items():
        match value:
            case None:
                continue
            case str():
                typed: dict[str, Any] = {"stringValue": value}
            case int():
                typed = {"intValue": str(value)}
            case _:
                typed = {"doubleValue": value}
        found.append({"key": key, "value": typed})
    return found


def _status(verdict: Verdict | None) -> int:
    match verdict:
        case None | Verdict.UNAVAILABLE:
            return _UNSET
        case Verdict.PASS:
            return _OK
        case Verdict.FAIL | Verdict.ERROR:
            return _ERROR
        case _:
            assert_never(verdict)


def _result(verdict: Verdict) -> str:
    """The verdict by the names of OpenTelemetry's conventions."""
    match verdict:
        case Verdict.PASS:
            return "success"
        case Verdict.FAIL:
            return "failure"
        case Verdict.ERROR:
            return "error"
        case Verdict.UNAVAILABLE:
            return "skip"
        case _:
            assert_never(verdict)


def _id(digits: int, *parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:digits]
