"""The store's parsers: what is written is read back, and no bytes whatever raise anything but MalformedData."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import load_json
from nanna_ci.store.build_result import parse_target
from nanna_ci.store.derivation import parse_derivations
from nanna_ci.store.flake_lock import parse_flake_lock
from nanna_ci.store.hashes import (
    ContentAddress,
    Method,
    NixHash,
    Signature,
    parse_content_address,
    parse_hash,
    parse_json_hash,
    parse_signature,
)
from nanna_ci.store.internal_json import parse_line
from nanna_ci.store.narinfo import NarInfo, parse_narinfo
from nanna_ci.store.nix import parse_version
from nanna_ci.store.path_info import PathInfo, parse_path_info
from nanna_ci.store.store_path import NIX32_DIGITS, StorePath, parse_base_name, parse_store_path
from support.fake_store_paths import render_narinfo

NAME_CHARACTERS = "abcXYZ019+-._?="
SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64, "blake3": 32}

NAMES = st.text(NAME_CHARACTERS, min_size=1, max_size=40).filter(lambda name: not name.startswith("."))
PATHS = st.builds(StorePath, st.text(NIX32_DIGITS, min_size=32, max_size=32), NAMES)
HASHES = st.sampled_from(sorted(SIZES)).flatmap(
    lambda algorithm: st.builds(
        NixHash, st.just(algorithm), st.binary(min_size=SIZES[algorithm], max_size=SIZES[algorithm])
    )
)
ADDRESSES = st.builds(ContentAddress, st.sampled_from(Method), HASHES)
SIGNATURES = st.builds(
    Signature, st.text("abc.-1", min_size=1), st.from_regex(r"[A-Za-z0-9+/]{4,88}={0,2}", fullmatch=True)
)
SIZES_IN_BYTES = st.integers(min_value=1, max_value=2**64 - 1)
NARINFOS = st.builds(
    NarInfo,
    store_path=PATHS,
    url=st.from_regex(r"nar/[a-z0-9]+\.nar(\.xz)?(\?sha256=[a-z0-9]+)?", fullmatch=True),
    compression=st.sampled_from(["xz", "zstd", "none", "bzip2", "br"]),
    file_hash=st.none() | HASHES,
    file_size_bytes=st.none() | SIZES_IN_BYTES,
    nar_hash=HASHES,
    nar_size_bytes=SIZES_IN_BYTES,
    references=st.lists(PATHS, unique=True, max_size=5).map(tuple),
    deriver=st.none() | PATHS,
    signatures=st.lists(SIGNATURES, max_size=3).map(tuple),
    ca=st.none() | ADDRESSES,
)
PATH_INFOS = st.builds(
    PathInfo,
    path=PATHS,
    nar_hash=HASHES,
    nar_size_bytes=st.none() | SIZES_IN_BYTES,
    references=st.lists(PATHS, max_size=5).map(tuple),
    deriver=st.none() | PATHS,
    ca=st.none() | ADDRESSES,
    signatures=st.lists(SIGNATURES, max_size=3).map(tuple),
    registered_s=st.none() | SIZES_IN_BYTES,
    is_ultimate=st.booleans(),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)

READERS: dict[str, Callable[[bytes], Any]] = {
    "json": lambda data: load_json(data, "source"),
    "derivations": lambda data: parse_derivations(data, "source"),
    "path-info": lambda data: parse_path_info(data, "source"),
    "narinfo": lambda data: parse_narinfo(data, "source"),
    "flake.lock": lambda data: parse_flake_lock(data, "source"),
    "internal-json": parse_line,
    "internal-json event": lambda data: parse_line(b"@nix " + data),
    "store path": lambda data: parse_store_path(data.decode("utf-8", "surrogateescape")),
    "hash": lambda data: parse_hash(data.decode("utf-8", "surrogateescape"), "source"),
    "installable": lambda data: parse_target(data.decode("utf-8", "surrogateescape")),
    "version": lambda data: parse_version(data.decode("utf-8", "surrogateescape")),
}


def only_refuses(read: Callable[[bytes], Any], data: bytes) -> None:
    message = ""
    try:
        read(data)
    except MalformedData as error:
        message = error.message
    assert len(message) < 2000
    message.encode("utf-8")


@pytest.mark.parametrize("name", sorted(READERS))
@given(data=st.binary(max_size=400))
@example(data=b"\xef\xbb\xbf{}")
@example(data=b"1e999")
@example(data=b"[" * 100_000)
@example(data=b"9" * 5_000)
def test_random_bytes_raise_nothing_but_malformed_data(name: str, data: bytes) -> None:
    only_refuses(READERS[name], data)


def goes_on(choose: st.DataObject) -> bool:
    return choose.draw(st.integers(0, 9)) > 0


def mutated(document: Any, choose: st.DataObject) -> Any:
    """`document` with one value in it, at random, replaced by random JSON."""
    if isinstance(document, dict) and document and goes_on(choose):
        key = choose.draw(st.sampled_from(sorted(document)))
        return document | {key: mutated(document[key], choose)}
    if isinstance(document, list) and document and goes_on(choose):
        at = choose.draw(st.integers(0, len(document) - 1))
        return [*document[:at], mutated(document[at], choose), *document[at + 1 :]]
    return choose.draw(JSON)


SRI = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
BASE_NAME = "lcnawycjx8z1ic3spfdbvcw7phncnjhq-a.drv"
INFO = {
    "narHash": SRI,
    "narSize": 1,
    "references": [BASE_NAME],
    "ca": {"method": "nar", "hash": SRI},
    "deriver": BASE_NAME,
}
DOCUMENTS: dict[str, list[Any]] = {
    "derivations": [
        {
            f"/nix/store/{BASE_NAME}": {
                "args": ["-c"],
                "builder": "/bin/sh",
                "env": {"out": "x"},
                "inputDrvs": {BASE_NAME: {"outputs": ["out"]}},
                "inputSrcs": [BASE_NAME],
                "name": "a",
                "outputs": {"out": {"path": BASE_NAME, "hash": "x"}},
                "system": "s",
            }
        },
    ],
    "path-info": [
        [{"path": f"/nix/store/{BASE_NAME}", "valid": True, **INFO, "signatures": ["a:AAAA"]}],
        {BASE_NAME: INFO},
        {
            "version": 3,
            "storeDir": "/nix/store",
            "info": {BASE_NAME: INFO | {"signatures": [{"keyName": "a", "sig": "A"}]}},
        },
    ],
    "flake.lock": [
        {
            "version": 7,
            "root": "root",
            "nodes": {
                "root": {"inputs": {"a": "a", "b": ["a", "b"]}},
                "a": {"inputs": {"b": "b"}, "locked": {"narHash": SRI}, "original": {}},
                "b": {
                    "inputs": {"a": ["a"]},
                    "locked": {"type": "path", "path": "./b"},
                    "original": {},
                    "flake": False,
                },
            },
        }
    ],
    "internal-json event": [
        {"action": "start", "id": 1, "type": 105, "text": "t", "fields": [BASE_NAME, "", 1, 1]},
        {"action": "result", "id": 1, "type": 105, "fields": [1, 2, 3, 4]},
        {"action": "msg", "level": 0, "msg": "error"},
    ],
}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
@given(choose=st.data())
def test_a_document_with_one_arbitrary_change_raises_only_malformed_data(name: str, choose: st.DataObject) -> None:
    document = choose.draw(st.sampled_from(DOCUMENTS[name]))
    only_refuses(READERS[name], json.dumps(document).encode())
    READERS[name](json.dumps(document).encode())
    only_refuses(READERS[name], json.dumps(mutated(document, choose)).encode())


@given(PATHS)
def test_a_store_path_is_read_back(path: StorePath) -> None:
    assert parse_store_path(str(path)) == parse_base_name(path.base_name) == path


@given(HASHES)
def test_a_hash_is_read_back_in_every_notation(value: NixHash) -> None:
    assert parse_hash(str(value), "source") == value
    assert parse_hash(value.nix32, "source") == value
    assert parse_hash(f"{value.algorithm}:{value.digest.hex()}", "source") == value
    assert parse_json_hash({"algorithm": value.algorithm, "hash": value.digest.hex()}, "source", "hash") == value


@given(ADDRESSES)
def test_a_content_address_is_read_back_in_both_notations(address: ContentAddress) -> None:
    structured = {"method": address.method.value, "hash": str(address.hash)}
    assert parse_content_address(str(address), "source") == parse_content_address(structured, "source") == address


@given(SIGNATURES)
def test_a_signature_is_read_back(signature: Signature) -> None:
    assert parse_signature(str(signature), "source") == signature


@given(NARINFOS)
def test_a_narinfo_is_read_back(info: NarInfo) -> None:
    assert parse_narinfo(render_narinfo(info), "source") == info


@given(NARINFOS, st.data())
def test_a_narinfo_that_is_cut_inside_a_line_is_refused(info: NarInfo, choose: st.DataObject) -> None:
    data = render_narinfo(info)
    shorter = data[: choose.draw(st.integers(1, len(data) - 1))]
    if not shorter.endswith(b"\n") or b"NarSize" not in shorter:
        with pytest.raises(MalformedData):
            parse_narinfo(shorter, "source")


def as_json(info: PathInfo, version: int) -> dict[str, Any]:
    new = version > 1
    signatures = [{"keyName": s.key_name, "sig": s.encoded} if version == 3 else str(s) for s in info.signatures]
    address = info.ca and ({"method": info.ca.method.value, "hash": str(info.ca.hash)} if new else str(info.ca))

    def spelled(path: StorePath) -> str:
        return path.base_name if new else str(path)

    return {
        "ca": address,
        "deriver": info.deriver and spelled(info.deriver),
        "narHash": str(info.nar_hash),
        "narSize": info.nar_size_bytes or 0,
        "references": [spelled(path) for path in info.references],
        "registrationTime": info.registered_s,
        "signatures": signatures,
        "ultimate": info.is_ultimate,
    }


@given(st.lists(PATH_INFOS, unique_by=lambda info: info.path, max_size=4), PATHS)
def test_path_infos_are_read_back_from_all_four_shapes(infos: list[PathInfo], absent: StorePath) -> None:
    expected: dict[StorePath, PathInfo | None] = {absent: None} | {info.path: info for info in infos}
    old = [{"path": str(i.path), "valid": True} | as_json(i, 1) for i in infos if i.path != absent]
    if not any(info.path == absent for info in infos):
        old.append({"path": str(absent), "valid": False})
        plain = {str(info.path): as_json(info, 1) for info in infos} | {str(absent): None}
        shapes: list[Any] = [old, plain]
        for version in (2, 3):
            entries = {info.path.base_name: as_json(info, version) for info in infos} | {absent.base_name: None}
            shapes.append({"version": version, "storeDir": "/nix/store", "info": entries})
        for shape in shapes:
            assert parse_path_info(json.dumps(shape).encode(), "source") == expected
