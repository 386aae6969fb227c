"""Opens a build's executables without trusting the folder they lie in.

The path that the user names may be a symbolic link (`result`): it is resolved once. From there on every step is opened
relative to the one before, never through a link, and what is read is what was looked at.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from nanna_ci.binaries.names import check_name
from nanna_ci.binaries.targets import BuildTarget
from nanna_ci.foundation.errors import GateFailed, MalformedData, NannaError, UsageError
from nanna_ci.store.store_path import STORE_DIR

_CHUNK_BYTES: Final = 256 * 1024
_MOST_BUILD_ENTRIES: Final = 1_000_000
_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True, slots=True)
class Input:
    """An open executable of the workspace: its name there, where it was found, and its size when it was opened."""

    name: str
    path: Path
    stream: BinaryIO
    size_bytes: int
    changed_ns: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes from the start, in order. Raises MalformedData if the file is written to meanwhile."""
        self.stream.seek(0)
        left = self.size_bytes
        while left:
            try:
                chunk = self.stream.read(min(left, _CHUNK_BYTES))
            except OSError as error:
                raise NannaError(f"{self.path}: cannot be read: {error.strerror}") from error
            if not chunk:
                break
            left -= len(chunk)
            yield chunk
        now = os.fstat(self.stream.fileno())
        if left or now.st_size != self.size_bytes or now.st_ctime_ns != self.changed_ns:
            raise MalformedData(str(self.path), "changed while it was read")


def resolve_source(path: Path) -> Path:
    """Follow the path that the user names, once. Raises GateFailed if nothing is, UsageError for a file."""
    try:
        resolved = Path(os.path.realpath(path, strict=True))
    except OSError as error:
        raise GateFailed(f"nothing found at {path}: {error.strerror}", hint="build first") from error
    if not resolved.is_dir():
        raise UsageError(f"{path} is not a folder", hint="name a Nix result or cargo's target folder")
    return resolved


@contextmanager
def open_inputs(
    source: Path, target: BuildTarget, names: Sequence[str], build_folders: Sequence[Path] = ()
) -> Iterator[tuple[Input, ...]]:
    """Open each named executable of a Nix result or of a cargo target folder; `source` is resolved.

    `build_folders` are cargo's own (`build.build-dir`), where it keeps other names of what it hands out. Looked for in
    `bin`, in `source` itself, in `TRIPLE/release` and in `release`; the first of these that has one of
    the names must have them all. Raises GateFailed (not found), MalformedData (not a plain file).
    """
    if not hasattr(os, "O_NOFOLLOW") or os.open not in os.supports_dir_fd:
        raise NannaError("artifacts are prepared on Linux and macOS only: this system cannot open files safely")
    for name in names:
        check_name(name, "[workspace] binaries")
    files = {name: name + target.system.executable_suffix for name in names}
    with ExitStack() as stack:
        top = _open_absolute(source, stack)
        for place in (("bin",), (), (target.triple, "release"), ("release",)):
            folder = _open_below(top, place, source, stack)
            if folder is not None and any(_look(folder, file) for file in files.values()):
                where = source.joinpath(*place)
                yield tuple(
                    _open_input(folder, where, name, file, stack, build_folders=build_folders)
                    for name, file in files.items()
                )
                return
        raise GateFailed(
            f"nothing found: {source} holds none of {', '.join(files.values())}",
            hint=f"looked in bin, in the folder itself, in {target.triple}/release and in release",
        )


def _open_absolute(path: Path, stack: ExitStack) -> int:
    """A descriptor of a resolved folder; a part that became a link since is refused."""
    folder = _open_folder(path.anchor, None, path, stack)
    for part in path.parts[1:]:
        folder = _open_folder(part, folder, path, stack)
    return folder


def _open_folder(name: str, parent: int | None, shown: Path, stack: ExitStack) -> int:
    try:
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except OSError as error:
        raise MalformedData(str(shown), f"cannot be opened as a folder at {name!r}: {error.strerror}") from error
    stack.callback(os.close, folder)
    return folder


def _open_below(folder: int, parts: tuple[str, ...], source: Path, stack: ExitStack) -> int | None:
    for part in parts:
        if _look(folder, part) is None:
            return None
        folder = _open_folder(part, folder, source.joinpath(*parts), stack)
    return folder


def _look(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _open_input(
    folder: int, where: Path, name: str, file: str, stack: ExitStack, *, build_folders: Sequence[Path]
) -> Input:
    path = where / file
    seen = _look(folder, file)
    if seen is None:
        raise GateFailed(f"nothing found at {path}: the workspace's binary `{name}` is not there")
    problem = _kind_problem(seen)
    if problem is not None:
        raise MalformedData(str(path), problem)
    try:  # not blocking: whatever takes its place meanwhile must not make us wait
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise MalformedData(str(path), f"cannot be opened: {error.strerror}") from error
    stream = stack.enter_context(os.fdopen(descriptor, "rb", buffering=0))
    opened = os.fstat(descriptor)
    if (opened.st_dev, opened.st_ino, opened.st_mode) != (seen.st_dev, seen.st_ino, seen.st_mode):
        raise MalformedData(str(path), "was swapped for something else while it was opened")
    if opened.st_nlink > 1 and not _has_known_links(folder, path, opened, build_folders):
        raise MalformedData(
            str(path),
            f"a hard link: {opened.st_nlink - 1} other names for the same file, outside of cargo's folders",
            hint="copy it: whoever holds another name of a file can change it",
        )
    return Input(name, path, stream, opened.st_size, opened.st_ctime_ns)


def _kind_problem(seen: os.stat_result) -> str | None:
    for is_kind, kind in _KINDS:
        if is_kind(seen.st_mode):
            return f"{kind}, not a file"
    if not stat.S_ISREG(seen.st_mode):
        return "not a file"
    if seen.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
        return "setuid, setgid or sticky, which artifacts must not be"
    return None


def _has_known_links(folder: int, path: Path, opened: os.stat_result, build_folders: Sequence[Path]) -> bool:
    """Whether a file's other names are harmless: the Nix store links equal files, and cargo links to `deps`, there or
    in its build folder."""
    if path.is_relative_to(STORE_DIR):
        return True
    same = 0
    deps = _look(folder, "deps")
    if deps is not None and stat.S_ISDIR(deps.st_mode) and deps.st_dev == opened.st_dev:
        with ExitStack() as stack:
            listed = _open_folder("deps", folder, path.parent / "deps", stack)
            with os.scandir(listed) as entries:
                same = sum(entry.inode() == opened.st_ino for entry in entries)
    known = opened.st_nlink - 1 - same
    return known == 0 or known == _count_links(build_folders, path.parent / "deps", opened)


def _count_links(build_folders: Sequence[Path], but: Path, opened: os.stat_result) -> int:
    """How many names a file has below cargo's build folders; links are not followed, nor more looked at than cargo
    would write."""
    found: set[str] = set()
    left = _MOST_BUILD_ENTRIES
    waiting = [str(folder) for folder in build_folders]
    while waiting and left > 0:
        place = waiting.pop()
        if Path(place) == but:
            continue
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    left -= 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.inode() == opened.st_ino and entry.stat(follow_symlinks=False).st_dev == opened.st_dev:
                        found.add(os.path.realpath(entry.path))
        except OSError:  # not there: then cargo keeps nothing in it
            continue
    return len(found)
