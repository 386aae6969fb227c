"""Runs cargo and says how far it is: Nix shows a build's phase, and anything that follows Nix can read it there.

cargo draws its progress bar on a terminal, or if configured to; here each state of it becomes a message to Nix,
`@nix {"action": "setPhase", "phase": "12 of 60 crates"}`, which no log keeps. All other output passes as it is.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from plain import end_like, say_command

_BAR = re.compile(rb"\s*Building \[[=> ]*\] (\d+)/(\d+)")
_DRAWN = {"CARGO_TERM_PROGRESS_WHEN": "always", "CARGO_TERM_PROGRESS_WIDTH": "80"}
_INTERVAL_S = 0.5
_CHUNK_BYTES = 65536


def run_watched(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    on_line: Callable[[bytes], None] = lambda _: None,
    stdout: IO[bytes] | None = None,
) -> int:
    """Runs cargo to its end: its exit code, negative for a signal. `on_line` gets each line of its standard error."""
    shown_s = 0.0
    with subprocess.Popen(argv, cwd=cwd, env={**env, **_DRAWN}, stdout=stdout, stderr=subprocess.PIPE) as process:
        rest = b""
        while chunk := os.read(process.stderr.fileno(), _CHUNK_BYTES):  # type: ignore[union-attr]
            *pieces, rest = re.split(rb"([\r\n])", rest + chunk)
            for text, end in zip(pieces[::2], pieces[1::2], strict=True):
                if bar := _BAR.match(text):
                    if time.monotonic() - shown_s >= _INTERVAL_S:
                        shown_s = time.monotonic()
                        _say_phase(f"{int(bar[1])} of {int(bar[2])} crates")
                    continue
                sys.stderr.buffer.write(text + end)
                sys.stderr.flush()
                if end == b"\n":
                    on_line(text)
        sys.stderr.buffer.write(rest)
        sys.stderr.flush()
    return process.returncode


def run_or_end(argv: list[str], *, cwd: Path, env: Mapping[str, str], stdout: IO[bytes] | None = None) -> None:
    """The same, said before; cargo's failure is the build's."""
    say_command(argv)
    end_like(run_watched(argv, cwd=cwd, env=env, stdout=stdout))


def _say_phase(phase: str) -> None:
    print(f"@nix {json.dumps({'action': 'setPhase', 'phase': phase})}", file=sys.stderr, flush=True)
