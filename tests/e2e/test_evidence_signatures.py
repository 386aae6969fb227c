"""Signatures of evidence by the real cosign, offline: key pairs, and keyless with a stand-in for Sigstore's services.

Needs cosign and openssl (3.4 or later) on PATH.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
from support import json_schemas, stand_in_sigstore
from support.fake_evidence import index_again, make_evidence

IDENTITY = "https://github.com/owner/repo/.github/workflows/ci.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
INDEX = "evidence.json"
PROVENANCE = "https://slsa.dev/provenance/v1"
ARCHIVE = "artifacts/x86_64-linux/w-x86_64-linux.tar.gz"
FORMS = {"new": ("--new-bundle-format",), "old": ()}
every_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stand_in_sigstore.Sigstore]:
    with stand_in_sigstore.serving(tmp_path_factory.mktemp("sigstore") / "services") as running:
        yield running


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_evidence(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "other"):
        run_cosign({"COSIGN_PASSWORD": "pw"}, "generate-key-pair", "--output-key-prefix", str(folder / name))
    return folder


def run_cosign(environ: Mapping[str, str], *words: str) -> None:
    done = subprocess.run(
        ["cosign", *words], env={**os.environ, **environ}, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


@dataclass
class Signed:
    """A copy of the folder, and how it is signed and verified."""

    folder: Path
    keys: Path
    sigstore: stand_in_sigstore.Sigstore
    home: Path

    def bundle(self, target: str) -> Path:
        file = self.folder / "signatures" / f"{target}.sigstore.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def sign(self, target: str = INDEX, *, form: str = "new", key: str = "ours", file: Path | None = None) -> Path:
        bundle = self.bundle(target)
        flags = ("--yes", "--key", str(self.keys / f"{key}.key"), "--tlog-upload=false", *FORMS[form])
        blob = str(file or self.folder / target)
        run_cosign({"COSIGN_PASSWORD": "pw"}, "sign-blob", *flags, "--bundle", str(bundle), blob)
        return bundle

    def attest(self, target: str, blob: str, kind: str, predicate: str, *, form: str = "new") -> Path:
        bundle = self.bundle(target)
        flags = ("--yes", "--key", str(self.keys / "ours.key"), "--tlog-upload=false", *FORMS[form], "--type", kind)
        words = (*flags, "--predicate", str(self.folder / predicate), "--bundle", str(bundle), str(self.folder / blob))
        run_cosign({"COSIGN_PASSWORD": "pw"}, "attest-blob", *words)
        return bundle

    def sign_keyless(self, *, form: str = "new", identity: str = IDENTITY, issuer: str = ISSUER) -> Path:
        bundle = self.bundle(INDEX)
        services = ("--fulcio-url", self.sigstore.url, "--rekor-url", self.sigstore.url)
        token = stand_in_sigstore.token(identity, issuer)
        words = ("--yes", *services, *FORMS[form], "--bundle", str(bundle), str(self.folder / INDEX))
        run_cosign({**self.sigstore.environ, "SIGSTORE_ID_TOKEN": token}, "sign-blob", *words)
        return bundle

    def verify(self, *words: str, environ: Mapping[str, str] | None = None) -> tuple[int, dict[str, str]]:
        """Exit code, and what is said of each signature that is wrong."""
        stdout, stderr = io.StringIO(), io.StringIO()
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.home), **(environ or {})}
        ports = Ports(environ=variables, stdout=stdout, stderr=stderr, cwd=self.folder.parent)
        code = main(["verify", self.folder.name, "--format", "json", *words], ports)
        data: dict[str, Any] = json_schemas.check(json.loads(stdout.getvalue()))
        link = data["links"][-1]
        bad = {check["subject"]: check["says"] for check in link["checks"] if check["state"] in {"failed", "missing"}}
        return code, bad

    def verify_by_key(self, key: str = "ours") -> tuple[int, dict[str, str]]:
        return self.verify("--key", str(self.keys / f"{key}.pub"))

    def verify_keyless(self, form: str, identity: str = IDENTITY, issuer: str = ISSUER) -> tuple[int, dict[str, str]]:
        words = ["--identity", identity, "--issuer", issuer]
        if form == "new":
            return self.verify(*words, "--trusted-root", str(self.sigstore.trusted_root))
        return self.verify(*words, environ=self.sigstore.environ)


@pytest.fixture
def signed(whole: Path, keys: Path, sigstore: stand_in_sigstore.Sigstore, tmp_path: Path) -> Signed:
    (tmp_path / "home").mkdir()
    return Signed(Path(shutil.copytree(whole, tmp_path / "evidence")), keys, sigstore, tmp_path / "home")


def manifest(folder: Path) -> str:
    digest = json.loads((folder / "images/app-amd64/index.json").read_text())["manifests"][0]["digest"]
    return f"images/app-amd64/blobs/sha256/{digest[7:]}"


@every_form
def test_index_image_artifact_and_attestations_by_a_key_are_verified(signed: Signed, form: str) -> None:
    signed.sign(form=form)
    signed.sign("images/app-amd64", form=form, file=signed.folder / manifest(signed.folder))
    signed.sign(ARCHIVE, form=form)
    signed.attest("provenance.intoto.json", ARCHIVE, "slsaprovenance1", "provenance.predicate.json", form=form)
    signed.attest("images/app-amd64", manifest(signed.folder), "cyclonedx", "sbom/app-image.cdx.json", form=form)
    assert signed.verify_by_key() == (0, {})
    assert not list(signed.home.iterdir()), "cosign left something in the user's home"


@every_form
def test_another_key_verifies_nothing(signed: Signed, form: str) -> None:
    signed.sign(form=form, key="other")
    code, wrong = signed.verify_by_key()
    assert (code, list(wrong)) == (1, ["signatures/evidence.json.sigstore.json"])
    assert signed.verify_by_key("other") == (0, {})


@every_form
def test_a_signature_of_another_file_verifies_nothing(signed: Signed, form: str) -> None:
    signed.sign(form=form, file=signed.folder / "vex.json")
    assert signed.verify_by_key()[0] == 1


def test_an_attestation_about_another_subject_verifies_nothing(signed: Signed) -> None:
    signed.sign()
    signed.attest(ARCHIVE, "vex.json", "slsaprovenance1", "provenance.predicate.json")
    code, wrong = signed.verify_by_key()
    assert (code, "other subjects" in wrong[f"signatures/{ARCHIVE}.sigstore.json"]) == (1, True)


def test_a_changed_index_is_not_the_one_that_was_signed(signed: Signed) -> None:
    signed.sign()
    predicate = signed.folder / "provenance.predicate.json"
    for file in (predicate, signed.folder / "provenance.intoto.json"):
        file.write_bytes(file.read_bytes().replace(b"builder:local", b"builder:lokal"))
    index_again(signed.folder)
    code, wrong = signed.verify_by_key()
    assert (code, list(wrong)) == (1, ["signatures/evidence.json.sigstore.json"])
    assert signed.verify()[0] == 1, "and without a key it is refused, since there are signatures"


@every_form
def test_every_changed_byte_of_a_keys_signature_fails(signed: Signed, form: str) -> None:
    bundle = signed.sign(form=form)
    data = bundle.read_bytes()
    for offset in range(0, len(data), 7):
        changed = bytearray(data)
        changed[offset] ^= 1
        bundle.write_bytes(bytes(changed))
        code, wrong = signed.verify_by_key()
        assert (code, list(wrong)) == (1, ["signatures/evidence.json.sigstore.json"]), bytes(changed)
    bundle.write_bytes(data)
    assert signed.verify_by_key() == (0, {})


@every_form
def test_every_changed_byte_of_an_attestation_by_a_key_fails(signed: Signed, form: str) -> None:
    signed.sign(form=form)
    bundle = signed.attest("provenance.intoto.json", ARCHIVE, "slsaprovenance1", "provenance.predicate.json", form=form)
    data = bundle.read_bytes()
    for offset in range(3, len(data), len(data) // 50):
        changed = bytearray(data)
        changed[offset] ^= 1
        bundle.write_bytes(bytes(changed))
        code, wrong = signed.verify_by_key()
        assert (code, list(wrong)) == (1, ["signatures/provenance.intoto.json.sigstore.json"]), (offset, len(data))


@every_form
def test_a_keyless_signature_is_verified_by_its_identity_and_issuer(signed: Signed, form: str) -> None:
    signed.sign_keyless(form=form)
    assert signed.verify_keyless(form) == (0, {})


@every_form
@pytest.mark.parametrize(
    ("identity", "issuer"),
    [
        (IDENTITY.replace("main", "other"), ISSUER),
        (IDENTITY + "2", ISSUER),
        (IDENTITY, "https://token.example.org"),
    ],
)
def test_another_identity_or_issuer_verifies_nothing(signed: Signed, form: str, identity: str, issuer: str) -> None:
    signed.sign_keyless(form=form, identity=identity, issuer=issuer)
    code, wrong = signed.verify_keyless(form)
    assert (code, list(wrong)) == (1, ["signatures/evidence.json.sigstore.json"])
    assert "is no signature by" in wrong["signatures/evidence.json.sigstore.json"]


@every_form
def test_a_keyless_bundle_that_was_tampered_with_fails(signed: Signed, form: str) -> None:
    bundle = signed.sign_keyless(form=form)
    data = bundle.read_bytes()
    for offset in range(5, len(data), len(data) // 60):
        changed = bytearray(data)
        changed[offset] ^= 1
        bundle.write_bytes(bytes(changed))
        assert signed.verify_keyless(form)[0] == 1, (offset, bytes(changed[offset - 40 : offset + 40]))


def test_a_keyless_bundle_without_sigstores_keys_is_not_believed(signed: Signed) -> None:
    signed.sign_keyless()
    code, wrong = signed.verify("--identity", IDENTITY, "--issuer", ISSUER)
    assert (code, "--trusted-root" in wrong["signatures/evidence.json.sigstore.json"]) == (1, True)
