"""`cache-analytics` over `nix-store --realise --dry-run`: a list of paths, two caches, a walk; the same sets.

Whole commands, the start of the programs included, in turn, against a cache that answers late. Nix has an empty store
and a fresh narinfo cache each run, and 200 connections. The bottleneck: ceil(paths / connections) times the delay for a
list (1.0 s for 10,000 over 200 at 20 ms), levels times the delay for a walk; below that the processor, which client and
server share here: about 45 µs a path for us (a third the kernel's, a third asyncio's), as much for the server.

    python3 benchmarks/narinfo_queries.py [--server PROGRAM] [--nix-store PROGRAM] [--paths N] [--rounds N]

Needs `nix` on PATH: run it with `./nixw develop -c`, or where nix is. `--server` takes the flags of late_cache.py.
Takes about four minutes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import late_cache
from narinfo_setup import Run, Setup
from side_by_side import Pair, interleave, judge, seconds

CONNECTIONS = 200
FAN_OUT = 10
DELAYS_MS = (20, 0, 80)
SERIAL_PATHS = 300  # nix path-info asks for one path after the other: ten thousand would take minutes

Ask = Callable[[], tuple[Run, set[str]]]


class Comparison:
    """Commands in turn, whose sets must agree. `held` says for each limit whether it was kept."""

    def __init__(self, setup: Setup, rounds: int) -> None:
        self.setup = setup
        self.rounds = rounds
        self.held: list[bool] = []

    def take(self, what: str, ours: Ask, peer: Ask, expected: set[str]) -> Pair:
        """Both in turn; prints every run."""
        wrong = []

        def timed(ask: Ask, name: str) -> float:
            run, found = ask()
            if found != expected:
                wrong.append(f"{name}: {len(found)} paths, {len(found ^ expected)} of them or not of them wrongly")
            return run.seconds

        pair = interleave(lambda _: timed(ours, "ours"), lambda _: timed(peer, "peer"), self.rounds)
        print(f"{what}\n        ours {seconds(pair.ours)}\n        peer {seconds(pair.peer)}; ratio {pair.ratio:.3f}")
        for line in wrong:
            print(f"MISSED  other sets: {line}")
        self.held.append(not wrong)
        return pair

    def judge(self, what: str, measured: float, limit: float, unit: str) -> None:
        """A figure beside its limit."""
        self.held.append(judge(what, measured, limit, unit))


def compare_lists(comparison: Comparison, server: Sequence[str], listed: Path, delay_ms: int) -> None:
    """A list of known paths, with as many connections as Nix, and with our own choice."""
    setup, paths = comparison.setup, set(listed.read_text().split())
    flags = ("--paths", str(len(paths)), "--fan-out", str(FAN_OUT), "--delay-ms", str(delay_ms))

    def nix() -> tuple[Run, set[str]]:
        return setup.nix(listed, [url], CONNECTIONS)

    with late_cache.serving(server, *flags) as url:
        same = comparison.take(
            f"{len(paths)} paths, {delay_ms} ms, {CONNECTIONS} connections each",
            lambda: setup.ours(listed, [url], "--concurrency", str(CONNECTIONS)),
            nix,
            paths,
        )
    with late_cache.serving(server, *flags) as url:
        own = comparison.take(
            f"{len(paths)} paths, {delay_ms} ms, our own choice of connections",
            lambda: setup.ours(listed, [url]),
            nix,
            paths,
        )
        print(f"        connections at most: {late_cache.peak_connections(url)}")
    if delay_ms == DELAYS_MS[0]:
        comparison.judge("a list over nix-store, as many connections", same.ratio, 0.75, "times")
        comparison.judge("a list over nix-store, our own choice", own.ratio, 0.5, "times")


def compare_two_caches(comparison: Comparison, server: Sequence[str], listed: Path, delay_ms: int) -> None:
    """Two caches, of which the first has nothing."""
    setup, paths = comparison.setup, set(listed.read_text().split())
    flags = ("--fan-out", str(FAN_OUT), "--delay-ms", str(delay_ms))
    with (
        late_cache.serving(server, "--paths", "0", *flags) as empty,
        late_cache.serving(server, "--paths", str(len(paths)), *flags) as full,
    ):
        for name, own in (("our own choice", ()), (f"{CONNECTIONS} each", ("--concurrency", str(CONNECTIONS)))):
            pair = comparison.take(
                f"{len(paths)} paths, {delay_ms} ms, two caches, the first empty, {name}",
                lambda own=own: setup.ours(listed, [empty, full], *own),  # type: ignore[misc]
                lambda: setup.nix(listed, [empty, full], CONNECTIONS),
                paths,
            )
            comparison.judge(f"two caches over nix-store, {name}", pair.ratio, 0.6, "times")


def compare_walk(comparison: Comparison, server: Sequence[str], listed: Path, delay_ms: int) -> None:
    """From the root along the references, over the list that was known before; a small one over nix path-info."""
    setup, paths = comparison.setup, listed.read_text().split()
    root = listed.with_name("root")
    root.write_text(f"{paths[0]}\n")
    flags = ("--fan-out", str(FAN_OUT), "--delay-ms", str(delay_ms))
    with late_cache.serving(server, "--paths", str(len(paths)), *flags) as url:
        pair = comparison.take(
            f"{len(paths)} paths, {delay_ms} ms, a walk from the root (ours) over the known list (peer: ours too)",
            lambda: setup.ours(root, [url], "--walk"),
            lambda: setup.ours(listed, [url]),
            set(paths),
        )
    allowed_s = 1.5 * statistics.median(pair.peer) + levels(len(paths)) * delay_ms / 1000
    comparison.judge("a walk", statistics.median(pair.ours), allowed_s, "s")
    with late_cache.serving(server, "--paths", str(SERIAL_PATHS), *flags) as url:
        run, found = setup.path_info(paths[0], url)
        ours, same = setup.ours(root, [url], "--walk")
    print(f"{SERIAL_PATHS} paths: nix path-info -r {run.seconds:.2f} s, a walk {ours.seconds:.2f} s")
    comparison.held.append(found == same == set(paths[:SERIAL_PATHS]))
    print(f"{'ok    ' if comparison.held[-1] else 'MISSED'}  nix path-info and the walk find the same")


def levels(paths: int) -> int:
    """How deep the tree is."""
    depth, below = 0, 0
    while below < paths:
        below = below * FAN_OUT + 1
        depth += 1
    return depth


def main() -> int:
    """Prints every run, and each figure beside its limit; 1 if one is missed or sets differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="a cache that answers late (default: late_cache.py)")
    parser.add_argument("--nix-store", default="nix-store", help="the peer; `nix` is taken from beside it")
    parser.add_argument("--paths", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    server = late_cache.OURS if options.server is None else (sys.executable, options.server)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listed = folder / "paths"
        listed.write_text("".join(f"{path}\n" for path in late_cache.store_paths(options.paths)))
        comparison = Comparison(Setup(folder, options.nix_store), options.rounds)
        with late_cache.serving(server, "--paths", "1") as url:  # our bytecode is compiled before the clock starts
            comparison.setup.ours(listed, [url])
        for delay_ms in DELAYS_MS:
            compare_lists(comparison, server, listed, delay_ms)
        compare_two_caches(comparison, server, listed, DELAYS_MS[0])
        compare_walk(comparison, server, listed, DELAYS_MS[0])
    return 0 if all(comparison.held) else 1


if __name__ == "__main__":
    sys.exit(main())
