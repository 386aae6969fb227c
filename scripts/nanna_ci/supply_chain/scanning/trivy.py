"""The Trivy program: packages of an image that their package managers know. It sees nothing of store paths.

Only a digest or an OCI layout names an image: a tag can be another one a moment later. The program is the toolkit's or
the machine's own; none is ever fetched.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.containers.image.oci_layout import load_layout
from nanna_ci.foundation.errors import MalformedData, ToolMissing, UsageError, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, describe, load_json
from nanna_ci.foundation.redact import without_secrets
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.cvss import severity_of, severity_of_score, worst
from nanna_ci.supply_chain.scanning.package_identity import component_name
from nanna_ci.supply_chain.scanning.scanner_programs import Run, find_program, query_version
from nanna_ci.supply_chain.scanning.security_finding import (
    AdvisorySource,
    AnswerState,
    FindingState,
    ScanAnswer,
    ScannerName,
    ScanTarget,
    SecurityFinding,
    TargetKind,
)

_TIMEOUT_S: Final = 1800.0
_SOURCE: Final = "trivy"
_SCHEMA: Final = 2
# a tag beside the digest says nothing, and is left out
_REFERENCE: Final = re.compile(
    r"((?:[a-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?/)?[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*)"
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?@(sha256:[0-9a-f]{64})"
)
# what would leave findings out, or turn the report into something else
_FILTERS: Final = re.compile(
    r"TRIVY_(SEVERITY|IGNORE\w*|VEX|SHOW_SUPPRESSED|FORMAT|TEMPLATE|OUTPUT\w*|EXIT_CODE|EXIT_ON_EOL|PKG_\w+|VULN_\w+"
    r"|SCANNERS|SECURITY_CHECKS|SKIP_(?:DIRS|FILES)|CONFIG|DISTRO|INPUT|LIST_ALL_PKGS|DETECTION_PRIORITY|QUIET|DEBUG"
    r"|FILE_PATTERNS|DEPENDENCY_TREE|COMPLIANCE|REPORT|TABLE_MODE|PLATFORM|REMOVED_PKGS|PARALLEL|MODULE\w*)"
)
_CREDENTIALS: Final = "TRIVY_(USERNAME|PASSWORD|REGISTRY_TOKEN)"


@dataclass(frozen=True, slots=True)
class TrivyImage:
    """An image, by a reference with its digest, or as an OCI layout, whose config's digest is the image's ID."""

    target: ScanTarget
    reference: str | None
    layout: Path | None
    image_id: str | None


def find_image(text: str, cwd: Path) -> TrivyImage:
    """What --image names. UsageError for a tag, and for a folder that is not there."""
    match = _REFERENCE.fullmatch(text)
    if match is not None:
        reference = f"{match[1]}@{match[2]}"
        target = ScanTarget(TargetKind.IMAGE, match[1].rpartition("/")[2], reference, match[2])
        return TrivyImage(target, reference, None, None)
    folder = cwd / text
    if folder.is_dir():
        layout = load_layout(folder.resolve())
        target = ScanTarget(TargetKind.IMAGE, folder.name, text, layout.manifest_digest)
        return TrivyImage(target, None, folder.resolve(), layout.config_digest)
    if folder.exists() or text.startswith((".", "/")):
        raise UsageError(f"--image {shorten(text)}: there is no such folder", hint="an OCI layout, or NAME@sha256:…")
    name = re.sub(r":[^/:]*$", "", text.partition("@")[0])
    hint = f"name it by its digest: {name}@sha256:…"
    raise UsageError(f"--image {shorten(text)} is no digest: a tag can name another image a moment later", hint=hint)


@dataclass(frozen=True, slots=True)
class Trivy:
    """Trivy over one image."""

    image: TrivyImage
    run: Run
    environ: Mapping[str, str]

    @property
    def name(self) -> ScannerName:
        return ScannerName.TRIVY

    @property
    def target(self) -> ScanTarget:
        return self.image.target

    def scan(self) -> ScanAnswer:
        """Its answer. Raises NannaError where it gave none."""
        program = find_program(self.name, self.environ)
        environment = {
            name: value
            for name, value in without_secrets(self.environ, needed=_CREDENTIALS).items()
            if not _FILTERS.fullmatch(name)
        }
        query_version(self.name, (program, "--version"), self.run, {**environment, **_reasons_of(self.environ)})
        with scratch_folder("nanna-ci-trivy-") as scratch:
            # an empty file: a .trivyignore of the working folder would leave findings out
            nothing = scratch / "nothing"
            nothing.touch()
            report = scratch / "report.json"
            words = ["image", "--format", "json", "--output", str(report), "--scanners", "vuln", "--exit-code", "0"]
            words += ["--ignorefile", str(nothing), "--list-all-pkgs", "--quiet"]
            words += ["--input", str(self.image.layout)] if self.image.layout else [self.image.reference or ""]
            done = self.run([program, *words], timeout_s=_TIMEOUT_S, env=environment, cwd=scratch)
            if not report.is_file():
                raise MalformedData(_SOURCE, f"wrote no report: {done.stderr_tail[-200:] or 'nothing was said'}")
            data = report.read_bytes()
            version, database = self._database(program, environment, scratch)
        findings, packages = parse_trivy_report(data, self.image)
        notes = []
        if not packages:
            notes.append("Trivy knows no package in this image: it says nothing of store paths, which a bill is for")
        return ScanAnswer(
            self.name,
            self.target,
            AnswerState.ANSWERED,
            findings,
            notes=tuple(notes),
            version=version,
            database=database,
            counts={"packages": packages},
        )

    def _database(self, program: str, environment: Mapping[str, str], cwd: Path) -> tuple[str, AdvisorySource]:
        """Its version, and the database that it used. ToolMissing where it has none: its report is worth nothing."""
        done = self.run([program, "version", "--format", "json"], timeout_s=60.0, env=environment, cwd=cwd)
        source = "trivy version"
        value = as_object(load_json(done.stdout, source), source, "it")
        version = as_text(value.get("Version"), source, "Version")
        if value.get("VulnerabilityDB") is None:
            raise ToolMissing(_SOURCE, "has no vulnerability database", hint="trivy image --download-db-only")
        database = as_object(value.get("VulnerabilityDB"), source, "VulnerabilityDB")
        try:
            day = datetime.date.fromisoformat(as_text(database.get("UpdatedAt"), source, "UpdatedAt")[:10])
        except ValueError:
            raise MalformedData(source, f"UpdatedAt is {describe(database.get('UpdatedAt'))}, no day") from None
        return f"trivy {version}", AdvisorySource("Trivy", None, day, "its last update")


def _reasons_of(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name == "NANNA_CI_UNAVAILABLE"}


def parse_trivy_report(data: bytes, image: TrivyImage) -> tuple[tuple[SecurityFinding, ...], int]:
    """The findings in a report of schema 2, and how many packages Trivy saw.

    Raises MalformedData for another schema, and for a report about another image than the one that was named.
    """
    body = load_json(data, _SOURCE)
    if isinstance(body, list):
        raise MalformedData(_SOURCE, "the report is of schema 1, which names no image by digest: Trivy before 0.20")
    report = as_object(body, _SOURCE, "the report")
    if report.get("SchemaVersion") != _SCHEMA:
        raise MalformedData(_SOURCE, f"SchemaVersion is {describe(report.get('SchemaVersion'))}, only 2 is known")
    if report.get("ArtifactType") != "container_image":
        raise MalformedData(_SOURCE, f"ArtifactType is {describe(report.get('ArtifactType'))}, not container_image")
    _check_image(report, image)
    findings, packages = [], 0
    for value in as_list(report.get("Results") or [], _SOURCE, "Results"):
        result = as_object(value, _SOURCE, "a result")
        packages += len(as_list(result.get("Packages") or [], _SOURCE, "Packages"))
        vulnerabilities = as_list(result.get("Vulnerabilities") or [], _SOURCE, "Vulnerabilities")
        packages += 0 if result.get("Packages") else len(vulnerabilities)
        findings += [_finding(as_object(one, _SOURCE, "a vulnerability"), result) for one in vulnerabilities]
    return tuple(findings), packages


def _check_image(report: JsonObject, image: TrivyImage) -> None:
    metadata = as_object(report.get("Metadata") or {}, _SOURCE, "Metadata")
    if image.image_id is not None:
        if metadata.get("ImageID") != image.image_id:
            problem = f"the report is about {describe(metadata.get('ImageID'))}, not about {image.image_id}"
            raise MalformedData(_SOURCE, problem)
        return
    named = [*as_list(metadata.get("RepoDigests") or [], _SOURCE, "RepoDigests"), report.get("ArtifactName")]
    if not any(isinstance(one, str) and one.endswith(f"@{image.target.digest}") for one in named):
        raise MalformedData(_SOURCE, f"the report names no image with the digest {image.target.digest}")


def _finding(value: JsonObject, result: JsonObject) -> SecurityFinding:
    identifier = as_text(value.get("VulnerabilityID"), _SOURCE, "VulnerabilityID")
    name = as_text(value.get("PkgName"), _SOURCE, "PkgName")
    version = value.get("InstalledVersion")
    identity = as_object(value.get("PkgIdentifier") or {}, _SOURCE, "PkgIdentifier")
    purl = identity.get("PURL")
    title, url, fixed = value.get("Title"), value.get("PrimaryURL"), value.get("FixedVersion")
    status = value.get("Status")
    place = value.get("PkgPath") or result.get("Target")
    return SecurityFinding(
        id=identifier,
        aliases=tuple(_texts(value.get("VendorIDs"))),
        severity=_severity(value),
        component_ref=component_name(purl) if isinstance(purl, str) else f"{name}@{version}",
        version=version if isinstance(version, str) else None,
        fixed_versions=tuple(part.strip() for part in fixed.split(",")) if isinstance(fixed, str) and fixed else (),
        title=title if isinstance(title, str) and title else f"{identifier} in {name}",
        url=url if isinstance(url, str) and url.startswith("https://") else None,
        scanner=ScannerName.TRIVY,
        state=FindingState.GATING,
        reason=status if isinstance(status, str) else None,
        places=(place,) if isinstance(place, str) else (),
    )


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield from (one for one in value if isinstance(one, str))


def _severity(value: JsonObject) -> Severity | None:
    """Trivy's word; where that is UNKNOWN, the worst of the scores that it has."""
    word = value.get("Severity")
    known = severity_of(word) if isinstance(word, str) else None
    if known is not None:
        return known
    scores = as_object(value.get("CVSS") or {}, _SOURCE, "CVSS").values()
    numbers = [one.get(key) for one in scores if isinstance(one, Mapping) for key in ("V3Score", "V40Score")]
    return worst(severity_of_score(float(one)) for one in numbers if isinstance(one, int | float) and one)
