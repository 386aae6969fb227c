"""The step that builds a workspace's dependencies, once for every check.

It makes other steps faster and nothing else. Where it cannot be done, or not for all dependencies, its output holds a
note with cargo's words, and whoever stands on it builds what is missing.
"""

from pathlib import Path

from archive import moment, pack
from cargo import SOURCE, attempt, environment, folder_of, prepare, profile_flags, target_of
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
    problems = [attempt(attributes, arguments, values) for arguments in commands(attributes)]
    # Stand-ins must never be taken for what they stand in for. By name, for that is how cargo cleans: a crate of the
    # registry with the same name goes too.
    specs = [word for name in sorted({package.name for package in packages}) for word in ("--package", name)]
    if problem := attempt(attributes, ["clean", *profile_flags(attributes), *specs], environment(attributes)):
        note(out, f"dependencies are not shared with other jobs, for `cargo clean` says: {problem}")
        return
    if failed := [problem for problem in problems if problem]:
        note(out, f"some dependencies are not shared with other jobs, for cargo says: {failed[0]}")
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


def note(out: Path, text: str) -> None:
    (out / "note").write_text(" ".join(text.split()) + "\n", encoding="utf-8")
