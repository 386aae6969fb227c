"""A stand-in for the cachix program: `push` copies into a cache folder with the real nix, and everything is recorded.

It reads settings.json beside it: {"cache": folder, "version": text, "dies_at": the name of a path or null, "waits_at":
a number of pushed paths or null, "leaves": names that another cache has, "says": lines for stderr}, and appends to
calls.json there: argv, the names of the environment, stdin. The push works as cachix does: all paths of stdin, a path
that is not valid skipped with a warning, what is present not sent again, progress on stderr.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


def install(folder: Path, cache: Path, **settings: Any) -> Path:
    """Put it as `cachix` into a folder, to be put on PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[str, Any] = {
        "cache": str(cache),
        "version": "1.7.9",
        "dies_at": None,
        "waits_at": None,
        "leaves": [],
        "says": [],
    }
    (folder / "settings.json").write_text(json.dumps(known | settings))
    program = folder / "cachix"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} "$0" "$@"\n')
    program.chmod(0o755)
    return program


def calls(folder: Path) -> list[dict[str, Any]]:
    """What it was called with, so far."""
    file = folder / "calls.json"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def nix(*words: str) -> subprocess.CompletedProcess[bytes]:
    argv = ["nix", "--extra-experimental-features", "nix-command", *words]
    return subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL)


def push(folder: Path, settings: dict[str, Any], paths: list[str]) -> int:
    closure: dict[str, None] = {}
    for path in paths:
        done = nix("path-info", "--recursive", path)
        if done.returncode != 0:
            print(f"Warning: path {path} is not valid", file=sys.stderr)
            continue
        closure.update(dict.fromkeys(done.stdout.decode().split()))
    pushed = 0
    for path in sorted(closure):
        is_present = (Path(settings["cache"]) / f"{Path(path).name[:32]}.narinfo").exists()
        if is_present or path.split("-", 1)[1] in settings["leaves"]:
            continue
        if path.split("-", 1)[1] == settings["dies_at"]:
            print("ConnectionError: the service went away", file=sys.stderr)
            return 1
        if pushed == settings["waits_at"]:
            (folder / "waiting").touch()
            signal.pause()
        print(f"Pushing {path} (1.00 KiB)", file=sys.stderr, flush=True)
        done = nix("copy", "--to", f"file://{settings['cache']}", path)
        if done.returncode != 0:
            sys.stderr.buffer.write(done.stderr)
            return 1
        for name in settings["leaves"]:  # nix copies whole closures, Cachix does not
            for file in Path(settings["cache"]).glob("*.narinfo"):
                if f"-{name}\nURL" in file.read_text():
                    file.unlink()
        pushed += 1
    print("All done." if pushed else "Nothing to push - all store paths are already on Cachix.", file=sys.stderr)
    return 0


def main(link: str, argv: list[str]) -> int:
    folder = Path(link).parent
    settings = json.loads((folder / "settings.json").read_text())
    stdin = sys.stdin.read()
    with (folder / "calls.json").open("a") as file:
        file.write(json.dumps({"argv": argv, "environ": sorted(os.environ), "stdin": stdin}) + "\n")
    for line in settings["says"]:
        print(line, file=sys.stderr, flush=True)
    match argv:
        case ["--version"]:
            print(f"cachix {settings['version']}")
            return 0
        case ["push", _] | ["--hostname", _, "push", _]:
            return push(folder, settings, stdin.split())
    print(f"Invalid argument {argv}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
