"""Why a path of a binary cache is trusted: signatures by trusted keys, or the path's own name (Nix's path-info.cc)."""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.ed25519 import VerifyingKey
from nanna_ci.foundation.errors import ConfigError, shorten
from nanna_ci.store.hashes import ContentAddress, Method, Signature, render_nix32
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import STORE_DIR, StorePath

_KEY_BYTES: Final = 32
_HASH_BYTES: Final = 20  # of a store path's own hash
_INGESTIONS: Final = {Method.FLAT: "", Method.NAR: "r:", Method.GIT: "git:"}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signs paths: its name, and the 32 bytes of an Ed25519 public key."""

    name: str
    key: bytes

    def __str__(self) -> str:
        return f"{self.name}:{base64.b64encode(self.key).decode('ascii')}"


def parse_public_key(text: str, source: str) -> PublicKey:
    """Read `NAME:BASE64`, as Nix's trusted-public-keys has it; `source` says where it is from.

    Raises:
        ConfigError: for anything else, a secret key above all.
    """
    name, separator, encoded = text.partition(":")
    if not separator or re.fullmatch(r"[^\s:\x00-\x1f\x7f]+", name) is None:
        raise ConfigError(source, f"{_shown(text)} is not a public key", hint="such as my-cache-1:BASE64")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(source, f"the key {shorten(name)} is not base 64") from None
    if len(key) == 2 * _KEY_BYTES:
        raise ConfigError(
            source,
            f"the key {shorten(name)} has 64 bytes: that is a secret key",
            hint="`nix key convert-secret-to-public` gives the public one; who could read the secret one can sign",
        )
    if len(key) != _KEY_BYTES:
        raise ConfigError(source, f"the key {shorten(name)} has {len(key)} bytes, not {_KEY_BYTES}")
    return PublicKey(name, key)


def _shown(text: str) -> str:
    """What is not a `NAME:KEY` may still be a secret."""
    return f"a text of {len(text)} characters"


class Trust(enum.Enum):
    """Whether Nix would take a path from a cache, and why or why not."""

    SIGNED = "signed"
    CONTENT_ADDRESSED = "content-addressed"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"

    @property
    def is_trusted(self) -> bool:
        """Whether Nix would take it."""
        return self in {Trust.SIGNED, Trust.CONTENT_ADDRESSED}


class TrustedKeys:
    """The keys that count. Of two with one name the first does, as in Nix.

    Raises:
        ConfigError: a key that can sign nothing, because it is not a point of the curve.
    """

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys: dict[str, VerifyingKey] = {}
        for key in keys:
            try:
                self._keys.setdefault(key.name, VerifyingKey(key.key))
            except ValueError as error:
                raise ConfigError(f"public key {key.name}", f"is {error}") from None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys."""
        return tuple(self._keys)

    def judge(self, info: NarInfo) -> Trust:
        """Whether the path may be trusted: one good signature suffices, and a content-addressed path needs none.

        BAD_SIGNATURE: one by a name that is trusted does not hold, and no other one does.
        """
        if info.ca is not None and content_addressed_path(info.store_path, info.ca, info.references) == info.store_path:
            return Trust.CONTENT_ADDRESSED
        if not info.signatures:
            return Trust.UNSIGNED
        named = [signature for signature in info.signatures if signature.key_name in self._keys]
        if not named:
            return Trust.UNKNOWN_KEY
        message = render_fingerprint(info).encode()
        return Trust.SIGNED if any(self._holds(one, message) for one in named) else Trust.BAD_SIGNATURE

    def _holds(self, signature: Signature, message: bytes) -> bool:
        try:
            data = base64.b64decode(signature.encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        return self._keys[signature.key_name].verify(data, message)


def render_fingerprint(info: NarInfo) -> str:
    """What a signature signs: `1;PATH;NAR HASH;NAR SIZE;REFERENCE,…`, references as sorted full paths."""
    references = ",".join(sorted(map(str, info.references)))
    return f"1;{info.store_path};{info.nar_hash.nix32};{info.nar_size_bytes};{references}"


def content_addressed_path(path: StorePath, ca: ContentAddress, references: Collection[StorePath]) -> StorePath | None:
    """The store path that follows from the name of `path`, a content address and the references.

    None if Nix makes no such path: a flat file with references, a text that refers to itself.
    """
    others = sorted(str(reference) for reference in references if reference != path)
    is_own = path in references
    if ca.method is Method.TEXT:
        if is_own or ca.hash.algorithm != "sha256":
            return None
        return _named(":".join(["text", *others]), ca.hash.digest, path.name)
    if ca.method is Method.NAR and ca.hash.algorithm == "sha256":
        return _named(":".join(["source", *others, *(["self"] if is_own else [])]), ca.hash.digest, path.name)
    if others or is_own:
        return None
    inner = f"fixed:out:{_INGESTIONS[ca.method]}{ca.hash.algorithm}:{ca.hash.digest.hex()}:"
    return _named("output:out", hashlib.sha256(inner.encode()).digest(), path.name)


def _named(kind: str, digest: bytes, name: str) -> StorePath:
    """The path of that kind and content: its hash is a SHA-256, folded to 20 bytes."""
    whole = hashlib.sha256(f"{kind}:sha256:{digest.hex()}:{STORE_DIR}:{name}".encode()).digest()
    folded = bytearray(_HASH_BYTES)
    for at, byte in enumerate(whole):
        folded[at % _HASH_BYTES] ^= byte
    return StorePath(render_nix32(bytes(folded)), name)
