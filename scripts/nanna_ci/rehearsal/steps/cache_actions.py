"""Actions that restore and keep caches: here no cache has an entry, as in the first run of a branch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nanna_ci.rehearsal.steps.action_call import ActionCall, ActionFailed, ActionResult, KnownAction

_EMPTY: Final = "the cache has no entry, and keeps none"
_LONGEST_KEY: Final = 512


def _checked_key(call: ActionCall, name: str) -> str:
    key = call.inputs[name]
    if not key:
        raise ActionFailed(f"Input required and not supplied: {name}")
    if len(key) > _LONGEST_KEY or "," in key:
        raise ActionFailed(
            f"Key Validation Error: {key} cannot be larger than {_LONGEST_KEY} characters or hold commas"
        )
    return key


def _restore(call: ActionCall) -> ActionResult:
    key = _checked_key(call, "key")
    if not call.inputs["path"]:
        raise ActionFailed("Input required and not supplied: path")
    if call.boolean("fail-on-cache-miss"):
        raise ActionFailed(f"Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: {key}")
    call.log.say(f"Cache not found for input keys: {key}")
    # cache-hit is not set at all where nothing was found
    return ActionResult({"cache-primary-key": key} if call.action == "actions/cache/restore" else {}, _EMPTY)


def _save(call: ActionCall) -> ActionResult:
    _checked_key(call, "key")
    call.log.say("the rehearsal keeps no cache")
    return ActionResult(stand_in=_EMPTY)


def _keep_nothing(call: ActionCall, _state: Mapping[str, str]) -> None:
    call.log.say("the rehearsal keeps no cache")


def _restore_nix(call: ActionCall) -> ActionResult:
    key = _checked_key(call, "primary-key")
    if call.inputs["fail-on"]:
        raise ActionFailed(f"the cache has no entry, and fail-on is {call.inputs['fail-on']}")
    call.log.say(f"Cache not found for input keys: {key}")
    outputs = {"primary-key": key, "hit": "false", "hit-primary-key": "false", "hit-first-match": "false"}
    return ActionResult({**outputs, "restored-key": "", "restored-keys": "[]"}, _EMPTY)


def _restore_rust(call: ActionCall) -> ActionResult:
    call.set_variable("CARGO_INCREMENTAL", "0")
    call.set_variable("CACHE_ON_FAILURE", "true" if call.inputs["cache-on-failure"].lower() == "true" else "false")
    call.log.say("No cache found.")
    return ActionResult({"cache-hit": "false"}, _EMPTY)


_OF_RESTORE: Final = {
    "path": "",
    "key": "",
    "restore-keys": "",
    "enablecrossosarchive": "false",
    "fail-on-cache-miss": "false",
    "lookup-only": "false",
}
CACHE: Final = KnownAction(
    inputs={**_OF_RESTORE, "upload-chunk-size": "", "save-always": "false"},
    required=frozenset({"path", "key"}),
    run=_restore,
    post=_keep_nothing,
    post_always=False,
)
RESTORE_CACHE: Final = KnownAction(inputs=_OF_RESTORE, required=frozenset({"path", "key"}), run=_restore)
SAVE_CACHE: Final = KnownAction(
    inputs={"path": "", "key": "", "upload-chunk-size": "", "enablecrossosarchive": "false"},
    required=frozenset({"path", "key"}),
    run=_save,
)
CACHE_NIX: Final = KnownAction(
    inputs={
        "primary-key": "",
        "restore-prefixes-first-match": "",
        "restore-prefixes-all-matches": "",
        "lookup-only": "false",
        "fail-on": "",
        "nix": "true",
        "save": "true",
        "paths": "",
        "paths-macos": "",
        "paths-linux": "",
        "backend": "actions",
        "gc-max-store-size": "",
        "gc-max-store-size-macos": "",
        "gc-max-store-size-linux": "",
        "purge": "false",
        "purge-primary-key": "",
        "purge-prefixes": "",
        "purge-last-accessed": "",
        "purge-created": "",
        "upload-chunk-size": "",
        "token": "",
    },
    required=frozenset({"primary-key"}),
    run=_restore_nix,
    post=_keep_nothing,
    post_always=False,
)
RUST_CACHE: Final = KnownAction(
    inputs={
        "prefix-key": "v0-rust",
        "shared-key": "",
        "key": "",
        "add-job-id-key": "true",
        "add-rust-environment-hash-key": "true",
        "env-vars": "",
        "workspaces": "",
        "cache-directories": "",
        "cache-targets": "true",
        "cache-on-failure": "",
        "cache-all-crates": "false",
        "cache-workspace-crates": "false",
        "save-if": "true",
        "cache-provider": "github",
        "cache-bin": "true",
        "lookup-only": "false",
        "cmd-format": "{0}",
    },
    run=_restore_rust,
    post=_keep_nothing,
    post_always=False,
)
