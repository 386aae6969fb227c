"""`nix derivation show` in its three shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.derivation import Output, parse_derivations
from nanna_ci.store.store_path import parse_store_path

SHAPES = ["derivation-store-paths.json", "derivation-base-names.json", "derivation-version-4.json"]
TOP = parse_store_path("/nix/store/cda6mpwpiv703ibips4vapbdccjcdsjs-top.drv")
GOOD = parse_store_path("/nix/store/wk5kwaiha04c9kj804wcvp0rns7gap9y-good.drv")
MISMATCH = parse_store_path("/nix/store/8ksrwbis4ipvny4n96rh0bswrgypsx01-mismatch.drv")


def minimal(**changes: Any) -> dict[str, Any]:
    derivation: dict[str, Any] = {
        "args": [],
        "builder": "/bin/sh",
        "env": {},
        "inputDrvs": {},
        "inputSrcs": [],
        "name": "top",
        "outputs": {"out": {"path": "/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top"}},
        "system": "x86_64-linux",
    }
    derivation.update(changes)
    return {str(TOP): {key: value for key, value in derivation.items() if value is not ...}}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_derivations(shape: str, samples: Path) -> None:
    derivations = parse_derivations((samples / shape).read_bytes(), shape)
    assert derivations == parse_derivations((samples / SHAPES[0]).read_bytes(), SHAPES[0])
    assert len(derivations) == 4
    top = derivations[TOP]
    assert (top.name, top.system, top.builder) == ("top", "x86_64-linux", "/usr/bin/python3")
    assert top.arguments[0] == "-c"
    assert top.environment["dep"] == "/nix/store/xihni471nxi2nkmbpsxjvcib0s8h446j-good"
    assert top.input_derivations == {GOOD: ("out",)}
    assert top.outputs == {"out": Output(parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top"), False)}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fixed_output_has_its_path_even_if_nix_leaves_it_out(shape: str, samples: Path) -> None:
    outputs = parse_derivations((samples / shape).read_bytes(), shape)[MISMATCH].outputs
    path = parse_store_path("/nix/store/bj43vjkahj98dfc25dhpc2i45f4i86d7-mismatch")
    assert outputs == {"out": Output(path, is_fixed=True)}


def test_the_output_path_that_only_the_build_shows_is_none() -> None:
    data = minimal(
        outputs={"out": {"hashAlgo": "sha256", "method": "nar"}}, env={"out": "/1rz4g4znpzjwh1xymhjpm42vipw9"}
    )
    assert parse_derivations(json.dumps(data).encode(), "source")[TOP].outputs == {"out": Output(None, False)}


def test_input_derivations_of_old_nix_are_a_bare_list() -> None:
    data = minimal(inputDrvs={str(GOOD): ["out", "dev"]})
    assert parse_derivations(json.dumps(data).encode(), "source")[TOP].input_derivations == {GOOD: ("out", "dev")}


@pytest.mark.parametrize("version", [1, 3, 5, "4", None, True])
def test_an_unknown_version_of_the_document_is_refused(version: object) -> None:
    with pytest.raises(MalformedData, match="version"):
        parse_derivations(json.dumps({"version": version, "derivations": {}}).encode(), "source")


@pytest.mark.parametrize("version", [2, 5, "4", None])
def test_an_unknown_version_of_a_derivation_is_refused(version: object) -> None:
    with pytest.raises(MalformedData, match="version"):
        parse_derivations(json.dumps(minimal(version=version)).encode(), "source")


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": ...},
        {"outputs": {}},
        {"outputs": []},
        {"outputs": {"out": "/nix/store/x"}},
        {"outputs": {"out": {"path": 5}}},
        {"outputs": {"out": {"path": "relative"}}},
        {"system": ...},
        {"builder": 5},
        {"args": ["a", 1]},
        {"env": {"A": 1}},
        {"inputDrvs": ...},
        {"inputDrvs": {"/nix/store/x": []}},
        {"inputDrvs": {str(GOOD): {"outputs": "out"}}},
        {"inputSrcs": ["/tmp/x"]},
        {"inputs": {}},
    ],
)
def test_a_derivation_with_a_part_missing_or_wrong_is_refused_by_name(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedData, match=r"^source: .*top\.drv"):
        parse_derivations(json.dumps(minimal(**changes)).encode(), "source")


def test_a_key_that_is_not_a_derivation_is_refused() -> None:
    data = {"/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top": minimal()[str(TOP)]}
    with pytest.raises(MalformedData, match="is not a derivation"):
        parse_derivations(json.dumps(data).encode(), "source")


def test_one_derivation_under_both_spellings_is_refused() -> None:
    data = minimal() | {TOP.base_name: minimal()[str(TOP)]}
    with pytest.raises(MalformedData, match="twice"):
        parse_derivations(json.dumps(data).encode(), "source")
