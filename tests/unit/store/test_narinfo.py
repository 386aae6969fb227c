"""narinfo files: what Nix writes is read and written back; what Nix calls corrupt is refused, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store import narinfo
from nanna_ci.store.narinfo import parse_narinfo
from support.fake_store_paths import render_narinfo

LINES = [
    "StorePath: /nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top",
    "URL: nar/x.nar.xz",
    "Compression: xz",
    "FileHash: sha256:1yfh3rxz75lb7xc300hy81vvh7ms8x40l7s5shvmv0k820fry5p6",
    "FileSize: 172",
    "NarHash: sha256:0dbcjdv8hxnv77yiqvdfn592bl0dyw1k4razljm1k0hy2rhql1c4",
    "NarSize: 160",
    "References: xihni471nxi2nkmbpsxjvcib0s8h446j-good",
    "Deriver: cda6mpwpiv703ibips4vapbdccjcdsjs-top.drv",
    "Sig: example-1:AAAA",
    "CA: fixed:r:sha256:0dbcjdv8hxnv77yiqvdfn592bl0dyw1k4razljm1k0hy2rhql1c4",
]


def narinfo_with(*changed: str, without: str = "", after: str = "") -> bytes:
    """The lines above; each of `changed` in place of the line with its key; `after` at the end."""
    by_key = {line.partition(":")[0]: line for line in changed}
    lines = [by_key.get(line.partition(":")[0], line) for line in LINES if line.partition(":")[0] != without]
    return "".join(f"{line}\n" for line in [*lines, *([after] if after else [])]).encode()


@pytest.mark.parametrize("name", ["signed.narinfo", "unsigned.narinfo"])
def test_what_nix_wrote_is_read_and_written_back_byte_for_byte(name: str, samples: Path) -> None:
    data = (samples / name).read_bytes()
    assert render_narinfo(parse_narinfo(data, name)) == data


def test_the_fields_of_a_signed_narinfo(samples: Path) -> None:
    info = parse_narinfo((samples / "signed.narinfo").read_bytes(), "signed.narinfo")
    assert info.store_path.name == "top"
    assert info.url.startswith("nar/")
    assert (info.compression, info.file_size_bytes, info.nar_size_bytes) == ("xz", 172, 160)
    assert [path.name for path in info.references] == ["good"]
    assert info.deriver is not None
    assert info.deriver.name == "top.drv"
    assert [signature.key_name for signature in info.signatures] == ["example-1"]
    assert info.ca is None


def test_what_the_file_does_not_say_is_none_and_compression_is_bzip2() -> None:
    kept = [LINES[0], LINES[1], LINES[5], LINES[6]]
    info = parse_narinfo("".join(f"{line}\n" for line in kept).encode(), "source")
    assert (info.file_hash, info.file_size_bytes, info.deriver, info.ca) == (None, None, None, None)
    assert (info.references, info.signatures, info.compression) == ((), (), "bzip2")


def test_an_empty_compression_is_bzip2_as_in_nix() -> None:
    assert parse_narinfo(narinfo_with("Compression: "), "source").compression == "bzip2"


def test_no_references_and_an_unknown_deriver() -> None:
    info = parse_narinfo(narinfo_with("References: ", "Deriver: unknown-deriver"), "source")
    assert (info.references, info.deriver) == ((), None)


def test_signatures_repeat_and_unknown_keys_are_passed_over() -> None:
    data = narinfo_with(after="Sig: other-1:BBBB\nX-Note: a\nX-Note: b")
    assert [str(signature) for signature in parse_narinfo(data, "source").signatures] == [
        "example-1:AAAA",
        "other-1:BBBB",
    ]


@pytest.mark.parametrize("number", [n for n, line in enumerate(LINES, start=1) if not line.startswith("Sig")])
def test_any_other_key_that_stands_twice_is_refused_with_the_line(number: int) -> None:
    key = LINES[number - 1].partition(":")[0]
    with pytest.raises(MalformedData, match=f"^source: line 12: {key} occurs a second time"):
        parse_narinfo(narinfo_with(after=LINES[number - 1]), "source")


@pytest.mark.parametrize("key", ["StorePath", "URL", "NarHash", "NarSize"])
def test_a_required_key_that_is_missing_is_refused(key: str) -> None:
    with pytest.raises(MalformedData, match=f"^source: {key} is missing"):
        parse_narinfo(narinfo_with(without=key), "source")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("StorePath: j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top", "line 1: StorePath"),
        ("URL: ", "line 2: URL: is empty"),
        ("Compression: ../x", "line 3: Compression"),
        ("FileHash: sha256:0", "line 4: FileHash"),
        ("FileSize: -1", "line 5: FileSize"),
        ("FileSize: 18446744073709551616", "line 5: FileSize"),
        ("NarHash: 0dbcjdv8hxnv77yiqvdfn592bl0dyw1k4razljm1k0hy2rhql1c4", "line 6: NarHash"),
        ("NarSize: 0", "line 7: NarSize: is zero"),
        ("NarSize: 0x10", "line 7: NarSize"),
        ("NarSize: ١٦٠", "line 7: NarSize"),
        ("References: xihni471nxi2nkmbpsxjvcib0s8h446j", "line 8: References"),
        ("Deriver: /nix/store/cda6mpwpiv703ibips4vapbdccjcdsjs-top.drv", "line 9: Deriver"),
        ("Sig: nobody", "line 10: Sig"),
        ("CA: r:sha256:0", "line 11: CA"),
        ("URL:nar/x.nar.xz", "line 2: 'URL:nar/x.nar.xz' is not `Key: Value`"),
        ("URL: nar/x\0.nar.xz", "line 2"),
        ("URL: nar/x.nar.xz\r", "line 2"),
        ("Compression", "line 3"),
    ],
)
def test_a_corrupt_line_is_refused_with_its_number(line: str, problem: str) -> None:
    with pytest.raises(MalformedData) as caught:
        parse_narinfo(narinfo_with(line), "source")
    assert caught.value.message.startswith(f"source: {problem}")


def test_a_file_that_is_cut_short_is_refused() -> None:
    with pytest.raises(MalformedData, match="line 11: does not end with a newline"):
        parse_narinfo(narinfo_with()[:-1], "source")


def test_bytes_that_are_not_utf_8_are_refused_with_the_line() -> None:
    with pytest.raises(MalformedData, match="line 12: not UTF-8"):
        parse_narinfo(narinfo_with() + b"X: \xff\n", "source")


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narinfo, "_MAX_BYTES", len(narinfo_with()))
    parse_narinfo(narinfo_with(), "source")
    with pytest.raises(MalformedData, match="bytes, more than"):
        parse_narinfo(narinfo_with(after="X: y"), "source")
