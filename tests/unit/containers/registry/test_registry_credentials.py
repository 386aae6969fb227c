"""Logins: where they come from, what is taken for a secret, and that the file is ours alone."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.containers.registry.reference import Repository
from nanna_ci.containers.registry.registry_credentials import Credentials, find_credentials, stored
from nanna_ci.foundation.errors import ConfigError, UsageError

REPOSITORY = Repository("ghcr.io", "owner")
AUTH = base64.b64encode(b"robot:hunter2hunter2").decode()
LOGIN = {"REGISTRY_USERNAME": "robot", "REGISTRY_PASSWORD": "hunter2hunter2"}


def logins(found: Credentials | None) -> dict[str, Any]:
    assert found is not None
    return {name: entry["auth"] for name, entry in json.loads(found.document)["auths"].items()}


def auth_file(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps(document))
    return path


def test_the_environment_is_a_login_for_this_registry_alone() -> None:
    found = find_credentials(LOGIN, None, REPOSITORY)
    assert logins(found) == {"ghcr.io": AUTH}
    assert found is not None
    assert set(found.secrets) == {"hunter2hunter2", AUTH}


def test_a_file_that_is_named_wins(tmp_path: Path) -> None:
    path = auth_file(tmp_path, {"auths": {"ghcr.io": {"auth": "b3RoZXI6c2VjcmV0"}}})
    found = find_credentials(LOGIN, path, REPOSITORY)
    assert logins(found) == {"ghcr.io": "b3RoZXI6c2VjcmV0"}
    assert found is not None
    assert "secret" in found.secrets


def test_the_environment_may_name_a_file(tmp_path: Path) -> None:
    path = auth_file(tmp_path, {"auths": {"ghcr.io": {"auth": AUTH}}})
    assert logins(find_credentials({"REGISTRY_AUTH_FILE": str(path)}, None, REPOSITORY)) == {"ghcr.io": AUTH}


def test_nothing_given_means_no_login() -> None:
    assert find_credentials({}, None, REPOSITORY) is None


def test_the_login_for_the_longest_path_is_the_registrys(tmp_path: Path) -> None:
    path = auth_file(tmp_path, {"auths": {"ghcr.io": {"auth": "eDp5"}, "ghcr.io/owner": {"auth": AUTH}}})
    assert logins(find_credentials({}, path, REPOSITORY)) == {"ghcr.io": AUTH, "ghcr.io/owner": AUTH}


def test_helpers_of_docker_stay_in_the_file(tmp_path: Path) -> None:
    path = auth_file(tmp_path, {"auths": {}, "credHelpers": {"ghcr.io": "pass"}})
    found = find_credentials({}, path, REPOSITORY)
    assert found is not None
    assert json.loads(found.document) == {"auths": {}, "credHelpers": {"ghcr.io": "pass"}}


@pytest.mark.parametrize("missing", LOGIN)
def test_half_a_login_names_the_other_half(missing: str) -> None:
    with pytest.raises(UsageError, match=f"{missing} is not set"):
        find_credentials({name: value for name, value in LOGIN.items() if name != missing}, None, REPOSITORY)


@pytest.mark.parametrize("text", ["", "[]", '{"auths": [1]}', '{"auths": {"ghcr.io": "hunter2"}}', "hunter2 {", "\xff"])
def test_a_file_that_is_not_an_auth_file_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "auth.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError) as caught:
        find_credentials({}, path, REPOSITORY)
    assert "hunter2" not in caught.value.message + str(caught.value.__cause__ and caught.value.hint)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json: cannot be read"):
        find_credentials({}, tmp_path / "absent.json", REPOSITORY)


def test_the_file_is_ours_alone_and_gone_at_the_end() -> None:
    with stored(Credentials(b"{}", ())) as folder:
        assert folder is not None
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
        assert (folder / "config.json").read_bytes() == b"{}"
    assert not folder.exists()


def test_credentials_do_not_show_what_they_hold() -> None:
    assert "hunter2" not in repr(find_credentials(LOGIN, None, REPOSITORY))
