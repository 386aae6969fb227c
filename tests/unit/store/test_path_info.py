"""`nix path-info --json` in its four shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.hashes import Method
from nanna_ci.store.path_info import parse_path_info
from nanna_ci.store.store_path import parse_store_path

SHAPES = ["path-info-list.json", "path-info-object.json", "path-info-version-2.json", "path-info-version-3.json"]
TOP = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top")
SOURCE = parse_store_path("/nix/store/g4hsh3j9qk5480lmc03xnq28wllsi70h-g.nix")
GONE = parse_store_path("/nix/store/lcnawycjx8z1ic3spfdbvcw7phncnjhx-gone")
SRI = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


def minimal(**changes: Any) -> bytes:
    info: dict[str, Any] = {"narHash": SRI, "narSize": 1, "references": []}
    info.update(changes)
    return json.dumps({str(TOP): {key: value for key, value in info.items() if value is not ...}}).encode()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_facts(shape: str, samples: Path) -> None:
    infos = parse_path_info((samples / shape).read_bytes(), shape)
    assert infos == parse_path_info((samples / SHAPES[1]).read_bytes(), SHAPES[1])
    top = infos[TOP]
    assert top is not None
    assert str(top.nar_hash) == "sha256-hAWKYRYeghmqpF9lMgP3DdAlUrGubRz9Odt2iHaTbDU="
    assert top.nar_size_bytes == 160
    assert [path.name for path in top.references] == ["good"]
    assert top.deriver is not None
    assert top.deriver.name == "top.drv"
    assert [signature.key_name for signature in top.signatures] == ["example-1"]
    assert top.is_ultimate
    assert top.registered_s is not None
    assert top.ca is None
    source = infos[SOURCE]
    assert source is not None
    assert source.ca is not None
    assert source.ca.method is Method.NAR
    assert not source.is_ultimate


@pytest.mark.parametrize("shape", SHAPES)
def test_a_path_that_is_not_there_is_none_in_every_shape(shape: str, samples: Path) -> None:
    infos = parse_path_info((samples / shape).read_bytes(), shape)
    assert infos[GONE] is None
    assert len(infos) == 3


def test_unknown_size_and_time_are_none_not_zero() -> None:
    for unknown in (0, None, ...):
        info = parse_path_info(minimal(narSize=unknown, registrationTime=unknown), "source")[TOP]
        assert info is not None
        assert (info.nar_size_bytes, info.registered_s) == (None, None)


@pytest.mark.parametrize("version", [0, 1, 4, "2", None, 2.5, True])
def test_an_unknown_version_is_refused(version: object) -> None:
    data = json.dumps({"version": version, "storeDir": "/nix/store", "info": {}}).encode()
    with pytest.raises(MalformedData, match=r"^source: format version .* is not known"):
        parse_path_info(data, "source")


def test_another_store_folder_is_refused() -> None:
    with pytest.raises(MalformedData, match="storeDir is '/gnu/store'"):
        parse_path_info(b'{"version": 2, "storeDir": "/gnu/store", "info": {}}', "source")


def test_a_path_that_stands_there_twice_is_refused() -> None:
    entry = {"path": str(TOP), "valid": False}
    with pytest.raises(MalformedData, match="twice"):
        parse_path_info(json.dumps([entry, entry]).encode(), "source")


@pytest.mark.parametrize(
    "changes",
    [
        {"narHash": ...},
        {"narHash": "sha256-"},
        {"narSize": -1},
        {"narSize": "160"},
        {"references": ...},
        {"references": ["../x"]},
        {"deriver": "unknown"},
        {"ca": "fixed:r:sha256:short"},
        {"signatures": ["no colon"]},
        {"signatures": "a:b"},
        {"registrationTime": -5},
    ],
)
def test_a_wrong_or_missing_field_is_refused_with_the_path(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedData, match=f"^source: {TOP}: "):
        parse_path_info(minimal(**changes), "source")


@pytest.mark.parametrize("data", [b"", b"5", b'["x"]', b'[{"valid": false}]', b"{", b'{"version": 2}', b'{"info": {}}'])
def test_what_is_not_path_info_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedData, match=r"^source: "):
        parse_path_info(data, "source")
