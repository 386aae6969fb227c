"""--stand-ins: names with texts, and nothing that leads away from this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData, NannaError
from nanna_ci.rehearsal.stand_in_file import read_stand_ins


def read(folder: Path, text: str):
    path = folder / "stand-ins.toml"
    path.write_text(text)
    return read_stand_ins(path)


def test_everything_that_leads_to_this_machine_is_taken(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '[environment]\nGITHUB_API_URL = "http://127.0.0.1:4000/api"\nOTHER = "http://[::1]:1 http://localhost:2"\n'
        '[vars]\nREGISTRY = "127.0.0.1:5000/images"\nLEVEL = "high"\n[secrets]\nTOKEN = "t"\n'
        '[repositories]\n"them/theirs" = "copies/theirs"\n',
    )
    assert found.environment["GITHUB_API_URL"] == "http://127.0.0.1:4000/api"
    assert (found.variables["LEVEL"], found.secrets["TOKEN"]) == ("high", "t")
    assert found.repositories == {"them/theirs": tmp_path / "copies/theirs"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[environment]\nA = "https://api.github.com"', "'https://api.github.com' is not on this machine"),
        ('[vars]\nA = "see http://127.0.0.1.example/x"', "is not on this machine"),
        ('[vars]\nA = "http://127.0.0.1@evil.example/"', "is not on this machine"),
        ('[vars]\nREGISTRY = "ghcr.io/me/images"', "is not on this machine"),
        ('[vars]\nREGISTRY = "registry:5000/images"', "is not on this machine"),
        ('[secrets]\nA = "s3://bucket"', "is not on this machine"),
        ('[repositories]\n"a/b" = "https://github.com/a/b"', "is not on this machine"),
        ('[repositories]\na = "b"', "'a' is not a name with a text"),
        ("[environment]\nA = 1", "'A' is not a name with a text"),
        ('[environment]\n"A B" = "1"', "'A B' is not a name with a text"),
        ("[more]\n", r"\[more\] is not known"),
        ("environment = 1", "environment is not a table"),
        ("[", "not TOML"),
    ],
)
def test_what_leads_elsewhere_or_is_not_known_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NannaError, match=r"absent.toml: cannot be read"):
        read_stand_ins(tmp_path / "absent.toml")
