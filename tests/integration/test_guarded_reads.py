"""What others can put where we read: pipes, devices, links, files larger than memory. Nothing hangs, nothing grows."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nanna_ci.cache.client.cache_credentials import find_authorization
from nanna_ci.cache.client.route import HttpOrigin
from nanna_ci.cache.substituters import parse_substituter
from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import ConfigError
from nanna_ci.foundation.guarded_read import FileRefused, read_file
from support.fake_cache_folder import GcFolder

LIMIT_S = 20.0


def fifo(place: Path) -> None:
    os.mkfifo(place)


def sparse(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(20_000_000_000)


def endless(place: Path) -> None:
    place.symlink_to("/dev/zero")


def folder(place: Path) -> None:
    place.mkdir()


def linked_fifo(place: Path) -> None:
    os.mkfifo(place.with_name("somewhere"))
    place.symlink_to("somewhere")


def socket_file(place: Path) -> None:
    os.mknod(place, 0o140600)


EVERYTHING = [fifo, sparse, endless, folder, linked_fifo, socket_file]
everything = pytest.mark.parametrize("put", EVERYTHING)


def says(cwd: Path, *words: str, **environ: str) -> tuple[int, str]:
    """The exit code and what was said; the test fails if there is none in time."""
    stdout, stderr = io.StringIO(), io.StringIO()
    ports = Ports(environ={"PATH": "/nowhere", **environ}, stdout=stdout, stderr=stderr, cwd=cwd)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main(list(words), ports)), daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    assert codes, "it hangs"
    return codes[0], stdout.getvalue() + stderr.getvalue()


@everything
def test_a_pipeline_toml_that_is_not_a_file_is_a_configuration_error(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    put(tmp_path / "pipeline.toml")
    code, said = says(tmp_path, "plan")
    assert code == 2
    assert "pipeline.toml: cannot be read: " in said


@pytest.fixture
def cache(tmp_path: Path) -> GcFolder:
    one = GcFolder(tmp_path / "cache")
    one.add(1)
    return one


PIN, LOCK = "nanna-ci-roots/pin-x.json", "nanna-ci-gc.lock"


# a lock is not read: its size is nothing to anybody
@pytest.mark.parametrize(
    ("put", "name"), [(put, name) for put in EVERYTHING for name in (PIN, LOCK) if (put, name) != (sparse, LOCK)]
)
def test_an_invalid_file_of_a_cache_folder_is_refused_by_name(
    cache: GcFolder, put: Callable[[Path], None], name: str
) -> None:
    place = cache.path / name
    place.parent.mkdir(exist_ok=True)
    put(place)
    code, said = says(cache.path, "cache-gc", "--store", f"file://{cache.path}", "--max-size", "1kB", "--execute")
    assert code in {3, 4}
    assert place.name in said
    assert "bug" not in said


@pytest.mark.parametrize("name", [PIN, LOCK])
def test_a_hard_link_in_a_cache_folder_is_refused_and_its_target_stays(
    cache: GcFolder, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    place = cache.path / name
    place.parent.mkdir(exist_ok=True)
    place.hardlink_to(target)
    code, said = says(cache.path, "cache-gc", "--store", f"file://{cache.path}", "--max-size", "1kB", "--execute")
    assert code in {3, 4}
    assert "hard link" in said
    assert target.read_text() == "precious"


def test_a_folder_of_roots_that_is_a_link_is_refused(cache: GcFolder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (cache.path / "nanna-ci-roots").symlink_to(tmp_path / "elsewhere")
    code, said = says(cache.path, "cache-gc", "--store", f"file://{cache.path}", "--max-size", "1kB")
    assert (code, "is a link" in said) == (4, True)


READERS = [
    ("named", ("cache-analytics", "--substituter", "file:///nowhere", "--paths-from", "named")),
    ("nix/models.lock.json", ("lock-models", "--registry", "http://127.0.0.1:1")),
    (".nanna-ci/build-times.json", ("cache-analytics", "--paths-from", "none", "--substituter", "file:///nowhere")),
]
# who names a pipe on the command line means it
MEANT = {(fifo, "named"), (linked_fifo, "named")}


@pytest.mark.parametrize(
    ("put", "name", "words"),
    [(put, name, words) for put in EVERYTHING for name, words in READERS if (put, name) not in MEANT],
)
def test_a_file_of_the_work_tree_that_is_none_ends_no_command(
    tmp_path: Path, put: Callable[[Path], None], name: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "pipeline.toml").write_text(
        '[workspace]\nname = "x"\n[[image]]\nname = "i"\ncontents = ["x"]\nport = 1\n'
        '[[model]]\nname = "m:1"\nimage = "i"\n'
    )
    (tmp_path / "none").touch()
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    put(place)
    code, said = says(tmp_path, *words)
    assert code in {1, 2, 3, 4}
    assert "Traceback" not in said


@everything
def test_a_netrc_that_is_not_a_file_is_a_configuration_error(tmp_path: Path, put: Callable[[Path], None]) -> None:
    put(tmp_path / "netrc")
    with pytest.raises(ConfigError, match="cannot be read"):
        find_authorization(parse_substituter("https://h"), HttpOrigin("https", "h", 443), tmp_path / "netrc", {})


def test_a_pipe_that_the_user_names_is_read_up_to_the_limit(tmp_path: Path) -> None:
    for size, fits in ((10, True), (11, False)):
        reading, writing = os.pipe()
        os.write(writing, b"x" * size)
        os.close(writing)
        place = Path(f"/dev/fd/{reading}")
        if fits:
            assert read_file(place, 10, or_pipe=True) == b"x" * size
        else:
            with pytest.raises(FileRefused):
                read_file(place, 10, or_pipe=True)
        os.close(reading)


@pytest.mark.parametrize(("size", "fits"), [(0, True), (10, True), (11, False)])
def test_a_file_is_read_up_to_the_limit(tmp_path: Path, size: int, fits: bool) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    if fits:
        assert read_file(tmp_path / "file", 10) == b"x" * size
    else:
        with pytest.raises(FileRefused, match="over 10 bytes"):
            read_file(tmp_path / "file", 10)
