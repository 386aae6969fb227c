"""`cache-setup`: gives Nix the caches, keys and limits of pipeline.toml."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nanna_ci.cache.settings import MergedConfig, Setting
    from nanna_ci.outcome import Context, Outcome
    from nanna_ci.pipeline.definition import Cache
    from nanna_ci.report.blocks import Document

NAME = "cache-setup"
SUMMARY = "give Nix the caches, keys and limits of pipeline.toml"
DESCRIPTION = """\
Prints what [cache] of pipeline.toml asks of Nix, exactly as nix.conf takes it:

  extra-substituters           the cache that is named there, and the substituters
  extra-trusted-public-keys    the keys of their paths
  tarball-ttl                  how long a downloaded flake or tarball counts
  narinfo-cache-negative-ttl   a minute, so that a path that was just pushed is seen

On GitHub it also joins them to NIX_CONFIG for the later steps of the job; what NIX_CONFIG says already stays. So
nothing depends on a flake's nixConfig, which Nix asks about and passes over in CI. Where the Nix daemon would pass
over the settings because the user is not trusted, it says so, with the fix. It works without Nix too.

The push filter needs no setting of Nix: cache-push reads it from pipeline.toml itself.

example: nanna-ci cache-setup --output nix.conf
"""
DRY_RUN = True

_VARIABLE = "NIX_CONFIG"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has the common flags only."""


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:  # noqa: ARG001 - there are no flags
    """The settings; on a runner, later steps get them, unless --dry-run."""
    from nanna_ci.cache.settings import merge_nix_config, plan_settings, render_nix_config  # noqa: PLC0415
    from nanna_ci.outcome import Outcome, Verdict  # noqa: PLC0415
    from nanna_ci.pipeline.definition import find_pipeline, load_pipeline  # noqa: PLC0415
    from nanna_ci.report import github  # noqa: PLC0415

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
    """Whether Nix's store takes settings from this user, None where that is unknown; and which it would pass over."""
    from nanna_ci.cache.settings import find_ignored  # noqa: PLC0415
    from nanna_ci.errors import CommandFailed, CommandTimedOut, ConfigError, MalformedData, ToolMissing  # noqa: PLC0415
    from nanna_ci.store.nix import Nix  # noqa: PLC0415
    from nanna_ci.store.nix_daemon import query_is_trusted  # noqa: PLC0415

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
            f"the Nix daemon does not trust you and passes over {names}: add `trusted-users = root {user}`, or the "
            "lines themselves, to /etc/nix/nix.conf, and restart it"
        )
    warnings += [f"{_VARIABLE} says `{setting}` already, which stays" for setting in merged.kept]
    return warnings


def _to_json(setting: Setting) -> dict[str, Any]:
    return {"name": setting.name, "words": list(setting.words)}


def _document(text: str, warnings: Sequence[str], *, written: bool) -> Document:
    from nanna_ci.report.blocks import Code, Document, Notice, Paragraph, Tone  # noqa: PLC0415

    where = f"Later steps have them in {_VARIABLE}." if written else f"Put them into nix.conf, or into {_VARIABLE}."
    notices = tuple(Notice(Tone.WARN, warning) for warning in warnings)
    return Document("Nix settings of pipeline.toml", (*notices, Code(text), Paragraph(where)))
