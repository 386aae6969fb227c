"""The benchmark programs of a workspace, for both toolkits: built as `cargo bench` builds them, and not run."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from crate_facts import ask
from plain import say_command
from warm import Place
from watched import run_or_end


def write_bench_programs(place: Place, source: str, out: Path) -> None:
    """out/bin/CRATE--BENCH for each benchmark target, and out/benchmarks.json.

    That has the compiler's version, the store path of `source`, and of each program its crate, its target and its
    package's folder below the source, where cargo would run it. Without any such target the list is empty.
    """
    argv = ["cargo", "bench", "--no-run", *place.flags, "--message-format=json-render-diagnostics"]
    with TemporaryFile() as messages:
        run_or_end(argv, cwd=place.folder, env=place.environment, stdout=messages)
        messages.seek(0)
        made = list(benchmarks_in(messages.read()))
    metadata = ask(place, ["metadata", "--format-version=1", "--locked", "--offline", "--no-deps"])
    crates = {package["id"]: package["name"] for package in metadata["packages"]}
    (out / "bin").mkdir(parents=True)
    programs = []
    for message in made:
        crate, target = crates[message["package_id"]], message["target"]["name"]
        shutil.copy(message["executable"], out / "bin" / f"{crate}--{target}")
        folder = str(Path(message["manifest_path"]).parent.relative_to(place.source))
        programs.append({"name": f"{crate}--{target}", "crate": crate, "target": target, "folder": folder})
    value = {"toolchain": _compiler(place), "source": source, "programs": sorted(programs, key=lambda one: one["name"])}
    (out / "benchmarks.json").write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def benchmarks_in(messages: bytes) -> Iterator[dict[str, Any]]:
    """Those of cargo's messages that name a benchmark's program; the test harness of a library is none."""
    for line in messages.splitlines():
        # a build script's output may stand between them
        message = json.loads(line) if line.startswith(b'{"reason":"compiler-artifact"') else {}
        if message.get("executable") and "bench" in message["target"]["kind"]:
            yield message


def _compiler(place: Place) -> str:
    argv = ["rustc", "--version"]
    say_command(argv)
    done = subprocess.run(argv, cwd=place.folder, env=place.environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()
