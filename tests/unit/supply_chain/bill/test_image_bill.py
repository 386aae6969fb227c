from __future__ import annotations

from pathlib import Path

from nanna_ci.containers.image.oci_layout import Layout, load_layout
from nanna_ci.supply_chain.bill.bill_making import MadeBill, image_bill
from nanna_ci.supply_chain.bill.bill_of_materials import Completeness
from nanna_ci.supply_chain.bill.bill_sources import NixClosure
from nanna_ci.supply_chain.bill.image_bill import find_origins
from nanna_ci.supply_chain.bill.layer_contents import LayerContents, read_layer
from nanna_ci.supply_chain.bill.program import programs_in
from support.fake_bills import HEAD, closure_of
from support.fake_image_layers import Files, write_image
from support.fake_listed_programs import crate, elf_with, packed, root
from support.fake_store_paths import path

LISTED = elf_with({".dep-v0": packed([root(dependencies=[1]), crate("a")])})
OWNER, LIBRARY = path("harness-0.1.0"), path("openssl-3.0.14")
NIX = {f"nix/store/{OWNER.base_name}/bin/harness": LISTED, f"nix/store/{LIBRARY.base_name}/lib/x": b"123"}
DEBIAN = {"var/lib/dpkg/status.d/libc6": b"Package: libc6\nVersion: 2.41-12\nArchitecture: amd64\n"}
NOTHING = NixClosure((), {}, {})


def opened(folder: Path, *layers: Files, compression: str = "gzip") -> tuple[Layout, list[LayerContents]]:
    layout = load_layout(write_image(folder / "image", layers, compression=compression))
    return layout, [read_layer(layout.path, *one) for one in zip(layout.layers, layout.diff_ids, strict=True)]


def made(folder: Path, *layers: Files, known: NixClosure = NOTHING, compression: str = "gzip") -> MadeBill:
    return image_bill(*opened(folder, *layers, compression=compression), known, None, HEAD)


def test_the_graph_goes_from_image_to_layers_to_store_paths_to_programs_to_crates(tmp_path: Path) -> None:
    infos = closure_of(OWNER.name, LIBRARY.name)
    bill = made(tmp_path, NIX, DEBIAN, known=NixClosure((), infos, {})).bill
    graph = bill.dependencies
    assert bill.subject.version == load_layout(tmp_path / "image").manifest_digest
    assert str(bill.subject.purl).startswith("pkg:oci/thing@sha256:")
    first, second = (layer.digest for layer in load_layout(tmp_path / "image").layers)
    assert set(graph[bill.subject.ref]) == {first, second}
    assert set(graph[first]) == {str(OWNER), str(LIBRARY)}
    assert graph[second] == ("pkg:deb/debian/libc6@2.41-12?arch=amd64",)
    program = next(ref for ref in graph if "/bin/harness#" in ref)
    assert set(graph[str(OWNER)]) == {str(LIBRARY), program}
    assert graph[program] == ("crate:local:harness@0.1.0",)
    assert graph["crate:local:harness@0.1.0"] == ("pkg:cargo/a@1.0.0",)
    assert bill.gaps == {}


def test_layers_and_image_have_their_digests_and_sha512(tmp_path: Path) -> None:
    bill = made(tmp_path, NIX).bill
    layer = next(one for one in bill.components if one.ref.startswith("sha256:"))
    assert layer.sha256 == layer.ref.removeprefix("sha256:")
    assert dict(layer.properties).keys() == {"nanna-ci:layer:diffId", "nanna-ci:layer:digest", "nanna-ci:layer:size"}
    for one in (layer, bill.subject):
        assert one.deployable is not None
        assert len(one.deployable.sha512 or "") == 128


def test_store_paths_that_no_store_knows_are_of_unknown_completeness(tmp_path: Path) -> None:
    bill = made(tmp_path, NIX).bill
    assert bill.gaps == {str(OWNER): Completeness.UNKNOWN, str(LIBRARY): Completeness.UNKNOWN}
    assert next(one for one in bill.components if one.ref == str(LIBRARY)).version == "3.0.14"


def test_a_reference_that_no_layer_has_leaves_the_path_incomplete(tmp_path: Path) -> None:
    infos = closure_of(OWNER.name, "absent-1.0")
    only = {name: data for name, data in NIX.items() if OWNER.base_name in name}
    bill = made(tmp_path, only, known=NixClosure((), infos, {})).bill
    assert bill.gaps == {str(OWNER): Completeness.INCOMPLETE}


def test_files_that_no_package_claims_leave_a_layer_incomplete(tmp_path: Path) -> None:
    layout, layers = opened(tmp_path, {"etc/x": b"123"}, DEBIAN)
    bill = image_bill(layout, layers, NOTHING, None, HEAD).bill
    assert bill.gaps == {layout.layers[0].digest: Completeness.INCOMPLETE}


def test_a_layer_that_cannot_be_unpacked_leaves_the_image_incomplete(tmp_path: Path) -> None:
    bill = made(tmp_path, NIX, compression="zstd").bill
    assert set(bill.gaps.values()) == {Completeness.UNKNOWN, Completeness.INCOMPLETE}
    assert bill.gaps[bill.subject.ref] is Completeness.INCOMPLETE


def test_a_layer_that_an_image_has_twice_is_one_component(tmp_path: Path) -> None:
    bill = made(tmp_path, DEBIAN, DEBIAN).bill
    assert len(bill.dependencies[bill.subject.ref]) == 1


def test_a_flattened_program_is_traced_to_the_store_path_with_the_same_bytes(tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "bin").mkdir(parents=True)
    (package / "bin/harness").write_bytes(LISTED)
    layout, layers = opened(tmp_path, {"bin/harness": LISTED, "sbin/harness": LISTED})
    find_origins(layers, {OWNER: programs_in(package, OWNER)})
    assert [(one.path, one.store_path) for one in layers[0].programs] == [
        ("bin/harness", OWNER),
        ("sbin/harness", None),
    ]
    assert layers[0].store_paths == {OWNER: len(LISTED)}
    bill = image_bill(layout, layers, NOTHING, None, HEAD).bill
    assert str(OWNER) in bill.dependencies[layers[0].digest]


def test_the_name_is_what_was_given_or_what_the_image_says(tmp_path: Path) -> None:
    layout = load_layout(
        write_image(tmp_path / "image", [DEBIAN], labels={"org.opencontainers.image.title": "Harness"})
    )
    layers = [read_layer(layout.path, layout.layers[0], layout.diff_ids[0])]
    named = image_bill(layout, layers, NOTHING, None, HEAD)
    assert named.bill.subject.name == "thing"
    titled = image_bill(layout, layers, NOTHING, None, type(HEAD)())
    assert (titled.bill.subject.name, str(titled.bill.subject.purl)[:16]) == ("Harness", "pkg:oci/harness@")


def test_the_contents_have_sizes_for_a_picture(tmp_path: Path) -> None:
    (layer, packages) = made(tmp_path, NIX, {**DEBIAN, "bin/other": LISTED}).contents or ()
    assert [(one.label, one.size_bytes) for one in layer.store_paths] == [
        ("harness 0.1.0", len(LISTED)),
        ("openssl 3.0.14", 3),
    ]
    assert layer.store_paths[0].programs[0].crates == ("a 1.0.0", "harness 0.1.0")
    assert (layer.size_bytes, layer.other_bytes) == (len(LISTED) + 3, 0)
    assert packages.packages == ("libc6 2.41-12",)
    assert [one.path for one in packages.programs] == ["bin/other"]
    assert packages.other_bytes == packages.size_bytes
