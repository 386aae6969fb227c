"""actions/upload-artifact (v7) and actions/download-artifact (v8), over the artifacts of this run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from nanna_ci.rehearsal.steps.action_call import ActionCall, ActionFailed, ActionResult, KnownAction
from nanna_ci.rehearsal.steps.artifact_store import ArtifactRefused, StoredArtifact, extract
from nanna_ci.rehearsal.steps.glob_pattern import name_matches
from nanna_ci.rehearsal.steps.glob_search import PatternRefused, find_files, parse_patterns, search_paths

_NOTHING_FOUND: Final = ("warn", "error", "ignore")
_DIGEST_MISMATCH: Final = ("ignore", "info", "warn", "error")
_LONGEST_RETENTION_DAYS: Final = 90


def _upload(call: ActionCall) -> ActionResult:
    nothing_found = call.inputs["if-no-files-found"]
    if nothing_found not in _NOTHING_FOUND:
        raise ActionFailed(
            f"Unrecognized if-no-files-found input. Provided: {nothing_found}. "
            f"Available options: {','.join(_NOTHING_FOUND)}"
        )
    overwrite, hidden, archive = (call.boolean(name) for name in ("overwrite", "include-hidden-files", "archive"))
    _whole_number(call, "retention-days", _LONGEST_RETENTION_DAYS)
    _whole_number(call, "compression-level", 9)
    if not call.inputs["path"]:
        raise ActionFailed("Input required and not supplied: path")
    files, root = find_upload(call.inputs["path"], call.machine.workspace, call.machine.home, include_hidden=hidden)
    if not files:
        text = f"No files were found with the provided path: {call.inputs['path']}. No artifacts will be uploaded."
        if nothing_found == "error":
            raise ActionFailed(text)
        if nothing_found == "warn":
            call.log.annotate("warning", text)
        else:
            call.log.say(text)
        return ActionResult()
    call.log.say(f"With the provided path, there will be {len(files)} file{'s' * (len(files) != 1)} uploaded")
    name = call.inputs["name"]
    if not archive:
        if len(files) > 1:
            raise ActionFailed(
                "When 'archive' is set to false, only a single file can be uploaded. "
                f"Found {len(files)} files to upload."
            )
        name = Path(files[0]).name
    try:
        stored = call.services.artifacts.add(
            name, [(Path(path), os.path.relpath(path, root)) for path in files], overwrite=overwrite
        )
    except ArtifactRefused as error:
        raise ActionFailed(str(error)) from error
    call.log.say(
        f"Artifact {name} has been successfully uploaded! Final size is {stored.size_bytes} bytes. "
        f"Artifact ID is {stored.id}"
    )
    run = f"{call.text('server_url')}/{call.text('repository')}/actions/runs/{call.text('run_id')}"
    return ActionResult(
        {
            "artifact-id": str(stored.id),
            "artifact-digest": stored.digest,
            "artifact-url": f"{run}/artifacts/{stored.id}",
        }
    )


def _whole_number(call: ActionCall, name: str, limit: int) -> None:
    text = call.inputs[name]
    if text and not (text.isascii() and text.isdecimal() and int(text) <= limit):
        raise ActionFailed(f"Invalid {name}: a number from 0 to {limit} is expected, not {text}")


def find_upload(text: str, folder: Path, home: Path, *, include_hidden: bool) -> tuple[list[str], str]:
    """The files that patterns, one a line, mean, and the folder that their paths in the artifact start from.

    That is the folder before the first wildcard; of several patterns, the deepest folder that is above all of them; of
    a single file without a wildcard, the folder that it is in. Raises ActionFailed for what is no pattern.
    """
    try:
        patterns = parse_patterns(text, folder, home)
        files = [path for path in find_files(patterns, include_hidden=include_hidden) if not Path(path).is_dir()]
    except PatternRefused as error:
        raise ActionFailed(str(error)) from error
    places = search_paths(patterns)
    if len(places) > 1:
        return files, os.path.commonpath(places)
    if len(files) == 1 and places == files:
        return files, str(Path(files[0]).parent)
    return files, places[0] if places else str(folder)


def _download(call: ActionCall) -> ActionResult:
    inputs = call.inputs
    if inputs["digest-mismatch"] not in _DIGEST_MISMATCH:
        raise ActionFailed(f"Invalid value for 'digest-mismatch': '{inputs['digest-mismatch']}'")
    merged = call.boolean("merge-multiple")
    if call.boolean("skip-decompress"):
        raise call.refuse("skip-decompress", "keeps no zip of an artifact")
    if inputs["github-token"] and inputs["run-id"] not in {"", call.text("run_id")}:
        raise call.refuse("run-id", "has the artifacts of this run only")
    if inputs["repository"] not in {"", call.text("repository")}:
        raise call.refuse("repository", "has the artifacts of this run only")
    if inputs["name"] and inputs["artifact-ids"]:
        raise ActionFailed("Inputs 'name' and 'artifact-ids' cannot be used together. Please specify only one.")
    folder = call.machine.workspace / _expanded(inputs["path"], call.machine.home)
    chosen = _choose(call)
    for stored in chosen:
        call.log.say(f"- {stored.name} (ID: {stored.id}, Size: {stored.size_bytes}, Digest: {stored.digest})")
        # one artifact alone has no folder of its own, even where a pattern could have matched more
        alone = bool(inputs["name"]) or merged or len(chosen) == 1
        extract(stored, folder if alone else folder / stored.name)
    call.log.say(f"Total of {len(chosen)} artifact(s) downloaded")
    return ActionResult({"download-path": os.path.normpath(folder)})


def _expanded(path: str, home: Path) -> str:
    return str(home) + path[1:] if path.startswith("~") else path


def _choose(call: ActionCall) -> list[StoredArtifact]:
    """The artifacts that the inputs mean. Raises ActionFailed if one that is named is not there."""
    artifacts, name = call.services.artifacts, call.inputs["name"]
    if name:
        stored = artifacts.get(name)
        if stored is None:
            raise ActionFailed(f"Unable to download artifact(s): Artifact not found for name: {name}")
        return [stored]
    if call.inputs["artifact-ids"]:
        wanted = [text.strip() for text in call.inputs["artifact-ids"].split(",") if text.strip()]
        if not wanted or not all(text.isascii() and text.isdecimal() for text in wanted):
            raise ActionFailed("Unable to download artifact(s): Invalid artifact ID. Must be a number.")
        found = [stored for stored in artifacts.all() if str(stored.id) in wanted]
        if not found:
            raise ActionFailed("Unable to download artifact(s): None of the provided artifact IDs were found")
        if len(found) < len(set(wanted)):
            call.log.annotate("warning", "Could not find some of the artifact IDs")
        return found
    pattern = call.inputs["pattern"]
    return [stored for stored in artifacts.all() if not pattern or name_matches(pattern, stored.name)]


UPLOAD_ARTIFACT: Final = KnownAction(
    inputs={
        "name": "artifact",
        "path": "",
        "if-no-files-found": "warn",
        "retention-days": "",
        "compression-level": "6",
        "overwrite": "false",
        "include-hidden-files": "false",
        "archive": "true",
    },
    required=frozenset({"path"}),
    run=_upload,
)
DOWNLOAD_ARTIFACT: Final = KnownAction(
    inputs={
        "name": "",
        "artifact-ids": "",
        "path": "",
        "pattern": "",
        "merge-multiple": "false",
        "github-token": "",
        "repository": "",
        "run-id": "",
        "skip-decompress": "false",
        "digest-mismatch": "error",
    },
    run=_download,
)
