from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.releases.release_assets import SUMS, read_assets


def write(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def sums(**files: bytes) -> bytes:
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()).encode()


def test_files_are_listed_by_name_with_size_and_digest(tmp_path: Path):
    write(tmp_path, b=b"two", a=b"one")
    assert [(one.name, one.size_bytes, one.sha256) for one in read_assets(tmp_path)] == [
        ("a", 3, hashlib.sha256(b"one").hexdigest()),
        ("b", 3, hashlib.sha256(b"two").hexdigest()),
    ]


def test_sums_are_checked_and_what_they_do_not_name_may_be_there(tmp_path: Path):
    write(tmp_path, a=b"one", signature=b"of the sums", SHA256SUMS=sums(a=b"one"))
    assert [one.name for one in read_assets(tmp_path)] == [SUMS, "a", "signature"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (sums(a=b"other"), "a is another file"),
        (sums(a=b"one", b=b"two"), "'b' is named, and is not there"),
        (b"no sums\n", "line 1"),
        (sums(a=b"one") * 2, "line 2"),
    ],
)
def test_a_folder_that_is_not_as_its_sums_say_is_refused(tmp_path: Path, text: bytes, problem: str):
    write(tmp_path, a=b"one", SHA256SUMS=text)
    with pytest.raises(MalformedData, match=problem):
        read_assets(tmp_path)


def test_folders_are_put_together_with_one_list_of_sums(tmp_path: Path):
    for system in ("x86_64-linux", "aarch64-linux"):
        files = {f"harness-{system}": system.encode(), "manifest.json": system.encode(), "LICENSE": b"same"}
        write(tmp_path / system, **files, SHA256SUMS=sums(**files))
    assets = {one.name: one for one in read_assets(tmp_path)}
    names = ["LICENSE", "aarch64-linux.manifest.json", "harness-aarch64-linux", "harness-x86_64-linux"]
    assert list(assets) == sorted([SUMS, *names, "x86_64-linux.manifest.json"])
    assert assets["aarch64-linux.manifest.json"].content == tmp_path / "aarch64-linux" / "manifest.json"
    made = "".join(f"{one.sha256}  {one.name}\n" for one in assets.values() if one.name != SUMS).encode()
    assert (assets[SUMS].content, assets[SUMS].sha256) == (made, hashlib.sha256(made).hexdigest())


def test_the_sums_of_an_inner_folder_are_checked(tmp_path: Path):
    write(tmp_path / "x86_64-linux", a=b"one", SHA256SUMS=sums(a=b"other"))
    with pytest.raises(MalformedData, match="x86_64-linux/SHA256SUMS: a is another file"):
        read_assets(tmp_path)


@pytest.mark.parametrize("name", ["with blank", "-flag", ".hidden", "ends.", "ünicode", "a;b", "a\nb", "@x"])
def test_a_name_that_github_would_change_is_refused(tmp_path: Path, name: str):
    write(tmp_path, **{name: b"one"})
    with pytest.raises(MalformedData, match="has a name that GitHub would change"):
        read_assets(tmp_path)


def test_links_empty_files_and_deeper_folders_are_refused(tmp_path: Path):
    (write(tmp_path / "link") / "passwd").symlink_to("/etc/passwd")
    write(tmp_path / "empty", a=b"")
    write(tmp_path / "deep" / "deeper" / "deepest", a=b"one")
    for folder, problem in (("link", "it is a link"), ("empty", "0 bytes"), ("deep", "a folder in a folder")):
        with pytest.raises(MalformedData, match=problem):
            read_assets(tmp_path / folder)


def test_a_folder_without_files_is_an_error(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError):
            read_assets(folder)
