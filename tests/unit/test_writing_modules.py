"""The modules that write files themselves: each new one must say how secrets stay out of what it writes."""

from __future__ import annotations

import ast
from pathlib import Path

import nanna_ci

PACKAGE = Path(nanna_ci.__file__).parent
WRITERS = {
    "report/files.py": "redacts",
    "report/github.py": "writes what was redacted, and NIX_CONFIG for later steps as it is",
    "pipeline/run_folder.py": "redacts each line, and the whole log again",
    "binaries/artifacts.py": "executables as they are; the manifest is redacted before it is hashed",
    "binaries/output_folder.py": "executables as they are, and what artifacts.py gives it",
    "containers/publish/publisher.py": "predicates, redacted when they were read",
    "containers/publish/cosign.py": "a public key, to a scratch folder",
    "containers/registry/registry_credentials.py": "a login, to a private scratch folder: its programs need it",
    "containers/registry/skopeo.py": "an image's index, by digest",
    "containers/engine/podman.py": "a view of an image's layout, by digest",
    "containers/engine/run_lock.py": "an empty file",
    "containers/testing/private_podman.py": "a request to our own process, to a private scratch folder",
    "cli/command_line.py": "nothing: it opens the null device",
    "supply_chain/scanning/cargo_deny.py": "a configuration, to a scratch folder",
    "supply_chain/scanning/cargo_lock.py": "a lock file for the scanner, to a scratch folder",
    "supply_chain/scanning/rustsec_database.py": "an empty repository's head, to a scratch folder",
    "supply_chain/evidence/cosign_blobs.py": "a root without keys, to a scratch folder",
    "rehearsal/steps/job_log.py": "masks and redacts each line",
    "rehearsal/steps/runner_machine.py": "the event, and of cargo's configuration what names no token",
    "rehearsal/steps/script_step.py": "a script that may hold some: to a private folder, gone when it has run",
    "rehearsal/steps/artifact_store.py": "the files of a step as they are, as GitHub keeps them",
    "rehearsal/steps/checkout_action.py": "a configuration of git's without any",
    "rehearsal/steps/nix_action.py": "the caller's environment for Nix without those that hold some",
    "rehearsal/steps/publishing_actions.py": "a statement of digests, to the job's private folder",
    "supply_chain/evidence/evidence_stage.py": "refuses documents with secrets; copies by digest",
}
WRITING_CALLS = {"write_text", "write_bytes", "mkstemp", "NamedTemporaryFile"}
MODES = {"open", "fdopen"}


def writes(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        words = [
            one.value for one in [*node.args, *(key.value for key in node.keywords)] if isinstance(one, ast.Constant)
        ]
        if name in WRITING_CALLS or (
            name in MODES and any(isinstance(w, str) and set(w) & set("wax+") and len(w) <= 3 for w in words)
        ):
            return True
        if name == "create" and getattr(getattr(node.func, "value", None), "id", "") == "stage":
            return True
    return False


def test_every_module_that_writes_files_says_how_secrets_stay_out() -> None:
    found = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if writes(path)}
    assert found - WRITERS.keys() == set(), "write with report.files.write_atomic, or say here how secrets stay out"
    assert WRITERS.keys() - found == set(), "these write nothing any more"
