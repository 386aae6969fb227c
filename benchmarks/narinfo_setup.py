"""What the narinfo benchmarks share: `cache-analytics` and the programs of Nix as commands, each with its answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from side_by_side import REPO

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_MESSAGE_BYTES = 4000


@dataclass(frozen=True, slots=True)
class Run:
    """A command that ended well: its wall seconds, its own peak of memory, its output."""

    seconds: float
    peak_mb: float
    stdout: bytes
    stderr: bytes


class Setup:
    """A folder where commands run with nothing that is known before: an empty store, a fresh narinfo cache each time.

    Our bytecode is written there and kept between runs, as an installed program has it.
    """

    def __init__(self, folder: Path, nix_store: str) -> None:
        self.folder = folder
        self._nix_store = nix_store
        self._number = 0
        (folder / "nix.conf").write_text("build-users-group =\nsubstituters =\nexperimental-features = nix-command\n")
        self._environ = {
            name: value
            for name, value in os.environ.items()
            if name.lower() not in _PROXIES and name != "PYTHONDONTWRITEBYTECODE"
        } | {
            "PYTHONPATH": str(REPO / "scripts"),
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
            "NIX_CONF_DIR": str(folder),
            "NIX_REMOTE": f"local?root={folder}/store",
            "GIT_CEILING_DIRECTORIES": str(folder.parent),
        }

    def run(self, argv: Sequence[str]) -> Run:
        """Run a command; the benchmark ends if it fails."""
        self._number += 1
        environ = self._environ | {"XDG_CACHE_HOME": str(self.folder / f"cache-{self._number}")}
        return _measured(argv, environ)

    def ours(self, paths: Path, urls: Sequence[str], *flags: str) -> tuple[Run, set[str]]:
        """`cache-analytics` of the paths in a file: the run, and what it says would be downloaded."""
        run = self.run(
            [
                *(sys.executable, "-m", "nanna_ci", "cache-analytics", "--paths-from", str(paths)),
                *(word for url in urls for word in ("--substituter", f"{url}?trusted=true")),
                *("--format", "json", "--quiet", *flags),
            ]
        )
        return run, set(self.answer(run)["plan"]["download"]["storePaths"])

    @staticmethod
    def answer(run: Run) -> Any:
        """The JSON that a command printed."""
        return json.loads(run.stdout)

    def nix(self, paths: Path, urls: Sequence[str], connections: int) -> tuple[Run, set[str]]:
        """`nix-store -r --dry-run` of the same: the run, and what it says would be fetched."""
        run = self.run(
            [
                *(self._nix_store, "--realise", "--dry-run", *paths.read_text().split()),
                *("--option", "substituters", " ".join(f"{url}?trusted=true" for url in urls)),
                *("--option", "http-connections", str(connections)),
            ]
        )
        return run, set(re.findall(r"^  (/nix/store/\S+)$", run.stderr.decode(), re.MULTILINE))

    def path_info(self, root: str, url: str) -> tuple[Run, set[str]]:
        """`nix path-info -r --json`: the run, and what it found."""
        nix = str(Path(self._nix_store).with_name("nix")) if "/" in self._nix_store else "nix"
        run = self.run([nix, "path-info", "--recursive", "--json", "--store", url, root])
        return run, set(self.answer(run))


def _measured(argv: Sequence[str], environ: Mapping[str, str]) -> Run:
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(argv, cwd=REPO, env=environ, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        _, status, usage = os.wait4(process.pid, 0)
        spent = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        run = Run(spent, usage.ru_maxrss * 1024 / 1_000_000, stdout.read(), stderr.read())
    if process.returncode != 0:
        sys.stderr.write(run.stderr.decode(errors="replace")[-_MESSAGE_BYTES:])
        sys.exit(f"{' '.join(argv)[:200]} exited with {process.returncode}")
    return run
