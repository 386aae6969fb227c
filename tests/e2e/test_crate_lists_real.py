"""What a build says of its crates: the facts beside it, and the list in each binary, native and cross, are the same.

Builds tests/workspace through nixw, in Nix's sandbox. Needs readelf, objcopy, strip and cargo-audit.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support.fake_workspaces import DEBIAN, Builder, FakeCrates, write

REPO = Path(__file__).resolve().parents[2]
SYSTEMS = {"x86_64-linux": "", "aarch64-linux": "-aarch64-linux"}
TRIPLES = {"x86_64-linux": "x86_64-unknown-linux-gnu", "aarch64-linux": "aarch64-unknown-linux-gnu"}


@cache
def build(attribute: str) -> Path:
    argv = [str(REPO / "nixw"), "build", f"path:{REPO}#{attribute}", "--no-link", "--print-out-paths"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=REPO)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def crate_list(binary: Path, scratch: Path) -> set[tuple[str, str]]:
    """Name and version of each crate that a binary says it is made of."""
    section = scratch / "section"
    argv = ["objcopy", "--dump-section", f".dep-v0={section}", str(binary), "/dev/null"]
    if binary.read_bytes()[18:20] == b"\xb7\x00":  # of AArch64
        argv[0] = "aarch64-linux-gnu-objcopy"
    subprocess.run(argv, check=True, capture_output=True)
    packages = json.loads(zlib.decompress(section.read_bytes()))["packages"]
    return {(package["name"], package["version"]) for package in packages}


def units(facts: Path) -> Any:
    return json.loads((facts / "units.json").read_bytes())["units"]


def packages(facts: Path) -> dict[str, tuple[str, str]]:
    """cargo's package id -> name and version."""
    metadata = json.loads((facts / "metadata.json").read_bytes())
    return {package["id"]: (package["name"], package["version"]) for package in metadata["packages"]}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_binary_carries_the_crates_that_the_facts_of_its_build_name(system: str, tmp_path: Path) -> None:
    facts = build(f"crate-facts-{system}")
    names = packages(facts)
    binary = build(f"nanna-coder{SYSTEMS[system]}") / "bin" / "harness"
    assert crate_list(binary, tmp_path) == {names[unit["pkg_id"]] for unit in units(facts)}


def test_the_list_outlives_the_removal_of_symbols(tmp_path: Path) -> None:
    binary = build("nanna-coder") / "bin" / "harness"
    sections = subprocess.run(["readelf", "-SW", binary], capture_output=True, text=True, check=True).stdout
    assert ".symtab" not in sections, "the workspace's profile strips"
    stripped = tmp_path / "harness"
    subprocess.run(["strip", "-o", stripped, binary], check=True)
    assert crate_list(stripped, tmp_path) == crate_list(binary, tmp_path)


@pytest.mark.parametrize("system", SYSTEMS)
def test_cargo_audit_reads_the_list(system: str, tmp_path: Path) -> None:
    database = shutil.copytree(REPO / "tests/data/advisory-db", tmp_path / "database")
    advisory = database / "crates/ascii/RUSTSEC-2026-9003.md"
    advisory.write_text(advisory.read_text().replace(">= 1.0.0", ">= 99.0.0"))
    binary = build(f"nanna-coder{SYSTEMS[system]}") / "bin" / "harness"
    words = ["audit", "--json", "--no-fetch", "--stale", "--db", str(database), "bin", str(binary)]
    done = subprocess.run(["cargo-audit", *words], capture_output=True, text=True, check=False, cwd=tmp_path)
    found = json.loads(done.stdout)["vulnerabilities"]["list"]
    assert [finding["advisory"]["id"] for finding in found] == ["RUSTSEC-2026-9003"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_facts_know_host_from_target_and_name_no_folder_of_the_build(system: str) -> None:
    facts = build(f"crate-facts-{system}")
    names = packages(facts)
    for_target = {names[unit["pkg_id"]][0] for unit in units(facts) if unit["platform"] == TRIPLES[system]}
    for_host = {names[unit["pkg_id"]][0] for unit in units(facts) if unit["platform"] is None}
    assert {"harness", "model", "clap"} <= for_target
    assert {"clap_derive", "syn"} <= for_host
    assert "criterion" not in for_target | for_host, "a benchmark's"
    assert json.loads((facts / "target.json").read_bytes()) == {
        "profile": "release",
        "system": system,
        "triple": TRIPLES[system],
    }
    assert (facts / "Cargo.lock").read_bytes() == (REPO / "tests/workspace/Cargo.lock").read_bytes()
    for path in facts.iterdir():
        text = path.read_text()
        assert "/build/" not in text, path
        assert "/nix/store" not in text, path


MANIFEST = """\
[package]
name = "member"
version = "0.1.0"
edition = "2021"
[features]
more = ["dep:leaf"]
[dependencies]
leaf = { version = "2", optional = true }
[dev-dependencies]
for-tests = "1"
"""


@pytest.mark.parametrize("triple", [*TRIPLES.values(), "aarch64-apple-darwin"])
def test_facts_are_the_same_within_cranes_derivations_and_those_of_debian(tmp_path: Path, triple: str) -> None:
    crates = FakeCrates(tmp_path / "crates")
    crates.make()
    source = tmp_path / "source"
    write(source / "Cargo.toml", MANIFEST)
    write(source / "src" / "main.rs", "fn main() {}\n")
    crates.lock(source)
    builder = Builder(tmp_path / "steps", source, {}, crates.crates)
    target = {"system": "any", "triple": triple}
    flags = ["--workspace", "--locked", "--features=more"]
    done = builder.step("facts.crates", "facts", layers=[], binaries=["member"], target=target, flags=flags)
    assert done.returncode == 0, done.stderr
    ours, theirs = builder.top / "facts", tmp_path / "theirs"
    step = [sys.executable, "-I", "-B", str(DEBIAN / "builder" / "crane.py"), ".", "facts", str(theirs), "any", triple]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CARGO_HOME": str(crates.folder / "locking")}
    done = subprocess.run(
        [*step, "member", *flags], cwd=source, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in ("metadata.json", "units.json", "Cargo.lock", "target.json"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    assert {name for name, _ in packages(ours).values()} == {"member", "leaf", "for-tests"}
    compiled = {packages(ours)[unit["pkg_id"]][0]: unit for unit in units(ours)}
    assert compiled.keys() == {"member", "leaf"}
    assert (compiled["member"]["features"], compiled["member"]["platform"]) == (["more"], triple)


def test_facts_are_the_same_when_they_are_made_again() -> None:
    build("crate-facts-x86_64-linux")
    argv = [str(REPO / "nixw"), "build", f"path:{REPO}#crate-facts-x86_64-linux", "--no-link", "--rebuild"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=REPO)
    assert done.returncode == 0, done.stderr
