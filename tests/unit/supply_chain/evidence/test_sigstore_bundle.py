"""Signature bundles as cosign 2.5 wrote them, and that no byte of one can change without notice or cosign's look."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.evidence.sigstore_bundle import key_hint, parse_bundle

# recorded: `cosign sign-blob --tlog-upload=false --bundle`, with --new-bundle-format and without, of "hello\n"
NEW = b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial":{"publicKey":{"hint":"ryzVSdz/tOoW66vxJbZ/OTD4LVprCHlz7GJnxGSUzHA="}}, "messageSignature":{"messageDigest":{"algorithm":"SHA2_256", "digest":"WJG1tSLV3whtD/CxEPvZ0hu0/HFjrzTQgoai6Eb2vgM="}, "signature":"MEYCIQDC2Uzp0UAgi8ABJiUq39NnIlB2c+Eedaeoxl6tFPWcjwIhAIyRLAa1cf6D8QLAhcbJDoCY6R2K3eIgSZBWHdg8vaXZ"}}'  # noqa: E501
OLD = b'{"base64Signature":"MEUCIQChlL0YiodhPnVFruQ26monlKIjkK1zUA6iH75okv1ZrgIgBYbQhZTXGqS7OzM1VD+YTyZ2Zutk6j50M/qNBxV38q0="}'  # noqa: E501
KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESW+ebPzS/lyqZFXA1n/WuAma9wNx
NYKARaaGZ8vYANeell28WHPkddWRvpW+COrxUq1a7UVS7beRdtdO4fGDLg==
-----END PUBLIC KEY-----
"""
DIGEST = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
# what cosign itself holds: everything else must be refused by the reader, where it is changed
SIGNATURES = {NEW: [b"MEYCIQDC2U", b"WJG1tSLV3w", b"ryzVSdz/tO"], OLD: [b"MEUCIQChlL"]}


def statement(**more: Any) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{"name": "x", "digest": {"sha256": "a" * 64}}],
        "predicate": {"a": 1},
        **more,
    }


def attestation(payload: dict[str, Any], **envelope: Any) -> bytes:
    encoded = base64.b64encode(json.dumps(payload).encode()).decode()
    dsse = {
        "payload": encoded,
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "c2ln"}],
        **envelope,
    }
    document = json.loads(NEW)
    del document["messageSignature"]
    return json.dumps({**document, "dsseEnvelope": dsse}, separators=(",", ":")).encode()


def test_sigstores_form_is_read() -> None:
    bundle = parse_bundle(NEW, "x")
    assert (bundle.is_new, bundle.is_keyless, bundle.has_log_entries) == (True, False, False)
    assert (bundle.digest, bundle.statement) == (DIGEST, None)
    assert bundle.hint == key_hint(KEY, "x")


def test_cosigns_older_form_is_read() -> None:
    bundle = parse_bundle(OLD, "x")
    assert (bundle.is_new, bundle.is_keyless, bundle.has_log_entries) == (False, False, False)
    assert (bundle.digest, bundle.hint) == (None, None)


def test_an_attestation_is_read_in_both_forms() -> None:
    new = parse_bundle(attestation(statement()), "x").statement
    envelope = json.dumps(json.loads(attestation(statement()))["dsseEnvelope"]).encode()
    key = base64.b64encode(KEY).decode()
    old = {"base64Signature": base64.b64encode(envelope).decode(), "cert": key}
    found = parse_bundle(json.dumps(old).encode(), "x")
    assert new is not None
    assert new == found.statement
    assert (found.is_keyless, found.hint) == (False, key_hint(KEY, "x"))


@pytest.mark.parametrize("data", [NEW, OLD], ids=["new", "old"])
def test_every_changed_byte_is_refused_but_those_of_signature_digest_and_hint(data: bytes) -> None:
    spans = [(data.index(start), data.index(b'"', data.index(start))) for start in SIGNATURES[data]]
    for offset in range(len(data)):
        for mask in (1, 2, 4, 8, 16, 32, 64, 128):
            changed = bytearray(data)
            changed[offset] ^= mask
            try:
                parse_bundle(bytes(changed), "x")
            except MalformedData:
                continue
            assert any(start <= offset < end for start, end in spans), bytes(changed)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        NEW.replace(b"v0.3", b"v0.4"),
        NEW.replace(b'"publicKey":{"hint"', b'"publicKey":{"note":"","hint"'),
        NEW.replace(b'{"publicKey"', b'{"certificate":{"rawBytes":"YQ=="}, "publicKey"'),
        NEW.replace(b", ", b",\n"),
        NEW.replace(b"SHA2_256", b"SHA2_512"),
        attestation(statement(subject=[{"name": "ghcr.io/o/app:latest"}])),
        attestation(statement(), payloadType="text/plain"),
        attestation(statement(), signatures=[]),
        attestation(statement(), signatures=[{"sig": "c2ln"}, {"sig": "c2ln"}]),
        attestation(statement(), signatures=[{"sig": "c2ln", "keyid": "me"}]),
        attestation(statement(), signatures=[{"sig": "c2lnA"}]),
    ],
)
def test_another_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedData):
        parse_bundle(data, "x")


