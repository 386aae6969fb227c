"""The results of a run as the record that its history keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord
from nanna_ci.pipeline.results import JobResult


def record_of_results(
    origin: RunIdentity, results: Iterable[JobResult], verdict: Verdict, wall_s: float | None
) -> RunRecord:
    """A run's record; `wall_s` is from its start to its end."""
    return RunRecord(origin, verdict, tuple(map(_job_record, results)), wall_s)


def _job_record(result: JobResult) -> JobRecord:
    return JobRecord(
        id=result.id,
        verdict=result.verdict,
        state=None if result.state is None else result.state.value,
        run_s=result.seconds,
        artifact_bytes=_executables_bytes(result.evidence),
        image_bytes=_image_bytes(result.evidence),
    )


def _executables_bytes(evidence: Mapping[str, Any]) -> int | None:
    """All executables of a build, before any compression; None if there are none, or one has no size."""
    found = evidence.get("executables")
    sizes = [_size(one) for one in found] if isinstance(found, list) else []
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _image_bytes(evidence: Mapping[str, Any]) -> int | None:
    """The image as it is sent, its layers compressed."""
    return _size(evidence.get("image"))


def _size(value: object) -> int | None:
    size = value.get("sizeBytes") if isinstance(value, dict) else None
    return size if type(size) is int and size >= 0 else None
