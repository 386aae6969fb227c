"""Stand-ins for a workspace's own crates, so that cargo builds their dependencies and nothing else.

Which crates and targets there are is cargo's to say, by `cargo metadata`; it wants to see each target's file, so a
first set of empty files comes from names alone (nix/toolkits/debian/manifests.nix). No manifest is read here but one
that cargo itself names, in its answer or in an error: it may declare targets without a path, whose files must be there.
"""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# documented, since a workspace may deny missing documentation; dependencies are all that it uses, and it uses none
EMPTY = "//! A stand-in.\n#![allow(unused_crate_dependencies)]\n"
EMPTY_MAIN = EMPTY + "fn main() {}\n"
LIBRARIES = frozenset({"lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"})
METADATA = ("cargo", "metadata", "--format-version=1", "--locked", "--offline")
FOLDERS = {"bin": "src/bin", "test": "tests", "example": "examples", "bench": "benches"}


class Unavailable(Exception):
    """Stand-ins cannot be made; says why, in cargo's words."""


@dataclass(frozen=True)
class Package:
    """A package without a registry or repository: a member, or one that is depended on by its path. `id` is cargo's."""

    id: str
    name: str
    manifest: Path
    targets: tuple[Mapping[str, Any], ...]


def write_stubs(top: Path, folder: Path, names: Path, environment: Mapping[str, str]) -> list[Package]:
    """Writes the stand-ins below `top`, the source, for the workspace in `folder`; the packages that they stand in for.

    `names` holds a target's path a line, below the source. Raises Unavailable.
    """
    for line in filter(None, names.read_bytes().split(b"\n")):
        path = Path(os.fsdecode(line))
        _write(top, top / path, EMPTY if path.name == "lib.rs" else EMPTY_MAIN)
    packages = local_packages(_metadata(top, folder, environment))
    for package in packages:
        for target in package.targets:
            _write(top, Path(target["src_path"]), EMPTY if LIBRARIES.intersection(target["kind"]) else EMPTY_MAIN)
    return packages


def local_packages(metadata: Mapping[str, Any]) -> list[Package]:
    """The packages of cargo's metadata that are the source's own."""
    return [
        Package(package["id"], package["name"], Path(package["manifest_path"]), tuple(package["targets"]))
        for package in metadata["packages"]
        if package["source"] is None
    ]


def _metadata(top: Path, folder: Path, environment: Mapping[str, str]) -> Mapping[str, Any]:
    """cargo's answer, once each declared target has its file: it leaves out what it does not find, or fails."""
    while True:
        done = subprocess.run(METADATA, cwd=folder, env=environment, check=False, capture_output=True)
        said = os.fsdecode(done.stderr).strip()
        answer: Mapping[str, Any] = {} if done.returncode else json.loads(done.stdout)
        known = [package.manifest for package in local_packages(answer)] if answer else _manifests_in(said, top)
        # each manifest gets its files before cargo is run again
        wrote = [_declare(top, path) for path in known]
        if any(wrote):
            continue
        if not answer:
            raise Unavailable(said)
        return answer


def _manifests_in(said: str, top: Path) -> list[Path]:
    """The manifests below the source that an error of cargo's names."""
    names = dict.fromkeys(re.findall(r"`([^`\n]+/Cargo\.toml)`", said))
    return [Path(name) for name in names if Path(name).is_relative_to(top)]


def _declare(top: Path, manifest: Path) -> bool:
    """Writes files for targets that a manifest declares without a path; whether there were any to write."""
    try:
        text = tomllib.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    package = text.get("package", {})
    declared = [(kind, target) for kind in FOLDERS for target in _tables(text.get(kind)) if "path" not in target]
    names = [(kind, target.get("name")) for kind, target in declared] + [("bin", package.get("default-run"))]
    wrote = False
    for kind, name in names:
        # a program called like its package is in src/main.rs, if there is one
        main = kind == "bin" and name == package.get("name") and (manifest.parent / "src/main.rs").exists()
        if isinstance(name, str) and not main:
            wrote |= _write(top, manifest.parent / FOLDERS[kind] / f"{name}.rs", EMPTY_MAIN)
    return wrote


def _tables(value: object) -> list[dict[str, Any]]:
    return [table for table in value if isinstance(table, dict)] if isinstance(value, list) else []


def _write(top: Path, path: Path, text: str) -> bool:
    """Writes a file that is not there, nowhere but below the source; whether it did."""
    if path.exists() or not path.parent.resolve().is_relative_to(top.resolve()):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True
