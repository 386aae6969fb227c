"""Laws of the build domain: parsers never crash, safe names, archives of the same bytes, a monotone gate."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.binaries.archive import ArchiveWriter, Member, open_gzip, verify_archive
from nanna_ci.binaries.artifacts import decide_size
from nanna_ci.binaries.executables import parse_executable
from nanna_ci.binaries.names import check_distinct, check_member_path, check_name
from nanna_ci.foundation.errors import MalformedData
from support.fake_executables import AARCH64, MACHO_ARM64, elf, fat, macho, pe

GOOD = [
    elf(),
    elf(AARCH64),
    elf(3, bits=32),
    elf(20, bits=32, little=False),
    macho(),
    fat((MACHO_ARM64, macho())),
    pe(),
]
MAGICS = [b"", b"\x7fELF", b"\x7fELF\x02\x01\x01\x00", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\x00\x00\x00\x01", b"MZ"]

sizes = st.lists(st.integers(0, 2**40), max_size=5)
member_name = st.text(st.sampled_from("abcdefXYZ0189._-"), min_size=1, max_size=12)


def parses(data: bytes) -> bool:
    """Whether it is an executable; any error but MalformedData goes through."""
    try:
        parse_executable(data, "x")
    except MalformedData:
        return False
    return True


@given(st.sampled_from(MAGICS), st.binary(max_size=600))
def test_random_bytes_never_crash_the_parser(magic: bytes, rest: bytes) -> None:
    parses(magic + rest)


@given(st.sampled_from(GOOD), st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=8))
def test_damaged_executables_never_crash_the_parser(data: bytes, damage: list[tuple[int, int]]) -> None:
    changed = bytearray(data)
    for at, byte in damage:
        changed[at % len(changed)] = byte
    parses(bytes(changed))


@given(st.sampled_from(GOOD), st.binary(max_size=50))
def test_what_follows_an_executable_does_not_change_what_it_is(data: bytes, tail: bytes) -> None:
    assert parse_executable(data + tail, "x") == parse_executable(data, "x")


@given(sizes, st.integers(1, 2**41), st.data())
def test_a_larger_size_never_passes_if_a_smaller_one_failed(
    smaller: list[int], limit: int, data: st.DataObject
) -> None:
    grow = data.draw(st.lists(st.integers(0, 2**40), min_size=len(smaller), max_size=len(smaller)))
    larger = [size + more for size, more in zip(smaller, grow, strict=True)]
    if sum(smaller) > 0 and decide_size(smaller, limit) is not None:
        assert decide_size(larger, limit) is not None


@given(sizes, st.integers(1, 2**41), st.integers(0, 2**40))
def test_a_larger_limit_never_fails_if_a_smaller_one_passed(given_sizes: list[int], limit: int, more: int) -> None:
    if decide_size(given_sizes, limit) is None:
        assert decide_size(given_sizes, limit + more) is None


@given(st.text(max_size=40))
def test_a_name_that_passes_is_one_plain_file_name_everywhere(name: str) -> None:
    try:
        check_name(name, "x")
    except MalformedData:
        return
    assert name not in {"", ".", ".."}
    assert not set(name) & set('/\\:*?"<>|\0\r\n')
    assert name == unicodedata.normalize("NFC", name)
    assert not name.endswith((" ", "."))
    check_member_path(f"folder/{name}", "x")


@given(st.lists(st.text(min_size=1, max_size=8), max_size=6))
def test_names_that_pass_as_distinct_are_so_without_case_and_form(names: list[str]) -> None:
    try:
        check_distinct(names, "x")
    except MalformedData:
        return
    for fold in (str.casefold, str.lower, str.upper):
        for form in ("NFC", "NFD"):
            assert len({unicodedata.normalize(form, fold(name)) for name in names}) == len(names)


def archived(files: dict[str, bytes], piece: int) -> bytes:
    sink = io.BytesIO()
    with open_gzip(sink) as packer:
        tar = ArchiveWriter(packer)
        for path, data in sorted(files.items()):
            tar.add(path, len(data), [data[at : at + piece] for at in range(0, len(data), piece)])
        tar.finish()
    return sink.getvalue()


@given(
    st.dictionaries(member_name, st.binary(max_size=3000), max_size=4),
    st.integers(1, 5000),
)
def test_the_same_members_give_the_same_archive_and_it_reads_back(files: dict[str, bytes], piece: int) -> None:
    first = archived(files, 1 << 20)
    assert archived(dict(reversed(files.items())), piece) == first
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        assert {info.name: tar.extractfile(info).read() for info in tar} == files  # type: ignore[union-attr]


@given(st.binary(min_size=1, max_size=2000), st.integers(0, 10**6), st.integers(1, 255))
def test_an_archive_with_a_damaged_byte_is_refused_or_still_holds_the_same(data: bytes, at: int, flip: int) -> None:
    member = Member("nanna-x86_64-linux/harness", len(data), hashlib.sha256(data).hexdigest())
    packed = bytearray(archived({member.path: data}, 1 << 20))
    verify_archive(io.BytesIO(bytes(packed)), [member], "x")
    packed[at % len(packed)] ^= flip
    try:
        verify_archive(io.BytesIO(bytes(packed)), [member], "x")
    except MalformedData:
        return
    # what gzip and tar do not look at: flags, time, operating system; user and group
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(bytes(packed)))) as tar:
        assert tar.extractfile(member.path).read() == data  # type: ignore[union-attr]
