"""`nanna-ci lock-models` as its user sees it, against a stand-in registry on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.containers.models.model_lock import DEFAULT_REGISTRY, parse_lock, render_manifest
from support import json_schemas
from support import stand_in_model_registry as registry
from support.fake_ports import FakePorts

PIPELINE = """\
[workspace]
name = "w"
[[image]]
name = "one"
contents = ["ollama"]
port = 1
[[model]]
name = "alpha:1b"
image = "one"
[[model]]
name = "beta:2b"
image = "one"
"""
SECRET = "a-token-that-nobody-may-see"
Lock = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[registry.StandIn]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with registry.serving() as serving:
        serving.add("alpha:1b", *registry.model())
        serving.add("beta:2b", *registry.model(b"other weights", params=b'{"stop":[]}'))
        yield serving


@pytest.fixture
def folder(fake_ports: FakePorts) -> Path:
    (fake_ports.cwd / "pipeline.toml").write_text(PIPELINE)
    (fake_ports.cwd / "nix").mkdir()
    return fake_ports.cwd


@pytest.fixture
def lock(fake_ports: FakePorts, folder: Path, stand_in: registry.StandIn) -> Lock:
    def run(*words: str, url: str | None = None, answers: bool = True) -> tuple[int, dict[str, Any]]:
        fake_ports.stdout.seek(0)
        fake_ports.stdout.truncate()
        code = main(["lock-models", "--format", "json", "--registry", url or stand_in.url, *words], fake_ports.ports)
        answer = json.loads(fake_ports.stdout.getvalue())
        return code, json_schemas.check(answer) if answers else answer

    return run


def written(folder: Path) -> dict[str, Any]:
    return parse_lock((folder / "nix/models.lock.json").read_bytes(), "lock")


def refused(lock: Lock, code: int, *words: str) -> str:
    seen, answer = lock(*words, answers=False)
    assert (seen, answer["verdict"]) == (code, "unavailable")
    return answer["error"]["message"]


def test_every_model_of_the_pipeline_is_locked_and_makes_its_manifest_again(
    lock: Lock, folder: Path, stand_in: registry.StandIn
) -> None:
    code, answer = lock()
    assert (code, answer["written"], [one["change"] for one in answer["models"]]) == (0, True, ["added", "added"])
    models = written(folder)
    assert list(models) == ["alpha:1b", "beta:2b"]
    for name, locked in models.items():
        repository, tag = name.split(":")
        assert render_manifest(locked.manifest) == stand_in.manifests[f"/v2/library/{repository}/manifests/{tag}"]
        assert locked.registry == stand_in.url


def test_small_blobs_are_hashed_and_of_large_ones_only_the_size_is_checked(
    lock: Lock, stand_in: registry.StandIn
) -> None:
    _, answer = lock("alpha:1b")
    assert {blob["part"]: blob["verified"] for blob in answer["models"][0]["blobs"]} == {
        "config": "digest",
        "model": "size",
        "template": "digest",
        "license": "digest",
        "params": "digest",
    }
    large = registry.digest(registry.LARGE)
    assert {one.method for one in stand_in.requests if one.path.endswith(large)} == {"HEAD"}


def test_locking_again_changes_nothing(lock: Lock, folder: Path) -> None:
    lock()
    first = (folder / "nix/models.lock.json").read_bytes()
    code, answer = lock()
    assert (code, answer["changed"], answer["written"]) == (0, False, False)
    assert (folder / "nix/models.lock.json").read_bytes() == first


def test_a_tag_that_moved_is_shown_and_refused(lock: Lock, folder: Path, stand_in: registry.StandIn) -> None:
    lock()
    first = (folder / "nix/models.lock.json").read_bytes()
    stand_in.add("alpha:1b", *registry.model(template=b"another"))
    code, answer = lock()
    assert (code, answer["verdict"], answer["written"]) == (1, "fail", False)
    assert "alpha:1b" in answer["reason"]
    assert "beta:2b" not in answer["reason"]
    assert (folder / "nix/models.lock.json").read_bytes() == first


def test_the_difference_names_what_moved(fake_ports: FakePorts, lock: Lock, stand_in: registry.StandIn) -> None:
    lock()
    stand_in.add("alpha:1b", *registry.model(template=b"another"))
    fake_ports.stdout.truncate(0)
    assert main(["lock-models", "--registry", stand_in.url], fake_ports.ports) == 1
    shown = fake_ports.stdout.getvalue()
    assert "alpha:1b:\n    manifest sha256:" in shown
    assert f"- template {registry.digest(b'{{ .Prompt }}')}, 13 bytes" in shown
    assert f"+ template {registry.digest(b'another')}, 7 bytes" in shown
    assert "license sha256" not in shown


def test_update_takes_what_moved(lock: Lock, folder: Path, stand_in: registry.StandIn) -> None:
    lock()
    before = written(folder)
    stand_in.add("alpha:1b", *registry.model(template=b"another"))
    code, answer = lock("--update")
    assert (code, answer["written"]) == (0, True)
    after = written(folder)
    assert after["alpha:1b"] != before["alpha:1b"]
    assert after["beta:2b"] == before["beta:2b"]


def test_only_the_named_model_is_requested(lock: Lock, folder: Path, stand_in: registry.StandIn) -> None:
    lock()
    stand_in.add("alpha:1b", *registry.model(template=b"another"))
    stand_in.requests.clear()
    assert lock("beta:2b")[0] == 0
    assert not [one for one in stand_in.requests if "alpha" in one.path]


def test_a_model_that_the_pipeline_dropped_is_dropped(lock: Lock, folder: Path) -> None:
    lock()
    (folder / "pipeline.toml").write_text(PIPELINE.replace("beta:2b", "alpha:1b").rpartition("[[model]]")[0])
    code, answer = lock()
    assert (code, {one["name"]: one["change"] for one in answer["models"]}) == (
        0,
        {"alpha:1b": "same", "beta:2b": "removed"},
    )
    assert list(written(folder)) == ["alpha:1b"]


def test_a_dry_run_writes_nothing(lock: Lock, folder: Path) -> None:
    code, answer = lock("--dry-run")
    assert (code, answer["changed"], answer["written"]) == (0, True, False)
    assert not (folder / "nix/models.lock.json").exists()


def test_a_locked_model_keeps_its_registry_by_default(
    fake_ports: FakePorts, lock: Lock, stand_in: registry.StandIn
) -> None:
    lock()
    stand_in.requests.clear()
    assert main(["lock-models"], fake_ports.ports) == 0
    assert stand_in.requests
    assert DEFAULT_REGISTRY not in fake_ports.stderr.getvalue()


def test_the_token_goes_to_the_registry_and_not_where_blobs_are_redirected_to(
    fake_ports: FakePorts, lock: Lock, stand_in: registry.StandIn
) -> None:
    fake_ports.environ["MODEL_REGISTRY_TOKEN"] = SECRET
    assert lock()[0] == 0
    tokens = {
        server: {one.authorization for one in stand_in.requests if one.server == server}
        for server in ("registry", "store")
    }
    assert tokens == {"registry": {f"Bearer {SECRET}"}, "store": {None}}


def test_no_token_goes_to_a_registry_that_the_lock_names_without_tls(
    fake_ports: FakePorts, lock: Lock, folder: Path, stand_in: registry.StandIn
) -> None:
    lock()
    path = folder / "nix/models.lock.json"
    path.write_text(path.read_text().replace(stand_in.url, "http://registry.example.org"))
    fake_ports.environ["MODEL_REGISTRY_TOKEN"] = SECRET
    assert main(["lock-models"], fake_ports.ports) == 4
    assert "queried over https" in fake_ports.stderr.getvalue()


def test_a_redirect_in_a_circle_is_refused(lock: Lock, folder: Path, stand_in: registry.StandIn) -> None:
    stand_in.fault(TEMPLATE, 307, location=f"{stand_in.url}/v2/library/alpha/blobs/{TEMPLATE}")
    assert "redirects" in refused(lock, 4)
    assert not (folder / "nix/models.lock.json").exists()


def test_a_wrong_token_is_named_by_its_variable_and_never_shown(
    fake_ports: FakePorts, lock: Lock, stand_in: registry.StandIn
) -> None:
    fake_ports.environ["MODEL_REGISTRY_TOKEN"] = SECRET
    stand_in.fault("/manifests/1b", 401, json.dumps({"error": f"bad token {SECRET}"}).encode())
    refused(lock, 3)
    said = fake_ports.stderr.getvalue() + fake_ports.stdout.getvalue()
    assert "MODEL_REGISTRY_TOKEN" in said
    assert SECRET not in said


def test_a_model_that_the_registry_lacks_is_a_mistake_in_pipeline_toml(
    lock: Lock, folder: Path, stand_in: registry.StandIn
) -> None:
    del stand_in.manifests["/v2/library/beta/manifests/2b"]
    assert "model beta:2b" in refused(lock, 2)
    assert not (folder / "nix/models.lock.json").exists()


def test_a_busy_registry_is_queried_again(lock: Lock, stand_in: registry.StandIn) -> None:
    def once(handler: registry.Handler) -> None:
        del stand_in.faults["/manifests/1b"]
        registry.reply(handler, 429, retry_after="0")

    stand_in.faults["/manifests/1b"] = once
    assert lock()[0] == 0


TEMPLATE = registry.digest(b"{{ .Prompt }}")
WEIGHTS = registry.digest(registry.LARGE)
HTML = b"<html><body>Please log in</body></html>"


@pytest.mark.parametrize(
    ("path_end", "status", "body", "headers", "message"),
    [
        (TEMPLATE, 200, b"{{ .Prompy }}", {}, "the template's digest is sha256:"),
        (TEMPLATE, 200, b"{{ .Prompt }} ", {}, "14 bytes, 13 in the manifest"),
        (TEMPLATE, 200, HTML, {"content_type": "text/html"}, "bytes, 13 in the manifest"),
        (TEMPLATE, 200, b"x" * (1024 * 1024 + 1), {}, "is over 1048576 bytes"),
        (WEIGHTS, 200, b"short", {}, "5 bytes there, 1,600,000 in the manifest"),
        ("/manifests/1b", 200, HTML, {"content_type": "text/html; charset=utf-8"}, "the answer is HTML"),
        ("/manifests/1b", 200, b"[]", {}, "not an object"),
        ("/manifests/1b", 200, b"{" * 100_000, {}, "line 1"),
        ("/manifests/1b", 200, b'{"schemaVersion":1}', {}, "schemaVersion is 1, not 2"),
    ],
)
def test_what_is_not_what_the_manifest_says_is_refused(
    lock: Lock,
    folder: Path,
    stand_in: registry.StandIn,
    path_end: str,
    status: int,
    body: bytes,
    headers: dict[str, str],
    message: str,
) -> None:
    stand_in.fault(path_end, status, body, **headers)
    assert message in refused(lock, 4)
    assert not (folder / "nix/models.lock.json").exists()


def test_a_size_is_requested_as_stored_and_not_as_compressed(lock: Lock, stand_in: registry.StandIn) -> None:
    def packing(handler: registry.Handler) -> None:
        length = len(registry.LARGE) if handler.headers["accept-encoding"] == "identity" else 1000
        registry.reply(handler, 200, content_length=str(length))

    stand_in.faults[WEIGHTS] = packing
    assert lock("alpha:1b")[0] == 0


def test_a_size_that_nobody_tells_is_not_made_up(lock: Lock, stand_in: registry.StandIn) -> None:
    def silent(handler: registry.Handler) -> None:
        handler.send_response(200)
        handler.end_headers()

    stand_in.faults[WEIGHTS] = silent
    assert "does not say how large" in refused(lock, 4)


def test_a_manifest_that_its_own_header_contradicts_is_refused(lock: Lock, stand_in: registry.StandIn) -> None:
    manifest, _ = registry.model()
    stand_in.fault("/manifests/1b", 200, manifest, docker_content_digest="sha256:" + "0" * 64)
    assert "docker-content-digest is" in refused(lock, 4)


def test_a_manifest_that_cannot_be_made_again_is_refused(lock: Lock, stand_in: registry.StandIn) -> None:
    manifest, _ = registry.model()
    stand_in.fault("/manifests/1b", 200, manifest.replace(b'"layers":[{', b'"layers":[{"name":"tensor",'))
    assert "says more than a lock can hold" in refused(lock, 4)


def test_a_lock_that_someone_edited_is_refused(lock: Lock, folder: Path) -> None:
    lock()
    path = folder / "nix/models.lock.json"
    path.write_text(path.read_text().replace('"sizeBytes": 13', '"sizeBytes": 14'))
    assert "manifest.digest is not that of the parts" in refused(lock, 4)


@pytest.mark.parametrize(
    "url",
    ["http://registry.example.org", "ftp://127.0.0.1", "registry.example.org", "https://u:p@h", "https://h/path", "-x"],
)
def test_a_registry_that_is_not_an_https_url_is_refused_before_any_request(
    fake_ports: FakePorts, lock: Lock, stand_in: registry.StandIn, url: str
) -> None:
    words = ["lock-models", f"--registry={url}"]
    assert main(words, fake_ports.ports) == 2
    assert not stand_in.requests


def test_an_unknown_model_is_refused_with_those_that_are_known(fake_ports: FakePorts, lock: Lock) -> None:
    assert main(["lock-models", "gamma:1b"], fake_ports.ports) == 2
    assert "known: alpha:1b, beta:2b" in fake_ports.stderr.getvalue()


def test_without_its_folder_the_lock_is_not_written_elsewhere(fake_ports: FakePorts, lock: Lock, folder: Path) -> None:
    (folder / "nix").rmdir()
    assert main(["lock-models"], fake_ports.ports) == 2
    assert "--lock" in fake_ports.stderr.getvalue()
