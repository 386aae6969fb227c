"""OCI layouts: what is read, and that nothing passes whose bytes are not what its digest says."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.containers.image.oci_layout import ImageConfig, ImageForm, load_layout, open_image
from nanna_ci.foundation.errors import MalformedData, UsageError
from support.fake_layered_images import content, digests_of, write_layered


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_layered(tmp_path / "layout", [content(1, 3000), content(2, 100)], labels={"a": "b"})


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None], *, config: bool = False) -> None:
    """Change the manifest (or the config) and make every digest above it right again."""
    blobs = folder / "blobs/sha256"
    index = json.loads((folder / "index.json").read_text())
    entry = index["manifests"][0]
    manifest = json.loads((blobs / entry["digest"][7:]).read_text())
    if config:
        document = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())
        change(document)
        manifest["config"] |= put(blobs, document)
    else:
        change(manifest)
    entry |= put(blobs, manifest)
    (folder / "index.json").write_text(json.dumps(index))


def put(blobs: Path, document: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def refused(folder: Path) -> str:
    with pytest.raises(MalformedData) as caught:
        load_layout(folder)
    return caught.value.message


def test_a_layout_is_read_whole(folder: Path) -> None:
    layout = load_layout(folder)
    manifest, layers = digests_of(folder)
    assert (layout.manifest_digest, [layer.digest for layer in layout.layers]) == (manifest, layers)
    assert layout.config == ImageConfig("amd64", "linux", {"a": "b"})
    assert layout.size_bytes == sum(path.stat().st_size for path in (folder / "blobs/sha256").iterdir())


@pytest.mark.parametrize("which", ["manifest", "config", "layer"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "link", "fifo"])
def test_a_blob_that_is_not_what_its_digest_says_is_refused(folder: Path, which: str, harm: str) -> None:
    manifest, layers = digests_of(folder)
    blobs = folder / "blobs/sha256"
    inner = json.loads((blobs / manifest[7:]).read_text())
    digest = {"manifest": manifest, "config": inner["config"]["digest"], "layer": layers[1]}[which]
    path = blobs / digest[7:]
    data = bytearray(path.read_bytes())
    path.unlink()
    if harm == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif harm == "cut":
        path.write_bytes(data[:-1])
    elif harm == "link":
        (folder / "elsewhere").write_bytes(data)
        path.symlink_to(folder / "elsewhere")
    elif harm == "fifo":
        os.mkfifo(path)
    message = refused(folder)
    assert digest[7:] in message
    assert harm != "fifo" or "is not a plain file" in message


@pytest.mark.parametrize("config", [False, True])
def test_a_size_that_is_not_the_blobs_is_refused(folder: Path, config: bool) -> None:
    def change(manifest: dict[str, Any]) -> None:
        (manifest["config"] if config else manifest["layers"][0])["size"] += 1

    rewritten(folder, change)
    assert "are stated" in refused(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest["layers"].clear(), "without layers"),
        (lambda manifest: manifest["layers"].pop(), "rootfs names 2 layers, the manifest 1"),
        (lambda manifest: manifest["layers"][0].update(mediaType="application/x"), "engines do not take"),
        (lambda manifest: manifest["layers"][0].update(digest="sha256:../../x"), "not sha256:"),
        (lambda manifest: manifest["layers"][0].update(size=-1), "not a number of 0 or more"),
        (lambda manifest: manifest["config"].update(mediaType="a/b"), "config is a/b"),
        (lambda manifest: manifest.update(layers={}), "layers is an object"),
    ],
)
def test_a_manifest_that_makes_no_image_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    rewritten(folder, change)
    assert message in refused(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.pop("architecture"), "architecture is"),
        (lambda config: config.pop("rootfs"), "rootfs is"),
        (lambda config: config["rootfs"].update(diff_ids=["x", "y"]), "rootfs.diff_ids[0]"),
        (lambda config: config["config"].update(Labels={"a": 1}), "config.Labels.'a'"),
        (lambda config: config.update(config="x"), "config is"),
    ],
)
def test_a_configuration_that_makes_no_image_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    rewritten(folder, change, config=True)
    assert message in refused(folder)


def test_a_plain_layer_must_be_its_own_content(tmp_path: Path) -> None:
    folder = write_layered(tmp_path / "layout", [content(1, 100)], compress=False)
    load_layout(folder)
    rewritten(folder, lambda config: config["rootfs"].update(diff_ids=["sha256:" + "0" * 64]), config=True)
    assert "is a plain tar" in refused(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("oci-layout", '{"imageLayoutVersion":"2.0.0"}', "not 1.0.0"),
        ("oci-layout", "[]", "not an object"),
        ("index.json", '{"manifests":[]}', "0 images, but one is expected"),
        ("index.json", "{", "line 1"),
        ("index.json", '{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:'
            + "0" * 64 + '","size":1}]}', "not one image"),
    ],
)  # fmt: skip
def test_a_layout_of_another_kind_is_refused(folder: Path, name: str, text: str, message: str) -> None:
    (folder / name).write_text(text)
    assert message in refused(folder)


def test_several_images_in_one_layout_are_refused(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    index["manifests"] *= 2
    (folder / "index.json").write_text(json.dumps(index))
    assert "2 images" in refused(folder)


def test_a_document_that_has_no_end_is_not_read_whole(folder: Path) -> None:
    with (folder / "index.json").open("wb") as file:
        file.truncate(10 * 1024 * 1024 * 1024)
    assert "too many for a document" in refused(folder)


def test_what_a_build_gave_is_distinguished(folder: Path, tmp_path: Path) -> None:
    description = tmp_path / "image.json"
    description.write_text('{"version":1,"image-config":{},"layers":[],"arch":"amd64"}')
    assert open_image(folder).form is ImageForm.OCI_LAYOUT
    assert open_image(description).form is ImageForm.NIX2CONTAINER


def test_what_is_not_an_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("{}")
    with pytest.raises(UsageError):
        open_image(tmp_path / "absent")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(MalformedData):
            open_image(path)
