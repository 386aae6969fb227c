"""The answer of `cache-analytics` as JSON; the same file is the baseline of a later run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nanna_ci.cache.analysis.derivation_record import record_derivation, records_to_json
from nanna_ci.cache.analysis.hits import Gate, Holdings, Weights
from nanna_ci.cache.analysis.misses import Miss
from nanna_ci.cache.analysis.values import Analysis, StoreSize
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.store_path import StorePath


def analysis_to_json(analysis: Analysis) -> dict[str, Any]:
    """The body, with the records of all derivations."""
    tally, sizes, baseline = analysis.tally, analysis.sizes, analysis.baseline
    return {
        "installables": [
            {"installable": one.label, "derivation": str(one.derivation), "outputs": list(one.outputs)}
            for one in analysis.subject.wanted
        ],
        "closure": {
            "paths": tally.paths,
            "narBytes": None if sizes.unweighed or tally.unknown else int(sizes.hit + sizes.absent),
        },
        "substituters": [
            _substituter_to_json(one, size) for one, size in zip(analysis.holdings, analysis.store_sizes, strict=True)
        ],
        "combined": {
            "present": len(tally.present),
            "missing": len(tally.missing),
            "untrusted": len(tally.untrusted),
            "unknown": len(tally.unknown),
        },
        "hitRate": {
            "paths": analysis.rate.paths,
            "bytes": analysis.rate.bytes,
            "buildSeconds": analysis.rate.build_seconds,
        },
        "bytes": _weights_to_json(sizes),
        "buildSeconds": _weights_to_json(analysis.seconds_to_build),
        "plan": _plan_to_json(analysis),
        "gate": None if analysis.gate is None else _gate_to_json(analysis.gate),
        "store": {
            "sizeBytes": _sum(size.size_bytes for size in analysis.store_sizes),
            "growthBytes": _sum(size.growth_bytes for size in analysis.store_sizes),
            "limitBytes": analysis.limit_bytes,
        },
        "baseline": None if baseline is None else baseline.source,
        "misses": [_miss_to_json(miss) for miss in analysis.misses],
        "unknown": [{"storePath": str(path), "problem": tally.unknown[path]} for path in sorted(tally.unknown)],
        "present": _base_names(tally.present),
        "derivations": _records(analysis.subject.graph),
        "seconds": analysis.seconds,
    }


def _substituter_to_json(one: Holdings, size: StoreSize) -> dict[str, Any]:
    result = one.result
    return {
        "url": result.substituter.url,
        "present": len(one.present),
        "missing": len(one.missing),
        "untrusted": len(one.untrusted),
        "unknown": len(one.unknown),
        "downloadBytes": one.download_bytes,
        "narBytes": sum(info.nar_size_bytes for info in one.present.values()),
        "priority": result.priority,
        "requests": result.requests,
        "retries": result.retries,
        "bytesReceived": result.bytes_received,
        "peakConnections": result.peak_connections,
        "seconds": result.seconds,
        "sizeBytes": size.size_bytes,
        "archivesVerified": result.has_archives,
        "error": one.error,
    }


def _weights_to_json(weights: Weights) -> dict[str, Any]:
    return {
        "present": weights.hit,
        "absent": weights.absent,
        "unknown": weights.unweighed,
        "estimated": weights.estimated,
    }


def _plan_to_json(analysis: Analysis) -> dict[str, Any]:
    plan = analysis.plan
    return {
        "download": {
            "paths": len(plan.download),
            "downloadBytes": plan.download_bytes,
            "narBytes": plan.nar_bytes,
            "untrusted": analysis.refused,
            "storePaths": _full_paths(plan.download),
        },
        "build": _full_paths(plan.build),
        "unknown": _full_paths(plan.unknown),
        "guessed": len(analysis.tally.unknown),
    }


def _gate_to_json(gate: Gate) -> dict[str, Any]:
    return {
        "minimumHitRate": gate.minimum,
        "hitRate": gate.measured,
        "verdict": gate.verdict.value,
        "reason": gate.reason,
    }


def _miss_to_json(miss: Miss) -> dict[str, Any]:
    return {
        "storePath": str(miss.store_path),
        "derivation": None if miss.derivation is None else str(miss.derivation),
        "cause": miss.cause.value,
        "reason": miss.reason.value,
        "because": miss.because,
        "roots": [str(path) for path in miss.roots],
        "changes": [{"kind": change.kind.value, "name": change.name} for change in miss.changes],
    }


def _records(graph: Mapping[StorePath, Derivation]) -> dict[str, Any]:
    if not graph:
        return {}

    return records_to_json(map(record_derivation, graph.values()))


def _base_names(paths: Iterable[StorePath]) -> list[str]:
    return sorted([path.base_name for path in paths])


def _full_paths(paths: Iterable[StorePath]) -> list[str]:
    return sorted([str(path) for path in paths])


def _sum(values: Iterable[int | None]) -> int | None:
    """What is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
