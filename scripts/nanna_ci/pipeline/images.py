"""The images of pipeline.toml: chosen by name, given as files, and where the flake has them. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.pipeline.definition import Image, Pipeline


def image_attribute(name: str, architecture: str, host: str) -> str:
    """Where the flake has an image: `packages.HOST.harness-image`, with `-SYSTEM` for another system than the host."""
    package = name if name.endswith("-container") else f"{name}-image"
    system = f"{architecture}-linux"
    return f"packages.{host}.{package}{'' if system == host else f'-{system}'}"


def choose_images(pipeline: Pipeline, names: Sequence[str]) -> tuple[Image, ...]:
    """The images with these names, all if there are none. Raises UsageError for a name that is not declared."""
    known = {image.name: image for image in pipeline.images}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"pipeline.toml has: {', '.join(known) or 'none'}"
            raise UsageError(f"{shorten(name)}: no such image in pipeline.toml", hint=hint)
    return tuple(known[name] for name in dict.fromkeys(names or known))


def needed_images(pipeline: Pipeline, chosen: Sequence[Image]) -> tuple[Image, ...]:
    """What a test of `chosen` takes: these, and what calls their models."""
    served = {model.image for model in pipeline.models}
    needed = {image.name: image for image in chosen}
    if any(image.name in served for image in chosen):
        needed |= {image.name: image for image in pipeline.images if image.model_command is not None}
    return tuple(needed.values())


def parse_image_files(words: Sequence[str], flag: str, cwd: Path) -> tuple[tuple[str, Path], ...]:
    """The pairs in the words IMAGE=PATH of a flag, in their order. Raises UsageError for any other word."""
    pairs = []
    for word in words:
        name, _, path = word.partition("=")
        if not (name and path):
            raise UsageError(f"{flag} {shorten(word)}: not IMAGE=PATH")
        pairs.append((name, cwd / path))
    return tuple(pairs)
