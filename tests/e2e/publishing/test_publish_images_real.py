"""`publish-images` with the real skopeo and cosign against a real registry.

Needs docker-registry, skopeo, cosign and openssl on PATH.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import local_registry
import nanna_ci
from layered_layouts import content, digests_of, write_layered
from local_registry import PASSWORD, USER
from publishing import REVISION, Answer, Publish

LOGIN = {"REGISTRY_USERNAME": USER, "REGISTRY_PASSWORD": PASSWORD}


def trusting(registry: local_registry.Registry) -> dict[str, str]:
    assert registry.certificates is not None
    return {"SSL_CERT_FILE": str(registry.certificates.authority), **LOGIN}


def raw(registry: local_registry.Registry, name: str) -> bytes:
    """A manifest by the registry's own files, past every client: NAME:TAG or NAME@DIGEST."""
    repository, colon, tag = name.partition("@") if "@" in name else name.partition(":")
    root = registry.data / "docker/registry/v2"
    link = root / "repositories" / repository / "_manifests"
    kind = link / "revisions/sha256" / tag[7:] / "link" if colon == "@" else link / "tags" / tag / "current/link"
    hexadecimal = kind.read_text().removeprefix("sha256:")
    return (root / "blobs/sha256" / hexadecimal[:2] / hexadecimal / "data").read_bytes()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tags(registry: local_registry.Registry, repository: str) -> dict[str, str]:
    """Tag to digest; cosign's own tags left out."""
    folder = registry.data / "docker/registry/v2/repositories" / repository / "_manifests/tags"
    found = {path.name: (path / "current/link").read_text() for path in folder.iterdir()} if folder.is_dir() else {}
    return {name: target for name, target in found.items() if not name.startswith("sha256-")}


def cosign(environ: Mapping[str, str], *words: str) -> int:
    done = subprocess.run(["cosign", *words], env=dict(environ), capture_output=True, check=False, timeout=60)
    return done.returncode


def states(answer: Answer, what: str) -> set[str]:
    return {one["state"] for image in answer.data["images"] for one in image[what]}


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


def test_every_digest_is_signed_and_other_keys_do_not_verify_it(
    plain: local_registry.Registry, publish: Publish, environment: dict[str, str], keys: Path
) -> None:
    answer = publish(f"http://{plain.address}/owner")
    signed = [one["digest"] for one in answer.data["images"][0]["signatures"]]
    assert len(signed) == 3
    flags = ("verify", "--insecure-ignore-tlog=true", "--allow-http-registry", "--key")
    for one in signed:
        reference = f"{plain.address}/owner/app@{one}"
        assert cosign(environment, *flags, str(keys / "ours.pub"), reference) == 0
        assert cosign(environment, *flags, str(keys / "other.pub"), reference) == 12


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


