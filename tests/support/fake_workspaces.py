"""Workspaces in the builder's own steps, as Nix runs them but for the sandbox, over a registry of made-up crates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

REPO = Path(__file__).resolve().parents[2]
DEBIAN = REPO / "nix" / "toolkits" / "debian"
WORKSPACES = REPO / "tests" / "data" / "workspaces"
TRIPLE = "x86_64-unknown-linux-gnu"

# name, version -> manifest's tail, library, build script
CRATES: dict[tuple[str, str], tuple[str, str, str | None]] = {
    ("leaf", "1.0.0"): ("", 'pub const VERSION: &str = "1";', None),
    ("leaf", "2.0.0"): ("", 'pub const VERSION: &str = "2";', None),
    ("for-tests", "1.0.0"): ("", "pub fn is_there() -> bool { true }", None),
    ("needs-patched", "1.0.0"): (
        '[dependencies]\npatched = "1"\n',
        "pub fn patched() -> &'static str { patched::name() }",
        None,
    ),
    ("needs-programs", "1.0.0"): (
        "",
        'pub const PROGRAMS: &str = env!("FOUND");',
        """fn main() {
            let programs = ["cmake", "git", "protoc"];
            for program in programs {
                assert!(std::process::Command::new(program).arg("--version").status().unwrap().success());
            }
            println!("cargo::rustc-env=FOUND={}", programs.join(" "));
        }""",
    ),
}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_crate(folder: Path, name: str, version: str, tail: str, library: str, script: str | None) -> None:
    head = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
    write(folder / "Cargo.toml", head + tail)
    write(folder / "src" / "lib.rs", library)
    if script:
        write(folder / "build.rs", script)


def git(*words: str, cwd: Path) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
    done = subprocess.run(["git", *identity, *words], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass
class FakeCrates:
    """A folder for vendored crates, one git repository, and what is built from them."""

    folder: Path

    @property
    def crates(self) -> Path:
        return self.folder / "crates"

    @property
    def origin(self) -> Path:
        return self.folder / "origin"

    def make(self) -> None:
        vendor = self.crates / "vendor"
        for (name, version), (tail, library, script) in CRATES.items():
            write_crate(vendor / f"{name}-{version}", name, version, tail, library, script)
        library = 'pub const WHERE: &str = "a git repository";'
        for place in (self.origin, vendor / "from-git-1.0.0"):
            write_crate(place, "from-git", "1.0.0", "", library, None)
        git("init", "--quiet", cwd=self.origin)
        git("add", ".", cwd=self.origin)
        git("commit", "--quiet", "--message=x", cwd=self.origin)
        for crate in vendor.iterdir():
            # as cargo vendor writes it for crates without a checksum
            write(crate / ".cargo-checksum.json", json.dumps({"files": {}}))
        configuration = '[source.crates-io]\nreplace-with = "vendored-sources"\n'
        write(self.folder / "locking" / "config.toml", configuration + self._vendored(str(self.crates)))
        replaced = (
            f'[source."git+file://{self.origin}"]\ngit = "file://{self.origin}"\nreplace-with = "vendored-sources"\n'
        )
        write(self.crates / "config.toml", configuration + replaced + self._vendored("@crates@"))

    @staticmethod
    def _vendored(crates: str) -> str:
        return f'[source.vendored-sources]\ndirectory = "{crates}/vendor"\n'

    def copy(self, name: str, workspace: str = ".") -> Path:
        """A copy of a fixture, locked against the made-up registry."""
        target = self.folder / name
        shutil.copytree(WORKSPACES / name, target)
        for manifest in target.rglob("Cargo.toml"):
            text = manifest.read_text()
            if "ORIGIN" in text:
                manifest.write_text(text.replace("file://ORIGIN", f"file://{self.origin}"))
        self.lock(target / workspace)
        return target

    def lock(self, workspace: Path) -> None:
        environment = {**os.environ, "CARGO_HOME": str(self.folder / "locking"), "RUSTC_WRAPPER": ""}
        argv = ["cargo", "generate-lockfile"]
        done = subprocess.run(argv, cwd=workspace, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def manifests_of(sources: dict[str, Path]) -> dict[str, dict[str, str]]:
    """What nix/toolkits/debian/manifests.nix makes of source trees: { path; targets } each, in one evaluation."""
    one = 'let found = import manifests source; in { inherit (found) targets; path = "${found.path}"; }'
    named = " ".join(f'"{name}" = {path};' for name, path in sources.items())
    expression = f"let manifests = {DEBIAN}/manifests.nix; in builtins.mapAttrs (_: source: {one}) {{ {named} }}"
    done = subprocess.run(
        ["nix", "eval", "--impure", "--json", "--expr", expression], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, dict[str, str]] = json.loads(done.stdout)
    return answer


@dataclass
class Builder:
    """The steps of one workspace, each in the same emptied folder, as in the sandbox."""

    top: Path
    source: Path
    manifests: dict[str, str]
    crates: Path
    folder: str = "."

    def step(self, step: str, out: str, **values: Any) -> subprocess.CompletedProcess[str]:
        build, attributes = self.top / "build", self.top / f"{out}.json"
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir(parents=True)
        common = {"crates": str(self.crates), "modules": [], "cross": False, "triple": TRIPLE, "folder": self.folder}
        common |= {"flags": ["--workspace", "--locked"], "environment": {}, "arguments": [], "tests": True}
        common |= {"lints": ["-D", "warnings"], "rustdocFlags": "-D warnings", "filter": None, "testProfile": ""}
        common |= {"src": str(self.source), "profile": "dev", "step": step, "outputs": {"out": str(self.top / out)}}
        attributes.write_text(json.dumps(common | values))
        environment = {
            "NIX_ATTRS_JSON_FILE": str(attributes),
            "NIX_BUILD_TOP": str(build),
            "NIX_BUILD_CORES": "2",
            "PATH": os.environ["PATH"],
        }
        program = [sys.executable, "-I", "-B", str(DEBIAN / "builder" / "main.py")]
        return subprocess.run(program, env=environment, capture_output=True, text=True, check=False, errors="replace")

    def deps(self, warms: str = "dev") -> subprocess.CompletedProcess[str]:
        """`lint` is what clippy and doc read, over `dev`."""
        found = {"src": self.manifests["path"], "targets": self.manifests["targets"], "warms": warms}
        below, profile = ([str(self.top / "deps-dev")], "dev") if warms == "lint" else ([], warms)
        return self.step("shared.dependencies", f"deps-{warms}", **found, profile=profile, layers=below)

    def note(self, profile: str = "dev") -> str | None:
        note = self.top / f"deps-{profile}" / "note"
        return note.read_text() if note.exists() else None

    def tests(self) -> subprocess.CompletedProcess[str]:
        return self.step("shared.tests", "tests", layers=[str(self.top / "deps-dev")])

    def run(self, kind: str) -> subprocess.CompletedProcess[str]:
        nextest = shutil.which("cargo-nextest")
        layers = [str(self.top / name) for name in ("deps-dev", "tests")]
        chosen = {"unit": "not kind(test)", "integration": "kind(test)"}[kind]  # as nix/cargo-words.nix has it
        return self.step("checks.check", kind, run="nextest", filter=chosen, nextest=nextest, layers=layers)

    def check(self, run: str) -> subprocess.CompletedProcess[str]:
        layers = [self.top / name for name in ("deps-dev", "deps-lint")]
        return self.step("checks.check", run, run=run, layers=[str(layer) for layer in layers if layer.exists()])

    def build(self, binaries: list[str]) -> subprocess.CompletedProcess[str]:
        layers = [str(self.top / "deps-release")]
        auditable = {"program": shutil.which("cargo-auditable")}
        return self.step(
            "checks.build", "programs", profile="release", binaries=binaries, layers=layers, auditable=auditable
        )

    def passed(self, kind: str) -> set[str]:
        """The names of the tests that passed, without their modules."""
        suites = ElementTree.parse(self.top / kind / "junit.xml").getroot()
        cases = [case for case in suites.iter("testcase") if case.find("failure") is None]
        return {str(case.get("name")).rpartition("::")[2] for case in cases}


def compiled(log: str) -> set[str]:
    """The crates, with their versions, that cargo says it compiled."""
    words = [line.split() for line in log.splitlines() if line.split()[:1] == ["Compiling"]]
    return {f"{name} {version.removeprefix('v')}" for _, name, version, *_ in words}


def run_job(source: Path, job: str, output: Path) -> subprocess.CompletedProcess[str]:
    """A job on a workspace, through nixw, Nix and its sandbox."""
    return run_command(source, "run-job", job, "--output", str(output))


def run_command(source: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command on a workspace, through nixw and Nix; its answer is JSON."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NANNA_CI_") or name == "NANNA_CI_ROOT"
    }
    words = ["run", f"path:{REPO}#{command}", "--override-input", "nanna-coder", f"path:{source}", "--", *arguments]
    return subprocess.run(
        [str(REPO / "nixw"), *words, "--format", "json"],
        cwd=source.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
