"""Entries of a transparency log in a bundle, held to what cosign does not look at: it verifies what it decodes, and
several spellings decode to the same."""

from __future__ import annotations

import re
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, load_json
from nanna_ci.supply_chain.evidence.strict_encoding import decode_base64, only_keys

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_CHECKPOINT: Final = re.compile(
    r"(?P<origin>[^\n]+)\n(?P<size>[0-9]+)\n(?P<root>[A-Za-z0-9+/=]+)\n"
    "\n\u2014 (?P<name>[^ \n]+) (?P<signature>[A-Za-z0-9+/=]+)\n"
)
_ENTRY: Final = {
    "logIndex",
    "logId",
    "kindVersion",
    "integratedTime",
    "inclusionPromise",
    "inclusionProof",
    "canonicalizedBody",
}
_PROOF: Final = {"logIndex", "rootHash", "treeSize", "hashes", "checkpoint"}


def check_log_entries(values: JsonValue, source: str) -> bool:
    """Whether there are entries. MalformedData where one is not spelled as the programs write it."""
    entries = as_list(values, source, "tlogEntries")
    for value in entries:
        _check_entry(only_keys(value, _ENTRY, source, "tlogEntries[]"), source)
    return bool(entries)


def _check_entry(entry: JsonObject, source: str) -> None:
    _check_numbers(entry, ("logIndex", "integratedTime"), source)
    decode_base64(only_keys(entry.get("logId"), {"keyId"}, source, "logId").get("keyId"), source, "logId.keyId")
    body = decode_base64(entry.get("canonicalizedBody"), source, "canonicalizedBody")
    document = as_object(load_json(body, source), source, "canonicalizedBody")
    kind = only_keys(entry.get("kindVersion"), {"kind", "version"}, source, "kindVersion")
    if (kind.get("kind"), kind.get("version")) != (document.get("kind"), document.get("apiVersion")):
        raise MalformedData(source, "kindVersion is not that of the entry's body")
    if "inclusionPromise" in entry:
        promise = only_keys(entry["inclusionPromise"], {"signedEntryTimestamp"}, source, "inclusionPromise")
        decode_base64(promise.get("signedEntryTimestamp"), source, "signedEntryTimestamp")
    if "inclusionProof" in entry:
        _check_proof(only_keys(entry["inclusionProof"], _PROOF, source, "inclusionProof"), source)


def _check_proof(proof: JsonObject, source: str) -> None:
    _check_numbers(proof, ("logIndex", "treeSize"), source)
    root = decode_base64(proof.get("rootHash"), source, "rootHash")
    for index, value in enumerate(as_list(proof.get("hashes", []), source, "hashes")):
        decode_base64(value, source, f"hashes[{index}]")
    if "checkpoint" in proof:
        envelope = only_keys(proof["checkpoint"], {"envelope"}, source, "checkpoint").get("envelope")
        match = _CHECKPOINT.fullmatch(as_text(envelope, source, "checkpoint.envelope"))
        if match is None:
            raise MalformedData(source, "checkpoint is not a note with one signature")
        if match["origin"] != match["name"] and not match["origin"].startswith(f"{match['name']} - "):
            raise MalformedData(source, f"checkpoint is of {shorten(match['origin'])}, signed as {match['name']}")
        decode_base64(match["signature"], source, "checkpoint")
        if decode_base64(match["root"], source, "checkpoint") != root:
            raise MalformedData(source, "checkpoint is of another rootHash")


def _check_numbers(values: JsonObject, keys: tuple[str, ...], source: str) -> None:
    """Numbers are strings in this JSON; a zero may be left out."""
    for key in keys:
        text = values.get(key, "0")
        if not isinstance(text, str) or _NUMBER.fullmatch(text) is None:
            raise MalformedData(source, f"{key} is not a number as programs write it")


def check_timestamps(value: JsonValue, source: str) -> None:
    """Signed timestamps (RFC 3161) beside a signature."""
    data = only_keys(value, {"rfc3161Timestamps"}, source, "timestampVerificationData")
    for one in as_list(data.get("rfc3161Timestamps", []), source, "rfc3161Timestamps"):
        stamp = only_keys(one, {"signedTimestamp"}, source, "rfc3161Timestamps[]")
        decode_base64(stamp.get("signedTimestamp"), source, "signedTimestamp")
