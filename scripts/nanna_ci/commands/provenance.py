"""`provenance`: a folder of evidence about what the flake built, which `verify` checks."""

from __future__ import annotations

import argparse
import datetime
import hashlib
from pathlib import Path
from typing import Any

from nanna_ci.binaries.output_folder import staging
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import GateFailed, ToolMissing, UsageError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import find_pipeline
from nanna_ci.report.blocks import Block, Document, Notice, Paragraph, Tone
from nanna_ci.report.github import run_of
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.local_store import store_folder
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.evidence.build_facts import query_builds
from nanna_ci.supply_chain.evidence.evidence_maker import (
    EvidenceParts,
    ImageFolder,
    ReleaseFolder,
    image_output,
    read_image,
    read_release,
    write_evidence,
)
from nanna_ci.supply_chain.evidence.evidence_report import EvidenceReport, evidence_document, evidence_to_json
from nanna_ci.supply_chain.evidence.evidence_stage import EvidenceStage, check_evidence_folder, read_document
from nanna_ci.supply_chain.evidence.flake_facts import query_flake
from nanna_ci.supply_chain.evidence.openvex import expired
from nanna_ci.supply_chain.evidence.run_results import RunResults, make_test_result, read_run, refuse_other_sources
from nanna_ci.supply_chain.evidence.slsa_provenance import LOCAL_BUILDER, BuilderFacts, make_predicate, parse_builder
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding, parse_baseline


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Collect, and write unless --dry-run."""
    folder = context.ports.cwd / arguments.folder
    try:
        check_evidence_folder(folder)
        return _made(arguments, context, folder)
    except GateFailed as error:
        blocks: list[Block] = [Notice(Tone.BAD, error.message)]
        blocks += [Paragraph(f"hint: {error.hint}")] if error.hint else []
        data = evidence_to_json(None, str(arguments.folder), error.message, dry_run=context.dry_run, changed=None)
        return Outcome(Verdict.FAIL, Document("Evidence: nothing written", tuple(blocks)), data)


def _made(arguments: argparse.Namespace, context: Context, folder: Path) -> Outcome:
    today = datetime.datetime.fromtimestamp(context.ports.now(), tz=datetime.UTC).date()
    parts = _collect(arguments, context)
    store = _store(context)
    context.say(f"writing the evidence of {len(parts.builds.outputs)} outputs")
    with staging(folder) as stage_folder:
        stage = EvidenceStage(stage_folder.path, context.redactor)
        write_evidence(stage, parts, store, today)
        changed = not stage.is_written_at(folder)
        if changed and not context.dry_run:
            check_evidence_folder(folder)
            stage_folder.swap()
    over = () if parts.baseline is None else expired(parts.baseline[1], today)
    report = EvidenceReport(parts.flake, parts.builds, stage.files, parts.test_result, tuple(one.id for one in over))
    data = evidence_to_json(report, str(arguments.folder), None, dry_run=context.dry_run, changed=changed)
    document = evidence_document(report, str(arguments.folder), dry_run=context.dry_run, changed=changed)
    return Outcome(Verdict.PASS, document, data, outputs={"evidence": str(folder)})


def _store(context: Context) -> Path:
    folder = store_folder(context.ports.environ)
    if folder is None:
        raise ToolMissing("the Nix store", "is not on this machine", hint="run it where the build ran")
    return folder


def _collect(arguments: argparse.Namespace, context: Context) -> EvidenceParts:
    ports, cwd = context.ports, context.ports.cwd
    releases = [read_release(cwd / path) for path in arguments.artifacts]
    images = [read_image(cwd / path, _store(context)) for path in arguments.layouts]
    if not releases and not images:
        raise UsageError("evidence of nothing: there are neither --artifacts nor --image-layout")
    baseline = _baseline(None if arguments.baseline is None else cwd / arguments.baseline)
    run = None if arguments.run is None else read_run(cwd / arguments.run)
    nix = Nix(ports.run, environ=ports.environ)
    flake = query_flake(nix, ports.run, ports.environ, cwd)
    outputs = _outputs(releases, images, run)
    tested = set() if run is None else set(run.derivations().values())
    sources = frozenset(flake.built_sources().values())
    builds = query_builds(nix, _store(context), outputs, sources, sorted(tested))
    for release in releases:
        built = next(one for one in builds.outputs if one.path == release.manifest.output)
        if built.nar_hash != release.manifest.nar_hash:
            raise GateFailed(f"{release.path}: {built.path} has another NAR hash now than when they were prepared")
    if run is not None:
        refuse_other_sources(run, builds.tested)
    return EvidenceParts(
        flake=flake,
        builds=builds,
        predicate=context.redactor.redact_value(make_predicate(flake, builds, _builder(arguments, context, run))),
        releases=releases,
        images=images,
        test_result=None
        if run is None
        else context.redactor.redact_value(make_test_result(run, builds.tested, [_configuration(context)])),
        sboms=[cwd / path for path in arguments.sbom],
        sarifs=[cwd / path for path in arguments.sarif],
        scan=None if arguments.scan is None else cwd / arguments.scan,
        baseline=baseline,
        run=run,
    )


def _outputs(
    releases: list[ReleaseFolder], images: list[ImageFolder], run: RunResults | None
) -> dict[StorePath, StorePath | None]:
    """Output → derivation, as far as manifests and the run say."""
    known = {} if run is None else run.derivers()
    hashes = {} if run is None else run.nar_hashes()
    found: dict[StorePath, StorePath | None] = {}
    for release in releases:
        assert release.manifest.output is not None
        found[release.manifest.output] = release.manifest.derivation or known.get(release.manifest.output)
    for image in images:
        path = image_output(image, hashes)
        found[path] = known.get(path)
    return found


def _baseline(file: Path | None) -> tuple[Path, tuple[AcceptedFinding, ...]] | None:
    return None if file is None else (file, parse_baseline(read_document(file), file))


def _builder(arguments: argparse.Namespace, context: Context, run: RunResults | None) -> BuilderFacts:
    github = run_of(context.ports.environ)
    given = None if arguments.builder is None else parse_builder(arguments.builder)
    return BuilderFacts(
        id=given or (github.identity if github is not None and github.identity else LOCAL_BUILDER),
        invocation=None if github is None else github.url,
        started=None if run is None else run.started,
    )


def _configuration(context: Context) -> dict[str, Any]:
    """What says which jobs there are: pipeline.toml."""
    file = find_pipeline(context.config, context.ports.environ, context.ports.cwd)
    return {"name": "pipeline.toml", "digest": {"sha256": hashlib.sha256(read_document(file)).hexdigest()}}
