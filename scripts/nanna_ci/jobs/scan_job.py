"""A scan of an image as a job of `ci` and `run-job`: its bill of materials, and what is known against what is in it."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from nanna_ci.binaries.cargo import cargo_environment
from nanna_ci.containers.registry.skopeo import Skopeo
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.local_run import EffectRequest
from nanna_ci.pipeline.reproduce import RunOrigin
from nanna_ci.pipeline.results import JobResult, JobState
from nanna_ci.pipeline.subject import source_folder
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import parse_base_name
from nanna_ci.supply_chain.bill.bill_making import BillHead, MadeBill, image_bill
from nanna_ci.supply_chain.bill.bill_report import contents_picture
from nanna_ci.supply_chain.bill.bill_sources import BillSources
from nanna_ci.supply_chain.bill.crate_facts import load_crate_facts
from nanna_ci.supply_chain.bill.cyclonedx import CycloneDxVersion, render_cyclonedx
from nanna_ci.supply_chain.scanning.baseline_file import load_baseline
from nanna_ci.supply_chain.scanning.bill_scanners import BillCrateScanner, CrateListScanner, registry_crates
from nanna_ci.supply_chain.scanning.rustsec_database import handed_database
from nanna_ci.supply_chain.scanning.sarif import render_sarif
from nanna_ci.supply_chain.scanning.scan_report import ScanReport, findings_blocks, scan_to_json
from nanna_ci.supply_chain.scanning.scan_verdict import ScanRule, judge_scan
from nanna_ci.supply_chain.scanning.scanned_bill import ScannedBill, parse_bill
from nanna_ci.supply_chain.scanning.scanner_programs import find_program
from nanna_ci.supply_chain.scanning.security_finding import (
    AnswerState,
    FindingState,
    ScanAnswer,
    ScannerName,
    ScanTarget,
    TargetKind,
    ask_scanner,
)
from nanna_ci.supply_chain.scanning.trivy import Trivy, find_image
from nanna_ci.toolchain.cargo_environment import decide_environment

BILL_FILE: Final = "sbom.cdx.json"
SARIF_FILE: Final = "scan.sarif"


def run_scan_job(
    request: EffectRequest, pipeline: Pipeline, origin: RunOrigin, context: Context, *, strict: bool
) -> JobResult:
    """The verdict on what is in an image: its crates, and with Trivy its packages.

    sbom.cdx.json and scan.sarif are in the job's folder. What was not looked at is in the reason, also of a pass.
    """
    job, ports = request.job, context.ports
    started = ports.clock()
    with scratch_folder("nanna-ci-scan-") as scratch:
        made, layout = _make_bill(request, context, scratch)
        bill = render_cyclonedx(made.bill, CycloneDxVersion.V1_7)
        request.folder.write(BILL_FILE, bill)
        answers = list(_answers(parse_bill(bill, BILL_FILE), job.image or job.id, layout, context, request.on_line))
    rule = _rule(pipeline, context, strict=strict)
    result = judge_scan(answers, rule)
    sarif = render_sarif(result.targets)
    if sarif.data is not None:
        request.folder.write(SARIF_FILE, sarif.data)
    report = ScanReport(result, rule)
    left_out = [f"{one.scanner}: {one.reason}" for one in answers if one.state is AnswerState.LEFT_OUT]
    evidence: dict[str, Any] = {"imageScan": scan_to_json(report)}
    if result.old:
        evidence["warnings"] = list(result.old)
    failed = result.verdict is Verdict.FAIL
    has_answer = result.verdict in {Verdict.PASS, Verdict.FAIL}
    gating = result.findings(FindingState.GATING) if failed else []
    return JobResult(
        id=job.id,
        verdict=result.verdict,
        seconds=ports.clock() - started,
        state=JobState.RAN if result.verdict is Verdict.PASS else None,
        # "no finding" would say too much where nothing could be compared
        reason="; ".join([report.line if has_answer else result.reason or report.line, *left_out]),
        evidence=evidence,
        failing_tests=tuple(f"{found.id}: {found.component_ref}: {found.title}" for _, found in gating),
        reproduce=origin.run_command("run-job", job.id) if failed else None,
        details=(
            *findings_blocks(result),
            contents_picture(made.contents or (), f"What is in {job.image}, by size unpacked"),
        ),
    )


def _make_bill(request: EffectRequest, context: Context, scratch: Path) -> tuple[MadeBill, Path]:
    """The image's bill, and its layout, which is in `scratch` if it had to be converted."""
    ports = context.ports
    (needed,) = request.needed
    sources = BillSources(Nix(ports.run, environ=ports.environ), ports.environ, ports.cwd, request.on_line)
    output = parse_base_name(needed.output.name, "an image's output")
    skopeo = Skopeo(ports.run, environ=ports.environ)
    layout, layers, known = sources.image(needed.output, output, skopeo, scratch / "layout")
    folder = sources.facts_folder(request.job.system)
    facts = None if folder is None else load_crate_facts(folder)
    return image_bill(layout, layers, known, facts, BillHead(request.job.image, None, None)), layout.path


def _answers(
    bill: ScannedBill, image: str, layout: Path, context: Context, say: Callable[[str], None]
) -> Iterator[ScanAnswer]:
    """What each scanner says of the image; one that a pipeline need not have is left out, with the reason."""
    ports = context.ports
    target = ScanTarget(TargetKind.IMAGE, image, BILL_FILE, bill.digest)
    environ = dict(decide_environment(cargo_environment(ports.environ)).variables)

    yield ask_scanner(ScannerName.CRATE_LISTS, target, lambda: CrateListScanner(target, bill), say)
    has_crates = bool(registry_crates(bill))
    if has_crates:
        yield ask_scanner(
            ScannerName.CARGO_AUDIT,
            target,
            lambda: BillCrateScanner(
                target, bill, handed_database(ports.environ, run=ports.run), (), ports.run, environ
            ),
            say,
        )
    if shutil.which(find_program(ScannerName.TRIVY, ports.environ), path=ports.environ.get("PATH")) is None:
        reason = "not on this machine, so that packages of Debian and others were not compared"
        # an image of which nothing was compared with anything has no answer
        state = AnswerState.LEFT_OUT if has_crates else AnswerState.UNAVAILABLE
        yield ScanAnswer(ScannerName.TRIVY, target, state, reason=reason)
    else:
        found = find_image(str(layout), ports.cwd)
        yield ask_scanner(
            ScannerName.TRIVY, target, lambda: Trivy(replace(found, target=target), ports.run, ports.environ), say
        )


def _rule(pipeline: Pipeline, context: Context, *, strict: bool) -> ScanRule:
    """What fails, by pipeline.toml and the baseline of the workspace under CI. ConfigError for a bad baseline."""
    security, ports = pipeline.security, context.ports
    source = source_folder(ports.cwd, Nix(ports.run, environ=ports.environ).overrides)
    return ScanRule(
        fail_severity=security.fail_severity,
        max_age_days=security.database_max_age_days,
        today=datetime.datetime.fromtimestamp(ports.now(), datetime.UTC).date(),
        strict=strict,
        accepted=load_baseline(source / security.baseline),
    )
