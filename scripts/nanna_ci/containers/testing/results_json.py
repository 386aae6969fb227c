"""Results of container tests as JSON: the command's own, and what a test in a room of its own hands back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nanna_ci.containers.engine.limits import Force, LimitReport
from nanna_ci.containers.testing.checks import (
    Cause,
    Check,
    CheckKind,
    CheckResult,
    Companion,
    Facts,
    ImageResult,
    Service,
    Status,
    Subject,
)
from nanna_ci.errors import MalformedData
from nanna_ci.json_data import JsonObject, JsonValue, as_count, as_list, as_object, as_text, as_texts, describe


def image_to_json(result: ImageResult) -> dict[str, Any]:
    """An image's result; keys in camelCase."""
    facts = result.facts
    return {
        "name": result.name,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "seconds": round(result.seconds, 3),
        "architecture": facts.architecture,
        "manifestDigest": facts.manifest_digest,
        "imageId": facts.image_id,
        "standIn": facts.stand_in,
        "sizeBytes": facts.size_bytes,
        "unpackedBytes": facts.unpacked_bytes,
        "startSeconds": None if facts.start_s is None else round(facts.start_s, 3),
        "peakMemoryBytes": facts.peak_memory_bytes,
        "limits": [
            {"name": limit.name, "asked": limit.asked, "force": limit.force.value, "reason": limit.reason}
            for limit in facts.limits
        ],
        "checks": [
            {
                "check": one.check.kind.value,
                "subject": one.check.subject,
                "status": one.status.value,
                "seconds": round(one.seconds, 3),
                "cause": None if one.cause is None else one.cause.value,
                "reason": one.reason,
            }
            for one in result.checks
        ],
        "files": list(facts.files),
    }


def parse_image(value: JsonValue, source: str) -> ImageResult:
    """Read what `image_to_json` wrote. Raises MalformedData for anything else."""
    item = as_object(value, source, "an image")
    checks = tuple(_check(one, source) for one in as_list(item.get("checks"), source, "checks"))
    facts = Facts(
        manifest_digest=_optional_text(item, "manifestDigest", source),
        image_id=_optional_text(item, "imageId", source),
        architecture=_optional_text(item, "architecture", source),
        stand_in=_optional_text(item, "standIn", source),
        size_bytes=_optional_count(item, "sizeBytes", source),
        unpacked_bytes=_optional_count(item, "unpackedBytes", source),
        start_s=None if item.get("startSeconds") is None else _number(item, "startSeconds", source),
        peak_memory_bytes=_optional_count(item, "peakMemoryBytes", source),
        limits=tuple(_limit(one, source) for one in as_list(item.get("limits"), source, "limits")),
        files=as_texts(item.get("files"), source, "files"),
    )
    return ImageResult(as_text(item.get("name"), source, "name"), checks, facts, _number(item, "seconds", source))


def subject_to_json(subject: Subject) -> dict[str, Any]:
    """A subject, for a test in a room."""
    return {
        "name": subject.name,
        "layout": str(subject.layout),
        "service": None
        if (service := subject.service) is None
        else {"port": service.port, "healthPath": service.health_path, "timeoutSeconds": service.health_timeout_s},
        "probePaths": list(subject.probe_paths),
        "probeCommands": list(subject.probe_commands),
        "models": list(subject.models),
        "modelCommand": subject.model_command,
    }


def parse_subject(value: JsonValue, source: str) -> Subject:
    """Read what `subject_to_json` wrote."""
    item = as_object(value, source, "a subject")
    service = item.get("service")
    return Subject(
        name=as_text(item.get("name"), source, "name"),
        layout=Path(as_text(item.get("layout"), source, "layout")),
        service=None if service is None else _service(as_object(service, source, "service"), source),
        probe_paths=as_texts(item.get("probePaths"), source, "probePaths"),
        probe_commands=as_texts(item.get("probeCommands"), source, "probeCommands"),
        models=as_texts(item.get("models"), source, "models"),
        model_command=_optional_text(item, "modelCommand", source),
    )


def _service(item: JsonObject, source: str) -> Service:
    return Service(
        port=as_count(item.get("port"), source, "port"),
        health_path=as_text(item.get("healthPath"), source, "healthPath"),
        health_timeout_s=_number(item, "timeoutSeconds", source),
    )


def companion_to_json(companion: Companion) -> dict[str, Any]:
    """A companion, for a test in a room."""
    subject = None if companion.subject is None else subject_to_json(companion.subject)
    return {"name": companion.name, "subject": subject, "reason": companion.reason}


def parse_companion(value: JsonValue, source: str) -> Companion:
    """Read what `companion_to_json` wrote."""
    item = as_object(value, source, "a companion")
    subject = item.get("subject")
    return Companion(
        name=as_text(item.get("name"), source, "name"),
        subject=None if subject is None else parse_subject(subject, source),
        reason=_optional_text(item, "reason", source),
    )


def _check(value: JsonValue, source: str) -> CheckResult:
    item = as_object(value, source, "a check")
    cause = _optional_text(item, "cause", source)
    try:
        return CheckResult(
            check=Check(CheckKind(as_text(item.get("check"), source, "check")), _text(item, "subject", source)),
            status=Status(_text(item, "status", source)),
            seconds=_number(item, "seconds", source),
            cause=None if cause is None else Cause(cause),
            reason=_optional_text(item, "reason", source),
        )
    except ValueError as error:
        raise MalformedData(source, str(error)) from None


def _limit(value: JsonValue, source: str) -> LimitReport:
    item = as_object(value, source, "a limit")
    try:
        force = Force(_text(item, "force", source))
    except ValueError as error:
        raise MalformedData(source, str(error)) from None
    return LimitReport(
        _text(item, "name", source), _text(item, "asked", source), force, _optional_text(item, "reason", source)
    )


def _text(item: JsonObject, key: str, source: str) -> str:
    return as_text(item.get(key), source, key)


def _optional_text(item: Mapping[str, JsonValue], key: str, source: str) -> str | None:
    value = item.get(key)
    return None if value is None else as_text(value, source, key)


def _optional_count(item: Mapping[str, JsonValue], key: str, source: str) -> int | None:
    value = item.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MalformedData(source, f"{key} is {describe(value)}, not a number of 0 or more")
    return value


def _number(item: Mapping[str, JsonValue], key: str, source: str) -> float:
    value = item.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise MalformedData(source, f"{key} is {describe(value)}, not a number of 0 or more")
    return float(value)
