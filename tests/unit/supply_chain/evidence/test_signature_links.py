"""The link of signatures: what must be signed, by whom, and of what; cosign is scripted here, and real in e2e."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.supply_chain.evidence.chain import LinkState
from nanna_ci.supply_chain.evidence.cosign_blobs import CosignBlobs, KeyTrust
from nanna_ci.supply_chain.evidence.evidence_reader import read_evidence
from nanna_ci.supply_chain.evidence.signature_links import check_signatures
from support.fake_evidence import make_evidence
from support.fake_ports import FakeRun

INDEX = "evidence.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_evidence(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "evidence"))


def put(folder: Path, target: str, document: dict[str, Any]) -> Path:
    file = folder / "signatures" / f"{target}.sigstore.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**MATERIAL, **document}))
    return file


MATERIAL = {
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "verificationMaterial": {"publicKey": {"hint": "H"}},
}


def sign(folder: Path, target: str, file: Path | None = None) -> Path:
    """A bundle that says it signs the file; what cosign says of it is scripted."""
    digest = base64.b64encode(hashlib.sha256((file or folder / target).read_bytes()).digest()).decode()
    message = {"messageDigest": {"algorithm": "SHA2_256", "digest": digest}, "signature": "c2ln"}
    return put(folder, target, {"messageSignature": message})


def attest(folder: Path, target: str, digests: Sequence[str], kind: str, predicate: Any) -> Path:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {"sha256": digest}} for digest in digests],
        "predicateType": kind,
        "predicate": predicate,
    }
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope = {"payload": payload, "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "c2ln"}]}
    return put(folder, target, {"dsseEnvelope": envelope})


def answers(folder: Path, tmp_path: Path, refuses: str = "nothing") -> tuple[LinkState, dict[str, str], list[str]]:
    """The link's state, what it says of each signature that is wrong, and the files that cosign was asked about."""
    run = FakeRun()
    run.script("cosign")
    cosign = CosignBlobs(run, environ={}, trust=KeyTrust(Path("k"), "H"), trusted_root=None, scratch=tmp_path)
    link = check_signatures(read_evidence(folder), cosign)
    blobs = [str(Path(call.argv[-1]).relative_to(folder)) for call in run.calls]
    return link.state, {check.subject: check.says for check in link.troubles}, blobs


def subjects(folder: Path) -> dict[str, str]:
    statement = json.loads((folder / "provenance.intoto.json").read_text())
    return {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}


def predicate(folder: Path) -> Any:
    return json.loads((folder / "provenance.predicate.json").read_text())


PROVENANCE = "https://slsa.dev/provenance/v1"


def test_the_index_must_be_signed(folder: Path, tmp_path: Path) -> None:
    sign(folder, "vex.json")
    state, wrong, _ = answers(folder, tmp_path)
    assert state is LinkState.MISSING
    assert list(wrong) == ["signatures/evidence.json.sigstore.json"]
    sign(folder, INDEX)
    assert answers(folder, tmp_path)[0] is LinkState.VERIFIED


def test_without_anyone_to_trust_no_signatures_are_absent_and_some_are_broken(folder: Path) -> None:
    assert check_signatures(read_evidence(folder), None).state is LinkState.ABSENT
    sign(folder, INDEX)
    link = check_signatures(read_evidence(folder), None)
    assert link.state is LinkState.FAILED
    assert "give --key" in link.troubles[0].says


def test_files_images_and_statements_can_be_signed(folder: Path, tmp_path: Path) -> None:
    manifest = f"images/app-amd64/blobs/sha256/{subjects(folder)['images/app-amd64']}"
    sign(folder, INDEX)
    sign(folder, "images/app-amd64", folder / manifest)
    sign(folder, "artifacts/x86_64-linux/w-x86_64-linux.tar.gz")
    attest(folder, "provenance.intoto.json", [*subjects(folder).values()], PROVENANCE, predicate(folder))
    attest(
        folder,
        "artifacts/x86_64-linux/app-x86_64-linux",
        [subjects(folder)["artifacts/x86_64-linux/app-x86_64-linux"]],
        PROVENANCE,
        predicate(folder),
    )
    state, wrong, blobs = answers(folder, tmp_path)
    assert (state, wrong) == (LinkState.VERIFIED, {})
    assert manifest in blobs
    assert INDEX in blobs


def test_an_attestation_may_have_empty_fields_that_ours_has_not(folder: Path, tmp_path: Path) -> None:
    sign(folder, INDEX)
    said = predicate(folder)
    said["runDetails"]["metadata"] = {}
    attest(folder, "provenance.intoto.json", [subjects(folder)["images/app-amd64"]], PROVENANCE, said)
    assert answers(folder, tmp_path)[0] is LinkState.VERIFIED


def test_an_attestation_of_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    sign(folder, INDEX)
    mine = [*subjects(folder).values()]
    other = predicate(folder)
    other["runDetails"]["builder"]["id"] = "https://example.org/other"
    target = "provenance.intoto.json"
    for digests, kind, said, problem in (
        (mine, PROVENANCE, other, "what no file of the folder says"),
        (mine, "https://example.org/other", predicate(folder), "what no file of the folder says"),
        ([*mine, "0" * 64], PROVENANCE, predicate(folder), "is not about the subjects"),
    ):
        file = attest(folder, target, digests, kind, said)
        assert problem in answers(folder, tmp_path)[1][str(file.relative_to(folder))]
    file = attest(folder, target, ["0" * 64], PROVENANCE, predicate(folder))
    attest(folder, "vex.json", mine, PROVENANCE, predicate(folder))
    wrong = answers(folder, tmp_path)[1]
    assert "is about other subjects" in wrong["signatures/vex.json.sigstore.json"]


def test_a_signature_of_a_tag_is_refused(folder: Path, tmp_path: Path) -> None:
    sign(folder, INDEX)
    sign(folder, "images/app-amd64:latest", folder / INDEX)
    wrong = answers(folder, tmp_path)[1]
    assert "is of a tag" in wrong["signatures/images/app-amd64:latest.sigstore.json"]


def test_a_signature_of_other_bytes_or_of_nothing_here_is_refused(folder: Path, tmp_path: Path) -> None:
    sign(folder, INDEX, folder / "vex.json")
    sign(folder, "gone.json", folder / INDEX)
    (folder / "signatures/notes.txt").write_text("x")
    wrong = answers(folder, tmp_path)[1]
    assert wrong["signatures/evidence.json.sigstore.json"].startswith("is of sha256:")
    assert wrong["signatures/gone.json.sigstore.json"] == "signs gone.json, which is not here"
    assert "signatures/notes.txt" in wrong


def test_what_cosign_refuses_breaks_the_link(folder: Path, tmp_path: Path) -> None:
    sign(folder, INDEX)
    run = FakeRun()
    run.script("cosign", returncode=1, stderr=b"Error: invalid signature\n")
    cosign = CosignBlobs(run, environ={}, trust=KeyTrust(Path("k"), "H"), trusted_root=None, scratch=tmp_path)
    link = check_signatures(read_evidence(folder), cosign)
    assert link.state is LinkState.FAILED
    assert link.troubles[0].says == "is no signature by the key k: invalid signature"
