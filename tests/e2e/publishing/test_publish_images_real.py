"""`publish-images` with the real skopeo and cosign against a real registry: what is pushed, and how often.

Needs docker-registry, skopeo, cosign and openssl on PATH.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import nanna_ci
from support import local_registry
from support.fake_layered_images import content, digests_of, write_layered
from support.publish_runs import REVISION, Publish
from support.registry_contents import digest, raw, states, tags, trusting


def test_two_architectures_over_tls_with_a_login(
    guarded: local_registry.Registry, publish: Publish, images: dict[str, Path]
) -> None:
    answer = publish(f"{guarded.address}/OWNER", environ=trusting(guarded))
    assert (answer.code, answer.data["published"]) == (0, True), answer.said
    amd64, arm64 = digests_of(images["amd64"])[0], digests_of(images["arm64"])[0]
    index = json.loads(raw(guarded, "owner/app:latest"))
    assert {one["platform"]["architecture"]: one["digest"] for one in index["manifests"]} == {
        "amd64": amd64,
        "arm64": arm64,
    }
    assert index["annotations"]["org.opencontainers.image.source"] == "https://example.org/w"
    whole = answer.data["images"][0]["index"]
    assert tags(guarded, "owner/app") == {
        REVISION: whole,
        "latest": whole,
        f"{REVISION}-arm64": arm64,
        "latest-arm64": arm64,
    }
    assert digest(raw(guarded, f"owner/app@{amd64}")) == amd64


def test_one_architecture_is_published_as_itself_without_tls(
    plain: local_registry.Registry, publish: Publish, images: dict[str, Path]
) -> None:
    answer = publish(f"http://{plain.address}/owner", "--unsigned", image="lone", key=None)
    assert answer.code == 0, answer.said
    only = digests_of(images["lone"])[0]
    assert answer.data["images"][0]["index"] is None
    assert tags(plain, "owner/lone") == {REVISION: only, "latest": only}


def test_plain_tar_layers_keep_their_digests(
    plain: local_registry.Registry, publish: Publish, images: dict[str, Path]
) -> None:
    publish(f"http://{plain.address}/owner", "--unsigned", image="lone", key=None)
    manifest = json.loads(raw(plain, "owner/lone:latest"))
    assert [layer["digest"] for layer in manifest["layers"]] == digests_of(images["lone"])[1]


def test_the_same_again_sends_nothing_and_adds_no_signature(
    plain: local_registry.Registry, publish: Publish, images: dict[str, Path]
) -> None:
    with local_registry.counting(plain) as counts:
        to = f"http://{counts.address}/owner"
        first = publish(to)
        assert states(first, "tags") == states(first, "signatures") == {"done"}, first.said
        signature = raw(plain, f"owner/app:sha256-{first.data['images'][0]['digest'][7:]}.sig")
        counts.clear()
        again = publish(to)
        assert (again.code, states(again, "tags"), states(again, "signatures")) == (0, {"present"}, {"present"})
        assert counts.blob_bytes == 0
        layers = [one for path in ("amd64", "arm64") for one in digests_of(images[path])[1]]
        assert max(len(counts.of_blob(one)) for one in layers) <= 2
        assert raw(plain, f"owner/app:sha256-{first.data['images'][0]['digest'][7:]}.sig") == signature


def test_a_changed_application_layer_is_all_that_is_sent(
    plain: local_registry.Registry, publish: Publish, tmp_path: Path
) -> None:
    base = content(1, 2_000_000)
    before = write_layered(tmp_path / "before", [base, content(7, 30_000)])
    after = write_layered(tmp_path / "after", [base, content(8, 30_000)])
    with local_registry.counting(plain) as counts:
        to = f"http://{counts.address}/owner"
        publish(to, "--unsigned", image="lone", key=None, sources={"lone": before})
        counts.clear()
        answer = publish(to, "--unsigned", image="lone", key=None, sources={"lone": after}, revision="2" * 40)
        assert answer.code == 0
        _, (shared, changed) = digests_of(after)
        config = json.loads(raw(plain, "owner/lone:latest"))["config"]
        sizes = {path.name: path.stat().st_size for path in (after / "blobs/sha256").iterdir()}
        assert counts.blob_bytes == sizes[changed[7:]] + config["size"]
        assert {one.method for one in counts.of_blob(shared)} == {"HEAD"}
        assert len(counts.of_blob(shared)) <= 2


def test_a_commits_tag_is_not_moved_unless_requested(
    plain: local_registry.Registry, publish: Publish, tmp_path: Path
) -> None:
    to = f"http://{plain.address}/owner"
    publish(to, "--unsigned", image="lone", key=None)
    before = tags(plain, "owner/lone")
    other = write_layered(tmp_path / "other", [content(9, 1000)])
    answer = publish(to, "--unsigned", image="lone", key=None, sources={"lone": other})
    assert (answer.code, answer.data["verdict"]) == (1, "fail")
    assert before[REVISION] in answer.data["reason"]
    assert tags(plain, "owner/lone") == before
    answer = publish(to, "--unsigned", "--clobber", image="lone", key=None, sources={"lone": other})
    assert answer.code == 0
    assert set(tags(plain, "owner/lone").values()) == {digests_of(other)[0]}


def test_a_spoilt_blob_is_refused_before_anything_is_pushed(
    plain: local_registry.Registry, publish: Publish, images: dict[str, Path]
) -> None:
    layer = images["arm64"] / "blobs/sha256" / digests_of(images["arm64"])[1][0][7:]
    data = bytearray(layer.read_bytes())
    data[1000] ^= 1
    layer.write_bytes(data)
    answer = publish(f"http://{plain.address}/owner")
    assert answer.code == 4
    assert "its digest is" in answer.said
    assert not tags(plain, "owner/app")


def test_a_registry_that_is_not_there_is_named(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanna_ci.containers.registry.skopeo._RETRIES", "0")  # its waits between them take seconds
    answer = publish("http://127.0.0.1:9/owner", "--unsigned", image="lone", key=None)
    assert (answer.code, answer.data["verdict"]) == (3, "unavailable")
    assert "127.0.0.1:9" in answer.data["reason"]


def test_on_github_the_references_go_on_to_later_steps(
    plain: local_registry.Registry, publish: Publish, tmp_path: Path
) -> None:
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"
    outputs.touch()
    summary.touch()
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_OUTPUT": str(outputs),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    answer = publish(f"http://{plain.address}/owner", "--unsigned", key=None, environ=environ)
    value = next(line for line in outputs.read_text().splitlines() if line.startswith("["))
    (image,) = answer.data["images"]
    assert json.loads(value) == [
        {
            "name": "app",
            "architecture": one["architecture"],
            "reference": f"{plain.address}/owner/app@{one['digest']}",
            "index": f"{plain.address}/owner/app@{image['index']}",
        }
        for one in image["architectures"]
    ]
    assert "Images: published" in summary.read_text()


def start(work: Path, environment: Mapping[str, str], *words: str) -> subprocess.Popen[bytes]:
    scripts = Path(nanna_ci.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-m", "nanna_ci", "publish-images", *words],
        cwd=work,
        env={**environment, "PYTHONPATH": str(scripts)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def family(pid: int) -> list[int]:
    """A process and its children."""
    found = [pid]
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_push_that_dies_half_way_is_finished_by_the_next(
    plain: local_registry.Registry,
    publish: Publish,
    work: Path,
    environment: dict[str, str],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    layout = write_layered(tmp_path / "large", [content(10, 400_000), content(11, 6_000_000), content(12, 5_000)])
    with local_registry.counting(plain) as counts:
        to = f"http://{counts.address}/owner"
        words = ["lone", "--to", to, "--revision", REVISION, "--unsigned", "--from", f"lone={layout}"]
        child = start(work, environment, *words)

        def die(uploaded: int) -> None:
            if uploaded > 2_000_000:
                counts.on_bytes = None
                for pid in family(child.pid) if number == signal.SIGKILL else [child.pid]:
                    os.kill(pid, number)

        counts.on_bytes = die
        _, said = child.communicate(timeout=120)
        assert child.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
        if number == signal.SIGTERM:
            assert b"not finished: lone" in said
            assert not list(Path(environment["TMPDIR"]).iterdir())
        assert REVISION not in tags(plain, "owner/lone")
        answer = publish(to, "--unsigned", image="lone", key=None, sources={"lone": layout})
        assert (answer.code, states(answer, "tags")) == (0, {"done"}), answer.said
        assert tags(plain, "owner/lone")["latest"] == digests_of(layout)[0]
