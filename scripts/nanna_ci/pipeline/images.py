"""Where the flake has the images of pipeline.toml."""

from __future__ import annotations


def image_attribute(name: str, architecture: str, host: str) -> str:
    """An image's attribute: `packages.HOST.harness-image`, with `-SYSTEM` for another system than the host."""
    package = name if name.endswith("-container") else f"{name}-image"
    system = f"{architecture}-linux"
    return f"packages.{host}.{package}{'' if system == host else f'-{system}'}"
