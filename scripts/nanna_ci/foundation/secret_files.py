"""The secrets in the files where a user's tools keep them, so that they can be taken out of whatever those tools print.

A program that a command starts may read any of these files and print what is in it. What cannot be read holds nothing
that a program of the same user could print.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.redact import IN_JSON, NIX_TOKENS, URL_PASSWORD

_NETRC: Final = re.compile(r"\bpassword\s+(\S+)")
_TOML_TOKEN: Final = re.compile(
    r"""^[ \t]*(?:[\w.-]+\.)?(?:token|secret-key)[ \t]*=[ \t]*["']([^"'\n]+)""", re.MULTILINE
)
_DHALL_TOKEN: Final = re.compile(r"""authToken[ \t\n]*=[ \t\n]*["']([^"'\n]+)""")
_NETRC_FILE: Final = re.compile(r"^[ \t]*netrc-file[ \t]*=[ \t]*(\S+)", re.MULTILINE)


def secrets_of_files(environ: Mapping[str, str], folder: Path) -> Iterator[str]:
    """The secrets of netrc, docker and podman, cargo, git, Nix and Cachix, and of a project's own remotes and settings.

    `folder` is where the command runs. Files of the home folder are left out if the environment names none.
    """
    home = Path(environ["HOME"]) if environ.get("HOME") else None
    for path in _netrc_files(environ, home):
        yield from _NETRC.findall(_text(path))
    for path in _login_files(environ, home):
        yield from _logins(_text(path))
    for path in _cargo_files(environ, home, folder):
        yield from _TOML_TOKEN.findall(_text(path))
    if home is not None:
        yield from _nix_tokens(_text(home / ".config" / "nix" / "nix.conf"))
        yield from _DHALL_TOKEN.findall(_text(home / ".config" / "cachix" / "cachix.dhall"))
    for path in _files_of_addresses(home, folder):
        yield from passwords_of_addresses([_text(path)])


def passwords_of_addresses(texts: Iterable[str]) -> Iterator[str]:
    """The passwords in URLs, as they stand and decoded."""
    for text in texts:
        for match in URL_PASSWORD.finditer(text):
            yield from {match["password"], unquote(match["password"])}


def _text(path: Path) -> str:
    try:
        return read_file(path, MEBIBYTE).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def _netrc_files(environ: Mapping[str, str], home: Path | None) -> Iterator[Path]:
    named = (environ.get("NETRC"), *_NETRC_FILE.findall(environ.get("NIX_CONFIG", "")), "/etc/nix/netrc")
    yield from (Path(name) for name in named if name)
    if home is not None:
        yield from (home / ".netrc", home / "_netrc")


def _login_files(environ: Mapping[str, str], home: Path | None) -> Iterator[Path]:
    if environ.get("REGISTRY_AUTH_FILE"):
        yield Path(environ["REGISTRY_AUTH_FILE"])
    if environ.get("DOCKER_CONFIG"):
        yield Path(environ["DOCKER_CONFIG"]) / "config.json"
    if environ.get("XDG_RUNTIME_DIR"):
        yield Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json"
    if home is not None:
        yield from (home / ".docker" / "config.json", home / ".config" / "containers" / "auth.json")


def _logins(text: str) -> Iterator[str]:
    for value in IN_JSON.findall(text):
        yield value
        try:
            yield base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:  # neither base64 nor text
            continue


def _cargo_files(environ: Mapping[str, str], home: Path | None, folder: Path) -> Iterator[Path]:
    folders = [folder / ".cargo"]
    if environ.get("CARGO_HOME"):
        folders.append(Path(environ["CARGO_HOME"]))
    if home is not None:
        folders.append(home / ".cargo")
    for one in folders:
        yield from (one / name for name in ("credentials.toml", "credentials", "config.toml"))


def _nix_tokens(text: str) -> Iterator[str]:
    for match in NIX_TOKENS.finditer(text):
        for word in match["words"].split():
            yield from word.partition("=")[2].split(":")


def _files_of_addresses(home: Path | None, folder: Path) -> Iterator[Path]:
    if home is not None:
        yield from (home / ".git-credentials", home / ".config" / "git" / "credentials", home / ".gitconfig")
    for one in (folder, *folder.parents):
        if (one / ".git").exists():
            yield one / ".git" / "config"
            break
    yield folder / "pipeline.toml"
