"""The files where tools keep their secrets, by the places that those tools look for them."""

from __future__ import annotations

import base64
import json

import pytest

from nanna_ci.foundation.secret_files import passwords_of_addresses, secrets_of_files

AUTH = base64.b64encode(b"me:hunter-2").decode()
FILES = {
    "home/.netrc": ("machine h login me password n3trc-word\n", {"n3trc-word"}),
    "home/.docker/config.json": (json.dumps({"auths": {"h": {"auth": AUTH}}}), {AUTH, "hunter-2"}),
    "home/.config/containers/auth.json": (json.dumps({"auths": {"h": {"auth": AUTH}}}), {AUTH, "hunter-2"}),
    "home/.cargo/credentials.toml": ('[registry]\ntoken = "c4rgo-token"\n', {"c4rgo-token"}),
    "home/.config/nix/nix.conf": (
        "access-tokens = h=n1x-token other=PAT:n1x-other\n",
        {"n1x-token", "PAT", "n1x-other"},
    ),
    "home/.config/cachix/cachix.dhall": ('{ authToken = "c4chix-token" }', {"c4chix-token"}),
    "home/.git-credentials": ("https://me:g%21t-word@h\n", {"g%21t-word", "g!t-word"}),
    "work/.git/config": ('[remote "origin"]\n\turl = https://me:r3mote-word@h/x\n', {"r3mote-word"}),
    "work/pipeline.toml": ('substituters = ["https://me:p1peline-word@h"]', {"p1peline-word"}),
}


@pytest.mark.parametrize("name", FILES)
def test_the_secrets_of_a_file_are_read_where_its_tool_reads_them(tmp_path, name):
    text, expected = FILES[name]
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (tmp_path / "work" / "below").mkdir(parents=True, exist_ok=True)
    folder = tmp_path / "work" / ("below" if ".git" in name else "")
    assert set(secrets_of_files({"HOME": str(tmp_path / "home")}, folder)) == expected


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("NETRC", "home/.netrc"),
        ("REGISTRY_AUTH_FILE", "home/.docker/config.json"),
        ("DOCKER_CONFIG", "home/.docker/config.json"),
        ("CARGO_HOME", "home/.cargo/credentials.toml"),
        ("NIX_CONFIG", "home/.netrc"),
    ],
)
def test_a_variable_says_where_a_file_is(tmp_path, variable, name):
    text, expected = FILES[name]
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    values = {"NIX_CONFIG": f"netrc-file = {path}", "DOCKER_CONFIG": str(path.parent), "CARGO_HOME": str(path.parent)}
    assert set(secrets_of_files({variable: values.get(variable, str(path))}, tmp_path)) == expected


def test_what_cannot_be_read_holds_nothing(tmp_path):
    (tmp_path / ".netrc").mkdir()
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_bytes(b'{"auths": {"h": {"auth": "not base64 \xff"}}}')
    assert list(secrets_of_files({"HOME": str(tmp_path)}, tmp_path)) == ["not base64 \udcff"]


def test_passwords_in_flags_are_given_as_they_stand_and_decoded():
    assert set(passwords_of_addresses(["--to=https://u:a%2Fb-word@h/x", "https://h/x"])) == {"a%2Fb-word", "a/b-word"}
