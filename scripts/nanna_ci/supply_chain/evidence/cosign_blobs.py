"""The cosign program over files that lie here, offline: is it signed, and by whom it must be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.containers.publish.cosign import PROGRAM_VARIABLE
from nanna_ci.foundation.errors import CommandFailed, ConfigError, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.redact import without_secrets
from nanna_ci.supply_chain.evidence.sigstore_bundle import SignatureBundle, key_hint

_TIMEOUT_S: Final = 120.0
_PATTERN: Final = re.compile(r"[*^$|()\[\]{}\\?]|\.\+|\s")
_URL: Final = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/@:+%-]*)?")
_MAILBOX: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_NO_ROOT: Final = b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}\n'
_OLD_ROOTS: Final = ("SIGSTORE_ROOT_FILE", "SIGSTORE_REKOR_PUBLIC_KEY", "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE")


@dataclass(frozen=True, slots=True)
class KeyTrust:
    """A public key: its file, and what bundles call it."""

    file: Path
    hint: str

    def __str__(self) -> str:
        return f"the key {self.file.name}"


@dataclass(frozen=True, slots=True)
class IdentityTrust:
    """An identity, and who vouched for it; both exact."""

    identity: str
    issuer: str

    def __str__(self) -> str:
        return f"{self.identity}, by {self.issuer}"


SignerTrust = KeyTrust | IdentityTrust


def parse_trust(key: Path | None, identity: str | None, issuer: str | None) -> SignerTrust | None:
    """Whose signatures count; None where nobody says. UsageError for a pattern, and for half of it or both."""
    for flag, text in (("--identity", identity), ("--issuer", issuer)):
        if text is not None and _PATTERN.search(text):
            hint = (
                "a pattern lets others in; the exact one is in the signing run's workflow: https://github.com/OWNER/…"
            )
            raise UsageError(f"{flag} {shorten(text)} is a pattern, not one identity", hint=hint)
    if key is not None:
        if identity is not None or issuer is not None:
            raise UsageError("--key and --identity contradict each other: a signature is by one of them")
        try:
            return KeyTrust(key, key_hint(read_file(key, MEBIBYTE, or_pipe=True), str(key)))
        except OSError as error:
            raise ConfigError(str(key), f"cannot be read: {error.strerror}") from None
    if identity is None and issuer is None:
        return None
    if identity is None or issuer is None:
        raise UsageError("--identity and --issuer go together: an identity is one of somebody who vouches for it")
    if _URL.fullmatch(identity) is None and _MAILBOX.fullmatch(identity) is None:
        raise UsageError(f"--identity {shorten(identity)} is neither a URL nor a mail address")
    if _URL.fullmatch(issuer) is None:
        raise UsageError(f"--issuer {shorten(issuer)} is not an https:// URL")
    return IdentityTrust(identity, issuer)


class CosignBlobs:
    """Runs cosign without a network. `scratch` is a folder of ours; `trusted_root` Sigstore's keys, where given.

    `verify` may raise ToolMissing and CommandTimedOut.
    """

    def __init__(
        self,
        run: Callable[..., Completed],
        *,
        environ: Mapping[str, str],
        trust: SignerTrust,
        trusted_root: Path | None,
        scratch: Path,
    ) -> None:
        self._run = run
        self._environ = {**without_secrets(environ), "TUF_ROOT": str(scratch / "tuf"), "SIGSTORE_NO_CACHE": "true"}
        self.trust = trust
        self._trusted_root = trusted_root
        self._scratch = scratch
        self._executable = environ.get(PROGRAM_VARIABLE) or "cosign"

    def verify(self, bundle: SignatureBundle, file: Path, blob: Path) -> str | None:
        """Why the bundle in `file` is no signature of `blob` by who is trusted; None where it is one."""
        if (problem := self._unfit(bundle)) is not None:
            return problem
        words = ["verify-blob"] if bundle.statement is None else ["verify-blob-attestation"]
        if bundle.statement is not None:
            words += ["--type", bundle.statement.predicate_type]
        argv = [*words, *self._flags(bundle), "--offline", "--bundle", str(file), str(blob)]
        try:
            self._run([self._executable, *argv], timeout_s=_TIMEOUT_S, env=self._environ, stdin=b"")
        except CommandFailed as error:
            lines = [line for line in error.stderr_tail.splitlines() if line.startswith("Error: ")]
            why = lines[0].removeprefix("Error: ") if lines else error.message
            return f"is no signature by {self.trust}: {why}"
        return None

    def _unfit(self, bundle: SignatureBundle) -> str | None:
        """What cosign need not be asked for."""
        is_key = isinstance(self.trust, KeyTrust)
        if bundle.is_keyless and is_key:
            return "is signed by an identity, and --key was given"
        if not bundle.is_keyless and not is_key:
            return "is signed by a key, and --identity was given"
        if isinstance(self.trust, KeyTrust) and bundle.hint not in {None, self.trust.hint}:
            return f"is signed by another key than {self.trust}"
        if not bundle.has_log_entries and not bundle.is_keyless:
            return None
        if bundle.is_new and self._trusted_root is None:
            return "has entries of a transparency log or a certificate: --trusted-root FILE has the keys to check them"
        if not bundle.is_new and any(name not in self._environ for name in _OLD_ROOTS):
            return f"is in cosign's old form: {', '.join(_OLD_ROOTS)} name the files to check it with"
        return None

    def _flags(self, bundle: SignatureBundle) -> list[str]:
        if isinstance(self.trust, KeyTrust):
            flags = ["--key", str(self.trust.file)]
            flags += [] if bundle.has_log_entries else ["--insecure-ignore-tlog=true"]
        else:
            flags = ["--certificate-identity", self.trust.identity, "--certificate-oidc-issuer", self.trust.issuer]
        if not bundle.is_new:
            return flags
        root = self._trusted_root
        if root is None:  # cosign would fetch one, which a key has no use for
            root = self._scratch / "no-root.json"
            root.write_bytes(_NO_ROOT)
        return [*flags, "--new-bundle-format", "--trusted-root", str(root)]
