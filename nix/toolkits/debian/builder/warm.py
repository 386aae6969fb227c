"""What is built before the checks and shared by them, in both toolkits: dependencies, and the tests' executables.

It makes the checks faster and nothing else. Where it cannot be done, or not for all dependencies, a layer holds a note
with cargo's words, and whatever depends on it builds what is missing.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive import moment, pack, write_time
from plain import say_command
from stubs import Unavailable, write_stubs
from watched import run_watched


@dataclass(frozen=True)
class Place:
    """Where cargo runs, and how: the source, the workspace's folder in it, cargo's target folder, the environment, and
    the words of every command that compiles."""

    source: Path
    folder: Path
    target: Path
    environment: Mapping[str, str]
    flags: Sequence[str]

    def for_tests(self) -> tuple[Sequence[str], dict[str, str]]:
        """Words for cargo and an environment in which it finds its target folder, and programs that it runs do not.

        A test may call cargo on a workspace of its own, which must not build into this one's folder.
        """
        flags = [*self.flags, f"--target-dir={self.target}", f'--config=build.build-dir="{self.target}"']
        names = {"CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"}
        return flags, {name: value for name, value in self.environment.items() if name not in names}


def dependencies(place: Place, targets: Path, warms: str, out: Path) -> None:
    """The dependencies alone, built over stand-ins of the source's own crates: out/target.tar.zst, out/time, out/note.

    The source is that of manifests.nix, `targets` its list. `warms` is what they are for: `dev` (tests), `lint` (clippy
    and rustdoc, over a layer of dev: tests need not wait for it), `release`, or `bench`, over a layer of release.
    """
    out.mkdir(exist_ok=True)
    since = moment()
    try:
        packages = write_stubs(place.source, place.folder, targets, place.environment)
    except Unavailable as reason:
        note(out, f"dependencies are not shared with other jobs, for cargo says: {reason}")
        return
    names = sorted({package.name for package in packages})
    errors = [error for arguments in commands(warms, place.flags) for error in attempt(place, arguments)]
    # Stand-ins must never be taken for what they stand in for: sources are newer. And none is kept that cargo finds by
    # its name; a crate of the registry with that name goes too.
    write_time(out)
    # the folder of both is called release
    release = [] if warms in {"dev", "lint"} else ["--release"]
    attempt(place, ["clean", *release, *(f"--package={name}" for name in names)])
    if what := missing(errors, names):
        note(out, f"not all dependencies are shared with other jobs, for cargo says: {what}")
    place.target.mkdir(exist_ok=True)
    pack(place.target, out, since)


def tests(place: Place, out: Path) -> None:
    """Every test compiled and linked, once for the checks that run them: out/target.tar.zst, over the dependencies.

    What does not compile, these checks compile again, and answer for it.
    """
    out.mkdir(exist_ok=True)
    since = moment()
    if attempt(place, ["test", "--no-run", *place.flags]):
        kinds = ["--lib", "--bins", "--tests", "--examples"]
        attempt(place, ["build", "--profile=test", "--keep-going", *place.flags, *kinds])
    place.target.mkdir(exist_ok=True)
    pack(place.target, out, since)


def commands(warms: str, words: Sequence[str]) -> list[list[str]]:
    """cargo's arguments for what a layer warms; `words` are those of every command."""
    flags = [*words, "--keep-going"]
    match warms:
        case "release":
            return [["build", "--release", *flags]]
        case "bench":
            # as `cargo bench --no-run`, which cannot keep going
            return [["build", "--profile=bench", *flags, "--benches"]]
        case "lint":
            # and what rustdoc reads: without the features that tests bring in
            return [["clippy", *flags, "--all-targets"], ["check", *flags]]
        case _:
            # as `cargo test --no-run`, which cannot keep going
            return [["build", *flags, "--profile=test", "--all-targets"]]


def attempt(place: Place, arguments: Sequence[str]) -> list[str]:
    """Runs cargo and ignores its failure: the lines in which it said what is wrong, none if all went well."""
    argv = ["cargo", *arguments]
    say_command(argv)
    errors: list[str] = []

    def take(line: bytes) -> None:
        if line.startswith(b"error"):
            errors.append(line.decode(errors="replace").strip())

    code = run_watched(argv, cwd=place.folder, env=place.environment, on_line=take)
    return (errors or [f"cargo exited with {code}"]) if code else []


def missing(errors: Sequence[str], own: Collection[str]) -> str | None:
    """What cargo could not compile, each crate once; None if only stand-ins failed, which do not matter."""
    failed = [re.match(r"error: could not compile `([^`]+)`", error) for error in errors]
    names = dict.fromkeys(match[1] for match in failed if match)
    others = [name for name in names if name not in own]
    if others:
        return f"could not compile {', '.join(others)}"
    return None if names or not errors else errors[0]


def note(out: Path, text: str) -> None:
    """One line, whatever cargo's words were."""
    (out / "note").write_text(" ".join(text.split()) + "\n", encoding="utf-8")
