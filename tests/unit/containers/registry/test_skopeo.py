"""How skopeo is called, and what its answers mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.containers.image.blob import Blob, digest_of
from nanna_ci.containers.image.oci_layout import MANIFEST_TYPE, ImageConfig, ImageForm, ImageSource, Layout
from nanna_ci.containers.registry.reference import Repository
from nanna_ci.containers.registry.skopeo import AccessDenied, Skopeo
from nanna_ci.foundation.errors import CommandFailed, MalformedData, UsageError
from support.fake_ports import FakeRun

REPOSITORY = Repository("ghcr.io", "owner/app")
LOCAL = Repository("127.0.0.1:5000", "owner/app", plain_http=True)
LAYOUT = Layout(
    Path("/layout"),
    Blob(MANIFEST_TYPE, digest_of(b"manifest"), 8),
    digest_of(b"config"),
    ImageConfig("amd64", "linux", {}),
    (Blob("a/b", digest_of(b"layer"), 5),),
    9,
)
FATAL = b'time="2026-01-01T00:00:00Z" level=fatal msg="reading manifest: %b"\n'


def skopeo(run: FakeRun, **more: object) -> Skopeo:
    return Skopeo(run, environ={"HOME": "/home"}, **more)  # type: ignore[arg-type]


def test_a_digest_is_that_of_the_manifests_own_bytes() -> None:
    run = FakeRun()
    run.script("skopeo", stdout=b"manifest")
    assert skopeo(run).query_digest(REPOSITORY, "latest") == digest_of(b"manifest")
    assert run.calls[0].argv[-1] == "docker://ghcr.io/owner/app:latest"


def test_what_the_registry_lacks_is_none() -> None:
    run = FakeRun()
    run.script("skopeo", returncode=2, stderr=FATAL % b"manifest unknown")
    assert skopeo(run).query_digest(REPOSITORY, "latest") is None


def test_a_registry_that_answers_with_another_image_is_refused() -> None:
    run = FakeRun()
    run.script("skopeo", stdout=b"another")
    with pytest.raises(MalformedData, match="answered with sha256:"):
        skopeo(run).query_digest(REPOSITORY, digest_of(b"manifest"))


@pytest.mark.parametrize(
    "said",
    [
        b"unauthorized: x",
        b"requested access to the resource is denied",
        b"authentication required",
        b"received unexpected HTTP status: 403 x",
        b"StatusCode: 401, x",
    ],
)
def test_a_refusal_says_how_to_log_in(said: bytes) -> None:
    run = FakeRun()
    run.script("skopeo", returncode=1, stderr=FATAL % said)
    with pytest.raises(AccessDenied, match=r"^ghcr\.io/owner/app: reading manifest: ") as caught:
        skopeo(run).query_digest(REPOSITORY, "latest")
    assert "REGISTRY_PASSWORD" in str(caught.value.hint)


@pytest.mark.parametrize("said", [b"dial tcp 127.0.0.1:403: connection refused", b"open /x.crt: permission denied"])
def test_a_port_and_a_file_of_ours_are_not_a_refusal(said: bytes) -> None:
    run = FakeRun()
    run.script("skopeo", returncode=1, stderr=FATAL % said)
    with pytest.raises(CommandFailed):
        skopeo(run).query_digest(REPOSITORY, "latest")


def test_other_errors_are_reported_in_skopeos_words_without_decoration() -> None:
    run = FakeRun()
    run.script("skopeo", returncode=1, stderr=FATAL % rb"connection \"refused\"")
    with pytest.raises(CommandFailed, match=r'^skopeo exited with 1: reading manifest: connection "refused"$'):
        skopeo(run).query_digest(REPOSITORY, "latest")


def test_an_image_goes_up_as_it_is() -> None:
    run = FakeRun()
    run.script("skopeo")
    skopeo(run).push(LAYOUT, REPOSITORY, "latest")
    skopeo(run).push(LAYOUT, REPOSITORY, None)
    by_tag, by_digest = (call.argv for call in run.calls)
    assert "--preserve-digests" in by_tag
    assert by_tag[-2:] == ("oci:/layout", "docker://ghcr.io/owner/app:latest")
    assert by_digest[-1] == f"docker://ghcr.io/owner/app@{LAYOUT.manifest_digest}"
    assert not [word for word in by_tag if "tls-verify" in word]


def test_without_tls_only_if_the_repository_says_so() -> None:
    run = FakeRun()
    run.script("skopeo")
    skopeo(run).push(LAYOUT, LOCAL, "latest")
    skopeo(run).query_digest(LOCAL, "latest")
    assert "--dest-tls-verify=false" in run.calls[0].argv
    assert "--tls-verify=false" in run.calls[1].argv


def test_the_login_goes_by_file_and_its_secrets_are_taken_out() -> None:
    run = FakeRun()
    run.script("skopeo")
    with_login = skopeo(run, login=Path("/login"), secrets=("hunter2hunter2",))
    with_login.push(LAYOUT, REPOSITORY, "latest")
    call = run.calls[0]
    assert call.argv[-4:-2] == ("--dest-authfile", "/login/config.json")
    assert call.options["secrets"] == ("hunter2hunter2",)


def test_the_toolkits_own_program_is_run() -> None:
    run = FakeRun()
    run.script("/store/skopeo", stdout=b"manifest")
    program = Skopeo(run, environ={"NANNA_CI_SKOPEO": "/store/skopeo"})
    assert program.query_digest(REPOSITORY, "latest") == digest_of(b"manifest")


def test_a_bad_tag_starts_nothing() -> None:
    run = FakeRun()
    with pytest.raises(UsageError):
        skopeo(run).query_digest(REPOSITORY, "-latest")
    assert not run.calls


def test_an_image_of_nix2container_needs_the_skopeo_that_reads_it(tmp_path: Path) -> None:
    run = FakeRun()
    run.script("skopeo", returncode=1, stderr=FATAL % b"unknown transport nix")
    with pytest.raises(CommandFailed) as caught:
        skopeo(run).layout_of(ImageSource(Path("/image.json"), ImageForm.NIX2CONTAINER), tmp_path / "layout")
    assert "nix2container" in str(caught.value.hint)
    assert run.calls[0].argv[-2:] == ("nix:/image.json", f"oci:{tmp_path}/layout")