def test_a_certificate_and_log_entries_make_it_keyless() -> None:
    document = json.loads(NEW)
    document["verificationMaterial"] = {"certificate": {"rawBytes": "YQ=="}, "tlogEntries": [entry()]}
    bundle = parse_bundle(json.dumps(document, ensure_ascii=False).encode(), "x")
    assert (bundle.is_keyless, bundle.has_log_entries, bundle.hint) == (True, True, None)


def entry(proof: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An entry of a transparency log, as cosign writes one."""
    note = "log.example.org - 1\n2\ncm9vdA==\n\n\u2014 log.example.org c2ln\n"
    inclusion = {
        "logIndex": "1",
        "rootHash": "cm9vdA==",
        "treeSize": "2",
        "hashes": ["Zmlyc3Q="],
        "checkpoint": {"envelope": note},
        **(proof or {}),
    }
    return {
        "logIndex": "1",
        "logId": {"keyId": "a2V5"},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
        "integratedTime": "1795886813",
        "inclusionPromise": {"signedEntryTimestamp": "c2ln"},
        "inclusionProof": inclusion,
        "canonicalizedBody": base64.b64encode(b'{"apiVersion":"0.0.1","kind":"hashedrekord"}').decode(),
        **more,
    }


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (entry(logIndex="01"), "logIndex is not a number"),
        (entry(integratedTime=1), "integratedTime is not a number"),
        (entry(more="x"), "'more' is not part"),
        (entry(logId={"keyId": "a2V5", "x": 1}), "'x' is not part"),
        (entry(kindVersion={"kind": "dsse", "version": "0.0.1"}), "kindVersion is not that"),
        (entry(inclusionPromise={"signedEntryTimestamp": "c2lnA"}), "signedEntryTimestamp is not base64"),
        (entry({"rootHash": "cm9vdB=="}), "another spelling"),
        (entry({"rootHash": "cm9vda=="}), "rootHash is base64 in another spelling"),
        (entry({"rootHash": "b3RoZXI="}), "checkpoint is of another rootHash"),
        (entry({"hashes": ["Zmlyc3R="]}), r"hashes\[0\] is base64 in another spelling"),
        (entry({"checkpoint": {"envelope": "log\n2\ncm9vdA==\n\n\u2014 lag c2ln\n"}}), "is of 'log', signed as lag"),
        (entry({"checkpoint": {"envelope": "log\n2\ncm9vdA==\n"}}), "not a note with one signature"),
        (entry({"checkpoint": {"envelope": "log\n2\ncm9vdA==\n\n\u2014 log c2lnA\n"}}), "checkpoint is not base64"),
    ],
)
def test_what_cosign_overlooks_in_a_log_entry_is_refused(changed: dict[str, Any], problem: str) -> None:
    document = json.loads(NEW)
    document["verificationMaterial"] = {"certificate": {"rawBytes": "YQ=="}, "tlogEntries": [changed]}
    with pytest.raises(MalformedData, match=problem):
        parse_bundle(json.dumps(document, ensure_ascii=False).encode(), "x")


def test_a_signed_timestamp_is_something_to_check(tmp_path: object) -> None:
    document = json.loads(NEW)
    stamps = {"rfc3161Timestamps": [{"signedTimestamp": "c2ln"}]}
    document["verificationMaterial"]["timestampVerificationData"] = stamps
    assert parse_bundle(json.dumps(document).encode(), "x").has_log_entries
    stamps["rfc3161Timestamps"][0]["signedTimestamp"] = "c2lnA"
    with pytest.raises(MalformedData):
        parse_bundle(json.dumps(document).encode(), "x")


@pytest.mark.parametrize("pem", [b"", b"x", KEY.replace(b"PUBLIC", b"PRIVATE"), KEY.replace(b"MFkw", b"M?kw")])
def test_what_is_no_public_key_has_no_hint(pem: bytes) -> None:
    with pytest.raises(MalformedData, match="is not a public key"):
        key_hint(pem, "x")
