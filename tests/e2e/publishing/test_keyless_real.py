"""Keyless signatures as in CI: the real cosign and registry, and a stand-in for Sigstore's services.

Needs docker-registry, skopeo, cosign and openssl (3.4 or later) on PATH.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import local_registry, stand_in_sigstore
from support.publish_runs import REVISION, Answer, Publish

IDENTITY = "https://github.com/owner/repo/.github/workflows/ci.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stand_in_sigstore.Sigstore]:
    with stand_in_sigstore.serving(tmp_path_factory.mktemp("sigstore") / "services") as running:
        yield running


@pytest.fixture
def on_github(
    plain: local_registry.Registry, publish: Publish, sigstore: stand_in_sigstore.Sigstore, tmp_path: Path
) -> Publish:
    """Publishes `lone` as a run on GitHub that was given a token for `identity` and `issuer`."""
    for name in ("outputs", "summary"):
        (tmp_path / name).touch()

    def run(*words: str, identity: str = IDENTITY, issuer: str = ISSUER) -> Answer:
        environ = {
            **sigstore.environ,
            "SIGSTORE_ID_TOKEN": stand_in_sigstore.token(identity, issuer),
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKFLOW_REF": IDENTITY.removeprefix("https://github.com/"),
            "GITHUB_OUTPUT": str(tmp_path / "outputs"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        }
        return publish(f"http://{plain.address}/owner", *words, image="lone", key=None, environ=environ)

    return run


def signature_states(answer: Answer) -> list[str]:
    return [one["state"] for one in answer.data["images"][0]["signatures"]]


def test_the_workflow_signs_as_itself_and_verifies_what_it_signed(on_github: Publish) -> None:
    first, again = on_github(), on_github()
    assert (first.code, signature_states(first)) == (0, ["done"]), first.said
    assert (again.code, signature_states(again)) == (0, ["present"])


def test_a_token_is_in_no_argument_and_in_no_output(on_github: Publish) -> None:
    answer = on_github("-v")
    token = stand_in_sigstore.token(IDENTITY, ISSUER).split(".")[0]
    assert token not in answer.said
    assert not [argv for argv in answer.argvs if any(token in word for word in argv)]


@pytest.mark.parametrize(
    ("identity", "issuer"),
    [
        (IDENTITY.replace("main", "other"), ISSUER),
        (IDENTITY + "2", ISSUER),
        (IDENTITY.replace("owner", "someone"), ISSUER),
        (IDENTITY, "https://token.example.org"),
    ],
)
def test_another_identity_or_issuer_does_not_verify_and_latest_stays(
    plain: local_registry.Registry, on_github: Publish, identity: str, issuer: str
) -> None:
    answer = on_github(identity=identity, issuer=issuer)
    assert (answer.code, answer.data["verdict"], signature_states(answer)) == (1, "fail", ["open"])
    assert "does not verify" in answer.data["reason"]
    tags = plain.data / "docker/registry/v2/repositories/owner/lone/_manifests/tags"
    assert (tags / REVISION).is_dir()
    assert not (tags / "latest").exists()


def test_a_bundle_that_was_tampered_with_does_not_count(plain: local_registry.Registry, on_github: Publish) -> None:
    digest = on_github().data["images"][0]["digest"]
    url = f"http://{plain.address}/v2/owner/lone/manifests/sha256-{digest[7:]}.sig"
    request = urllib.request.Request(url, headers={"Accept": MANIFEST})
    with urllib.request.urlopen(request, timeout=30) as response:
        manifest = json.load(response)
    annotations = manifest["layers"][0]["annotations"]
    bundle = json.loads(annotations["dev.sigstore.cosign/bundle"])
    bundle["Payload"]["integratedTime"] += 1
    annotations["dev.sigstore.cosign/bundle"] = json.dumps(bundle)
    put = urllib.request.Request(
        url, data=json.dumps(manifest).encode(), headers={"Content-Type": MANIFEST}, method="PUT"
    )
    with urllib.request.urlopen(put, timeout=30) as response:
        assert response.status == 201
    answer = on_github()
    assert (answer.code, signature_states(answer)) == (0, ["done"])
