"""`nanna-ci verify` as its user sees it, over a made-up folder; cosign is scripted."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.errors import ToolMissing
from support.evidence_runs import answer
from support.fake_evidence import make_evidence
from support.fake_ports import FakePorts

KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESW+ebPzS/lyqZFXA1n/WuAma9wNx
NYKARaaGZ8vYANeell28WHPkddWRvpW+COrxUq1a7UVS7beRdtdO4fGDLg==
-----END PUBLIC KEY-----
"""
IDENTITY = "https://github.com/owner/repo/.github/workflows/ci.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
OLD_BUNDLE = '{"base64Signature":"c2ln"}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_evidence(tmp_path)


def sign(folder: Path) -> None:
    (folder / "signatures").mkdir()
    (folder / "signatures/evidence.json.sigstore.json").write_text(OLD_BUNDLE)


def test_a_folder_is_verified_without_any_program(folder: Path, fake_ports: FakePorts) -> None:
    code, data = answer(fake_ports, "verify", "evidence")
    assert (code, data["verdict"], data["signer"], fake_ports.run.calls) == (0, "pass", None, [])
    assert [link["link"] for link in data["links"]] == [
        "index", "source", "derivation", "output", "artifact", "sbom", "layers", "image", "sarif", "test-results",
        "vex", "signature",
    ]  # fmt: skip


def test_a_changed_byte_fails_and_is_named_first(folder: Path, fake_ports: FakePorts) -> None:
    file = folder / "artifacts/x86_64-linux/app-x86_64-linux"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(bytes(data))
    code, answered = answer(fake_ports, "verify", "evidence")
    assert (code, answered["verdict"]) == (1, "fail")
    assert answered["reason"].startswith("index: artifacts/x86_64-linux/app-x86_64-linux was changed")


@pytest.mark.parametrize("style", ["text", "markdown", "html"])
def test_the_report_has_every_link_and_what_is_broken(folder: Path, fake_ports: FakePorts, style: str) -> None:
    (folder / "vex.json").unlink()
    assert main(["verify", "evidence", "--format", style], fake_ports.ports) == 1
    text = fake_ports.stdout.getvalue().replace("\\", "")
    for part in ("Broken: index", "vex.json", "is missing", "derivation", "verified", "1" * 40):
        assert part in text
    assert "Nobody" in text


def test_a_signed_folder_is_verified_by_its_key(folder: Path, fake_ports: FakePorts) -> None:
    (fake_ports.cwd / "cosign.pub").write_text(KEY)
    sign(folder)
    fake_ports.run.script("cosign", "verify-blob")
    code, data = answer(fake_ports, "verify", "evidence", "--key", "cosign.pub")
    assert (code, data["signer"], data["links"][-1]["state"]) == (0, "the key cosign.pub", "verified")
    fake_ports.run.script("cosign", "verify-blob", returncode=1, stderr=b"Error: no\n")
    assert answer(fake_ports, "verify", "evidence", "--key", "cosign.pub")[0] == 1


def test_a_signed_folder_fails_where_nobody_says_whose_signature_it_must_be(
    folder: Path, fake_ports: FakePorts
) -> None:
    sign(folder)
    code, data = answer(fake_ports, "verify", "evidence")
    assert (code, data["reason"].startswith("signature: ")) == (1, True)


def test_a_folder_that_nobody_signed_fails_where_somebody_must_have(folder: Path, fake_ports: FakePorts) -> None:
    (fake_ports.cwd / "cosign.pub").write_text(KEY)
    code, data = answer(fake_ports, "verify", "evidence", "--key", "cosign.pub")
    assert (code, data["links"][-1]["state"], fake_ports.run.calls) == (1, "missing", [])


def test_without_cosign_there_is_no_answer(folder: Path, fake_ports: FakePorts) -> None:
    (fake_ports.cwd / "cosign.pub").write_text(KEY)
    sign(folder)
    fake_ports.run.script("cosign", error=ToolMissing("cosign", "not found"))
    assert answer(fake_ports, "verify", "evidence", "--key", "cosign.pub")[0] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--identity", "https://github.com/owner/.*", "--issuer", ISSUER), "is a pattern"),
        (("--identity", IDENTITY, "--issuer", ".*"), "is a pattern"),
        (("--identity", IDENTITY), "go together"),
        (("--key", "none.pub"), "cannot be read"),
        (("--trusted-root", "none.json"), "says how to check"),
        (("--identity", IDENTITY, "--issuer", ISSUER, "--trusted-root", "none.json"), "there is no such file"),
    ],
)
def test_a_mistake_of_who_calls_is_answered_before_anything_is_read(
    folder: Path, fake_ports: FakePorts, words: tuple[str, ...], says: str
) -> None:
    code, data = answer(fake_ports, "verify", "evidence", *words)
    assert (code, says in data["error"]["message"]) == (2, True)


@pytest.mark.parametrize("name", ["none", "empty"])
def test_a_folder_that_is_none_is_a_mistake(fake_ports: FakePorts, name: str) -> None:
    (fake_ports.cwd / "empty").mkdir()
    code, data = answer(fake_ports, "verify", name)
    assert (code, "provenance --output" in data["error"]["hint"]) == (2, True)
