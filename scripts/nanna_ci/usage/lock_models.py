"""The flags of `lock-models`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Resolves each [[model]] of pipeline.toml at the registry, and writes nix/models.lock.json: every blob by digest and
size, from which Nix fetches it and nothing else. Blobs up to 1 MiB are downloaded and their digests computed; of a
larger one the size is compared, and its digest when it is fetched.

A new model is added, one that pipeline.toml no longer has is dropped. A tag whose content differs from the
lock is shown and refused (exit 1, nothing written), unless --update is given.
$MODEL_REGISTRY_TOKEN is sent to the registry, and to no other host that it redirects to; public models need none.

example: nanna-ci lock-models --update qwen3:0.6b
"""
DRY_RUN = True
LOCK_FILE = "nix/models.lock.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="only these, such as qwen3:0.6b (default: all)")
    parser.add_argument("--update", action="store_true", help="take what the tags name now, even if it changed")
    parser.add_argument("--lock", default=LOCK_FILE, metavar="FILE", help=f"the lock file (default: {LOCK_FILE})")
    parser.add_argument(
        "--registry", metavar="URL", help="use this one (default: as locked, else https://registry.ollama.ai)"
    )
