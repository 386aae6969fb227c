"""`prepare-artifacts`: verified, named, hashed, size-gated, reproducible release artifacts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nanna_ci.binaries.artifacts import ArtifactsRequest, Checked, Prepared, inspect, plan_files, prepare
from nanna_ci.binaries.cargo import query_build_folders
from nanna_ci.binaries.headers import Executable
from nanna_ci.binaries.intake import resolve_source
from nanna_ci.binaries.manifest import BinaryOrigin, facts_to_json, file_to_json
from nanna_ci.binaries.origin import built_by_job, query_origin
from nanna_ci.binaries.sums import damages
from nanna_ci.binaries.targets import BuildTarget, parse_system
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import GateFailed
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.pipeline.vocabulary import SYSTEMS
from nanna_ci.report.blocks import Block, Cell, Document, Facts, Notice, Paragraph, Table, Tone
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.store_path import STORE_DIR


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Prepare, or with --dry-run only check."""
    request = _request(arguments, context)
    try:
        source, strategy = request.source, arguments.strategy
        if (built := built_by_job(source)) is not None:
            source, strategy = built[0], strategy or built[1].value
        request = _located(request, resolve_source(source), strategy, arguments, context)
        if context.dry_run:
            return _planned(request, inspect(request), damages(request.output))
        return _written(request, prepare(request))
    except GateFailed as error:
        return _refused(request, error, dry_run=context.dry_run)


def _request(arguments: argparse.Namespace, context: Context) -> ArtifactsRequest:
    ports = context.ports
    system = parse_system(arguments.system)
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    triples = {target.system: target.triple for target in pipeline.targets}
    return ArtifactsRequest(
        workspace=pipeline.workspace.name,
        binaries=pipeline.workspace.binaries,
        target=BuildTarget(system, triples.get(system.value, SYSTEMS[system.value].triple)),
        source=ports.cwd / arguments.source,
        output=ports.cwd / arguments.folder,
        limit_bytes=pipeline.budget.artifact_bytes,
        origin=BinaryOrigin(),
    )


def _located(
    request: ArtifactsRequest, source: Path, strategy: str | None, arguments: argparse.Namespace, context: Context
) -> ArtifactsRequest:
    origin = query_origin(
        source,
        revision=arguments.revision,
        strategy=strategy,
        run=context.ports.run,
        environ=context.ports.environ,
    )
    return replace(request, source=source, origin=origin, build_folders=_build_folders(source, context))


def _build_folders(source: Path, context: Context) -> tuple[Path, ...]:
    """Only if the source is a target folder of cargo, by cargo's own mark or because the environment says more."""
    ports = context.ports
    is_set = "CARGO_BUILD_BUILD_DIR" in ports.environ
    if not is_set and not (source / "CACHEDIR.TAG").exists():
        return ()
    return query_build_folders(source, run=ports.run, environ=ports.environ, cwd=ports.cwd)


def _planned(request: ArtifactsRequest, checked: tuple[Checked, ...], damaged: tuple[str, ...]) -> Outcome:
    """What would be written. Fails if the existing folder does not match its own SHA256SUMS."""
    if damaged:
        hint = "without --dry-run it is written afresh"
        raise GateFailed(f"{request.output} is damaged: {'; '.join(damaged)}", hint=hint)
    sizes = {item.file: item.size_bytes for item in checked}
    files = [{"file": name, "sizeBytes": sizes.get(name), "sha256": None} for name in plan_files(request)]
    executables = [{"name": item.name, "file": item.file, **facts_to_json(item.facts)} for item in checked]
    data = _data(request, files, executables, dry_run=True, changed=None)
    title = f"Artifacts for {request.target.system.value}: plan, nothing written"
    return Outcome(Verdict.PASS, _document(title, request, data, [item.facts for item in checked]), data)


def _written(request: ArtifactsRequest, prepared: Prepared) -> Outcome:
    executables = [
        {"name": item.name, "file": item.file.name, **facts_to_json(item.facts)} for item in prepared.executables
    ]
    files = [file_to_json(file) for file in prepared.files]
    data = _data(request, files, executables, dry_run=False, changed=prepared.changed)
    title = f"Artifacts for {request.target.system.value}: {'written' if prepared.changed else 'unchanged'}"
    document = _document(title, request, data, [item.facts for item in prepared.executables])
    outputs = {"artifacts": str(request.output), "system": request.target.system.value}
    return Outcome(Verdict.PASS, document, data, outputs=outputs)


def _refused(request: ArtifactsRequest, error: GateFailed, *, dry_run: bool) -> Outcome:
    blocks: list[Block] = [Notice(Tone.BAD, error.message)]
    blocks += [Paragraph(f"hint: {error.hint}")] if error.hint else []
    data = {**_data(request, [], [], dry_run=dry_run, changed=None), "reason": error.message}
    return Outcome(
        Verdict.FAIL, Document(f"Artifacts for {request.target.system.value}: nothing written", tuple(blocks)), data
    )


def _data(
    request: ArtifactsRequest,
    files: list[dict[str, Any]],
    executables: list[dict[str, Any]],
    *,
    dry_run: bool,
    changed: bool | None,
) -> dict[str, Any]:
    names = {executable["file"] for executable in executables}
    return {
        "system": request.target.system.value,
        "from": str(request.source),
        "output": str(request.output),
        "dryRun": dry_run,
        "changed": changed,
        "sizeBytes": sum(file["sizeBytes"] for file in files if file["file"] in names) if names else None,
        "limitBytes": request.limit_bytes,
        "files": files,
        "executables": executables,
        "sourceRevision": request.origin.revision,
        "derivation": request.origin.derivation,
        "narHash": request.origin.nar_hash,
        "reason": None,
    }


def _document(title: str, request: ArtifactsRequest, data: dict[str, Any], facts: Sequence[Executable]) -> Document:
    blocks: list[Block] = [
        Facts(
            (
                ("From", str(request.source)),
                ("Folder", str(request.output)),
                ("Executables", f"{data['sizeBytes']:,} of at most {request.limit_bytes:,} bytes"),
                ("Commit", request.origin.revision),
                ("Derivation", request.origin.derivation),
            )
        ),
        Table(
            ("File", "Bytes", "SHA-256"),
            tuple(
                (
                    Cell(file["file"]),
                    Cell(None if file["sizeBytes"] is None else f"{file['sizeBytes']:,}"),
                    Cell(file["sha256"]),
                )
                for file in data["files"]
            ),
            frozenset({1}),
        ),
        Table(  # all are of one system, and so of one format
            ("Executable", "Machine", *(name for name, _ in facts[0].loader_facts)),
            tuple(
                (
                    Cell(executable["name"]),
                    Cell(f"{executable['format']} {executable['machine']}"),
                    *(Cell(text) for _, text in item.loader_facts),
                )
                for executable, item in zip(data["executables"], facts, strict=True)
            ),
        ),
    ]
    below = dict.fromkeys(path for item in facts for path in item.references_below(STORE_DIR))
    if below:
        which = "their loader" if any((item.interpreter or "") in below for item in facts) else "libraries they load"
        text = f"They name {which} in {STORE_DIR}, and run only where that path exists: {', '.join(below)}"
        blocks.insert(0, Notice(Tone.WARN, text))
    return Document(title, tuple(blocks))
