"""What a registry of the tests holds, by its own files, and how it is logged in to."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping

from support import local_registry
from support.local_registry import PASSWORD, USER
from support.publish_runs import Answer

LOGIN = {"REGISTRY_USERNAME": USER, "REGISTRY_PASSWORD": PASSWORD}


def trusting(registry: local_registry.Registry) -> dict[str, str]:
    assert registry.certificates is not None
    return {"SSL_CERT_FILE": str(registry.certificates.authority), **LOGIN}


def raw(registry: local_registry.Registry, name: str) -> bytes:
    """A manifest by the registry's own files, past every client: NAME:TAG or NAME@DIGEST."""
    repository, colon, tag = name.partition("@") if "@" in name else name.partition(":")
    root = registry.data / "docker/registry/v2"
    link = root / "repositories" / repository / "_manifests"
    kind = link / "revisions/sha256" / tag[7:] / "link" if colon == "@" else link / "tags" / tag / "current/link"
    hexadecimal = kind.read_text().removeprefix("sha256:")
    return (root / "blobs/sha256" / hexadecimal[:2] / hexadecimal / "data").read_bytes()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tags(registry: local_registry.Registry, repository: str) -> dict[str, str]:
    """Tag to digest; cosign's own tags left out."""
    folder = registry.data / "docker/registry/v2/repositories" / repository / "_manifests/tags"
    found = {path.name: (path / "current/link").read_text() for path in folder.iterdir()} if folder.is_dir() else {}
    return {name: target for name, target in found.items() if not name.startswith("sha256-")}


def cosign(environ: Mapping[str, str], *words: str) -> int:
    done = subprocess.run(["cosign", *words], env=dict(environ), capture_output=True, check=False, timeout=60)
    return done.returncode


def states(answer: Answer, what: str) -> set[str]:
    return {one["state"] for image in answer.data["images"] for one in image[what]}
