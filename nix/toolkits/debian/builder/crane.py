"""For the nixpkgs toolkit: what checks share, built and used within crane's derivations, in the unpacked source.

crane.py FOLDER dependencies OUT TARGETS PROFILE FLAG…
crane.py FOLDER tests OUT FLAG…             builds a layer
crane.py FOLDER facts OUT SYSTEM TRIPLE BINARIES FLAG…
                                            says which crates a build compiles; BINARIES: names apart by commas
crane.py FOLDER audit OUT CARGO-AUDIT DATABASE TIME
crane.py FOLDER deny OUT CARGO-AUDIT DATABASE TIME CARGO-DENY [POLICY WORD…]
                                            asks what is known of the crates (scanning.py); TIME: of DATABASE's commit,
                                            or 0; POLICY: for a workspace without deny.toml, and words for cargo-deny
crane.py FOLDER doctests FLAG…              tests the examples in the documentation
crane.py FOLDER inherit LAYER…              puts layers under the source, before cargo runs
crane.py FOLDER refuse-alias COMMAND        ends the build where an alias stands in the place of cargo COMMAND

FOLDER is where the workspace is below the source, and the working folder; flags are those of every command that
compiles.
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import scanning
import warm
from archive import source_time, unpack
from crate_facts import write_facts
from doctests import run_doctests
from main import guarded


def run(words: list[str]) -> None:
    here = Path.cwd()
    target = here / os.environ.get("CARGO_TARGET_DIR", "target")
    source = here if words[0] == "." else here.parents[len(Path(words[0]).parts) - 1]

    def place(flags: list[str]) -> warm.Place:
        return warm.Place(source, here, target, dict(os.environ), flags)

    match words[1:]:
        case ["dependencies", out, targets, profile, *flags]:
            warm.dependencies(place(flags), Path(targets), profile, Path(out))
        case ["tests", out, *flags]:
            warm.tests(place(flags), Path(out))
        case ["facts", out, system, triple, binaries, *flags]:
            names = [name for name in binaries.split(",") if name]
            write_facts(place(flags), {"system": system, "triple": triple}, names, Path(out))
        case ["audit", out, *tools]:
            scanning.audit(scan(here, tools), Path(out))
        case ["deny", out, *tools]:
            scanning.deny(scan(here, tools), Path(out))
        case ["inherit", *layers]:
            change_all(source, source_time(layers))
            unpack(layers, target)
        case ["doctests", *flags]:
            run_doctests(place(flags))
        case ["refuse-alias", command]:
            refuse_alias(command)
        case _:
            sys.exit(f"crane.py: {' '.join(words)}?")


def scan(here: Path, words: list[str]) -> scanning.Scan:
    audit, database, time, *more = words
    deny, *policy = more or [""]
    ours = (Path(policy[0]), policy[1:]) if policy else None
    home = Path(os.environ.setdefault("CARGO_HOME", str(here.parent / "cargo-home")))
    return scanning.Scan(here, home, dict(os.environ), Path(database), int(time), audit, deny, ours)


def refuse_alias(command: str) -> None:
    """Ends the build where the workspace's configuration has an alias in the place of a check, which would answer."""
    done = subprocess.run(["cargo", command, "--version"], check=False, capture_output=True, text=True)
    if f"user-defined alias `{command}` is shadowing" in done.stderr:
        sys.exit(f"an alias of cargo's configuration replaces cargo {command}: it would answer")


def change_all(folder: Path, seconds: int) -> None:
    """Every file below a folder changed at this time."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.utime(Path(parent, name), (seconds, seconds), follow_symlinks=False)


if __name__ == "__main__":
    guarded(f"crane.{sys.argv[2]}", lambda: run(sys.argv[1:]))
