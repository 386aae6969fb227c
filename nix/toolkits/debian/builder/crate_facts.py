"""Which crates a build compiles, as cargo itself says: what a bill of materials is made from, in both toolkits.

Nothing is compiled, and no standard library of the target is needed. Paths are the same wherever that is done:
`/source` is the source, `/vendor/NAME-VERSION` what came from a registry or a repository.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from plain import end_like, say_command
from warm import Place

# cargo's words that decide what its metadata says, alone or with the value that follows
FEATURES = frozenset({"--all-features", "--no-default-features"})
WITH_VALUE = ("--features", "-F", "--config")


def write_facts(place: Place, target: Mapping[str, str], binaries: Sequence[str], out: Path) -> None:
    """out/metadata.json, out/units.json, out/Cargo.lock and out/target.json.

    The units are those of the release build: `target` has its `triple`, and `binaries` the programs that pipeline.toml
    names. Without any it is the workspace's libraries that are meant, and not its programs alone.
    """
    triple = target["triple"]
    words = ["metadata", "--format-version=1", "--locked", "--offline", f"--filter-platform={triple}"]
    metadata = ask(place, [*words, *feature_words(place.flags)])
    words = ["build", "--release", f"--target={triple}", "--unit-graph", "-Zunstable-options", *place.flags]
    units = ask(place, words + (["--bins"] if binaries else []), {"RUSTC_BOOTSTRAP": "1"})
    folders = folders_of(metadata, place.source)
    out.mkdir(exist_ok=True)
    for name, value in {"metadata": metadata, "units": units, "target": {**target, "profile": "release"}}.items():
        text = json.dumps(portable(value, folders), indent=1, sort_keys=True, ensure_ascii=False)
        (out / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    shutil.copyfile(place.folder / "Cargo.lock", out / "Cargo.lock")


def ask(place: Place, words: Sequence[str], more: Mapping[str, str] | None = None) -> Any:
    """What cargo answers, as JSON; its failure is the build's."""
    argv = ["cargo", *words]
    say_command(argv)
    env = {**place.environment, **(more or {})}
    done = subprocess.run(argv, cwd=place.folder, env=env, check=False, stdout=subprocess.PIPE)
    end_like(done.returncode)
    return json.loads(done.stdout)


def feature_words(flags: Sequence[str]) -> list[str]:
    """Of the words of a build those that `cargo metadata` takes too, and that change which crates there are."""
    return list(_feature_words(iter(flags)))


def _feature_words(flags: Iterator[str]) -> Iterator[str]:
    for word in flags:
        if word in WITH_VALUE:
            yield from (word, next(flags, ""))
        elif word in FEATURES or word.startswith(tuple(f"{name}=" for name in WITH_VALUE)):
            yield word


def folders_of(metadata: Mapping[str, Any], source: Path) -> dict[str, str]:
    """Folder -> what it is called in every build."""
    folders = {str(source): "/source"}
    for package in metadata["packages"]:
        if package["source"] is not None:
            folders[str(PurePosixPath(package["manifest_path"]).parent)] = (
                f"/vendor/{package['name']}-{package['version']}"
            )
    return folders


def portable(value: Any, folders: Mapping[str, str]) -> Any:
    """The same JSON with other names for folders, in paths and in the URLs by which cargo calls local packages."""
    match value:
        case dict():
            return {key: portable(inner, folders) for key, inner in value.items()}
        case list():
            return [portable(inner, folders) for inner in value]
        case str():
            return _portable_text(value, folders)
        case _:
            return value


def _portable_text(text: str, folders: Mapping[str, str]) -> str:
    head, scheme, path = text.partition("file://")
    if not scheme:
        head, path = "", text
    if not path.startswith("/"):
        return text
    path, mark, fragment = path.partition("#")
    for parent in (path, *map(str, PurePosixPath(path).parents)):
        if parent in folders:
            return f"{head}{scheme}{folders[parent]}{path[len(parent) :]}{mark}{fragment}"
    return text
