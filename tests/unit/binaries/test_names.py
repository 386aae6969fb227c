"""Names that are safe everywhere (faults 34, 36, 39)."""

from __future__ import annotations

import pytest

from nanna_ci.binaries.names import check_distinct, check_member_path, check_name
from nanna_ci.foundation.errors import MalformedData


@pytest.mark.parametrize(
    "name", ["harness", "nanna-coder-aarch64-linux.tar.gz", "SHA256SUMS", "grün", "a b", ".hidden"]
)
def test_plain_names_pass(name: str) -> None:
    check_name(name, "here")
    check_member_path(f"folder/{name}", "here")


@pytest.mark.parametrize(
    "name",
    [
        *["", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "C:\\x", "C:x", "a\0b", "a\rb", "a\nb", "a\tb", "\x7f"],
        *['a"b', "a<b", "a>b", "a|b", "a*b", "a?b", "a:b", "-rf", " a", "a ", "a.", "a\u202eb", "a\u200bb"],
        *["nul", "CON", "aux.txt", "COM1", "lpt9.tar.gz", "e\u0301", "x" * 256, "ü" * 128],
    ],
)
def test_names_that_some_system_misreads_are_refused(name: str) -> None:
    with pytest.raises(MalformedData) as caught:
        check_name(name, "here")
    assert caught.value.message.isprintable()
    if name != "a/b":
        with pytest.raises(MalformedData):
            check_member_path(f"folder/{name}", "here")


@pytest.mark.parametrize("path", ["/a", "a//b", "a/../b", "./a", "a/", ""])
def test_member_paths_stay_in_their_folder(path: str) -> None:
    with pytest.raises(MalformedData):
        check_member_path(path, "here")


@pytest.mark.parametrize(
    "pair",
    [
        ("a", "a"),
        ("Harness", "harness"),
        ("straße", "STRASSE"),
        ("\u00e9", "e\u0301"),
        ("ﬁle", "file"),
        ("\u0131", "i"),
    ],
)
def test_names_that_are_one_file_somewhere_collide(pair: tuple[str, str]) -> None:
    with pytest.raises(MalformedData, match="collide"):
        check_distinct(pair, "here")


def test_different_names_are_distinct() -> None:
    check_distinct(["a", "b", "a-b", "ab"], "here")
