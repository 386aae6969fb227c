"""Secrets to plant where a command could let them out; none is of any use."""

from __future__ import annotations

import base64
import json
import random
import textwrap
from collections.abc import Mapping
from typing import Final

from support.ed25519_signer import public_key

_RANDOM: Final = random.Random(12)


def _base64url(count: int) -> str:
    return base64.urlsafe_b64encode(_RANDOM.randbytes(count)).decode().rstrip("=")


def _jwt() -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": _base64url(6)}).encode()).decode().rstrip("=")
    return f"{header}.eyJ{_base64url(91)}.{_base64url(256)}"


def _private_key() -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(_RANDOM.randbytes(200)).decode(), 64))
    return f"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{body}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----"


_SEED: Final = _RANDOM.randbytes(32)
SIGNED_TOKEN: Final = f"ghs_{_jwt()}"  # 520 characters, as GitHub makes them now
SHAPED: Final[Mapping[str, str]] = {
    "installation token": SIGNED_TOKEN,
    "JWT": _jwt(),
    "personal token": "ghp_" + "a1B2c3D4e" * 4,
    "fine-grained token": "github_pat_" + "A1b2" * 5 + "Zz_" + "q9W8" * 14 + "abc",
    "crates token": "cio" + "aB3dE5fG" * 4,
    "AWS key": "AKIA" + "ABCD1234EFGH5678",
    "Nix key": "cache-1:" + base64.b64encode(_SEED + public_key(_SEED)).decode(),
    "private key": _private_key(),
}
