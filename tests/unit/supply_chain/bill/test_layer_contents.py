from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from nanna_ci.containers.image.oci_layout import load_layout
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.bill.layer_contents import LayerContents, read_layer
from support.fake_executables import elf
from support.fake_image_layers import Files, tar_of, write_image
from support.fake_listed_programs import crate, elf_with, packed, root
from support.fake_store_paths import path

LISTED = elf_with({".dep-v0": packed([root(dependencies=[1]), crate("a")])})
OWNER = path("harness-0.1.0")
STATUS = b"Package: libc6\nVersion: 2.41-12\nArchitecture: amd64\n"


def read(folder: Path, files: Files | bytes, *, compression: str = "gzip") -> LayerContents:
    layout = load_layout(write_image(folder / "image", [files], compression=compression))
    return read_layer(layout.path, layout.layers[0], layout.diff_ids[0])


@pytest.mark.parametrize("compression", ["gzip", ""])
def test_a_layer_gives_store_paths_with_sizes_packages_and_programs(tmp_path: Path, compression: str) -> None:
    files = {
        f"nix/store/{OWNER.base_name}/": b"",
        f"nix/store/{OWNER.base_name}/bin/harness": LISTED,
        f"./nix/store/{OWNER.base_name}/share/x": b"12345",
        "/bin/tool": elf(),
        "bin/script": b"#!/bin/sh",
        "var/lib/dpkg/status.d/libc6": STATUS,
    }
    layer = read(tmp_path, files, compression=compression)
    assert layer.store_paths == {OWNER: len(LISTED) + 5}
    assert layer.size_bytes == sum(map(len, files.values()))
    assert [one.name for one in layer.packages] == ["libc6"]
    assert [(one.path, one.store_path) for one in layer.programs] == [("bin/harness", OWNER), ("bin/tool", None)]
    assert layer.programs[0].sha512 == hashlib.sha512(LISTED).hexdigest()
    assert len(layer.programs[0].crates or ()) == 2


def test_a_program_that_may_not_be_executed_is_no_program(tmp_path: Path) -> None:
    assert read(tmp_path, tar_of({"bin/harness": LISTED}, mode=0o644)).programs == []


def test_links_devices_and_pipes_are_passed_over(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            entry = tarfile.TarInfo(f"bin/{kind.decode()}")
            entry.type, entry.linkname, entry.mode = kind, "../../etc/passwd", 0o755
            archive.addfile(entry)
    layer = read(tmp_path, stream.getvalue())
    assert (layer.size_bytes, layer.programs) == (0, [])


def test_a_layer_that_is_not_what_its_diff_id_says_is_refused(tmp_path: Path) -> None:
    layout = load_layout(write_image(tmp_path / "image", [{"a": b"1"}], diff_ids=[f"sha256:{'0' * 64}"]))
    with pytest.raises(MalformedData, match="the image's configuration says sha256:000"):
        read_layer(layout.path, layout.layers[0], layout.diff_ids[0])


def test_a_layer_whose_compression_cannot_be_read_says_so(tmp_path: Path) -> None:
    layer = read(tmp_path, {"a": b"1"}, compression="zstd")
    assert layer.unread == "its compression (zstd) cannot be read here"


@pytest.mark.parametrize("tar", [b"no tar at all" * 100, tar_of({"a": b"1" * 5000})[:3000], b""])
def test_what_is_no_tar_is_refused(tmp_path: Path, tar: bytes) -> None:
    with pytest.raises(MalformedData, match=r"is not a tar|from its beginning"):
        read(tmp_path, tar)


def test_a_name_that_is_no_store_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedData, match="is not HASH-NAME"):
        read(tmp_path, {"nix/store/evil/x": b"1"})
    assert read(tmp_path / "links", {"nix/store/.links/x": b"1"}).store_paths == {}


def test_names_that_climb_out_are_names_and_nothing_more(tmp_path: Path) -> None:
    layer = read(tmp_path, {"../../bin/harness": LISTED})
    assert [one.path for one in layer.programs] == ["../../bin/harness"]
    with pytest.raises(MalformedData, match="'x' is not HASH-NAME"):
        read(tmp_path / "store", {f"nix/store/{OWNER.base_name}/../x/bin/y": b"1"})
