"""`doctor --to` against a real registry: does it find the login, and may that push.

Needs docker-registry and openssl on PATH, as all of this folder.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
from support import json_schemas, local_registry
from support.local_registry import PASSWORD, USER
from support.publish_runs import PIPELINE

Doctor = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    """Runs with no program on PATH; gives the finding about the login, and all that it said."""
    work = tmp_path / "work"
    (work / "cache").mkdir(parents=True)
    (work / "cache/nix-cache-info").write_text("StoreDir: /nix/store\n")
    (work / "pipeline.toml").write_text(PIPELINE)

    def run(to: str, **environ: str) -> tuple[dict[str, Any], str]:
        stdout, stderr = io.StringIO(), io.StringIO()
        ports = Ports(
            environ={"PATH": str(tmp_path), "HOME": str(tmp_path), **environ}, stdout=stdout, stderr=stderr, cwd=work
        )
        main(["doctor", "--substituter", f"file://{work}/cache", "--to", to, "--format", "json"], ports)
        answer = json_schemas.check(json.loads(stdout.getvalue()))
        found = [finding for finding in answer["findings"] if finding["check"] == "registry login"]
        assert len(found) == 1
        return found[0], stdout.getvalue() + stderr.getvalue()

    return run


def left(registry: local_registry.Registry) -> list[Path]:
    """Uploads that were not cancelled, and images. (Of a cancelled one the registry keeps an empty hash.)"""
    return [*registry.data.rglob("startedat"), *registry.data.rglob("_manifests"), *registry.data.rglob("data")]


@pytest.fixture
def trusted(guarded: local_registry.Registry, monkeypatch: pytest.MonkeyPatch) -> local_registry.Registry:
    """The registry with TLS and a login, its CA being one that httpx takes."""
    assert guarded.certificates is not None
    monkeypatch.setenv("SSL_CERT_FILE", str(guarded.certificates.authority))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return guarded


def test_the_right_password_over_tls_may_push_and_nothing_is_left(
    doctor: Doctor, trusted: local_registry.Registry
) -> None:
    login, said = doctor(f"{trusted.address}/owner", REGISTRY_USERNAME=USER, REGISTRY_PASSWORD=PASSWORD)
    assert (login["health"], login["says"]) == ("good", "accepted (REGISTRY_USERNAME), and may push to 2 repositories")
    assert PASSWORD not in said
    assert not left(trusted)


def test_a_wrong_password_is_bad_and_is_not_shown(doctor: Doctor, trusted: local_registry.Registry) -> None:
    login, said = doctor(f"{trusted.address}/owner", REGISTRY_USERNAME=USER, REGISTRY_PASSWORD="a-wrong-password")
    assert (login["health"], login["says"]) == ("bad", "the registry refuses it (REGISTRY_USERNAME)")
    assert "a-wrong-password" not in said
    assert not left(trusted)


def test_a_registry_of_an_unknown_authority_is_sent_no_password(
    doctor: Doctor, guarded: local_registry.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    login, said = doctor(f"{guarded.address}/owner", REGISTRY_USERNAME=USER, REGISTRY_PASSWORD=PASSWORD)
    assert login["health"] == "unavailable"
    assert "cert" in login["says"].lower()
    assert PASSWORD not in said


def test_a_login_that_docker_left_is_found(doctor: Doctor, tmp_path: Path) -> None:
    with local_registry.running(tmp_path / "registry", login=True) as registry:
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (tmp_path / ".docker").mkdir()
        (tmp_path / ".docker/config.json").write_text(json.dumps({"auths": {registry.address: {"auth": auth}}}))
        login, said = doctor(f"http://{registry.address}/owner")
        assert login["health"] == "good"
        assert ".docker/config.json" in login["says"]
        assert auth not in said
        (tmp_path / ".docker/config.json").unlink()
        assert doctor(f"http://{registry.address}/owner")[0]["health"] == "warn"


def test_a_registry_for_everyone_needs_no_login(doctor: Doctor, plain: local_registry.Registry) -> None:
    login, _ = doctor(f"http://{plain.address}/owner")
    assert (login["health"], login["says"]) == ("good", "the registry takes pushes without a login")
    assert not left(plain)
