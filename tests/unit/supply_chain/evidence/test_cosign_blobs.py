"""Whose signatures count, exactly; and what cosign is asked, which never needs a network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import ConfigError, MalformedData, ToolMissing, UsageError
from nanna_ci.supply_chain.evidence.cosign_blobs import CosignBlobs, IdentityTrust, KeyTrust, SignerTrust, parse_trust
from nanna_ci.supply_chain.evidence.sigstore_bundle import SignatureBundle
from support.fake_ports import FakeRun

IDENTITY = "https://github.com/owner/repo/.github/workflows/ci.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
KEYED = SignatureBundle(True, None, is_keyless=False, has_log_entries=False, hint="H", digest=None)
KEYLESS = SignatureBundle(True, None, is_keyless=True, has_log_entries=True, hint=None, digest=None)


@pytest.mark.parametrize(
    "identity",
    [
        "https://github.com/owner/.*",
        "https://github.com/owner/repo/.+",
        "^https://github.com/owner/repo$",
        "https://github.com/(owner|other)/repo",
        "https://github.com/owner/re?po",
        "https://github.com/[a-z]+/repo",
        "*@example.org",
        "https://github\\.com/owner/repo",
    ],
)
def test_a_pattern_is_refused_as_identity_and_as_issuer(identity: str) -> None:
    for pair in ((identity, ISSUER), (IDENTITY, identity)):
        with pytest.raises(UsageError, match="is a pattern"):
            parse_trust(None, *pair)


@pytest.mark.parametrize("identity", [IDENTITY, "someone@example.org"])
def test_an_exact_identity_is_taken_as_it_is(identity: str) -> None:
    assert parse_trust(None, identity, ISSUER) == IdentityTrust(identity, ISSUER)


def test_half_of_an_identity_or_both_ways_at_once_is_a_mistake(tmp_path: Path) -> None:
    for pair in ((IDENTITY, None), (None, ISSUER)):
        with pytest.raises(UsageError, match="go together"):
            parse_trust(None, *pair)
    with pytest.raises(UsageError, match="contradict"):
        parse_trust(tmp_path / "key", IDENTITY, ISSUER)
    with pytest.raises(UsageError, match="neither a URL nor a mail address"):
        parse_trust(None, "owner/repo", ISSUER)
    with pytest.raises(UsageError, match="is not an https:// URL"):
        parse_trust(None, IDENTITY, "http://x.org")
    assert parse_trust(None, None, None) is None


def test_a_key_that_is_none_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        parse_trust(tmp_path / "cosign.pub", None, None)
    (tmp_path / "cosign.pub").write_text("secret")
    with pytest.raises(MalformedData, match="is not a public key"):
        parse_trust(tmp_path / "cosign.pub", None, None)


class Asked:
    """cosign, which says yes unless `says` is set."""

    def __init__(self, tmp_path: Path, trust: SignerTrust, root: Path | None = None, **environ: str) -> None:
        self.run = FakeRun()
        self.run.script("cosign")
        self.scratch = tmp_path
        self.cosign = CosignBlobs(self.run, environ=environ, trust=trust, trusted_root=root, scratch=tmp_path)

    def verify(self, bundle: SignatureBundle) -> str | None:
        return self.cosign.verify(bundle, Path("b"), Path("blob"))

    @property
    def words(self) -> tuple[str, ...]:
        return self.run.calls[-1].argv


KEY_TRUST = KeyTrust(Path("cosign.pub"), "H")
IDENTITY_TRUST = IdentityTrust(IDENTITY, ISSUER)


def test_a_key_is_asked_for_without_a_log_and_without_sigstores_roots(tmp_path: Path) -> None:
    asked = Asked(tmp_path, KEY_TRUST)
    assert asked.verify(KEYED) is None
    root = tmp_path / "no-root.json"
    assert asked.words == (
        "cosign", "verify-blob", "--key", "cosign.pub", "--insecure-ignore-tlog=true", "--new-bundle-format",
        "--trusted-root", str(root), "--offline", "--bundle", "b", "blob",
    )  # fmt: skip
    assert json.loads(root.read_text())["mediaType"].startswith("application/vnd.dev.sigstore.trustedroot")


def test_an_identity_is_asked_for_exactly(tmp_path: Path) -> None:
    asked = Asked(tmp_path, IDENTITY_TRUST, root=Path("root.json"))
    assert asked.verify(KEYLESS) is None
    assert asked.words[2:6] == ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)
    assert not [word for word in asked.words if "regexp" in word or "insecure" in word]


@pytest.mark.parametrize(
    ("trust", "bundle", "problem"),
    [
        (KEY_TRUST, KEYLESS, "is signed by an identity"),
        (IDENTITY_TRUST, KEYED, "is signed by a key"),
        (KEY_TRUST, replace(KEYED, hint="other"), "by another key"),
        (KEY_TRUST, replace(KEYED, has_log_entries=True), "--trusted-root FILE"),
        (IDENTITY_TRUST, KEYLESS, "--trusted-root FILE"),
        (IDENTITY_TRUST, replace(KEYLESS, is_new=False), "SIGSTORE_ROOT_FILE"),
    ],
)
def test_what_cannot_be_checked_offline_is_no_signature_and_cosign_is_not_run(
    tmp_path: Path, trust: SignerTrust, bundle: SignatureBundle, problem: str
) -> None:
    asked = Asked(tmp_path, trust)
    assert problem in (asked.verify(bundle) or "")
    assert asked.run.calls == []


def test_log_entries_of_a_key_are_checked_where_there_are_keys_for_them(tmp_path: Path) -> None:
    asked = Asked(tmp_path, KEY_TRUST, root=Path("root.json"))
    assert asked.verify(replace(KEYED, has_log_entries=True)) is None
    assert "--insecure-ignore-tlog=true" not in asked.words


def test_what_cosign_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    asked = Asked(tmp_path, KEY_TRUST)
    asked.run.script("cosign", returncode=1, stderr=b"WARNING: x\nError: no match\nerror during command execution: y\n")
    assert asked.verify(KEYED) == "is no signature by the key cosign.pub: no match"


def test_without_cosign_there_is_no_answer(tmp_path: Path) -> None:
    asked = Asked(tmp_path, KEY_TRUST)
    asked.run.script("cosign", error=ToolMissing("cosign", "not found"))
    with pytest.raises(ToolMissing):
        asked.verify(KEYED)


def test_cosign_gets_no_secret_and_a_folder_of_ours_for_its_roots(tmp_path: Path) -> None:
    asked = Asked(tmp_path, KEY_TRUST, COSIGN_PASSWORD="secret", HOME="/root")
    asked.verify(KEYED)
    environ = asked.run.calls[-1].options["env"]
    assert "COSIGN_PASSWORD" not in environ
    assert environ["TUF_ROOT"] == str(tmp_path / "tuf")
