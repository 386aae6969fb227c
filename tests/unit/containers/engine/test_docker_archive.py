"""A layout as the tar that docker reads."""

from __future__ import annotations

import io
import json
import tarfile

from nanna_ci.containers.engine.docker import archive_chunks
from nanna_ci.containers.image.oci_layout import load_layout
from support.fake_images import write_layout


def test_the_tar_has_the_layouts_blobs_and_both_kinds_of_manifest(tmp_path):
    layout = load_layout(write_layout(tmp_path / "x", {"bin/a": b"a" * 3_000_001}, entrypoint=["/bin/a"]))
    chunks = list(archive_chunks(layout, "localhost/nanna-ci-test:r.1.x"))
    assert max(map(len, chunks)) <= 1024 * 1024
    data = b"".join(chunks)
    assert (len(data) % 512, data[-1024:]) == (0, bytes(1024))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = {member.name: file.read() for member in archive if (file := archive.extractfile(member)) is not None}
    blobs = {f"blobs/sha256/{path.name}": path.read_bytes() for path in (tmp_path / "x/blobs/sha256").iterdir()}
    assert {name: data for name, data in files.items() if name.startswith("blobs/")} == blobs
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == ["localhost/nanna-ci-test:r.1.x"]
    assert entry["Config"] == f"blobs/sha256/{layout.config_digest.removeprefix('sha256:')}"
    assert entry["Layers"] == [f"blobs/sha256/{blob.digest.removeprefix('sha256:')}" for blob in layout.layers]
    (top,) = json.loads(files["index.json"])["manifests"]
    assert top["digest"] == layout.manifest_digest
    assert top["annotations"]["io.containerd.image.name"] == "localhost/nanna-ci-test:r.1.x"


def test_a_layer_that_comes_twice_is_sent_once(tmp_path):
    layout = load_layout(write_layout(tmp_path / "x", {"bin/a": b"a"}, entrypoint=["/bin/a"]))
    doubled = type(layout)(
        layout.path, layout.manifest, layout.config_digest, layout.config, layout.layers * 2, layout.size_bytes
    )
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive_chunks(doubled, "t:1")))) as archive:
        names = archive.getnames()
    assert len(names) == len(set(names))
