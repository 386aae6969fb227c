"""Store paths computed from what they hold: who has the content can check its name (nix: src/libstore/store-api.cc)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.hashes import NixHash, render_nix32
from nanna_ci.store.store_path import STORE_DIR, StorePath

_HASH_BYTES = 20


def make_text_path(name: str, data: bytes, references: Iterable[StorePath]) -> StorePath:
    """Where Nix puts a text, such as a derivation, that refers to these paths."""
    kind = ":".join(("text", *sorted({str(path) for path in references})))
    return _make(kind, hashlib.sha256(data).digest(), name)


def make_derivation_path(derivation: Derivation, data: bytes) -> StorePath:
    """Where Nix puts a derivation with these bytes; `derivation` is what they say."""
    references = (*derivation.input_derivations, *derivation.input_sources)
    return make_text_path(derivation.path.name, data, references)


def make_source_path(name: str, nar_hash: NixHash) -> StorePath:
    """Where Nix puts a source without references whose NAR has this hash. MalformedData unless that is SHA-256."""
    if nar_hash.algorithm != "sha256":
        raise MalformedData(str(nar_hash), "a source's path follows from the SHA-256 of its NAR")
    return _make("source", nar_hash.digest, name)


def _make(kind: str, digest: bytes, name: str) -> StorePath:
    whole = hashlib.sha256(f"{kind}:sha256:{digest.hex()}:{STORE_DIR}:{name}".encode()).digest()
    folded = bytearray(_HASH_BYTES)
    for index, byte in enumerate(whole):
        folded[index % _HASH_BYTES] ^= byte
    return StorePath(render_nix32(bytes(folded)), name)
