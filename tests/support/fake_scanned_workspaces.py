"""Tiny workspaces over a registry of made-up crates, for the steps that ask what is known of crates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from support.fake_workspaces import REPO, Builder, write

DATABASE = REPO / "tests" / "data" / "advisory-db"
# name -> licence; all are of version 1.0.0, and DATABASE knows something of some
CRATES = {"sound": "MIT", "leaky": "MIT", "abandoned": "MIT", "copyleft": "GPL-3.0-only"}
POLICY = '[licenses]\nallow = ["MIT"]\n\n[advisories]\nunmaintained = "none"\n'
# as nix/cargo-words.nix gives it to the builder
DEFAULT_POLICY = {
    "file": str(REPO / "nix" / "deny.toml"),
    "arguments": ["--warn=unmaintained", "--warn=unsound", "--warn=notice"],
}
# 2026-10-05, a Monday
MODIFIED_S = 1791158400

# what cargo calls its registry, as it wrote it into a lock file
_LOCK = tomllib.loads((Path(__file__).parents[1] / "workspace/Cargo.lock").read_text(encoding="utf-8"))
_SOURCE = next(package["source"] for package in _LOCK["package"] if "source" in package)


def write_registry(folder: Path) -> Path:
    """The crates as the toolkit's input has them: vendored, with cargo's configuration."""
    for name, licence in CRATES.items():
        place = folder / "vendor" / f"{name}-1.0.0"
        write_package(place, name, "1.0.0", licence, ())
        write(place / ".cargo-checksum.json", json.dumps({"files": {}}))
    sources = '[source.crates-io]\nreplace-with = "vendored-sources"\n'
    write(folder / "config.toml", f'{sources}[source.vendored-sources]\ndirectory = "@crates@/vendor"\n')
    return folder


def write_package(folder: Path, name: str, version: str, licence: str, crates: tuple[str, ...]) -> None:
    head = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\nlicense = "{licence}"\n'
    needs = "".join(f'{crate} = "1"\n' for crate in crates)
    write(folder / "Cargo.toml", f"{head}[dependencies]\n{needs}")
    write(folder / "src" / "lib.rs", "")


class Scanned:
    """A workspace that needs some crates, and the two steps over it."""

    def __init__(self, folder: Path, *crates: str, policy: str | None = POLICY, audit: str | None = None) -> None:
        self.folder = folder
        self.source = folder / "source"
        write_package(self.source, "subject", "0.1.0", "MIT", crates)
        write(self.source / "Cargo.lock", lock(crates))
        if policy is not None:
            write(self.source / "deny.toml", policy)
        if audit is not None:
            write(self.source / ".cargo" / "audit.toml", audit)
        self.database = folder / "database"
        shutil.copytree(DATABASE, self.database)
        self.builder = Builder(folder / "steps", self.source, {}, write_registry(folder / "crates"))

    def step(self, name: str, **values: Any) -> tuple[int, list[str]]:
        """Exit code of `audit` or `deny`, and what was printed, without the commands that were run."""
        attributes: dict[str, Any] = {
            "audit": shutil.which("cargo-audit"),
            "deny": shutil.which("cargo-deny"),
            "layers": [],
            "database": str(self.database),
            "modified": MODIFIED_S,
            "policy": None,
        }
        done = self.builder.step(f"scanners.{name}", name, **(attributes | values))
        assert done.stdout == ""
        return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("+ ")]

    def within_crane(self, name: str, *words: str) -> tuple[int, list[str]]:
        """The same in the nixpkgs toolkit's derivations, as nix/toolkits/nixpkgs/rust-scans.nix has it."""
        home = self.folder / f"home-{name}"
        configuration = (self.folder / "crates" / "config.toml").read_text(encoding="utf-8")
        write(home / "config.toml", configuration.replace("@crates@", str(self.folder / "crates")))
        self.builder.top.mkdir(exist_ok=True)
        step = [sys.executable, "-I", "-B", str(REPO / "nix/toolkits/debian/builder/crane.py"), ".", name]
        tools = [shutil.which("cargo-deny") or "", *words] if name == "deny" else []
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "CARGO_HOME": str(home)}
        done = subprocess.run(
            [*step, str(self.out(name)), shutil.which("cargo-audit") or "", str(self.database), "0", *tools],
            cwd=self.source,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("+ ")]

    def take_from_a_repository(self, crate: str) -> None:
        """The workspace gets a crate from a git repository, and not from the registry."""
        url = "https://example.invalid/crate"
        commit = "1" * 40
        manifest, locked = self.source / "Cargo.toml", self.source / "Cargo.lock"
        needed = f'{crate} = {{ git = "{url}", rev = "{commit}" }}'
        manifest.write_text(manifest.read_text().replace(f'{crate} = "1"', needed))
        locked.write_text(locked.read_text().replace(f'"{_SOURCE}"', f'"git+{url}?rev={commit}#{commit}"'))
        with (self.folder / "crates" / "config.toml").open("a") as config:
            config.write(
                f'[source."git+{url}?rev={commit}"]\ngit = "{url}"\nrev = "{commit}"\n'
                'replace-with = "vendored-sources"\n'
            )

    def scan(self, name: str) -> dict[str, Any]:
        """What the step of that name says its answer rests on."""
        value: dict[str, Any] = json.loads((self.out(name) / "scan.json").read_text(encoding="utf-8"))
        return value

    def out(self, name: str) -> Path:
        """What the step of that name left."""
        return self.builder.top / name


def lock(crates: tuple[str, ...]) -> str:
    """A Cargo.lock, as cargo writes it for crates without a checksum."""
    needs = "".join(f' "{name}",\n' for name in sorted(crates))
    own = f'[[package]]\nname = "subject"\nversion = "0.1.0"\ndependencies = [\n{needs}]\n'
    others = [f'[[package]]\nname = "{name}"\nversion = "1.0.0"\nsource = "{_SOURCE}"\n' for name in crates]
    return "\n".join(["version = 4\n", *sorted([own, *others])])
