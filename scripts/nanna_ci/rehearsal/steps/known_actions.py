"""The actions that the rehearsal plays, and the check of their inputs before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nanna_ci.rehearsal.steps.action_call import KnownAction
from nanna_ci.rehearsal.steps.artifact_actions import DOWNLOAD_ARTIFACT, UPLOAD_ARTIFACT
from nanna_ci.rehearsal.steps.cache_actions import CACHE, CACHE_NIX, RESTORE_CACHE, RUST_CACHE, SAVE_CACHE
from nanna_ci.rehearsal.steps.checkout_action import CHECKOUT
from nanna_ci.rehearsal.steps.nix_action import INSTALL_NIX
from nanna_ci.rehearsal.steps.publishing_actions import ATTEST, DEPLOY_PAGES, UPLOAD_PAGES, UPLOAD_SARIF
from nanna_ci.rehearsal.steps.step_definition import InputProblem
from nanna_ci.workflow.yaml_nodes import YamlScalar

KNOWN_ACTIONS: Final[Mapping[str, KnownAction]] = {
    "actions/attest": ATTEST,
    "actions/cache": CACHE,
    "actions/cache/restore": RESTORE_CACHE,
    "actions/cache/save": SAVE_CACHE,
    "actions/checkout": CHECKOUT,
    "actions/deploy-pages": DEPLOY_PAGES,
    "actions/download-artifact": DOWNLOAD_ARTIFACT,
    "actions/upload-artifact": UPLOAD_ARTIFACT,
    "actions/upload-pages-artifact": UPLOAD_PAGES,
    "cachix/install-nix-action": INSTALL_NIX,
    "github/codeql-action/upload-sarif": UPLOAD_SARIF,
    "nix-community/cache-nix-action": CACHE_NIX,
    "swatinem/rust-cache": RUST_CACHE,
}


def check_action(action: str, inputs: tuple[tuple[str, YamlScalar], ...]) -> InputProblem | None:
    """What is wrong with the use of an action (by its lower-case name), or None.

    GitHub only warns of an input that the action does not have; here it is refused, for it is a slip.
    """
    known = KNOWN_ACTIONS.get(action)
    if known is None:
        return InputProblem(f"the rehearsal does not know the action {action}; it knows {', '.join(KNOWN_ACTIONS)}")
    given = dict(inputs)
    for name, value in inputs:
        if name not in known.inputs:
            return InputProblem(f"{action} has no input {name}; it has {', '.join(known.inputs)}", value)
        if name in known.unknown and value.text != known.inputs[name]:
            return InputProblem(f"the rehearsal does not know the input {name} of {action}", value)
    missing = [name for name in sorted(known.required) if name not in given]
    return InputProblem(f"{action} needs the input {missing[0]}") if missing else None
