"""Signature bundles, read strictly: nothing in one may be changed without notice, whether a signature covers it or not.

Two forms: Sigstore's (`application/vnd.dev.sigstore.bundle.v0.3+json`, of actions/attest and cosign), and the one that
cosign had before it. What no program verifies, such as white space and hints, must be as the programs write it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, describe, load_json
from nanna_ci.supply_chain.evidence.in_toto import STATEMENT_TYPE, Statement, parse_statement
from nanna_ci.supply_chain.evidence.log_entries import check_log_entries, check_timestamps
from nanna_ci.supply_chain.evidence.strict_encoding import decode_base64, only_keys, refuse_other_spelling

_MEDIA_TYPES: Final = frozenset(f"application/vnd.dev.sigstore.bundle.v0.{minor}+json" for minor in (3,))
_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
# cosign 2 writes statements of in-toto 0.1, whose fields are the same
STATEMENT_TYPES: Final = frozenset({STATEMENT_TYPE, "https://in-toto.io/Statement/v0.1"})
_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]+)-----\n([A-Za-z0-9+/=\n]+)-----END \1-----\n")


@dataclass(frozen=True, slots=True)
class SignatureBundle:
    """A bundle. `statement` is what it attests, None where it signs a file as such. `is_new`: in Sigstore's form.

    `hint` says which key signed, `digest` what, where the bundle says so; `has_log_entries`: of a transparency log.
    """

    is_new: bool
    statement: Statement | None
    is_keyless: bool
    has_log_entries: bool
    hint: str | None
    digest: str | None


def parse_bundle(data: bytes, source: str) -> SignatureBundle:
    """Read a bundle. MalformedData for what is none, and for what cosign would overlook."""
    value = load_json(data, source)
    document = as_object(value, source, "the bundle")
    refuse_other_spelling(data, document, source)
    if "mediaType" in document:
        return _parse_new(document, source)
    return _parse_old(document, source)


def _parse_new(document: JsonObject, source: str) -> SignatureBundle:
    if document.get("mediaType") not in _MEDIA_TYPES:
        raise MalformedData(source, f"mediaType is {describe(document.get('mediaType'))}")
    only_keys(document, {"mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"}, source, "bundle")
    keys = {"publicKey", "certificate", "tlogEntries", "timestampVerificationData"}
    material = only_keys(document.get("verificationMaterial"), keys, source, "verificationMaterial")
    is_keyless = "certificate" in material
    if is_keyless == ("publicKey" in material):
        raise MalformedData(source, "verificationMaterial has neither a key nor a certificate, or both")
    hint = None
    if is_keyless:
        decode_base64(
            only_keys(material["certificate"], {"rawBytes"}, source, "certificate")["rawBytes"], source, "rawBytes"
        )
    else:
        hint = as_text(only_keys(material["publicKey"], {"hint"}, source, "publicKey").get("hint"), source, "hint")
    has_log = check_log_entries(material.get("tlogEntries", []), source)
    if "timestampVerificationData" in material:
        check_timestamps(material["timestampVerificationData"], source)
        has_log = True
    statement, digest = None, None
    if ("dsseEnvelope" in document) == ("messageSignature" in document):
        raise MalformedData(source, "has neither a signature nor an envelope, or both")
    if "dsseEnvelope" in document:
        statement = _parse_envelope(document["dsseEnvelope"], source)
    else:
        message = only_keys(document["messageSignature"], {"messageDigest", "signature"}, source, "messageSignature")
        decode_base64(message.get("signature"), source, "signature")
        stated = only_keys(message.get("messageDigest"), {"algorithm", "digest"}, source, "messageDigest")
        if stated.get("algorithm") != "SHA2_256":
            raise MalformedData(source, f"messageDigest.algorithm is {describe(stated.get('algorithm'))}")
        digest = decode_base64(stated.get("digest"), source, "messageDigest.digest").hex()
    return SignatureBundle(True, statement, is_keyless, has_log, hint, digest)


def _parse_envelope(value: JsonValue, source: str) -> Statement:
    envelope = only_keys(value, {"payload", "payloadType", "signatures"}, source, "dsseEnvelope")
    if envelope.get("payloadType") != _PAYLOAD_TYPE:
        raise MalformedData(source, f"payloadType is {describe(envelope.get('payloadType'))}, not {_PAYLOAD_TYPE}")
    signatures = as_list(envelope.get("signatures"), source, "signatures")
    if len(signatures) != 1:
        raise MalformedData(source, f"has {len(signatures)} signatures, where one is expected")
    signature = only_keys(signatures[0], {"sig", "keyid"}, source, "signatures[0]")
    if signature.get("keyid", "") != "":
        raise MalformedData(source, "keyid says something that nobody verifies")
    decode_base64(signature.get("sig"), source, "sig")
    return parse_statement(decode_base64(envelope.get("payload"), source, "payload"), source, types=STATEMENT_TYPES)


def _parse_old(document: JsonObject, source: str) -> SignatureBundle:
    only_keys(document, {"base64Signature", "cert", "rekorBundle"}, source, "bundle")
    signature = decode_base64(document.get("base64Signature"), source, "base64Signature")
    is_keyless, hint = False, None
    if "cert" in document:
        text = decode_base64(document["cert"], source, "cert").decode("ascii", "replace")
        is_keyless = _check_pem(text, source) == "CERTIFICATE"
        hint = None if is_keyless else key_hint(text.encode(), source)  # cosign takes the key that it is given
    if "rekorBundle" in document:
        log = only_keys(document["rekorBundle"], {"SignedEntryTimestamp", "Payload"}, source, "rekorBundle")
        decode_base64(log.get("SignedEntryTimestamp"), source, "SignedEntryTimestamp")
        only_keys(log.get("Payload"), {"body", "integratedTime", "logIndex", "logID"}, source, "Payload")
    statement = None
    if signature[:1] == b"{":  # an attestation: the signature is the envelope
        envelope = load_json(signature, source)
        refuse_other_spelling(signature, as_object(envelope, source, "the envelope"), source)
        statement = _parse_envelope(envelope, source)
    return SignatureBundle(False, statement, is_keyless, "rekorBundle" in document, hint, None)


def _check_pem(text: str, source: str) -> str:
    """The kind of a PEM text that is spelled as programs write it; several certificates may follow each other."""
    kind, at = "", 0
    while at < len(text):
        match = _PEM.match(text, at)
        if match is None:
            break
        lines = match[2].splitlines()
        data = decode_base64("".join(lines), source, "cert")
        encoded = base64.b64encode(data).decode()
        if lines != [encoded[start : start + 64] for start in range(0, len(encoded), 64)]:
            break
        kind, at = kind or match[1], match.end()
    if not kind or at != len(text):
        raise MalformedData(source, "cert is not PEM as programs write it")
    return kind


def key_hint(pem: bytes, source: str) -> str:
    """What a bundle calls a public key: the SHA-256 of its DER form, in base64. MalformedData for anything else."""
    text = pem.decode("ascii", "replace")
    match = re.search(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----", text)
    if match is None:
        raise MalformedData(source, "is not a public key in PEM", hint="cosign public-key --key KEY writes one")
    try:
        der = base64.b64decode("".join(match[1].split()), validate=True)
    except binascii.Error:
        raise MalformedData(source, "is not a public key in PEM") from None
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
