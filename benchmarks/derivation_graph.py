"""`cache-analytics` over `nix build --dry-run` for a graph of 10,000 derivations: the same sets, 0.75 of the time.

The derivations form a tree with a fan-out of ten, instantiated in a scratch store; the cache (late_cache.py) has those
whose inputs it has too, by the hit rate, and answers 20 ms late. Nix asks over 200 connections, with a fresh narinfo
cache each run. Needs `nix` on PATH, 2.26 or later. Takes about two minutes.

    python3 benchmarks/derivation_graph.py [--derivations N] [--rounds N] [--delay-ms MS]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import late_cache
from side_by_side import REPO, interleave, judge, seconds

sys.path.insert(0, str(REPO / "scripts"))

from nanna_ci.store.derivation import Derivation
from nanna_ci.store.drv_file import DerivationFiles
from nanna_ci.store.store_path import StorePath, parse_store_path

HIT_RATES = (0.0, 0.5, 0.9, 1.0)
FAN_OUT = 10
GRAPH = """
{ count, fanOut }:
let
  node = index: derivation {
    name = "node-${toString index}";
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" "echo ${toString index} > $out" ];
    inputs = builtins.genList (at: builtins.elemAt nodes (index * fanOut + 1 + at)) (children index);
  };
  children = index: min fanOut (max 0 (count - index * fanOut - 1));
  min = a: b: if a < b then a else b;
  max = a: b: if a > b then a else b;
  nodes = builtins.genList node count;
in builtins.head nodes
"""

Sets = tuple[set[str], set[str]]  # to build, to fetch


class Setup:
    """A scratch store with the graph."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.environ = {**os.environ, "NIX_REMOTE": f"local?root={folder}/store", "PYTHONPATH": str(REPO / "scripts")}
        (folder / "graph.nix").write_text(GRAPH)
        arguments = ["--arg", "count", str(count), "--arg", "fanOut", str(FAN_OUT)]
        shown = self.run("nix-instantiate", str(folder / "graph.nix"), *arguments).stdout
        self.root = parse_store_path(shown.decode().strip())
        self.graph = DerivationFiles(folder / "store/nix/store").read_closure([self.root])

    def run(self, *argv: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
        """A program that must succeed."""
        done = subprocess.run(argv, env=self.environ | environ, cwd=self.folder, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{argv[0]} exited with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done

    def write_cache(self, hit_rate: float) -> Path:
        """What the cache has, for late_cache.py."""
        numbers = {path: int(one.name.removeprefix("node-")) for path, one in self.graph.items()}
        present: dict[StorePath, bool] = {}
        for path in sorted(self.graph, key=numbers.__getitem__, reverse=True):  # inputs before what needs them
            below = all(present[other] for other in self.graph[path].input_derivations)
            number = numbers[path]
            present[path] = below and (hit_rate == 1.0 or (number > 0 and late_cache.is_present(number, hit_rate)))
        file = self.folder / f"narinfos-{hit_rate}"
        lines = [self._narinfo(one) for path, one in self.graph.items() if present[path]]
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return file

    def _narinfo(self, one: Derivation) -> dict[str, str]:
        def output(path: StorePath) -> StorePath:
            place = self.graph[path].outputs["out"].path
            assert place is not None
            return place

        own = output(one.path)
        references = " ".join(output(path).base_name for path in one.input_derivations)
        text = (
            f"StorePath: {own}\nURL: nar/{own.hash}.nar.xz\nCompression: xz\nFileHash: sha256:{'0' * 52}\n"
            f"FileSize: 1000\nNarHash: sha256:{'0' * 52}\nNarSize: 5000\nReferences: {references}\n"
        )
        return {"hash": own.hash, "narinfo": text}

    def dry_run(self, url: str) -> tuple[float, Sets]:
        """Nix: seconds, and what it says."""
        with tempfile.TemporaryDirectory() as cache_home:
            started = time.perf_counter()
            done = self.run(
                *("nix", "--extra-experimental-features", "nix-command", "build", "--dry-run", "--no-link"),
                *(f"{self.root}^out", "--option", "substituters", url, "--option", "http-connections", "200"),
                XDG_CACHE_HOME=cache_home,
            )
            spent = time.perf_counter() - started
        sets: Sets = (set(), set())
        for section, paths in re.findall(r"will be (built|fetched).*:\n((?:  /nix/store/.*\n)*)", done.stderr.decode()):
            sets[section == "fetched"].update(paths.split())
        return spent, sets

    def analyse(self, url: str) -> tuple[float, Sets]:
        """Ours: seconds, and what it says."""
        output = self.folder / "answer.json"
        started = time.perf_counter()
        self.run(
            *(sys.executable, "-m", "nanna_ci", "cache-analytics", f"{self.root}^out", "--format", "json"),
            *("--output", str(output), "--substituter", f"{url}?trusted=true"),
        )
        spent = time.perf_counter() - started
        plan = json.loads(output.read_bytes())["plan"]
        return spent, (set(plan["build"]), set(plan["download"]["storePaths"]))


def main() -> int:
    """Prints both times and the ratio at every hit rate; 1 where a limit is missed or the sets differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--derivations", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    options = parser.parse_args()
    held = []
    with tempfile.TemporaryDirectory() as folder:
        setup = Setup(Path(folder), options.derivations)
        for hit_rate in HIT_RATES:
            flags = ("--narinfos", str(setup.write_cache(hit_rate)), "--delay-ms", str(options.delay_ms))
            with late_cache.serving(late_cache.OURS, *flags) as url:
                ours, peer = setup.analyse(url)[1], setup.dry_run(url)[1]
                same = ours == peer
                shown = f"{len(peer[0])} to build, {len(peer[1])} to fetch"
                print(f"{'ok    ' if same else 'MISSED'}  hit rate {hit_rate}: the same sets: {shown}", flush=True)
                pair = interleave(
                    lambda _, url=url: setup.analyse(url)[0],  # type: ignore[misc]
                    lambda _, url=url: setup.dry_run(url)[0],  # type: ignore[misc]
                    options.rounds,
                )
            print(f"cache-analytics: {seconds(pair.ours)}\nnix build --dry-run: {seconds(pair.peer)}")
            held += [same, judge(f"cache-analytics over nix, hit rate {hit_rate}", pair.ratio, 0.75, "times")]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
