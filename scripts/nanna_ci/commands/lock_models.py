"""`lock-models`: resolves model tags to digests and sizes, and writes the lock."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nanna_ci.containers.models.model_lock import (
    DEFAULT_REGISTRY,
    LockedModel,
    ModelChange,
    ModelDifference,
    compare_locks,
    parse_lock,
    parse_registry,
    part_of,
    render_lock,
)
from nanna_ci.containers.models.model_registry import SMALL_BYTES, TOKEN_VARIABLE, ModelRegistry, Resolved
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import NannaError, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.report.blocks import Block, Cell, Code, Document, Notice, Paragraph, Table, Tone
from nanna_ci.report.files import write_atomic
from nanna_ci.report.outcome import Outcome
from nanna_ci.usage.lock_models import LOCK_FILE


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Resolve, compare, and write if nothing is refused."""
    path = context.ports.cwd / arguments.lock
    before, present = _load(path)
    declared = _declared(context)
    resolved = _resolve(_chosen(arguments.models, declared), before, arguments, context)
    after = {name: before[name] for name in declared if name in before}
    after |= {name: one.model for name, one in resolved.items()}
    differences = compare_locks(before, after)
    changed = [difference.name for difference in differences if difference.change is ModelChange.CHANGED]
    reason = None
    if changed and not arguments.update:
        reason = f"other content under the same tag: {', '.join(changed)}; lock-models --update takes it"
    data = render_lock(after)
    differs = data != present and (present is not None or bool(after))
    write = differs and reason is None and not context.dry_run
    if write:
        write_atomic(path, data)
    answer = {
        "lock": arguments.lock,
        "dryRun": context.dry_run,
        "changed": differs,
        "written": write,
        "models": [_to_json(one, before, after, resolved) for one in differences],
        "reason": reason,
    }
    document = _document(answer, differences)
    return Outcome(Verdict.PASS if reason is None else Verdict.FAIL, document, answer)


def _load(path: Path) -> tuple[dict[str, LockedModel], bytes | None]:
    """The lock as it is; nothing if there is none yet."""
    if not path.parent.is_dir():
        hint = f"go to the project's folder, or name the file with --lock (its default is {LOCK_FILE})"
        raise UsageError(f"{path.parent}: no such folder", hint=hint)
    try:
        data = read_file(path, 16 * MEBIBYTE)
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        raise NannaError(f"{path}: cannot be read: {error.strerror}") from error
    return parse_lock(data, str(path)), data


def _declared(context: Context) -> tuple[str, ...]:
    ports = context.ports
    return tuple(model.name for model in load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd)).models)


def _chosen(named: Sequence[str], declared: Sequence[str]) -> tuple[str, ...]:
    """The models to resolve, in pipeline.toml's order."""
    unknown = [name for name in named if name not in declared]
    if unknown:
        known = ", ".join(declared) or "none"
        raise UsageError(f"{shorten(unknown[0])} is not a [[model]] of pipeline.toml", hint=f"known: {known}")
    return tuple(name for name in declared if not named or name in named)


def _resolve(
    names: Sequence[str], before: Mapping[str, LockedModel], arguments: argparse.Namespace, context: Context
) -> dict[str, Resolved]:
    given = None if arguments.registry is None else parse_registry(arguments.registry)
    token = Token(TOKEN_VARIABLE, context.ports.environ.get(TOKEN_VARIABLE) or None)
    resolved = {}
    with WebClient(body_limit_bytes=SMALL_BYTES, log=context.say) as client:
        for name in names:
            url = given or (before[name].registry if name in before else DEFAULT_REGISTRY)
            context.say(f"{name}: asking {url}")
            resolved[name] = ModelRegistry(client, url, token).resolve(name)
    return resolved


def _to_json(
    difference: ModelDifference,
    before: Mapping[str, LockedModel],
    after: Mapping[str, LockedModel],
    resolved: Mapping[str, Resolved],
) -> dict[str, Any]:
    name = difference.name
    old, new = before.get(name), after.get(name)
    hashed = resolved[name].hashed if name in resolved else None
    blobs = () if new is None else new.manifest.blobs
    return {
        "name": name,
        "change": difference.change.value,
        "registry": None if new is None else new.registry,
        "manifestDigest": None if new is None else new.manifest_digest,
        "lockedDigest": None if old is None else old.manifest_digest,
        "sizeBytes": None if new is None else new.manifest.size_bytes,
        "blobs": [
            {
                "part": part_of(blob),
                "digest": blob.digest,
                "sizeBytes": blob.size_bytes,
                "verified": None if hashed is None else "digest" if blob.digest in hashed else "size",
            }
            for blob in blobs
        ],
    }


def _document(answer: Mapping[str, Any], differences: Sequence[ModelDifference]) -> Document:
    blocks: list[Block] = [Notice(Tone.BAD, answer["reason"])] if answer["reason"] else []
    blocks += [Paragraph("pipeline.toml has no [[model]].")] if not differences else []
    rows = tuple(
        (
            Cell(model["name"]),
            Cell(model["change"], Tone.BAD if answer["reason"] and model["change"] == "changed" else Tone.NEUTRAL),
            Cell(None if model["manifestDigest"] is None else model["manifestDigest"][7:19]),
            Cell(None if model["sizeBytes"] is None else f"{model['sizeBytes']:,}"),
            Cell(_verified(model["blobs"])),
        )
        for model in answer["models"]
    )
    blocks += [Table(("Model", "Change", "Manifest", "Bytes", "Verified"), rows, frozenset({3}))] if rows else []
    changes = [line for one in differences if one.lines for line in (f"{one.name}:", *one.lines)]
    blocks += [Code("\n".join(changes), "diff")] if changes else []
    if answer["written"]:
        state = "written"
    elif answer["reason"]:
        state = "refused, nothing written"
    else:
        state = "would be written" if answer["changed"] else "unchanged"
    return Document(f"{answer['lock']}: {state}", tuple(blocks))


def _verified(blobs: Sequence[Mapping[str, Any]]) -> str | None:
    """How much of a model was verified by what; None if nothing was resolved."""
    ways = [blob["verified"] for blob in blobs]
    if None in ways or not ways:
        return None
    return f"{ways.count('digest')} by digest, {ways.count('size')} by size"
