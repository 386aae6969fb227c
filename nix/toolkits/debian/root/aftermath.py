"""What makes a root must clean up after itself, and what a killed one left is cleaned up by the next."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# a program that got a terminal's Ctrl-C beside us unmounts and removes: a second signal would end it half way
CLEANING_S = 20
MOUNTS = Path("/proc/self/mounts")


def run_to_end(argv: Sequence[str], steps: tuple[str, ...], say: Callable[[str], None]) -> tuple[int, str]:
    """Exit code and output of a program; lines that begin with one of `steps` are said as they come.

    Whatever ends us, the program has ended before: by itself, or else by TERM.
    """
    lines: list[str] = []
    started = time.monotonic()
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:

        def read() -> None:
            for line in process.stdout or ():
                lines.append(line)
                if line.startswith(steps):
                    say(f"{line[3:].strip()} ({time.monotonic() - started:.0f} s)")

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            code = process.wait()
        except BaseException:
            _wait_for_its_end(process)
            raise
        reader.join()
    return code, "".join(lines)


def _wait_for_its_end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(CLEANING_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()


def _unescape(code: re.Match[str]) -> str:
    return chr(int(code[1], 8))


def mounts_below(folder: Path, mounts: str) -> list[str]:
    """What is mounted below a folder, by /proc/self/mounts, the deepest first."""
    # a blank in a path is written as \\040
    places = [re.sub(r"\\(\d{3})", _unescape, line.split(" ")[1]) for line in mounts.splitlines()]
    return sorted((place for place in places if place.startswith(f"{folder}/")), key=len, reverse=True)


def remove(folder: Path) -> None:
    """Remove a half-made root, and first what a killed maker left mounted in it; nothing in what stays mounted."""
    for place in mounts_below(folder, MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")):
        subprocess.run(["umount", place], check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=False)
