"""A stand-in for Sigstore's services, so that keyless signing can be tried without them: one HTTP server on loopback.

It issues certificates for the identity in an unsigned token (what Fulcio does after it has verified the token), with
a timestamp of a certificate log in them, and keeps a transparency log of one entry at a time (Rekor). All keys are made
for the test by openssl. It verifies nothing: what is tested is our side.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ISSUER, _ISSUER_AS_IT_IS = "1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1"
_TIMESTAMPS = "1.3.6.1.4.1.11129.2.4.2"


def openssl(*words: str, stdin: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *words], input=stdin, check=True, capture_output=True, timeout=60).stdout


def token(identity: str, issuer: str) -> str:
    """What a runner would be given: an OpenID token, here without a signature worth the name."""
    claims = {"iss": issuer, "sub": identity, "aud": "sigstore", "exp": int(time.time()) + 600}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join((*encoded, "c2lnbmF0dXJl"))


@dataclass(frozen=True)
class Sigstore:
    """The running stand-in: `environ` makes cosign trust it, and has a cosign on PATH that asks it.

    `trusted_root` is the same trust as a file, for cosign's --trusted-root.
    """

    environ: Mapping[str, str]
    url: str
    trusted_root: Path


class Keys:
    """A root that issues certificates, and the keys of the two logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        usage = ("-addext", "keyUsage=critical,keyCertSign", "-addext", "basicConstraints=critical,CA:TRUE")
        root = ("-keyout", self.file("root.key"), "-out", self.file("root.pem"), "-subj", "/O=stand-in/CN=root")
        openssl("req", "-x509", *curve, *root, "-not_before", _moment(-86400), "-not_after", _moment(86400), *usage)
        for name in ("certificates", "entries"):
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.file(f"{name}.key"))
            openssl("ec", "-in", self.file(f"{name}.key"), "-pubout", "-out", self.file(f"{name}.pub"))

    def file(self, name: str) -> str:
        return str(self.folder / name)

    def public_hash(self, pem: bytes) -> bytes:
        return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", stdin=pem)).digest()

    def sign(self, name: str, data: bytes) -> bytes:
        return openssl("dgst", "-sha256", "-sign", self.file(f"{name}.key"), stdin=data)

    def certify(self, public: bytes, identity: str, issuer: str) -> bytes:
        """A certificate chain in PEM. Made twice: the log signs what the certificate says without its timestamp."""
        now = time.time()
        lines = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"]
        lines += [f"subjectAltName=critical,URI:{identity}", f"{_ISSUER}=ASN1:UTF8String:{issuer}"]
        lines.append(f"{_ISSUER_AS_IT_IS}=DER:{issuer.encode().hex(':')}")
        Path(self.file("subject.pub")).write_bytes(public)

        def issue(extensions: list[str], form: str) -> bytes:
            Path(self.file("extensions")).write_text("\n".join(extensions) + "\n")
            ca = ("-CA", self.file("root.pem"), "-CAkey", self.file("root.key"), "-set_serial", str(int(now * 1000)))
            made = ("x509", "-new", "-force_pubkey", self.file("subject.pub"), "-subj", "/", *ca)
            return openssl(
                *made, "-not_before", _moment(-60, now), "-not_after", _moment(600, now),
                "-extfile", self.file("extensions"), "-outform", form,
            )  # fmt: skip

        timestamp = self._timestamp(_first_member(issue(lines, "DER")), int(now * 1000))
        leaf = issue([*lines, f"{_TIMESTAMPS}=DER:{timestamp.hex(':')}"], "PEM")
        return leaf + Path(self.file("root.pem")).read_bytes()

    def _timestamp(self, statement: bytes, milliseconds: int) -> bytes:
        """RFC 6962, 3.2: a list of one signed timestamp, in two octet strings."""
        issuer = self.public_hash(openssl("x509", "-in", self.file("root.pem"), "-noout", "-pubkey"))
        moment = milliseconds.to_bytes(8, "big")
        signed = b"\0\0" + moment + b"\0\1" + issuer + len(statement).to_bytes(3, "big") + statement + b"\0\0"
        signature = self.sign("certificates", signed)
        log = self.public_hash(Path(self.file("certificates.pub")).read_bytes())
        one = b"\0" + log + moment + b"\0\0" + b"\4\3" + len(signature).to_bytes(2, "big") + signature
        listed = len(one).to_bytes(2, "big") + one
        return _octets(len(listed).to_bytes(2, "big") + listed)

    def log_entry(self, proposed: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps(proposed, sort_keys=True, separators=(",", ":")).encode()
        payload = {
            "body": base64.b64encode(body).decode(),
            "integratedTime": int(time.time()),
            "logID": self.public_hash(Path(self.file("entries.pub")).read_bytes()).hex(),
            "logIndex": 1,
        }
        signature = self.sign("entries", json.dumps(payload, sort_keys=True, separators=(",", ":")).encode())
        verification: dict[str, Any] = {"signedEntryTimestamp": base64.b64encode(signature).decode()}
        leaf = hashlib.sha256(b"\0" + body)
        verification["inclusionProof"] = self._inclusion(leaf.digest())
        return {leaf.hexdigest(): {**payload, "verification": verification}}

    def _inclusion(self, leaf: bytes) -> dict[str, Any]:
        """The proof that an entry is the second of two in the log, and the log's signature over both."""
        first = hashlib.sha256(b"\0nobody's").digest()
        root = hashlib.sha256(b"\1" + first + leaf).digest()
        note = f"stand-in - 1\n2\n{base64.b64encode(root).decode()}\n"
        key = self.public_hash(Path(self.file("entries.pub")).read_bytes())[:4]
        signature = base64.b64encode(key + self.sign("entries", note.encode())).decode()
        return {
            "checkpoint": f"{note}\n\u2014 stand-in {signature}\n",
            "hashes": [first.hex()],
            "logIndex": 1,
            "rootHash": root.hex(),
            "treeSize": 2,
        }

    def trusted_root(self) -> dict[str, Any]:
        """Sigstore's trusted root, with our keys in it."""
        valid = {"start": "2020-01-01T00:00:00Z"}

        def log(name: str) -> dict[str, Any]:
            der = openssl("pkey", "-pubin", "-in", self.file(f"{name}.pub"), "-outform", "DER")
            key = {"rawBytes": _base64(der), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid}
            identity = {"keyId": _base64(hashlib.sha256(der).digest())}
            return {"baseUrl": "http://stand-in", "hashAlgorithm": "SHA2_256", "publicKey": key, "logId": identity}

        root = openssl("x509", "-in", self.file("root.pem"), "-outform", "DER")
        authority = {
            "subject": {"organization": "stand-in", "commonName": "root"},
            "uri": "http://stand-in",
            "certChain": {"certificates": [{"rawBytes": _base64(root)}]},
            "validFor": valid,
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log("entries")],
            "certificateAuthorities": [authority],
            "ctlogs": [log("certificates")],
        }


