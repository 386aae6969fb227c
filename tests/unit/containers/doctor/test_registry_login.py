"""Which login a push would find."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from nanna_ci.containers.doctor.registry_login import find_login
from nanna_ci.containers.registry.reference import Repository
from nanna_ci.containers.registry.registry_credentials import find_credentials
from nanna_ci.foundation.errors import ConfigError, UsageError

REPOSITORY = Repository("ghcr.io", "owner")
AUTH = base64.b64encode(b"robot:hunter2hunter2").decode()


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def test_the_environment_is_found_and_its_secrets_are_not_in_the_text():
    found = find_login({"REGISTRY_USERNAME": "robot", "REGISTRY_PASSWORD": "hunter2hunter2"}, REPOSITORY)
    assert found is not None
    assert (found.source, found.basic) == ("REGISTRY_USERNAME", AUTH)
    assert "hunter2hunter2" not in repr(found)
    assert AUTH not in repr(found)


def test_half_a_login_is_refused():
    with pytest.raises(UsageError, match="REGISTRY_PASSWORD"):
        find_login({"REGISTRY_USERNAME": "robot"}, REPOSITORY)


def test_a_named_file_is_found_by_the_longest_path(tmp_path):
    path = write(tmp_path / "a", {"auths": {"ghcr.io": {"auth": "eDp5"}, "ghcr.io/owner": {"auth": AUTH}}})
    found = find_login({"REGISTRY_AUTH_FILE": str(path)}, REPOSITORY)
    assert found is not None
    assert (found.source, found.basic) == (str(path), AUTH)


def test_a_named_file_without_this_registry_is_a_mistake(tmp_path):
    path = write(tmp_path / "a", {"auths": {"quay.io": {"auth": AUTH}}})
    with pytest.raises(ConfigError, match=r"no login for ghcr\.io"):
        find_login({"REGISTRY_AUTH_FILE": str(path)}, REPOSITORY)


@pytest.mark.parametrize(
    ("variable", "folder", "name"),
    [("XDG_RUNTIME_DIR", "containers", "auth.json"), ("DOCKER_CONFIG", ".", "config.json"),
     ("HOME", ".docker", "config.json")],
)  # fmt: skip
def test_what_a_login_left_is_found(tmp_path, variable, folder, name):
    path = write(tmp_path / folder / name, {"auths": {"ghcr.io": {"auth": AUTH}}})
    found = find_login({variable: str(tmp_path)}, REPOSITORY)
    assert found is not None
    assert (found.source, found.basic) == (str(path), AUTH)


def test_a_file_that_was_left_for_another_registry_is_passed_over(tmp_path):
    write(tmp_path / "run/containers/auth.json", {"auths": {"quay.io": {"auth": AUTH}}})
    write(tmp_path / "home/.docker/config.json", {"auths": {"ghcr.io": {"auth": AUTH}}})
    environ = {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "HOME": str(tmp_path / "home")}
    found = find_login(environ, REPOSITORY)
    assert found is not None
    assert found.source.endswith(".docker/config.json")
    assert find_login({"XDG_RUNTIME_DIR": str(tmp_path / "run")}, REPOSITORY) is None


def test_nothing_anywhere_means_no_login(tmp_path):
    assert find_login({"HOME": str(tmp_path)}, REPOSITORY) is None
    assert find_login({}, REPOSITORY) is None


@pytest.mark.parametrize(
    "document",
    [
        {"credHelpers": {"ghcr.io": "gh"}},
        {"auths": {"ghcr.io": {"auth": AUTH, "identitytoken": "a-token"}}},
    ],
)
def test_a_login_in_a_helper_or_a_token_is_there_but_cannot_be_tried(tmp_path, document):
    path = write(tmp_path / "a", document)
    found = find_login({"REGISTRY_AUTH_FILE": str(path)}, REPOSITORY)
    assert found is not None
    assert found.basic is None


@pytest.mark.parametrize("text", [b"robot:", b"robot", b":password", b"\xff\xfe"])
def test_a_login_without_user_or_password_in_a_file_is_refused(tmp_path, text):
    auth = base64.b64encode(text).decode()
    path = write(tmp_path / "a", {"auths": {"ghcr.io": {"auth": auth}}})
    with pytest.raises(ConfigError, match="not a user with a password") as refused:
        find_login({"REGISTRY_AUTH_FILE": str(path)}, REPOSITORY)
    assert auth not in refused.value.message


CASES = Path(__file__).parents[3] / "data/containers/registry-logins"
HUB = Repository("docker.io", "me")


def test_a_login_at_docker_hub_is_found_as_docker_login_writes_it():
    found = find_login({"REGISTRY_AUTH_FILE": str(CASES / "docker-hub.json")}, HUB)
    assert found is not None
    assert found.basic is not None
    assert base64.b64decode(found.basic) == b"me:dckr_pat_x"


@pytest.mark.parametrize(
    ("key", "registry", "is_found"),
    [
        ("https://index.docker.io/v1/", "docker.io", True),
        ("index.docker.io", "docker.io", True),
        ("registry-1.docker.io", "docker.io", True),
        ("https://ghcr.io", "ghcr.io", True),
        ("https://ghcr.io/v2/", "ghcr.io", True),
        ("http://ghcr.io/v1/", "ghcr.io", True),
        ("https://ghcr.io.example.org/", "ghcr.io", False),
        ("ghcr.io/another", "ghcr.io", False),
        ("https://index.docker.io/v1/", "ghcr.io", False),
        ("docker.io.example.org", "docker.io", False),
    ],
)
def test_a_key_that_is_a_url_counts_by_its_host_as_for_skopeo(tmp_path, key, registry, is_found):
    path = write(tmp_path / "docker" / "config.json", {"auths": {key: {"auth": AUTH}}})
    found = find_login({"DOCKER_CONFIG": str(path.parent)}, Repository(registry, "me"))
    assert (found is not None and found.basic == AUTH) is is_found


def test_a_login_that_only_docker_would_find_does_not_count_and_says_why():
    with pytest.raises(ConfigError, match="credsStore, which skopeo does not use"):
        find_login({"REGISTRY_AUTH_FILE": str(CASES / "creds-store.json")}, Repository("ghcr.io", "me"))


def test_a_store_beside_a_login_does_not_matter(tmp_path):
    path = write(tmp_path / "config.json", {"auths": {"ghcr.io": {"auth": AUTH}}, "credsStore": "desktop"})
    found = find_login({"DOCKER_CONFIG": str(path.parent)}, REPOSITORY)
    assert found is not None
    assert found.basic == AUTH
    write(path, {"auths": {"ghcr.io": {}}, "credsStore": "desktop"})
    with pytest.raises(ConfigError, match="credsStore"):
        find_login({"DOCKER_CONFIG": str(path.parent)}, REPOSITORY)


@pytest.mark.parametrize("entry", [{}, {"auth": ""}, {"identitytoken": "x"}, {"email": "me"}])
def test_an_entry_without_auth_is_not_a_login_for_skopeo(tmp_path, entry):
    path = write(tmp_path / "config.json", {"auths": {"ghcr.io": entry}})
    assert find_login({"DOCKER_CONFIG": str(path.parent)}, REPOSITORY) is None


def test_a_helper_of_the_registry_is_queried_before_its_entry(tmp_path):
    path = write(tmp_path / "config.json", {"auths": {"ghcr.io": {"auth": AUTH}}, "credHelpers": {"ghcr.io": "x"}})
    found = find_login({"DOCKER_CONFIG": str(path.parent)}, REPOSITORY)
    assert found is not None
    assert found.basic is None


def test_a_login_at_docker_hub_is_where_cosign_looks_too():
    given = find_credentials({}, CASES / "docker-hub.json", HUB)
    assert given is not None
    assert {"docker.io", "https://index.docker.io/v1/"} <= json.loads(given.document)["auths"].keys()
