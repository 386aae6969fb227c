"""`cache-setup`: gives Nix the caches, keys and limits of pipeline.toml."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from nanna_ci.cache.settings import (
    MergedConfig,
    Setting,
    find_ignored,
    merge_nix_config,
    plan_settings,
    render_nix_config,
)
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, ConfigError, MalformedData, ToolMissing
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import Cache, find_pipeline, load_pipeline
from nanna_ci.report import github
from nanna_ci.report.blocks import Code, Document, Notice, Paragraph, Tone
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.nix import Nix, query_is_trusted

_VARIABLE = "NIX_CONFIG"


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:  # noqa: ARG001 - there are no flags
    """The settings; on a runner, later steps get them, unless --dry-run."""
    ports = context.ports
    cache = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd)).cache
    settings = plan_settings(cache.name, cache.public_keys, cache.substituters, cache.tarball_ttl_s)
    merged = merge_nix_config(ports.environ.get(_VARIABLE, ""), settings)
    trusted, ignored = _daemon(settings, context)
    runner = None if context.dry_run else github.environment(ports.environ)
    if runner is not None:
        github.set_variables(runner, {_VARIABLE: merged.text})
    warnings = _warnings(cache, settings, merged, ignored, ports.environ)
    for warning in warnings:
        context.say(f"warning: {warning}")
    text = render_nix_config(settings)
    data = {
        "dryRun": context.dry_run,
        "settings": [_to_json(setting) for setting in settings],
        "kept": [_to_json(setting) for setting in merged.kept],
        "trusted": trusted,
        "ignored": [_to_json(setting) for setting in ignored],
        "written": runner is not None,
        "warnings": warnings,
    }
    return Outcome(Verdict.PASS, _document(text, warnings, written=runner is not None), data, text=text)


def _daemon(settings: Sequence[Setting], context: Context) -> tuple[bool | None, tuple[Setting, ...]]:
    """Whether Nix's store takes settings from this user, None if that is unknown; and which it would ignore."""
    ports = context.ports
    environ = {name: value for name, value in ports.environ.items() if name != _VARIABLE}
    try:
        nix = Nix(ports.run, environ=environ)
        trusted = query_is_trusted(nix)
        return trusted, find_ignored(settings, nix.settings()) if trusted is False else ()
    except (ToolMissing, CommandFailed, CommandTimedOut, ConfigError, MalformedData) as error:
        context.say(f"whether Nix takes these settings from you is not known: {error.message}")
        return None, ()


def _warnings(
    cache: Cache,
    settings: Sequence[Setting],
    merged: MergedConfig,
    ignored: Sequence[Setting],
    environ: Mapping[str, str],
) -> list[str]:
    warnings = []
    if any(setting.name == "extra-substituters" for setting in settings) and not cache.public_keys:
        warnings.append(
            "[cache] public_keys of pipeline.toml is empty: Nix refuses what its caches hold, unless their keys are "
            "trusted already"
        )
    if ignored:
        user = environ.get("USER") or "YOU"
        names = ", ".join(setting.name for setting in ignored)
        warnings.append(
            f"the Nix daemon does not trust you and ignores {names}: add `trusted-users = root {user}`, or the "
            "lines themselves, to /etc/nix/nix.conf, and restart it"
        )
    warnings += [f"{_VARIABLE} says `{setting}` already, which stays" for setting in merged.kept]
    return warnings


def _to_json(setting: Setting) -> dict[str, Any]:
    return {"name": setting.name, "words": list(setting.words)}


def _document(text: str, warnings: Sequence[str], *, written: bool) -> Document:
    where = f"Later steps have them in {_VARIABLE}." if written else f"Put them into nix.conf, or into {_VARIABLE}."
    notices = tuple(Notice(Tone.WARN, warning) for warning in warnings)
    return Document("Nix settings of pipeline.toml", (*notices, Code(text), Paragraph(where)))
