"""A `file://` cache made by hand, and what can be said of it from its files alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import nanna_ci
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.store.store_path import NIX32_DIGITS, StorePath

NOW_S = 1_700_000_000.0
DAY_S = 86_400.0
LOCK = "nanna-ci-gc.lock"


def path_of(number: int, name: str | None = None) -> StorePath:
    """A store path of its own for each number."""
    digits = f"{number:x}".rjust(32, "0").replace("e", "y")
    assert set(digits) <= set(NIX32_DIGITS)
    return StorePath(digits, name or f"path-{number}")


class GcFolder:
    """The folder. Everything put into it was written, and last used, `age_s` before NOW_S."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "nar").mkdir(parents=True)
        self.write("nix-cache-info", b"StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n")

    def write(self, name: str, data: bytes, *, age_s: float = 2 * DAY_S) -> Path:
        """Any file."""
        place = self.path / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
        os.utime(place, (NOW_S - age_s, NOW_S - age_s))
        return place

    def add(
        self,
        number: int,
        *references: int | StorePath,
        name: str | None = None,
        nar: str | None = None,
        nar_bytes: int | None = 100,
        url: str | None = None,
        age_s: float = 2 * DAY_S,
    ) -> StorePath:
        """A path; `nar_bytes` None leaves its archive out."""
        path = path_of(number, name)
        nar = nar or f"nar/{number:052d}.nar.xz"
        paths = [reference if isinstance(reference, StorePath) else path_of(reference) for reference in references]
        text = (
            f"StorePath: {path}\nURL: {url or nar}\nCompression: xz\nNarHash: sha256:{'0' * 52}\nNarSize: 200\n"
            f"References: {' '.join(path.base_name for path in paths)}\nDeriver: {path.base_name}.drv\n"
        )
        if nar_bytes is not None:
            self.write(nar, b"n" * nar_bytes, age_s=age_s)
        self.write(f"{path.hash}.narinfo", text.encode(), age_s=age_s)
        return path

    def record(self, kind: str, name: str, paths: Sequence[StorePath], recorded_s: int = 0) -> None:
        """What a push leaves: `kind` is release, commit or pin."""
        record = {"schemaVersion": 1, "kind": kind, "name": name, "recordedS": recorded_s}
        text = json.dumps({**record, "paths": [str(path) for path in paths]})
        self.write(f"nanna-ci-roots/{kind}-{name}.json", text.encode())

    def files(self) -> dict[str, int]:
        """Every file but the lock, with its size."""
        return {
            str(place.relative_to(self.path)): place.lstat().st_size
            for place in self.path.rglob("*")
            if not place.is_dir() and place.name != LOCK
        }

    def hashes(self) -> set[str]:
        """The store paths whose narinfo is there."""
        return {place.name.removesuffix(".narinfo") for place in self.path.glob("*.narinfo")}

    def named(self) -> dict[str, tuple[str, set[str]]]:
        """What each narinfo names."""
        return named_in(self.path)

    def dangling(self) -> set[tuple[str, str]]:
        """What is named and not there; compare with what dangled before."""
        return dangling_in(self.path)

    def is_link(self, name: str) -> bool:
        """Whether a file is a link."""
        return (self.path / name).is_symlink()

    def archives(self) -> set[str]:
        """The names of the NAR files."""
        return {f"nar/{place.name}" for place in (self.path / "nar").iterdir()}

    def has(self, key: str) -> bool:
        """Whether a narinfo is there."""
        return (self.path / f"{key}.narinfo").exists()


def named_in(cache: Path) -> dict[str, tuple[str, set[str]]]:
    """For each narinfo its NAR, and the hashes of its references; read without the code under test."""
    found = {}
    for place in cache.glob("*.narinfo"):
        key, text = place.name.removesuffix(".narinfo"), _peek(place)
        url, references = (re.search(rf"^{word}: (.*)$", text, re.MULTILINE) for word in ("URL", "References"))
        if url is not None and references is not None:
            found[key] = (url[1], {word[:32] for word in references[1].split()} - {key})
    return found


def dangling_in(cache: Path) -> set[tuple[str, str]]:
    """(narinfo, what it names and is not there)."""
    missing = set()
    for key, (nar, references) in named_in(cache).items():
        wanted = {nar} | {f"{reference}.narinfo" for reference in references}
        missing |= {(key, name) for name in wanted if not (cache / name).exists()}
    return missing


def run_killed(words: Sequence[str], *, at: int, now_s: float) -> None:
    """`cache-gc` in a process of its own, which gets SIGKILL right before the deletion number `at`, from 0 on."""
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(at), str(now_s), *words],
        env={**os.environ, "PYTHONPATH": str(Path(nanna_ci.__file__).parents[1])},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, b"")


_KILLED = """
import os, signal, sys
import nanna_ci
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
left = int(sys.argv[1])
delete = GuardedFolder.delete
def counted(folder, name):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return delete(folder, name)
GuardedFolder.delete = counted
sys.exit(main(["cache-gc", *sys.argv[3:]], Ports(now=lambda: float(sys.argv[2]))))
"""


def _peek(place: Path) -> str:
    """A file's text, without counting as a use of it."""
    status = place.stat()
    text = place.read_text()
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    return text


def write_times(place: Path, seconds: Mapping[StorePath, float]) -> Path:
    """A file of build times, of derivations named as their paths."""
    builds = {f"{path.base_name}.drv": {"seconds": spent, "recordedS": NOW_S} for path, spent in seconds.items()}
    place.write_text(json.dumps({"schemaVersion": 1, "builds": builds}))
    return place


class Killed(BaseException):
    """The process ends here."""


class KilledFolder(GuardedFolder):
    """Ends at a deletion: before it, or right after it."""

    def __init__(self, path: Path, at: int, *, after: bool = False) -> None:
        super().__init__(path)
        self._left = at
        self._after = after

    def delete(self, name: str) -> bool:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise Killed
        deleted = super().delete(name)
        if self._left < 0:
            raise Killed
        return deleted


class UploadingFolder(GuardedFolder):
    """Someone uploads right after a deletion."""

    def __init__(self, path: Path, at: int, upload: Callable[[], object]) -> None:
        super().__init__(path)
        self._left = at
        self._upload = upload

    def delete(self, name: str) -> bool:
        deleted = super().delete(name)
        self._left -= 1
        if self._left == -1:
            self._upload()
        return deleted
