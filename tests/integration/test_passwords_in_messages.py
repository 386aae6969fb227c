"""A password in the wrong place is refused by the key and the rule, and never repeated."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from nanna_ci.cache.client.cache_credentials import find_authorization
from nanna_ci.cache.client.route import HttpOrigin
from nanna_ci.cache.substituters import parse_substituter
from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import ConfigError, hide_logins

URLS = [
    "https://user:SECRET@h/",
    "https://user:SECRET/x@h",
    "https://user:SECRET/x@h/y?z",
    "https://user:SECRET#x@h",
    "https://user:SECRET?x@h",
    "https://user:SECRET@h:port/",
    "https://user:SECRET@[::1",
    "https://user:SECRET@h\u2100/",
    "https://user:SECRET",
    "https://SECRET@h/",
    "ftp://user:SECRET@h/",
    "user:SECRET@h/owner",
    "https://user:SE CRET@h/",
    "https://h/x?token=SECRET",
    "//user:SECRET@h/x",
    "https:user:SECRET@h",
]


def says(folder: Path, *words: str) -> tuple[int, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    ports = Ports(environ={"PATH": str(folder)}, stdout=stdout, stderr=stderr, cwd=folder)
    code = main(list(words), ports)
    return code, stdout.getvalue() + stderr.getvalue()


def write(folder: Path, rest: str) -> None:
    (folder / "pipeline.toml").write_text(f'[workspace]\nname = "x"\nbinaries = ["x"]\n{rest}')


@pytest.mark.parametrize("words", [("plan",), ("cache-setup",), ("plan", "--format", "json")])
@pytest.mark.parametrize("url", [url for url in URLS if "@" in url])
def test_a_substituter_with_a_login_is_refused_by_its_key(tmp_path: Path, url: str, words: tuple[str, ...]) -> None:
    write(tmp_path, f"[cache]\nsubstituters = [{json.dumps(url)}]\n")
    code, said = says(tmp_path, *words)
    assert code == 2
    assert "cache.substituters[0]: is not the URL of a cache" in said
    assert not {"SECRET", "CRET"} & {*said.replace("/", " ").replace(":", " ").replace("@", " ").split()}
    assert "SECRET" not in said


@pytest.mark.parametrize(
    "rest",
    [
        '[cache]\nname = "SECRET Name"\n',
        '[cache]\npublic_keys = ["key:SECRETSECRET=="]\n',
        '[cache]\npush_filter = ["(SECRET"]\n',
        '[[image]]\nname = "i"\ncontents = ["x"]\nport = 1\nprobe_paths = ["/?token=SECRET!"]\n',
        '[[image]]\nname = "i"\ncontents = ["x"]\nport = 1\nmodel_command = "x  SECRET"\n',
        '[[test]]\nkind = "SECRET"\n',
        '[[test]]\nkind = "unit"\nrunners = ["SECRET"]\n',
        '[toolchain]\ndefault = "SECRET"\n',
        '[cache]\nsubstituters = ["https://h/SECRET", "https://h/SECRET"]\n',
        "[cache]\ntoken = SECRET\n",
        '[cache]\ntoken = "SECRET\n',
        "[cache]\ntoken = 'x'SECRET\n",
        '[cache]\nsubstituters = "https://user:SECRET@h"\n',
    ],
)
def test_no_refusal_of_pipeline_toml_repeats_a_value(tmp_path: Path, rest: str) -> None:
    write(tmp_path, rest)
    code, said = says(tmp_path, "plan")
    assert (code, "SECRET" in said) == (2, False)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "words",
    [
        ("cache-analytics", "--paths-from", "paths", "--substituter"),
        ("cache-push", "--to"),
        ("cache-gc", "--max-size", "1GB", "--store"),
        ("doctor", "--to"),
        ("publish-images", "--to"),
        ("lock-models", "--registry"),
    ],
)
def test_a_url_of_the_command_line_is_refused_without_its_login(
    tmp_path: Path, url: str, words: tuple[str, ...]
) -> None:
    write(tmp_path, '[[image]]\nname = "i"\ncontents = ["x"]\nport = 1\n[[model]]\nname = "m:1"\nimage = "i"\n')
    (tmp_path / "paths").touch()
    _, said = says(tmp_path, *words, url)
    assert "SECRET" not in said
    assert "CRET" not in said


@pytest.mark.parametrize(
    "text",
    [
        "machine h login me password SEC RET",
        "SECRET",
        "machine h password SECRET account x y SECRET",
        "machine h login me password S\nbad SECRET",
        "login me password SECRET",
    ],
)
def test_a_netrc_that_cannot_be_read_is_refused_by_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "netrc"
    file.write_text(text)
    substituter = parse_substituter("https://h")
    with pytest.raises(ConfigError, match=r"is not a netrc file: line [0-9]+") as caught:
        find_authorization(substituter, HttpOrigin("https", "h", 443), file, {})
    said = f"{caught.value.message} {caught.value.hint}".replace("'", " ").split()
    assert not {"SECRET", "RET", "SEC"} & {*said}


@pytest.mark.parametrize(
    "text",
    [
        "GET https://h.example.org: HTTP 401",
        "https://h.example.org:8080/x: silent for 30 s",
        "http://[::1]:80/x is not there",
        "ghcr.io/me/image:tag@sha256:1234",
        "pipeline.toml: cache.name: is missing",
        "file:///a:b/c",
        "nix+https://h/x?ref=main",
    ],
)
def test_what_holds_no_login_stays_as_it_is(text: str) -> None:
    assert hide_logins(text) == text