def test_the_login_is_in_no_argument_and_in_no_output(
    guarded: local_registry.Registry, publish: Publish, environment: dict[str, str]
) -> None:
    answer = publish(f"{guarded.address}/owner", "-v", image="lone", environ=trusting(guarded))
    forms = (PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
    for form in forms:
        assert form not in answer.said
        assert not [argv for argv in answer.argvs if any(form in word for word in argv)]
        assert not [environ for environ in answer.environs if form in environ.values()]
    assert {Path(argv[0]).name for argv in answer.argvs} == {"skopeo", "cosign"}
    assert not list(Path(environment["TMPDIR"]).iterdir())


def test_a_wrong_password_fails_with_a_hint_and_is_not_shown(
    guarded: local_registry.Registry, publish: Publish
) -> None:
    wrong = "another-password-that-is-wrong"
    environ = {**trusting(guarded), "REGISTRY_PASSWORD": wrong}
    answer = publish(f"{guarded.address}/owner", "--unsigned", key=None, environ=environ)
    assert (answer.code, answer.data["verdict"], answer.data["published"]) == (3, "unavailable", False)
    assert states(answer, "tags") == {"open"}
    assert wrong not in answer.said


def test_without_a_login_the_hint_names_the_variables(guarded: local_registry.Registry, publish: Publish) -> None:
    authority = {"SSL_CERT_FILE": trusting(guarded)["SSL_CERT_FILE"]}
    answer = publish(f"{guarded.address}/owner", "--unsigned", key=None, environ=authority)
    assert answer.code == 3
    assert guarded.address in answer.data["reason"]


@pytest.mark.parametrize("kept_for", ["", "/owner", "/owner/lone"])
def test_an_auth_file_is_taken_also_for_a_longer_path_and_beside_other_logins(
    guarded: local_registry.Registry, publish: Publish, tmp_path: Path, kept_for: str
) -> None:
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    file = tmp_path / "auth.json"
    wrong = base64.b64encode(b"other:wrong").decode()
    logins = {f"{guarded.address}/{name}": {"auth": wrong} for name in ("a", "b", "c", "owner/b")}
    file.write_text(json.dumps({"auths": {**logins, f"{guarded.address}{kept_for}": {"auth": auth}}}))
    environ = {"SSL_CERT_FILE": trusting(guarded)["SSL_CERT_FILE"]}
    answer = publish(f"{guarded.address}/owner", "--auth-file", str(file), image="lone", environ=environ)
    assert answer.code == 0, answer.said
    assert auth not in answer.said


def test_a_certificate_that_nobody_vouches_for_is_refused(guarded: local_registry.Registry, publish: Publish) -> None:
    answer = publish(f"{guarded.address}/owner", "--unsigned", key=None, environ=LOGIN)
    assert answer.code == 3
    assert "certificate" in answer.said
    assert not tags(guarded, "owner/app")


def test_a_commits_tag_is_not_moved_unless_told(
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


def test_latest_stays_where_it_is_when_signing_fails(
    plain: local_registry.Registry, publish: Publish, tmp_path: Path
) -> None:
    to = f"http://{plain.address}/owner"
    publish(to, image="lone")
    before = tags(plain, "owner/lone")["latest"]
    other = write_layered(tmp_path / "other", [content(9, 1000)])
    broken = tmp_path / "cosign"
    broken.write_text('#!/bin/sh\n[ "$1 $2" != "sign --yes" ] && exec cosign "$@"\n')
    broken.chmod(0o755)
    environ = {"NANNA_CI_COSIGN": str(broken)}
    answer = publish(to, image="lone", sources={"lone": other}, revision="2" * 40, environ=environ)
    assert (answer.code, states(answer, "signatures")) == (3, {"open"})
    assert {one["tag"]: one["state"] for one in answer.data["images"][0]["tags"]} == {
        "2" * 40: "done",
        "latest": "open",
    }
    assert tags(plain, "owner/lone")["latest"] == before
    again = publish(to, image="lone", sources={"lone": other}, revision="2" * 40)
    assert again.code == 0
    assert {one["tag"]: one["state"] for one in again.data["images"][0]["tags"]} == {
        "2" * 40: "present",
        "latest": "done",
    }


def test_a_key_that_cannot_be_opened_stops_everything_before_the_first_push(
    plain: local_registry.Registry, publish: Publish
) -> None:
    answer = publish(f"http://{plain.address}/owner", image="lone", environ={"COSIGN_PASSWORD": "wrong"})
    assert answer.code == 3
    assert "COSIGN_PASSWORD" in answer.said
    assert not tags(plain, "owner/lone")


def test_a_signature_of_another_image_does_not_count(
    plain: local_registry.Registry, publish: Publish, images: dict[str, Path], tmp_path: Path
) -> None:
    """What someone copies to the place of the signature is about another subject: it is signed anew."""
    to = f"http://{plain.address}/owner"
    first = publish(to, image="lone").data["images"][0]["digest"]
    other = write_layered(tmp_path / "other", [content(9, 1000)])
    publish(to, "--unsigned", image="lone", key=None, sources={"lone": other}, revision="2" * 40)
    second = digests_of(other)[0]
    folder = plain.data / "docker/registry/v2/repositories/owner/lone/_manifests/tags"
    stolen, place = folder / f"sha256-{first[7:]}.sig", folder / f"sha256-{second[7:]}.sig"
    place.joinpath("current").mkdir(parents=True)
    place.joinpath("current/link").write_bytes(stolen.joinpath("current/link").read_bytes())
    answer = publish(to, image="lone", sources={"lone": other}, revision="2" * 40)
    assert (answer.code, states(answer, "signatures")) == (0, {"done"})


def test_sbom_and_provenance_are_attested_once(
    plain: local_registry.Registry, publish: Publish, images: dict[str, Path], tmp_path: Path
) -> None:
    to = f"http://{plain.address}/owner"
    subject = digests_of(images["lone"])[0]
    sbom, provenance = tmp_path / "sbom.json", tmp_path / "provenance.json"
    sbom.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [], "own": {"b": 1.5}}))
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "lone", "digest": {"sha256": subject[7:]}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": {"buildType": "https://example.org/x", "unusual": True}, "runDetails": {}},
    }
    provenance.write_text(json.dumps(statement))
    flags = ("--sbom", f"lone={sbom}", "--provenance", f"lone={provenance}")
    first, again = publish(to, *flags, image="lone"), publish(to, *flags, image="lone")
    assert (first.code, states(first, "attestations")) == (0, {"done"}), first.said
    assert (again.code, states(again, "attestations")) == (0, {"present"})
    assert {(one["digest"], one["predicateType"]) for one in first.data["images"][0]["attestations"]} == {
        (subject, "https://cyclonedx.org/bom"),
        (subject, "https://slsa.dev/provenance/v1"),
    }
    sbom.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "new"}]}))
    changed = publish(to, *flags, image="lone")
    assert sorted(one["state"] for one in changed.data["images"][0]["attestations"]) == ["done", "present"]
    attested = json.loads(raw(plain, f"owner/lone:sha256-{subject[7:]}.att"))
    assert len(attested["layers"]) == 2, "the new SBOM takes the place of the old one, beside the provenance"


def test_provenance_of_another_image_is_refused_before_anything_is_pushed(
    plain: local_registry.Registry, publish: Publish, tmp_path: Path
) -> None:
    provenance = tmp_path / "provenance.json"
    statement: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": "0" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    provenance.write_text(json.dumps(statement))
    answer = publish(f"http://{plain.address}/owner", "--provenance", f"app={provenance}")
    assert answer.code == 1
    assert "is not about sha256:" in answer.said
    assert not tags(plain, "owner/app")


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
    monkeypatch.setattr("nanna_ci.containers.skopeo._RETRIES", "0")  # its waits between them take seconds
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
