"""The programs of benchmarks as the builder makes them, and as crane's derivation asks for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.fake_workspaces import DEBIAN, Builder, FakeCrates, compiled, manifests_of, write

MEMBER = """[package]
name = "member"
version = "0.1.0"
edition = "2021"
[dev-dependencies]
leaf = "2"
for-tests = "1"
"""
BENCH = """
[[bench]]
name = "own"
harness = false
"""
OWN = 'fn main() { println!("{} {}", leaf::VERSION, cfg!(debug_assertions)); }\n'


@pytest.fixture(scope="module")
def fake_crates(tmp_path_factory: pytest.TempPathFactory) -> FakeCrates:
    made = FakeCrates(tmp_path_factory.mktemp("crates"))
    made.make()
    return made


class Timed:
    """A workspace whose one member is in a folder, and the steps that build its benchmarks."""

    def __init__(self, folder: Path, crates: FakeCrates, manifest: str, benches: dict[str, str]) -> None:
        self.source = folder / "source"
        write(self.source / "Cargo.toml", '[workspace]\nmembers = ["crates/member"]\nresolver = "2"\n')
        write(self.source / "crates/member/Cargo.toml", manifest)
        write(self.source / "crates/member/src/lib.rs", "pub fn one() -> u8 { 1 }\n")
        for name, text in benches.items():
            write(self.source / f"crates/member/benches/{name}.rs", text)
        crates.lock(self.source)
        self.manifests = manifests_of({"it": self.source})["it"]
        self.builder = Builder(folder / "steps", self.source, self.manifests, crates.crates)
        self.out = self.builder.top / "benchmarks"

    def build(self) -> subprocess.CompletedProcess[str]:
        assert self.builder.deps("release").returncode == 0
        found = {"src": self.manifests["path"], "targets": self.manifests["targets"]}
        release = str(self.builder.top / "deps-release")
        layer = self.builder.step(
            "shared.dependencies", "deps-bench", **found, profile="bench", warms="bench", layers=[release]
        )
        assert layer.returncode == 0, layer.stderr
        layers = [release, str(self.builder.top / "deps-bench")]
        return self.builder.step("benches.programs", "benchmarks", profile="bench", layers=layers)

    def index(self) -> Any:
        return json.loads((self.out / "benchmarks.json").read_text())


def test_each_benchmark_is_a_program_and_its_dependencies_are_those_of_the_layers(
    tmp_path: Path, fake_crates: FakeCrates
) -> None:
    timed = Timed(tmp_path, fake_crates, MEMBER + BENCH, {"own": OWN, "other": "fn main() {}\n"})
    done = timed.build()
    assert done.returncode == 0, done.stderr
    assert compiled(done.stderr) == {"member 0.1.0"}
    index = timed.index()
    assert index["source"] == str(timed.source)
    assert index["toolchain"].startswith("rustc 1.")
    assert index["programs"] == [
        {"name": f"member--{target}", "crate": "member", "target": target, "folder": "crates/member"}
        for target in ("other", "own")
    ]
    said = subprocess.run([timed.out / "bin/member--own"], capture_output=True, text=True, check=True).stdout
    assert said == "2 false\n"


def test_a_workspace_without_benchmarks_has_an_empty_list(tmp_path: Path, fake_crates: FakeCrates) -> None:
    timed = Timed(tmp_path, fake_crates, MEMBER, {})
    done = timed.build()
    assert done.returncode == 0, done.stderr
    assert timed.index()["programs"] == []


def test_a_benchmark_that_does_not_compile_fails_the_step(tmp_path: Path, fake_crates: FakeCrates) -> None:
    timed = Timed(tmp_path, fake_crates, MEMBER + BENCH, {"own": "fn main() { missing(); }\n"})
    done = timed.build()
    assert done.returncode == 101
    assert "cannot find function `missing`" in done.stderr


def test_within_cranes_derivations_the_same_is_built(tmp_path: Path, fake_crates: FakeCrates) -> None:
    timed = Timed(tmp_path, fake_crates, MEMBER + BENCH, {"own": OWN})
    target = timed.source / "target"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CARGO_HOME": str(fake_crates.folder / "locking"),
        "CARGO_TARGET_DIR": str(target),
        "CARGO_BUILD_BUILD_DIR": str(target),
        "RUSTC_WRAPPER": "",
    }
    words = [sys.executable, "-I", "-B", str(DEBIAN / "builder/crane.py"), ".", "benchmarks", str(timed.out)]
    words += ["/nix/store/x-source", "--workspace", "--locked"]
    done = subprocess.run(words, cwd=timed.source, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert timed.index()["source"] == "/nix/store/x-source"
    assert [one["folder"] for one in timed.index()["programs"]] == ["crates/member"]
    assert (timed.out / "bin/member--own").is_file()