def _moment(shift_s: int, now: float | None = None) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime((time.time() if now is None else now) + shift_s))


def _first_member(der: bytes) -> bytes:
    """The first element of a DER sequence, whole: of a certificate what is signed."""
    start = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    length, extra = der[start + 1], 0
    if length & 0x80:
        extra = length & 0x7F
        length = int.from_bytes(der[start + 2 : start + 2 + extra], "big")
    return der[start : start + 2 + extra + length]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _octets(data: bytes) -> bytes:
    size = len(data).to_bytes(2, "big").lstrip(b"\0")
    return b"\4" + (size if len(data) < 128 else bytes([0x80 | len(size)]) + size) + data


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Sigstore]:
    folder.mkdir()
    keys = Keys(folder)

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            entry = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == "/api/v1/signingCert":
                claims = self.headers["authorization"].split(".")[1]
                identity = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
                public = base64.b64decode(entry["publicKey"]["content"])
                self.reply("application/pem-certificate-chain", keys.certify(public, identity["sub"], identity["iss"]))
            elif self.path == "/api/v1/log/entries":
                self.reply("application/json", json.dumps(keys.log_entry(entry)).encode())
            else:
                self.send_error(404)

        def reply(self, kind: str, data: bytes) -> None:
            self.send_response(201)
            for name, value in (("content-type", kind), ("content-length", str(len(data))), ("location", "/entry")):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    trusted = folder / "trusted_root.json"
    trusted.write_text(json.dumps(keys.trusted_root()))
    programs = folder / "programs"
    programs.mkdir()
    wrapper = programs / "cosign"
    real = subprocess.run(["sh", "-c", "command -v cosign"], check=True, capture_output=True, text=True).stdout.strip()
    wrapper.write_text(
        "#!/bin/sh\nset -e\ncommand=$1\nshift\n"
        f'[ "$command" != sign ] || set -- --fulcio-url {url} --rekor-url {url} "$@"\n'
        f'exec {real} "$command" "$@"\n'
    )
    wrapper.chmod(0o755)
    environ = {
        "SIGSTORE_ROOT_FILE": keys.file("root.pem"),
        "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": keys.file("certificates.pub"),
        "SIGSTORE_REKOR_PUBLIC_KEY": keys.file("entries.pub"),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    try:
        yield Sigstore(environ, url, trusted)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
