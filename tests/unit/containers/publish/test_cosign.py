"""How cosign is called: by digest only, with exact identities, and that trouble is never taken for a no."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from nanna_ci.containers.image.blob import digest_of
from nanna_ci.containers.publish.cosign import GITHUB_ISSUER, Cosign, Keyless, KeyPair, Signing, parse_keyless
from nanna_ci.containers.registry.reference import Repository
from nanna_ci.foundation.errors import CommandFailed, GateFailed, MalformedData, ToolMissing, UsageError
from support.fake_ports import FakeRun

REPOSITORY = Repository("ghcr.io", "owner/app")
DIGEST = digest_of(b"image")
REFERENCE = f"ghcr.io/owner/app@{DIGEST}"
IDENTITY = "https://github.com/o/r/.github/workflows/ci.yml@refs/heads/main"
KEY = KeyPair("/key")


def cosign(run: FakeRun, tmp_path: Path, signing: Signing = KEY) -> Cosign:
    return Cosign(run, environ={"HOME": "/h"}, signing=signing, scratch=tmp_path, login=Path("/login"), secrets=("s",))


@pytest.fixture
def run() -> FakeRun:
    made = FakeRun()
    made.script("cosign")
    made.script("cosign", "public-key", stdout=b"public")
    return made


def test_the_toolkits_own_program_is_run(run: FakeRun, tmp_path: Path) -> None:
    run.script("/store/cosign")
    environ = {"NANNA_CI_COSIGN": "/store/cosign"}
    assert Cosign(run, environ=environ, signing=Keyless(IDENTITY), scratch=tmp_path).is_signed(REPOSITORY, DIGEST)


@pytest.mark.parametrize("moving", ["latest", "1" * 40, "ghcr.io/owner/app:latest"])
def test_a_tag_is_never_signed_verified_or_attested(run: FakeRun, tmp_path: Path, moving: str) -> None:
    program = cosign(run, tmp_path)
    for act in (
        lambda: program.sign(REPOSITORY, moving),
        lambda: program.is_signed(REPOSITORY, moving),
        lambda: program.attest(REPOSITORY, moving, "a", {}, tmp_path),
        lambda: program.is_attested(REPOSITORY, moving, "a", {}),
    ):
        with pytest.raises(UsageError, match="is not a digest"):
            act()
    assert not [call for call in run.calls if call.argv[1] != "public-key"]


def test_a_key_signs_outside_of_the_log_and_its_public_half_verifies(run: FakeRun, tmp_path: Path) -> None:
    cosign(run, tmp_path).sign(REPOSITORY, DIGEST)
    signed, verified = (
        call.argv for call in run.calls if call.argv[1] in {"sign", "verify"} and "--help" not in call.argv
    )
    assert signed == ("cosign", "sign", "--yes", "--key", "/key", "--tlog-upload=false", REFERENCE)
    public = str(tmp_path / "cosign.pub")
    assert verified == ("cosign", "verify", "--key", public, "--insecure-ignore-tlog=true", REFERENCE)
    assert Path(public).read_bytes() == b"public"


def test_a_cosign_with_signing_configurations_uses_none(run: FakeRun, tmp_path: Path) -> None:
    run.script("cosign", "sign", "--help", stdout=b"  --use-signing-config=true: ...")
    cosign(run, tmp_path).sign(REPOSITORY, DIGEST)
    assert [call for call in run.calls if "--use-signing-config=false" in call.argv]


def test_a_keyless_signature_names_identity_and_issuer_exactly(run: FakeRun, tmp_path: Path) -> None:
    cosign(run, tmp_path, Keyless(IDENTITY)).sign(REPOSITORY, DIGEST)
    signed, verified = (call.argv for call in run.calls)
    assert signed == ("cosign", "sign", "--yes", REFERENCE)
    assert verified[2:] == (
        "--certificate-identity",
        IDENTITY,
        "--certificate-oidc-issuer",
        GITHUB_ISSUER,
        REFERENCE,
    )


def test_the_login_goes_by_folder_and_secrets_are_taken_out(run: FakeRun, tmp_path: Path) -> None:
    cosign(run, tmp_path).is_signed(REPOSITORY, DIGEST)
    assert {call.options["env"]["DOCKER_CONFIG"] for call in run.calls} == {"/login"}
    assert {call.options["secrets"] for call in run.calls} == {("s",)}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (10, b"Error: no signatures found"),
        (12, b"Error: no matching signatures: x"),
        (1, b"Error: no matching attestations: x"),
        (1, b"Error: none of the attestations matched the predicate type"),
    ],
)
def test_no_good_signature_is_a_no(run: FakeRun, tmp_path: Path, code: int, said: bytes) -> None:
    run.script("cosign", "verify", returncode=code, stderr=said)
    assert not cosign(run, tmp_path).is_signed(REPOSITORY, DIGEST)


@pytest.mark.parametrize("said", [b"Error: Get: connection refused", b"Error: unauthorized", b""])
def test_a_failure_of_the_program_is_not_a_negative_answer(run: FakeRun, tmp_path: Path, said: bytes) -> None:
    run.script("cosign", "verify", returncode=1, stderr=said)
    with pytest.raises(CommandFailed):
        cosign(run, tmp_path).is_signed(REPOSITORY, DIGEST)


def test_a_signature_that_does_not_verify_fails(run: FakeRun, tmp_path: Path) -> None:
    run.script("cosign", "verify", returncode=12, stderr=b"Error: no matching signatures")
    with pytest.raises(GateFailed, match="does not verify"):
        cosign(run, tmp_path).sign(REPOSITORY, DIGEST)


def test_a_key_that_cannot_be_opened_hints_at_its_password(run: FakeRun, tmp_path: Path) -> None:
    run.script("cosign", "public-key", returncode=1, stderr=b"Error: decryption failed")
    for act in (lambda: cosign(run, tmp_path).is_signed(REPOSITORY, DIGEST), cosign(run, tmp_path).check):
        with pytest.raises(CommandFailed) as caught:
            act()
        assert "COSIGN_PASSWORD" in str(caught.value.hint)


@pytest.mark.parametrize("signing", [KEY, Keyless(IDENTITY)])
def test_a_missing_cosign_is_seen_by_the_check(tmp_path: Path, signing: Signing) -> None:
    run = FakeRun()
    run.script("cosign", error=ToolMissing("cosign", "not found"))
    with pytest.raises(ToolMissing):
        cosign(run, tmp_path, signing).check()


def test_a_key_is_opened_once(run: FakeRun, tmp_path: Path) -> None:
    program = cosign(run, tmp_path)
    program.check()
    program.sign(REPOSITORY, DIGEST)
    assert [call.argv[1] for call in run.calls].count("public-key") == 1


def envelope(predicate: object, subject: str = DIGEST) -> bytes:
    statement = {"subject": [{"digest": {"sha256": subject[7:]}}], "predicate": predicate}
    return json.dumps({"payload": base64.b64encode(json.dumps(statement).encode()).decode()}).encode() + b"\n"


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (envelope({"a": 1}), True),
        (envelope({"a": 2}) + envelope({"a": 1}), True),
        (envelope({"a": 2}), False),
        (envelope({"a": 1}, digest_of(b"other")), False),
        (b"", False),
    ],
)
def test_only_this_very_predicate_about_this_image_is_attested(
    run: FakeRun, tmp_path: Path, printed: bytes, expected: bool
) -> None:
    run.script("cosign", "verify-attestation", stdout=printed)
    assert cosign(run, tmp_path).is_attested(REPOSITORY, DIGEST, "kind", {"a": 1}) is expected


@pytest.mark.parametrize("printed", [b"{}", b"[]", b'{"payload":"?"}', b'{"payload":"W10="}', b"<html>"])
def test_invalid_envelopes_are_refused(run: FakeRun, tmp_path: Path, printed: bytes) -> None:
    run.script("cosign", "verify-attestation", stdout=printed)
    with pytest.raises(MalformedData):
        cosign(run, tmp_path).is_attested(REPOSITORY, DIGEST, "kind", {})


@pytest.mark.parametrize("identity", [IDENTITY, "https://github.com"])
def test_an_exact_identity_is_taken(identity: str) -> None:
    assert parse_keyless(identity) == Keyless(identity)


@pytest.mark.parametrize(
    "identity",
    ["", ".*", "https://github.com/o/.*", "^https://github.com/o/r$", "https://github.com/o/r[0-9]", "https://(a|b)/c",
     "http://github.com/o", "someone@example.org", "https://github.com/o/r\n", "--certificate-identity-regexp=.*"],
)  # fmt: skip
def test_a_pattern_is_not_an_identity(identity: str) -> None:
    with pytest.raises(UsageError, match="not an exact identity"):
        parse_keyless(identity)
