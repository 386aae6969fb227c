"""Logins and certificates of a real registry.

Needs docker-registry, skopeo, cosign and openssl on PATH.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from support import local_registry
from support.local_registry import PASSWORD, USER
from support.publish_runs import Publish
from support.registry_contents import LOGIN, states, tags, trusting


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
