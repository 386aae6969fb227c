"""The step that builds a workspace's dependencies, once for every check.

It makes other steps faster and nothing else. Where it cannot be done, or not for all dependencies, its output holds a
note with cargo's words, and whoever stands on it builds what is missing.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from archive import moment, pack, write_time
from cargo import SOURCE, attempt, folder_of, prepare, profile_flags, target_of
from plain import Attributes
from stubs import Unavailable, write_stubs


def deps(attributes: Attributes, out: Path) -> None:
    """The dependencies alone, built over stand-ins of the source's own crates: out/target.tar.zst, out/note."""
    values = prepare(attributes)
    out.mkdir()
    since = moment()
    try:
        packages = write_stubs(SOURCE, folder_of(attributes), Path(attributes["targets"]), values)
    except Unavailable as reason:
        note(out, f"dependencies are not shared with other jobs, for cargo says: {reason}")
        return
    names = sorted({package.name for package in packages})
    errors = [error for arguments in commands(attributes) for error in attempt(attributes, arguments, values)]
    # Stand-ins must never be taken for what they stand in for: sources are newer. And none is kept that cargo finds by
    # its name; a crate of the registry with that name goes too.
    write_time(out, moment())
    attempt(attributes, ["clean", *profile_flags(attributes), *(f"--package={name}" for name in names)], values)
    if what := missing(errors, names):
        note(out, f"not all dependencies are shared with other jobs, for cargo says: {what}")
    target_of(attributes).mkdir(exist_ok=True)
    pack(target_of(attributes), out, since)


def commands(attributes: Attributes) -> list[list[str]]:
    """cargo's arguments for all that the checks of a profile need."""
    flags = ["--workspace", "--locked", "--keep-going", *profile_flags(attributes)]
    if attributes["profile"] == "release":
        return [["build", *flags]]
    return [
        # as `cargo test --no-run`, which cannot keep going
        ["build", *flags, "--profile=test", "--all-targets"],
        ["clippy", *flags, "--all-targets"],
        # what rustdoc reads: without the features that tests bring in
        ["check", *flags],
    ]


def missing(errors: Sequence[str], own: Collection[str]) -> str | None:
    """What cargo could not compile, each crate once; None where these are stand-ins alone, on which nothing rests."""
    failed = [re.match(r"error: could not compile `([^`]+)`", error) for error in errors]
    names = dict.fromkeys(match[1] for match in failed if match)
    others = [name for name in names if name not in own]
    if others:
        return f"could not compile {', '.join(others)}"
    return None if names or not errors else errors[0]


def note(out: Path, text: str) -> None:
    (out / "note").write_text(" ".join(text.split()) + "\n", encoding="utf-8")
