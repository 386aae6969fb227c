"""Actions that publish: what they are given is checked as they check it, and nothing leaves this machine."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, as_object, load_json
from nanna_ci.rehearsal.expressions.expression_value import as_text
from nanna_ci.rehearsal.steps.action_call import ActionCall, ActionFailed, ActionResult, KnownAction
from nanna_ci.rehearsal.steps.artifact_store import ArtifactRefused
from nanna_ci.rehearsal.steps.glob_search import PatternRefused, find_files, parse_patterns

_SARIF_LIMIT_BYTES: Final = 64 * MEBIBYTE
_PREDICATE_LIMIT_BYTES: Final = 16 * MEBIBYTE
_CHECKSUMS_LIMIT_BYTES: Final = 512 * 1024
_MOST_SUBJECTS: Final = 1024
_CHUNK_BYTES: Final = MEBIBYTE
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PROVENANCE: Final = "https://slsa.dev/provenance/v1"
_SPDX: Final = "https://spdx.dev/Document/v2.3"
_CYCLONEDX: Final = "https://cyclonedx.org/bom"
_DIGEST: Final = re.compile(r"sha256:[A-Za-z0-9]{64}")
_ALGORITHMS: Final = {64: "sha256", 128: "sha512"}


def _upload_sarif(call: ActionCall) -> ActionResult:
    call.need_permission("security-events")
    place = call.machine.workspace / call.inputs["sarif_file"]
    files = sorted(path for path in place.rglob("*.sarif") if path.is_file()) if place.is_dir() else [place]
    if not place.exists():
        raise ActionFailed(f"Path does not exist: {call.inputs['sarif_file']}")
    if not files:
        raise ActionFailed(f'No SARIF files found to upload in "{call.inputs["sarif_file"]}".')
    keys: set[str] = set()
    results = 0
    for path in files:
        for run in _runs(path):
            key = json.dumps(_run_key(run, call.inputs["category"]), sort_keys=True)
            if key in keys:
                raise ActionFailed(
                    "The CodeQL Action does not support uploading multiple SARIF runs with the same category. "
                    f"Please update your workflow to upload a single run per category: {path.name} has another"
                )
            keys.add(key)
            found = run.get("results")
            if not isinstance(found, list):
                raise ActionFailed(f"Invalid SARIF. Missing 'results' array in run: {path.name}")
            results += len(found)
    call.log.say(f"{len(files)} files with {len(keys)} runs and {results} results would be uploaded")
    return ActionResult({"sarif-id": "rehearsal"}, f"{results} findings were checked as SARIF and not uploaded")


def _runs(path: Path) -> list[JsonObject]:
    try:
        document = as_object(load_json(read_file(path, _SARIF_LIMIT_BYTES), path.name), path.name, "SARIF")
    except OSError as error:
        raise ActionFailed(f"{path.name}: cannot be read: {error.strerror}") from error
    except MalformedData as error:
        raise ActionFailed(f"Invalid SARIF. JSON syntax error: {error.message}") from error
    runs = document.get("runs")
    if document.get("version") != "2.1.0" or not isinstance(runs, list):
        raise ActionFailed(f'Unable to upload "{path.name}" as it is not valid SARIF: no version 2.1.0, or no runs')
    found: list[JsonObject] = [run for run in runs if isinstance(run, dict)]
    if len(found) != len(runs):
        raise ActionFailed(f'Unable to upload "{path.name}" as it is not valid SARIF: a run is not an object')
    return found


def _run_key(run: JsonObject, category: str) -> list[object]:
    """What GitHub tells one analysis from another by."""
    tool = run.get("tool")
    driver = tool.get("driver") if isinstance(tool, dict) else None
    values = driver if isinstance(driver, dict) else {}
    details = run.get("automationDetails")
    automation = details.get("id") if isinstance(details, dict) else category
    return [*(values.get(name) for name in ("name", "fullName", "version", "semanticVersion", "guid")), automation]


def _attest(call: ActionCall) -> ActionResult:
    for name in ("id-token", "attestations"):
        call.need_permission(name)
    if call.boolean("push-to-registry"):
        raise call.refuse("push-to-registry", "pushes to no registry")
    kind, predicate = _predicate(call)
    subjects = list(_subjects(call))
    if len(subjects) > _MOST_SUBJECTS:
        raise ActionFailed(f"Too many subjects specified ({len(subjects)}). The maximum is {_MOST_SUBJECTS}.")
    bundle = (
        call.machine.temp / f"attestation-{len(list(call.machine.temp.glob('attestation-*')))}" / "attestation.json"
    )
    bundle.parent.mkdir()
    statement = {"_type": _STATEMENT, "subject": subjects, "predicateType": kind, "predicate": predicate}
    bundle.write_text(json.dumps({"unsignedStatement": statement}) + "\n", encoding="utf-8")
    call.log.say(f"an unsigned statement about {len(subjects)} subjects is in {bundle}")
    return ActionResult({"bundle-path": str(bundle)}, f"an UNSIGNED statement about {len(subjects)} subjects")


def _predicate(call: ActionCall) -> tuple[str, object]:
    """The kind of statement and what it says. Raises ActionFailed for inputs that do not go together."""
    inputs = call.inputs
    custom = [name for name in ("predicate-type", "predicate", "predicate-path") if inputs[name]]
    if inputs["sbom-path"] and custom:
        raise ActionFailed(f"Cannot specify sbom-path together with {', '.join(custom)}")
    if inputs["sbom-path"]:
        bom = _json_file(call, inputs["sbom-path"])
        if "spdxVersion" in bom:
            return _SPDX, bom
        if bom.get("bomFormat") == "CycloneDX":
            return _CYCLONEDX, bom
        raise ActionFailed("Unsupported SBOM format")
    if not custom:
        source = f"{call.text('server_url')}/{call.text('repository')}"
        return _PROVENANCE, {"buildDefinition": {"externalParameters": {"workflow": {"repository": source}}}}
    if not inputs["predicate-type"]:
        raise ActionFailed("predicate-type is required when using predicate or predicate-path")
    if bool(inputs["predicate"]) == bool(inputs["predicate-path"]):
        raise ActionFailed("Exactly one of predicate-path or predicate must be provided")
    if inputs["predicate-path"]:
        return inputs["predicate-type"], _json_file(call, inputs["predicate-path"])
    try:
        return inputs["predicate-type"], load_json(inputs["predicate"].encode(), "predicate")
    except MalformedData as error:
        raise ActionFailed(error.message) from error


def _json_file(call: ActionCall, path: str) -> JsonObject:
    try:
        data = read_file(call.machine.workspace / path, _PREDICATE_LIMIT_BYTES)
        return as_object(load_json(data, path), path, "the file")
    except OSError as error:
        raise ActionFailed(f"predicate file not found: {path}: {error.strerror}") from error
    except MalformedData as error:
        raise ActionFailed(error.message) from error


def _subjects(call: ActionCall) -> Iterator[JsonObject]:
    """What the statement is about, each once. Raises ActionFailed."""
    inputs = call.inputs
    given = [name for name in ("subject-path", "subject-digest", "subject-checksums") if inputs[name]]
    if not given:
        raise call.refuse("subject-path", "knows no list of artifacts of the runner")
    if len(given) > 1:
        raise ActionFailed("Only one of subject-path, subject-digest, or subject-checksums may be provided")
    if given == ["subject-digest"]:
        if not inputs["subject-name"]:
            raise ActionFailed("subject-name must be provided when using subject-digest")
        if not _DIGEST.fullmatch(inputs["subject-digest"]):
            raise ActionFailed('subject-digest must be in the format "sha256:<hex-digest>"')
        pairs = {(inputs["subject-name"], "sha256", inputs["subject-digest"].partition(":")[2])}
    elif given == ["subject-checksums"]:
        pairs = set(_checksums(call))
    else:
        pairs = set(_digests(call))
    for name, algorithm, digest in sorted(pairs):
        yield {"name": name, "digest": {algorithm: digest}}


def _digests(call: ActionCall) -> Iterator[tuple[str, str, str]]:
    lines = [part.strip() for row in csv.reader(call.inputs["subject-path"].splitlines()) for part in row]
    try:
        patterns = parse_patterns("\n".join(lines), call.machine.workspace, call.machine.home)
        found = [path for path in find_files(patterns) if Path(path).is_file()]
    except PatternRefused as error:
        raise ActionFailed(str(error)) from error
    for path in found:
        yield call.inputs["subject-name"] or os.path.basename(path), "sha256", _digest(path)  # noqa: PTH119
    if not found:
        raise ActionFailed(f"Could not find subject at path {call.inputs['subject-path']}")


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:  # noqa: PTH123
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _checksums(call: ActionCall) -> Iterator[tuple[str, str, str]]:
    text = call.inputs["subject-checksums"]
    place = call.machine.workspace / text.split("\n", 1)[0]
    if "\n" not in text and place.exists():
        try:
            text = read_file(place, _CHECKSUMS_LIMIT_BYTES).decode("utf-8", "replace")
        except OSError as error:
            raise ActionFailed(f"subject checksums file not found: {place}: {error.strerror}") from error
    for line in text.split("\n"):
        digest, blank, name = line.partition(" ")
        if not blank:
            continue
        algorithm = _ALGORITHMS.get(len(digest))
        if algorithm is None or not re.fullmatch("[0-9a-fA-F]+", digest):
            raise ActionFailed(f"Invalid digest: {digest}")
        yield name[1:] if name[:1] in {"*", " "} else name, algorithm, digest


def _upload_pages(call: ActionCall) -> ActionResult:
    place = call.machine.workspace / call.inputs["path"]
    if not place.is_dir():
        raise ActionFailed(f"tar: {call.inputs['path']}: Cannot open: No such file or directory")
    archive = call.machine.temp / "artifact.tar"
    hidden = call.inputs["include-hidden-files"] == "true"

    def kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        parts = Path(member.name).parts
        if {".git", ".github"} & set(parts) or (not hidden and any(part.startswith(".") for part in parts)):
            return None
        return member

    with tarfile.open(archive, "w", dereference=True) as tar:
        tar.add(place, arcname=".", filter=kept)
    try:
        stored = call.services.artifacts.add(call.inputs["name"], [(archive, "artifact.tar")], overwrite=False)
    except ArtifactRefused as error:
        raise ActionFailed(str(error)) from error
    return ActionResult({"artifact_id": str(stored.id)})


def _deploy_pages(call: ActionCall) -> ActionResult:
    for name in ("pages", "id-token"):
        call.need_permission(name)
    name = call.inputs["artifact_name"]
    stored = call.services.artifacts.get(name)
    if stored is None or stored.files != ("artifact.tar",):
        raise ActionFailed(
            f'No artifacts named "{name}" were found for this workflow run. Ensure artifacts are uploaded with '
            "actions/upload-artifact@v4 or later."
        )
    owner, _, repository = as_text(call.github.get("repository")).partition("/")
    url = f"https://{owner.lower()}.github.io/{repository}/"
    return ActionResult({"page_url": url}, f"the artifact {name} was checked and not deployed to {url}")


UPLOAD_SARIF: Final = KnownAction(
    inputs={
        "sarif_file": "../results",
        "checkout_path": "",
        "ref": "",
        "sha": "",
        "token": "",
        "matrix": "",
        "category": "",
        "wait-for-processing": "true",
    },
    run=_upload_sarif,
)
ATTEST: Final = KnownAction(
    inputs={
        "subject-path": "",
        "subject-digest": "",
        "subject-name": "",
        "subject-checksums": "",
        "subject-version": "",
        "sbom-path": "",
        "predicate-type": "",
        "predicate": "",
        "predicate-path": "",
        "push-to-registry": "false",
        "create-storage-record": "true",
        "show-summary": "true",
        "github-token": "",
    },
    run=_attest,
)
UPLOAD_PAGES: Final = KnownAction(
    inputs={"name": "github-pages", "path": "_site/", "retention-days": "1", "include-hidden-files": "false"},
    run=_upload_pages,
)
DEPLOY_PAGES: Final = KnownAction(
    inputs={
        "token": "",
        "timeout": "600000",
        "error_count": "10",
        "reporting_interval": "5000",
        "artifact_name": "github-pages",
        "preview": "false",
    },
    unknown=frozenset({"preview"}),
    run=_deploy_pages,
)
