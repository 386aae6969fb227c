"""The lock of models: the file that is shipped, what is refused, and what a difference says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.containers.image.blob import Blob, digest_of
from nanna_ci.containers.models.model_lock import (
    MANIFEST_TYPE,
    LockedModel,
    Manifest,
    ModelChange,
    compare_locks,
    parse_lock,
    parse_manifest,
    render_lock,
    render_manifest,
)
from nanna_ci.foundation.errors import MalformedData

SHIPPED = Path(__file__).resolve().parents[4] / "nix/models.lock.json"


def blob(part: str, size: int = 3) -> Blob:
    return Blob(f"application/vnd.ollama.image.{part}", digest_of(f"{part}{size}".encode()), size)


def locked(*layers: Blob) -> LockedModel:
    manifest = Manifest(MANIFEST_TYPE, blob("config"), layers or (blob("model"), blob("params")))
    digest = digest_of(render_manifest(manifest))
    return LockedModel("https://registry.example.org", "library/m", "1b", manifest, digest)


def document(**changes: Any) -> bytes:
    made = json.loads(render_lock({"m:1b": locked()}))
    made["models"]["m:1b"] |= changes
    return json.dumps(made).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(MalformedData, match=r"^lock") as caught:
        parse_lock(data, "lock")
    return caught.value.message


def test_the_shipped_lock_is_what_the_command_would_write() -> None:
    data = SHIPPED.read_bytes()
    models = parse_lock(data, "lock")
    assert render_lock(models) == data


def test_the_shipped_models_have_the_ids_that_ollama_shows() -> None:
    models = parse_lock(SHIPPED.read_bytes(), "lock")
    assert {name: model.manifest_digest[7:19] for name, model in models.items()} == {
        "llama3:8b": "365c0bd3c000",
        "qwen3:0.6b": "7df6b6e09427",
    }


def test_a_manifest_is_rendered_as_the_registry_writes_it() -> None:
    manifest = Manifest(MANIFEST_TYPE, Blob("a/c", "sha256:" + "0" * 64, 1), (Blob("a/l", "sha256:" + "1" * 64, 2),))
    assert render_manifest(manifest).decode() == (
        '{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",'
        '"config":{"mediaType":"a/c","digest":"sha256:' + "0" * 64 + '","size":1},'
        '"layers":[{"mediaType":"a/l","digest":"sha256:' + "1" * 64 + '","size":2}]}'
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"registry": "registry.example.org"}, "not a URL of a registry"),
        ({"registry": "https://registry.example.org/a"}, "not a URL of a registry"),
        ({"registry": "https://registry.example.org:x"}, "not a URL of a registry"),
        ({"registry": "https://registry example.org"}, "not a URL of a registry"),
        ({"registry": "http://registry.example.org"}, "queried over https"),
        ({"registry": "https://user:secret@registry.example.org"}, "registry: a registry's URL has no login in it"),
        ({"registry": None}, "registry is 'null'"),
        ({"repository": "library/../m"}, "not what the name stands for"),
        ({"tag": "2b"}, "not what the name stands for"),
        ({"config": {"mediaType": "a/b", "digest": "sha256:" + "A" * 64, "sizeBytes": 1}}, "config.digest"),
        ({"config": {"mediaType": "a/b", "digest": "md5:0", "sizeBytes": 1}}, "config.digest"),
        ({"config": {"mediaType": "a/b\n", "digest": "sha256:" + "0" * 64, "sizeBytes": 1}}, "config.mediaType"),
        ({"config": {"mediaType": "a/b", "digest": "sha256:" + "0" * 64, "sizeBytes": -1}}, "config.sizeBytes"),
        ({"config": {"mediaType": "a/b", "digest": "sha256:" + "0" * 64, "sizeBytes": True}}, "config.sizeBytes"),
        ({"layers": []}, "not that of the parts"),
        ({"layers": {}}, "layers is an object"),
        ({"manifest": {"mediaType": MANIFEST_TYPE, "digest": "sha256:" + "0" * 64}}, "not that of the parts"),
    ],
)
def test_a_lock_that_does_not_hang_together_is_refused(change: dict[str, Any], message: str) -> None:
    assert message in refusal(document(**change))


@pytest.mark.parametrize("version", [0, 2, "1", None, True])
def test_another_version_is_refused(version: object) -> None:
    assert "schemaVersion" in refusal(json.dumps({"schemaVersion": version, "models": {}}).encode())


@pytest.mark.parametrize("name", ["m", "../m:1b", "M:1b", "m:", "a/b:1b"])
def test_a_name_that_is_not_a_model_of_the_library_is_refused(name: str) -> None:
    made = json.loads(render_lock({"m:1b": locked()}))
    refusal(json.dumps(made | {"models": {name: made["models"]["m:1b"]}}).encode())


def test_a_manifest_list_is_refused() -> None:
    data = render_manifest(locked().manifest).replace(b"manifest.v2", b"manifest.list.v2")
    with pytest.raises(MalformedData, match=r"not application/vnd.docker.distribution.manifest.v2"):
        parse_manifest(data, "m")


@pytest.mark.parametrize("count", [0, 65])
def test_a_manifest_of_no_or_of_endless_layers_is_refused(count: int) -> None:
    manifest = replace(locked().manifest, layers=tuple(blob("model") for _ in range(count)))
    with pytest.raises(MalformedData, match=f"{count} layers, but a model has 1 to 64"):
        parse_manifest(render_manifest(manifest), "m")


@pytest.mark.parametrize("spoil", [lambda data: data + b"\n", lambda data: data.replace(b":2,", b": 2,")])
def test_a_manifest_of_other_bytes_is_refused(spoil: Any) -> None:
    with pytest.raises(MalformedData, match="more than a lock can hold"):
        parse_manifest(spoil(render_manifest(locked().manifest)), "m")


def test_a_difference_says_what_went_and_what_came() -> None:
    before, after = locked(), locked(blob("model"), blob("params", 4))
    (found,) = compare_locks({"m:1b": before}, {"m:1b": after})
    assert found.change is ModelChange.CHANGED
    assert [line[:8] for line in found.lines[1:]] == ["- params", "+ params"]


def test_another_order_of_the_same_parts_is_a_change() -> None:
    (found,) = compare_locks({"m:1b": locked()}, {"m:1b": locked(blob("params"), blob("model"))})
    assert (found.change, len(found.lines)) == (ModelChange.CHANGED, 1)


def test_another_registry_with_the_same_content_is_shown_and_no_change() -> None:
    elsewhere = replace(locked(), registry="https://mirror.example.org")
    (found,) = compare_locks({"m:1b": locked()}, {"m:1b": elsewhere})
    assert (found.change, found.lines) == (
        ModelChange.SAME,
        ("registry https://registry.example.org -> https://mirror.example.org",),
    )


def test_models_that_came_and_went_are_distinguished() -> None:
    changes = {one.name: one.change for one in compare_locks({"a:1": locked()}, {"b:1": locked()})}
    assert changes == {"a:1": ModelChange.REMOVED, "b:1": ModelChange.ADDED}
