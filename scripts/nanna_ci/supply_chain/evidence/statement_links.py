"""The links SARIF, test results and VEX: what is said about the artifacts and images is said about these."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import ConfigError, MalformedData
from nanna_ci.foundation.json_data import JsonObject, as_list, as_object, as_text, describe, load_json
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkChecks, LinkName, counted
from nanna_ci.supply_chain.evidence.evidence_reader import EvidenceFolder
from nanna_ci.supply_chain.evidence.in_toto import TEST_RESULT_TYPE, parse_statement, render_json
from nanna_ci.supply_chain.evidence.openvex import parse_findings, parse_vex
from nanna_ci.supply_chain.evidence.release_links import say_absent, subject_hashes
from nanna_ci.supply_chain.evidence.roles import (
    BASELINE,
    SCAN,
    TEST_RESULTS,
    TEST_RESULTS_PREDICATE,
    VEX,
    Role,
)
from nanna_ci.supply_chain.evidence.run_results import TestResult, parse_test_result
from nanna_ci.supply_chain.scanning.baseline_file import parse_baseline

_SARIF_VERSION: Final = "2.1.0"
_DIGEST: Final = re.compile(r"sha256(?::|%3A)([0-9a-f]{64})")


def check_sarif(evidence: EvidenceFolder) -> ChainLink:
    """Each SARIF file is one, of a named tool, with a category of its own; an image's digest in it is one of ours."""
    checks = LinkChecks(LinkName.SARIF)
    if say_absent(evidence, Role.SARIF, checks):
        return checks.link()
    categories: dict[str, str] = {}
    for file in evidence.content.files:
        if file.role is Role.SARIF:
            with checks.reading(file.path):
                document = as_object(load_json(evidence.read(file.path), file.path), file.path, "the SARIF")
                _check_runs(evidence, document, file.path, categories, checks)
    if not say_absent(evidence, Role.SCAN, LinkChecks(LinkName.SARIF)):
        with checks.reading(SCAN):
            count = len(parse_findings(evidence.read(SCAN), SCAN))
            checks.verified(SCAN, f"{counted(count, 'finding')}, read")
    return checks.link()


def _check_runs(
    evidence: EvidenceFolder, document: JsonObject, path: str, categories: dict[str, str], checks: LinkChecks
) -> None:
    if document.get("version") != _SARIF_VERSION:
        raise MalformedData(path, f"version is {describe(document.get('version'))}, not {_SARIF_VERSION}")
    runs = as_list(document.get("runs"), path, "runs")
    if not runs:
        raise MalformedData(path, "has no run: nothing was scanned")
    images = {layout.manifest_digest.removeprefix("sha256:"): name for name, layout in evidence.images.items()}
    drivers = []
    for value in runs:
        run = as_object(value, path, "a run")
        driver = as_object(as_object(run.get("tool"), path, "tool").get("driver"), path, "driver")
        drivers.append(as_text(driver.get("name"), path, "driver.name"))
        category = _category(run, path)
        if category is not None and categories.setdefault(f"{category} {drivers[-1]}", path) != path:
            raise MalformedData(path, f"has the category {category}, as {categories[f'{category} {drivers[-1]}']} has")
        about = {digest for text in _about(run, category) for digest in _DIGEST.findall(text)}
        if strange := sorted(about - images.keys() - set(subject_hashes(evidence).values())):
            raise MalformedData(path, f"is about sha256:{strange[0]}, which is not here")
        if category is not None and category.startswith("image/") and not about:
            raise MalformedData(path, f"is of the category {category}, and names no image by its digest")
    checks.verified(path, f"{counted(len(runs), 'run')} of {', '.join(sorted(set(drivers)))}")


def _category(run: JsonObject, path: str) -> str | None:
    details = run.get("automationDetails")
    if details is None:
        return None
    return as_text(as_object(details, path, "automationDetails").get("id"), path, "automationDetails.id")


def _about(run: JsonObject, category: str | None) -> Iterator[str]:
    """The texts that say what was scanned; results may name digests of anything."""
    yield category or ""
    for key in ("properties", "originalUriBaseIds", "artifacts", "versionControlProvenance"):
        if key in run:
            yield json.dumps(run[key])


def check_test_results(evidence: EvidenceFolder) -> ChainLink:
    """The test results are about the same subjects, of the same outputs, and no job failed."""
    checks = LinkChecks(LinkName.TEST_RESULTS)
    if say_absent(evidence, Role.TEST_RESULTS, checks):
        return checks.link()
    with checks.reading(TEST_RESULTS):
        statement = parse_statement(evidence.read_ours(TEST_RESULTS), TEST_RESULTS)
        if statement.predicate_type != TEST_RESULT_TYPE:
            raise MalformedData(TEST_RESULTS, f"predicateType is not {TEST_RESULT_TYPE}")
        if evidence.statement is None or statement.subjects != evidence.statement.subjects:
            raise MalformedData(TEST_RESULTS, "is about other subjects than the provenance")
        if evidence.read(TEST_RESULTS_PREDICATE) != render_json(statement.predicate):
            checks.failed(TEST_RESULTS_PREDICATE, f"is not the predicate of {TEST_RESULTS}")
        _check_jobs(evidence, parse_test_result(statement.predicate, TEST_RESULTS), checks)
    return checks.link()


def _check_jobs(evidence: EvidenceFolder, found: TestResult, checks: LinkChecks) -> None:
    outputs = {} if evidence.provenance is None else {str(one.path): one for one in evidence.provenance.outputs}
    for path, nar_hash in sorted(found.outputs.items()):
        if path in outputs and str(outputs[path].nar_hash) != nar_hash:
            checks.failed(path, f"the run made it as {nar_hash}, and provenance has {outputs[path].nar_hash}")
    counts = {verdict: sum(one is verdict for one in found.verdicts.values()) for verdict in Verdict}
    words = f"{found.result}: {counts[Verdict.PASS]} passed, {counts[Verdict.UNAVAILABLE]} did not run"
    bad = [name for name, verdict in found.verdicts.items() if verdict in (Verdict.FAIL, Verdict.ERROR)]
    problem = f"{found.result}: {', '.join(bad)}" if bad else f"{found.result}: no job passed"
    checks.expect(TEST_RESULTS, holds=found.result != "FAILED", says=words, problem=problem)


def check_vex(evidence: EvidenceFolder) -> ChainLink:
    """The VEX is about our subjects, and decides on nothing but what the baseline does."""
    checks = LinkChecks(LinkName.VEX)
    if say_absent(evidence, Role.VEX, checks):
        return checks.link()
    with checks.reading(VEX):
        products, decided = parse_vex(evidence.read_ours(VEX), VEX)
        if not products or not products <= set(subject_hashes(evidence).values()):
            raise MalformedData(VEX, "is about products that are no subjects of the provenance")
        try:
            entries = parse_baseline(evidence.read(BASELINE), Path(BASELINE))
        except ConfigError as error:
            raise MalformedData(BASELINE, error.message) from None
        baseline = {(entry.id, entry.status or "affected") for entry in entries}
        if strange := sorted(set(decided) - baseline):
            raise MalformedData(VEX, f"says {strange[0][1]} of {strange[0][0]}, and {BASELINE} does not")
        checks.verified(
            VEX, f"{counted(len(decided), 'decision')} of {BASELINE}, about {counted(len(products), 'product')}"
        )
    return checks.link()
