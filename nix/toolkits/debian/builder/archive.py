"""Source trees and cargo's target folder, in and out of the store: tar does both, to which no name or link is odd."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from plain import run

NAME = "target.tar.zst"
# for a first build: any time that zip files can hold, which is after 1980
LONG_AGO = 946684800
# what is packed is read five times on the same machine: fast before small
ZSTD = "zstd -1 -T0"


def copy_source(source: Path, target: Path, leave_out: Sequence[str], *, changed_s: int) -> None:
    """Copies a source tree: links as they are, executables executable, everything writable for its owner.

    `leave_out` are paths below the source; every file says that it changed at `changed_s`, seconds since 1970.
    """
    target.mkdir(parents=True, exist_ok=True)
    excluded = [f"--exclude=./{path}" for path in leave_out]
    pack = ["tar", "--create", "--directory", str(source), f"--mtime=@{changed_s}", "--mode=u+w"]
    pack += ["--anchored", "--no-wildcards", *excluded, "."]
    unpack = ["tar", "--extract", "--directory", str(target), "--no-same-owner", "--preserve-permissions"]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:
        unpacked = subprocess.run(unpack, stdin=packing.stdout, check=False).returncode
    if packing.returncode or unpacked:
        raise OSError(f"the source could not be copied to {target}: tar exited with {packing.returncode}, {unpacked}")


def moment() -> float:
    """A time between what was unpacked before this call and what is written after it, seconds since 1970."""
    # file times come from a clock that ticks every few milliseconds
    return time.time() - 0.02


def write_time(out: Path) -> None:
    """Says of a layer when sources that it is used with shall have changed: after all that is there by now.

    A whole second, and waits until it has come: tar keeps no fractions, and what is built after this call is not older.
    """
    second = int(time.time()) + 1
    (out / "time").write_text(f"{second}\n", encoding="utf-8")
    time.sleep(second + 0.02 - time.time())


def source_time(layers: Sequence[str]) -> int:
    """When sources must say that they changed, so that layers are used well.

    cargo takes what it built for up to date if no source is newer. Stand-ins are older than the time that their layer
    says, and what was built from the sources themselves is newer.
    """
    times = [Path(layer) / "time" for layer in layers]
    return max([LONG_AGO, *(int(path.read_text(encoding="utf-8")) for path in times if path.is_file())])


def pack(target: Path, out: Path, since: float) -> None:
    """out/target.tar.zst: what came into the target folder since a moment, with its times."""
    argv = ["tar", "--create", f"--use-compress-program={ZSTD}", f"--newer-mtime=@{since:.3f}"]
    run([*argv, "--file", str(out / NAME), "--directory", str(target.parent), target.name])


def unpack(layers: Sequence[str], target: Path) -> None:
    """Puts packed target folders on each other, in order. What a layer has to say about itself is said, in a line."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for layer in map(Path, layers):
        note = layer / "note"
        if note.is_file():
            print(f"nanna-ci: {note.read_text(encoding='utf-8').strip()}", file=sys.stderr, flush=True)
        if (layer / NAME).is_file():
            run(["tar", "--extract", "--zstd", "--file", str(layer / NAME), "--directory", str(target.parent)])
