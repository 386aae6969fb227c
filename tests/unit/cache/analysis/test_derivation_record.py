"""Records of derivations: values as digests, the same where only the paths of inputs differ."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nanna_ci.cache.analysis.derivation_record import (
    DerivationRecord,
    DerivationRecords,
    name_without_version,
    parse_records,
    record_derivation,
    records_to_json,
)
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import as_object, load_json
from nanna_ci.store.derivation import Output
from support.fake_derivations import Spec, instantiate


def record(**changes: object) -> DerivationRecord:
    """Of a derivation that uses an input, a source and its own output in every place."""
    low = Spec(
        str(changes.pop("low", "lib-1.0")), environment={"flags": str(changes.pop("below", ""))}, outputs=("dev",)
    )
    text = "-L@low!dev@/lib @fix-1.patch@:@!out@"
    spec = Spec(
        "top",
        inputs={"low": ("dev",)},
        sources=(("fix-1.patch", str(changes.pop("content", ""))),),
        environment={"flags": text, "plain": "x"},
        arguments=("-e", text),
    )
    structured = changes.pop("structured", None)
    graph, paths = instantiate({"low": low, "top": replace(spec, **changes)})  # type: ignore[arg-type]
    derivation = graph[paths["top"]]
    output = str(graph[paths["low"]].outputs["dev"].path)
    derivation = replace(derivation, builder=f"{output}/bin/sh")
    if structured is not None:
        derivation = replace(derivation, environment={"__json": json.dumps(structured).replace("@low@", output)})
    return record_derivation(derivation)


def values(one: DerivationRecord) -> tuple[object, ...]:
    return one.builder, one.arguments, dict(one.environment)


@pytest.mark.parametrize(
    "change", [{"below": "other"}, {"content": "other"}, {"low": "lib-2.1"}, {"low": "lib-1.0-rc1"}]
)
def test_a_changed_input_or_source_does_not_change_the_values_that_name_it(change: dict[str, str]) -> None:
    assert values(record(**change)) == values(record())
    assert record(**change).outputs != record().outputs


def test_a_changed_value_does() -> None:
    changed = record(environment={"flags": "other", "plain": "x"})
    assert [name for name, digest in changed.environment.items() if digest != record().environment[name]] == ["flags"]
    assert record(arguments=("-e", "other")).arguments[0] == record().arguments[0]
    assert record(arguments=("-e", "other")).arguments[1] != record().arguments[1]


def test_what_follows_a_path_counts_and_the_order_of_paths_too() -> None:
    plain = record(environment={"flags": "@low!dev@/lib"}).environment["flags"]
    assert record(environment={"flags": "@low!dev@/lib64"}).environment["flags"] != plain
    assert (
        record(environment={"flags": "@low!dev@ @!out@"}).environment["flags"]
        != (record(environment={"flags": "@!out@ @low!dev@"}).environment["flags"])
    )


@pytest.mark.parametrize("text", ["0" * 40 + "-x", "0" * 32, "sha256-" + "0" * 43, "/" + "0" * 52, "e" * 32 + "-x"])
def test_what_only_looks_like_a_path_is_a_value_like_any_other(text: str) -> None:
    one, other = text, text.replace("0", "1").replace("e", "o")
    assert (
        record(environment={"flags": one}).environment["flags"]
        != record(environment={"flags": other}).environment["flags"]
    )


def test_the_builder_is_text_without_hash_and_version() -> None:
    assert record().builder == "/nix/store/<lib>/bin/sh"


def test_structured_attributes_are_values_of_their_own() -> None:
    one = record(structured={"cFlags": ["-O2", "@low@"], "name": "top"})
    other = record(structured={"cFlags": ["-O3", "@low@"], "name": "top"}, below="other")
    assert set(one.environment) == {"cFlags", "name"}
    assert one.environment["name"] == other.environment["name"]
    assert one.environment["cFlags"] != other.environment["cFlags"]
    same = record(structured={"name": "top", "cFlags": ["-O2", "@low@"]}, below="other")
    assert same.environment == one.environment


def test_what_nix_puts_in_place_of_a_path_that_only_the_build_shows_is_not_a_value() -> None:
    graph, paths = instantiate({"top": Spec("top")})
    deferred = replace(graph[paths["top"]], outputs={"out": Output(None, is_fixed=False)})
    digests = {
        record_derivation(replace(deferred, environment={"low": f"{placeholder}/bin"})).environment["low"]
        for placeholder in (
            "/1nmwah08k1l6ls1dizf8jhiwwfgpnh1yhywd9pdpwvl0zpbr8rih",  # both by nix 2.26
            "/0ia1bnxsinx19jx4j95kppbdjy6k1557rl1mk00xyyiaxvffx59a",
        )
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("hello-2.12.1", "hello"),
        ("gcc-wrapper-13.2", "gcc-wrapper"),
        ("python3.11-foo-bar-1.0", "python3.11-foo-bar"),
        ("source", "source"),
        ("foo-a1", "foo-a1"),
        ("-1", "-1"),
        ("hook-", "hook-"),
    ],
)
def test_the_name_without_its_version_is_what_nix_takes_for_it(name: str, bare: str) -> None:
    assert name_without_version(name) == bare


def test_records_are_written_and_read_back() -> None:
    specs = {
        "low": Spec("low", outputs=("out", "dev")),
        "top": Spec("top", inputs={"low": ("dev",)}, sources=(("a.c", "x"),), environment={"odd name\n": "é"}),
    }
    graph, paths = instantiate(specs)
    floating = replace(graph[paths["low"]], outputs={"out": Output(None, False), "dev": Output(None, False)})
    graph[paths["low"]] = floating
    records = DerivationRecords(graph)
    text = json.dumps(records_to_json(records.values())).encode()
    assert parse_records(as_object(load_json(text, "it"), "it", "it"), "it") == dict(records)
    assert (len(records), set(records), paths["top"] in records) == (2, set(graph), True)


@pytest.mark.parametrize("change", [{"outputs": []}, {"system": None}, {"inputs": {"x": []}}, {"arguments": [1]}])
def test_anything_else_is_refused(change: dict[str, object]) -> None:
    graph, paths = instantiate({"top": Spec("top")})
    data = records_to_json(DerivationRecords(graph).values())
    data[paths["top"].base_name] |= change
    with pytest.raises(MalformedData, match=r"r\.json"):
        parse_records(data, "r.json")


def test_a_record_without_its_inputs_is_refused() -> None:
    graph, paths = instantiate({"low": Spec("low"), "top": Spec("top", inputs={"low": ("out",)})})
    data = records_to_json(DerivationRecords(graph).values())
    del data[paths["low"].base_name]
    with pytest.raises(MalformedData, match="is not there"):
        parse_records(data, "r.json")
