"""`prepare-artifacts` on 200 MB against `sha256sum` and `tar --sort=name | gzip -n` at the same level.

    python3 benchmarks/prepare_artifacts.py [ROUNDS]

The input is one executable: this Python's own program, and behind it the system's libraries up to 200,000,000 bytes,
so that it compresses as machine code does. Both sides run in turn, from the same files, onto the same disk. Memory is
the peak that Linux records for the process (VmHWM), above that of a bare interpreter. The bottleneck is
compression, on one processor on both sides.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from side_by_side import REPO, interleave, judge, seconds, timed

INPUT_BYTES = 200_000_000
SYSTEM_LIBRARIES = Path("/usr/lib")
RATIO_LIMIT = 1.15
MEMORY_LIMIT_MB = 64
_PEAK = "print([int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM')][0])"


def make_input(folder: Path) -> Path:
    """A source tree's worth of input: pipeline.toml, and an executable in `result/bin`."""
    pipeline = '[workspace]\nname = "nanna-coder"\nbinaries = ["harness"]\n[budget]\nartifact_bytes = 1_000_000_000\n'
    folder.joinpath("pipeline.toml").write_text(pipeline)
    path = folder / "result/bin/harness"
    path.parent.mkdir(parents=True)
    with path.open("wb") as stream:
        stream.write(Path(sys.executable).resolve().read_bytes())
        while stream.tell() < INPUT_BYTES:
            for library in sorted(SYSTEM_LIBRARIES.rglob("*.so*")):
                if library.is_file() and not library.is_symlink() and stream.tell() < INPUT_BYTES:
                    stream.write(library.read_bytes())
        stream.truncate(INPUT_BYTES)
    return path


def peak_mb(code: str, environment: dict[str, str]) -> float:
    """Peak memory of an interpreter that runs `code`, in MB (1,000,000 bytes)."""
    argv = [sys.executable, "-c", f"{code}\n{_PEAK}"]
    answer = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, check=True)
    return int(answer.stdout.split()[-1]) * 1024 / 1_000_000


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        path = make_input(folder)
        environment = {**os.environ, "PYTHONPATH": str(REPO / "scripts"), "GIT_CEILING_DIRECTORIES": str(folder.parent)}
        words = ["prepare-artifacts", "--system", "x86_64-linux", "--config", str(folder / "pipeline.toml")]
        words += ["--from", str(path.parents[1]), "--output", str(folder / "dist"), "--quiet"]

        def ours(_: int) -> float:
            shutil.rmtree(folder / "dist", ignore_errors=True)
            return timed([sys.executable, "-m", "nanna_ci", *words], env=environment)

        def peer(_: int) -> float:
            pack = f"tar --sort=name -C {path.parent} -cf - harness | gzip -n -6 > {folder}/peer.tar.gz"
            return timed(["sh", "-c", f"sha256sum {path} && {pack}"])

        pair = interleave(ours, peer, rounds)
        archives = [folder / "dist/nanna-coder-x86_64-linux.tar.gz", folder / "peer.tar.gz"]
        sizes = [archive.stat().st_size for archive in archives]
        shutil.rmtree(folder / "dist")
        peak = peak_mb(f"from nanna_ci import cli; assert cli.main({words!r}) == 0", environment)
        bare = statistics.median(peak_mb("", environment) for _ in range(3))
    print(f"prepare-artifacts: {seconds(pair.ours)}")
    print(f"sha256sum, tar | gzip -n -6: {seconds(pair.peer)}")
    print(f"archives: {sizes[0]:,} and {sizes[1]:,} bytes, ratio {sizes[0] / sizes[1]:.4f}")
    print(f"peak memory: {peak:.1f} MB; a bare interpreter: {bare:.1f} MB")
    fast = judge("seconds over the peer's", pair.ratio, RATIO_LIMIT, "times")
    small = judge("memory above the interpreter", peak - bare, MEMORY_LIMIT_MB, "MB")
    return 0 if fast and small else 1


if __name__ == "__main__":
    sys.exit(main())
