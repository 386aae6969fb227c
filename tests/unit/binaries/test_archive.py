"""The archive: what tar makes of it, and what its reader refuses (faults 34-37, 39). Hostile ones come from tarfile."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tracemalloc
from collections.abc import Callable

import pytest

from nanna_ci.binaries.archive import ArchiveWriter, Member, open_gzip, verify_archive
from nanna_ci.foundation.errors import MalformedData

FILES = {"nanna-x86_64-linux/a": b"first" * 1000, "nanna-x86_64-linux/b": bytes(512), "nanna-x86_64-linux/c": b"x"}


def member(path: str, data: bytes) -> Member:
    return Member(path, len(data), hashlib.sha256(data).hexdigest())


MEMBERS = [member(path, data) for path, data in FILES.items()]


def written(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with open_gzip(sink) as packer:
        tar = ArchiveWriter(packer)
        for path, data in files.items():
            tar.add(path, len(data), [data[:3], data[3:]])
        tar.finish()
    return sink.getvalue()


def refused(data: bytes, members: list[Member] | None = None) -> str:
    with pytest.raises(MalformedData) as caught:
        verify_archive(io.BytesIO(data), MEMBERS if members is None else members, "the archive")
    return caught.value.message


def test_tarfile_reads_the_same_members_without_user_time_or_odd_modes() -> None:
    with tarfile.open(fileobj=io.BytesIO(written(FILES))) as tar:
        for info in tar.getmembers():
            assert (info.uid, info.gid, info.uname, info.gname, info.mtime, info.mode) == (0, 0, "", "", 0, 0o755)
        read = {info.name: tar.extractfile(info).read() for info in tar.getmembers()}  # type: ignore[union-attr]
    assert read == FILES


def test_the_stream_has_no_name_time_or_system() -> None:
    assert written(FILES)[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_its_length_is_what_tar_pads_to() -> None:
    assert len(gzip.decompress(written(FILES))) % 10240 == 0


def test_the_reader_takes_what_the_writer_wrote() -> None:
    verify_archive(io.BytesIO(written(FILES)), MEMBERS, "the archive")


def test_the_reader_takes_every_length_of_padding() -> None:
    for blocks in range(22):
        data = bytes(blocks * 512)
        verify_archive(io.BytesIO(written({"n/a": data})), [member("n/a", data)], "the archive")


def test_another_byte_another_size_or_a_missing_member_is_refused() -> None:
    name = "nanna-x86_64-linux/a"
    assert "other bytes" in refused(written({**FILES, name: b"First" + FILES[name][5:]}))
    assert "has 5001 bytes, not 5000" in refused(written({**FILES, name: FILES[name] + b"!"}))
    assert "not a tar archive" in refused(written({name: FILES[name]}))


def test_more_members_or_anything_behind_the_end_is_refused() -> None:
    more = "more in it than its members"
    assert more in refused(written({**FILES, "nanna-x86_64-linux/d": b"d"}))
    assert more in refused(written(FILES) + b"\0")
    assert more in refused(written(FILES) + written(FILES))
    assert more in refused(gzip.compress(gzip.decompress(written(FILES)) + bytes(50_000)))


@pytest.mark.parametrize("length", [0, 1, 9, 100, -9, -1])
def test_an_archive_cut_short_is_refused(length: int) -> None:
    refused(written(FILES)[:length])


def test_what_is_not_an_archive_is_refused() -> None:
    assert "not a gzip stream" in refused(b"PK\x03\x04" + bytes(100))
    assert "not a tar archive" in refused(gzip.compress(b"x" * 20_000))


def hostile(change: Callable[[tarfile.TarInfo], None], kind: int = tarfile.USTAR_FORMAT) -> bytes:
    """The archive of FILES, its first member changed."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz", format=kind) as tar:
        for number, (path, data) in enumerate(FILES.items()):
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o755
            if number == 0:
                change(info)
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return sink.getvalue()


def test_the_hostile_archives_differ_from_a_good_one_by_their_change_only() -> None:
    verify_archive(io.BytesIO(hostile(lambda info: None)), MEMBERS, "the archive")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a character device"),
        (tarfile.BLKTYPE, "a block device"),
        (tarfile.FIFOTYPE, "a FIFO"),
        (tarfile.DIRTYPE, "a folder"),
        (tarfile.CONTTYPE, "no plain file"),
    ],
)
def test_members_that_are_not_plain_files_are_refused(kind: bytes, says: str) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.size, info.linkname = kind, 0, "/etc/passwd"

    assert says in refused(hostile(change))


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "C:\\x", "a/../../b", "nul", "a\rb", 'a"b', "nanna-x86_64-linux/a\nb", "a/./b"]
)
def test_member_names_that_lead_elsewhere_are_refused_by_name(name: str) -> None:
    assert "the part" in refused(hostile(lambda info: setattr(info, "name", name)))


def test_a_member_nobody_expects_and_one_that_comes_twice_are_refused() -> None:
    assert "not expected" in refused(hostile(lambda info: setattr(info, "name", "nanna-x86_64-linux/z")))

    info = tarfile.TarInfo("nanna-x86_64-linux/b")
    info.size, info.mode = 512, 0o755
    block = info.tobuf(tarfile.USTAR_FORMAT) + bytes(512)
    assert "there twice" in refused(gzip.compress(block + block + bytes(10240)))


def test_setuid_members_are_refused() -> None:
    assert "the mode 4755" in refused(hostile(lambda info: setattr(info, "mode", 0o4755)))


def test_extended_headers_are_refused() -> None:
    assert "no plain file" in refused(hostile(lambda info: setattr(info, "name", "x" * 300), tarfile.PAX_FORMAT))
    assert "no plain file" in refused(hostile(lambda info: setattr(info, "name", "x" * 300), tarfile.GNU_FORMAT))


def test_a_compression_bomb_is_not_inflated() -> None:
    good = gzip.decompress(written(FILES))
    bomb = gzip.compress(good + bytes(50_000_000), 1)
    tracemalloc.start()
    try:
        assert "more in it" in refused(bomb)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_expected_names_that_collide_are_refused() -> None:
    assert "collide" in refused(written(FILES), [member("f/A", b"x"), member("f/a", b"x")])
