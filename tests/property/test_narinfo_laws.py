"""The quick reader of usual narinfo files and the careful one agree, on every file and on every damage to it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store import narinfo
from nanna_ci.store.hashes import NixHash, Signature
from nanna_ci.store.narinfo import NarInfo, parse_narinfo
from nanna_ci.store.store_path import NIX32_DIGITS, StorePath
from support.fake_store_paths import render_narinfo

NAMES = st.text("abcXYZ019+-._?=", min_size=1, max_size=20).filter(lambda name: not name.startswith("."))
PATHS = st.builds(StorePath, st.text(NIX32_DIGITS, min_size=32, max_size=32), NAMES)
HASHES = st.builds(NixHash, st.just("sha256"), st.binary(min_size=32, max_size=32))
USUAL = st.builds(
    NarInfo,
    store_path=PATHS,
    url=st.from_regex(r"nar/[a-z0-9]{1,8}\.nar\.xz", fullmatch=True),
    compression=st.sampled_from(["xz", "zstd", "none"]),
    file_hash=HASHES,
    file_size_bytes=st.integers(1, 2**63),
    nar_hash=HASHES,
    nar_size_bytes=st.integers(1, 2**63),
    references=st.lists(PATHS, unique=True, max_size=4).map(tuple),
    deriver=st.none() | PATHS,
    signatures=st.lists(st.builds(Signature, st.just("key-1"), st.just("AAAA==")), max_size=2).map(tuple),
    ca=st.none(),
)


def outcome(data: bytes, *, careful: bool) -> NarInfo | str:
    """What a reader makes of it: the narinfo, or the message."""
    try:
        return narinfo._parse_careful(data, "source") if careful else parse_narinfo(data, "source")
    except MalformedData as error:
        return error.message


@given(info=USUAL)
def test_a_usual_file_is_read_by_the_quick_reader_and_comes_out_as_it_went_in(info: NarInfo) -> None:
    data = render_narinfo(info)
    assert narinfo._parse_usual(data, {}) == info
    assert narinfo._parse_careful(data, "source") == info


@given(info=USUAL, again=PATHS)
def test_a_reference_that_stands_twice_counts_once_for_both(info: NarInfo, again: StorePath) -> None:
    once = replace(info, references=tuple(dict.fromkeys((again, *info.references))))
    data = render_narinfo(replace(info, references=(again, *info.references, again)))
    assert narinfo._parse_usual(data, {}) == narinfo._parse_careful(data, "source") == once


@given(
    info=USUAL,
    at=st.integers(0, 700),
    cut=st.integers(0, 12),
    put=st.binary(max_size=3) | st.sampled_from([b"\n", b" ", b"Sig: ", b"0", b"\r", b".-", b"CA: x\n", b"\xc3\xa9"]),
)
def test_whatever_damages_a_file_both_readers_say_the_same(info: NarInfo, at: int, cut: int, put: bytes) -> None:
    data = render_narinfo(info)
    damaged = data[:at] + put + data[at + cut :]
    assert outcome(damaged, careful=False) == outcome(damaged, careful=True)


@given(info=USUAL, other=PATHS)
def test_files_that_name_the_same_paths_share_them(info: NarInfo, other: StorePath) -> None:
    known: dict[str, StorePath] = {}
    first = parse_narinfo(render_narinfo(replace(info, references=(other,))), "first", known)
    second = parse_narinfo(render_narinfo(replace(info, store_path=other, references=())), "second", known)
    assert second.store_path == other
    if info.store_path != other:
        assert second.store_path is first.references[0]
        assert known[info.store_path.base_name] is first.store_path
