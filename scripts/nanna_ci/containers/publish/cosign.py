"""The cosign program: signatures and attestations of images, by digest only, verified right after they are made."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.containers.registry.reference import Repository
from nanna_ci.foundation.errors import CommandFailed, GateFailed, MalformedData, UsageError, shorten
from nanna_ci.foundation.json_data import JsonValue, as_object, as_text, load_json
from nanna_ci.foundation.process import Completed

PROGRAM_VARIABLE: Final = "NANNA_CI_COSIGN"
GITHUB_ISSUER: Final = "https://token.actions.githubusercontent.com"
_TIMEOUT_S: Final = 240.0  # cosign's own limit is 180 s
_UNSIGNED: Final = frozenset({10, 12})  # no signature at all, none by this key or identity
_MISMATCH: Final = re.compile(
    r"no signatures found|no matching (signatures|attestations)|none of the attestations matched"
)
_URL: Final = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/@:+%-]*)?")
_HAS_SIGNING_CONFIG: Final = "--use-signing-config"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key, by file or by a reference that cosign knows (`env://NAME`, a KMS); without a transparency log."""

    key: str


@dataclass(frozen=True, slots=True)
class Keyless:
    """A certificate that GitHub vouches for, in the public transparency log. The identity is exact, never a pattern."""

    identity: str


Signing = KeyPair | Keyless


def parse_keyless(identity: str) -> Keyless:
    """An identity to verify against. Raises UsageError for a pattern: what matches `.*` is not an identity."""
    if _URL.fullmatch(identity) is None:
        hint = "the exact one, such as https://github.com/OWNER/REPO/.github/workflows/ci.yml@refs/heads/main"
        raise UsageError(f"{shorten(identity)} is not an exact identity", hint=hint)
    return Keyless(identity)


class Cosign:
    """Runs cosign with the login in `login`, a folder with config.json; `scratch` is a folder for the public key.

    Every method may raise, besides what it says: ToolMissing, CommandFailed, CommandTimedOut.
    """

    def __init__(
        self,
        run: Callable[..., Completed],
        *,
        environ: Mapping[str, str],
        signing: Signing,
        scratch: Path,
        login: Path | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._run = run
        self._environ = dict(environ) if login is None else {**environ, "DOCKER_CONFIG": str(login)}
        self._signing = signing
        self._scratch = scratch
        self._secrets = tuple(secrets)
        self._executable = environ.get(PROGRAM_VARIABLE) or "cosign"
        self._signs: tuple[str, ...] | None = None

    def check(self) -> None:
        """Raise now what would be raised after the first push: there is no cosign, or the key cannot be opened."""
        if isinstance(self._signing, KeyPair):
            self._open_key()
        else:
            self._call(["version"])

    def is_signed(self, repository: Repository, digest: str) -> bool:
        """Whether a signature by our key or identity is there and good."""
        return self._verified(["verify", *self._verify_flags(repository), repository.pinned(digest)]) is not None

    def sign(self, repository: Repository, digest: str) -> None:
        """Sign what is there under a digest, and verify it. Raises UsageError for a tag, GateFailed if it fails."""
        reference = repository.pinned(digest)
        self._call(["sign", *self._sign_flags(repository), reference])
        if not self.is_signed(repository, digest):
            raise GateFailed(f"{reference}: the signature was made, and does not verify")

    def is_attested(self, repository: Repository, digest: str, kind: str, predicate: JsonValue) -> bool:
        """Whether this very predicate is attested by our key or identity."""
        argv = ["verify-attestation", *self._verify_flags(repository), "--type", kind, repository.pinned(digest)]
        found = self._verified(argv)
        return found is not None and any(one == predicate for one in _predicates(found, digest))

    def attest(self, repository: Repository, digest: str, kind: str, predicate: JsonValue, file: Path) -> None:
        """Attest `file`, whose content is `predicate`, in the place of an older one of its kind, and verify it."""
        reference = repository.pinned(digest)
        argv = ["attest", *self._sign_flags(repository), "--replace", "--type", kind, "--predicate", str(file)]
        self._call([*argv, reference])
        if not self.is_attested(repository, digest, kind, predicate):
            raise GateFailed(f"{reference}: the attestation of {file.name} was made, and does not verify")

    def _verified(self, argv: Sequence[str]) -> bytes | None:
        """What was verified, or None if nothing was; any other failure is an error, never a no."""
        try:
            return self._call(argv).stdout
        except CommandFailed as error:
            if error.returncode in _UNSIGNED or (error.returncode == 1 and _MISMATCH.search(error.stderr_tail)):
                return None
            raise

    def _sign_flags(self, repository: Repository) -> list[str]:
        if self._signs is None:
            flags = ["--yes"]
            if isinstance(self._signing, KeyPair):
                flags += ["--key", self._signing.key, "--tlog-upload=false"]
                # cosign 3 reads from a configuration which services to use, and has no flag to disable them
                if _HAS_SIGNING_CONFIG in self._call(["sign", "--help"]).text():
                    flags.append(f"{_HAS_SIGNING_CONFIG}=false")
            self._signs = tuple(flags)
        return [*self._signs, *_registry_flags(repository)]

    def _verify_flags(self, repository: Repository) -> list[str]:
        if isinstance(self._signing, KeyPair):
            trusted = ["--key", str(self._open_key()), "--insecure-ignore-tlog=true"]
        else:
            trusted = ["--certificate-identity", self._signing.identity, "--certificate-oidc-issuer", GITHUB_ISSUER]
        return [*trusted, *_registry_flags(repository)]

    def _open_key(self) -> Path:
        """The file with the public half of our key, made once."""
        assert isinstance(self._signing, KeyPair)
        file = self._scratch / "cosign.pub"
        if not file.exists():
            try:
                public = self._call(["public-key", "--key", self._signing.key]).stdout
            except CommandFailed as error:
                hint = "is the key there, and is COSIGN_PASSWORD its password?"
                raise CommandFailed(error.argv, error.returncode, error.stderr_tail, hint=hint) from error
            file.write_bytes(public)
        return file

    def _call(self, argv: Sequence[str]) -> Completed:
        return self._run(
            [self._executable, *argv], timeout_s=_TIMEOUT_S, env=self._environ, secrets=self._secrets, stdin=b""
        )


def _registry_flags(repository: Repository) -> list[str]:
    return ["--allow-http-registry"] if repository.plain_http else []


def _predicates(lines: bytes, digest: str) -> list[JsonValue]:
    """The predicates in verified envelopes, one a line, whose subject is the digest."""
    source, found = "cosign verify-attestation", []
    for line in lines.splitlines():
        if not line.strip():
            continue
        payload = as_text(as_object(load_json(line, source), source, "the envelope").get("payload"), source, "payload")
        try:
            data = base64.b64decode(payload, validate=True)
        except binascii.Error as error:
            raise MalformedData(source, f"payload is not base64: {error}") from None
        statement = as_object(load_json(data, source), source, "the statement")
        if _names(statement.get("subject"), digest):
            found.append(statement.get("predicate"))
    return found


def _names(subjects: JsonValue, digest: str) -> bool:
    """Whether an in-toto statement's subjects have one with this SHA-256."""
    return isinstance(subjects, list) and any(
        isinstance(subject, Mapping)
        and isinstance(subject.get("digest"), Mapping)
        and subject["digest"].get("sha256") == digest.removeprefix("sha256:")
        for subject in subjects
    )
