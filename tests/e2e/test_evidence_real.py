"""Evidence of what the real flake builds: written, verified, changed byte by byte, and built again, by the real Nix.

Needs the Debian toolkit (`./nixw run .#test` brings it). The SBOMs are made up, in the form that `sbom` writes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation import process
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.store.hashes import parse_hash
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import parse_store_path
from nanna_ci.supply_chain.evidence.chain import decide_chain
from nanna_ci.supply_chain.evidence.evidence_maker import read_image
from nanna_ci.supply_chain.evidence.evidence_reader import read_evidence
from nanna_ci.supply_chain.evidence.flake_facts import query_flake
from nanna_ci.supply_chain.evidence.folder_links import check_folder
from support import json_schemas
from support.fake_evidence import bill, image_bill, path_component

REPO = Path(__file__).resolve().parents[2]
STORE = Path("/nix/store")


def nixw(*words: str, code: int = 0) -> str:
    done = subprocess.run(
        [str(REPO / "nixw"), *words], capture_output=True, check=False, cwd=REPO, text=True, timeout=900
    )
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout.strip()


def answer(command: str, *words: str, code: int = 0) -> dict[str, Any]:
    """What a command of the flake says in JSON."""
    return json_schemas.check(json.loads(nixw("run", f".#{command}", "--", *words, "--format", "json", code=code)))


@pytest.fixture(scope="module")
def built() -> tuple[Path, Path]:
    """The program's output and the image's."""
    printed = nixw("build", "--no-link", "--print-out-paths", ".#nanna-coder", ".#harness-image")
    program, image = printed.splitlines()
    return Path(program), Path(image)


@pytest.fixture(scope="module")
def evidence(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("evidence")
    program, image = built
    answer("prepare-artifacts", "--system", "x86_64-linux", "--from", str(program), "--output", str(root / "dist"))
    info = json.loads(nixw("path-info", "--json", str(program)))[str(program)]
    component = path_component(parse_store_path(str(program)), parse_hash(info["narHash"], "x"))
    for name, document in (("program", bill(component)), ("image", image_bill(read_image(image, STORE)))):
        (root / f"{name}.cdx.json").write_text(json.dumps(document))
    words = ["--artifacts", str(root / "dist"), "--image-layout", str(image), "--output", str(root / "evidence")]
    words += ["--sbom", str(root / "program.cdx.json"), "--sbom", str(root / "image.cdx.json")]
    data = answer("provenance", *words)
    assert data["changed"] is True
    assert answer("provenance", *words)["changed"] is False, "the same build gives the same bytes"
    return root / "evidence"


def test_the_chain_of_a_real_build_holds(evidence: Path) -> None:
    data = answer("verify", str(evidence))
    assert (data["verdict"], data["reason"]) == ("pass", None)
    assert "its derivation leads to the source: nanna-coder" in json.dumps(data)
    overridden = json.loads((evidence / "provenance.predicate.json").read_text())["buildDefinition"]
    assert {"nixpkgs", "nanna-coder"} <= set(overridden["externalParameters"]["overrides"])


def test_nix_gives_the_same_nar_hash_as_the_listing(evidence: Path, built: tuple[Path, Path]) -> None:
    for path in built:
        listing = json.loads((evidence / f"outputs/{path.name}.json").read_text())
        assert nixw("hash", "path", str(path)) == listing["narHash"]


def byte_classes(data: bytes) -> dict[str, int]:
    """An offset for each class of byte that the file has, from its middle on."""
    classes = {
        "letter": lambda byte: chr(byte).isalpha() and byte < 128,
        "digit": lambda byte: 48 <= byte < 58,
        "blank": lambda byte: byte in b" \t\n",
        "sign": lambda byte: byte in b'{}[]":,=/+-_.',
        "zero": lambda byte: byte == 0,
        "other": lambda byte: byte >= 128,
    }
    middle = len(data) // 2
    order = [*range(middle, min(len(data), middle + 4096)), *range(min(middle, 4096))]
    found = {"first": 0, "last": len(data) - 1}
    for name, fits in classes.items():
        at = next((offset for offset in order if fits(data[offset])), None)
        if at is not None:
            found[name] = at
    return found


def test_every_class_of_byte_of_every_real_file_is_watched(evidence: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(evidence, tmp_path / "evidence"))
    tried = 0
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = file.read_bytes()
        for name, offset in byte_classes(data).items():
            changed = bytearray(data)
            changed[offset] ^= 1
            file.write_bytes(bytes(changed))
            links = tuple(check_folder(read_evidence(folder)))
            assert decide_chain(links) is Verdict.FAIL, (file, name)
            named = {check.subject for link in links for check in link.troubles}
            assert str(file.relative_to(folder)) in named, (file, name)
            tried += 1
        file.write_bytes(data)
    assert tried > 100
    assert decide_chain(tuple(check_folder(read_evidence(folder)))) is Verdict.PASS


def test_it_is_built_again_and_is_the_same(evidence: Path) -> None:
    data = answer("verify", str(evidence), "--rebuild")
    assert (data["verdict"], data["reason"]) == ("pass", None)
    link = data["links"][-1]
    assert (link["link"], link["state"]) == ("rebuild", "verified")
    assert len([check for check in link["checks"] if "byte for byte" in check["says"]]) >= 3


def test_evidence_of_another_source_is_not_built_here(evidence: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(REPO / "tests/workspace", tmp_path / "workspace"))
    with (workspace / "harness/src/main.rs").open("a") as source:
        source.write("// another\n")
    words = ["run", ".#verify", "--override-input", "nanna-coder", f"path:{workspace}", "--"]
    data = json.loads(nixw(*words, str(evidence), "--rebuild", "--format", "json", code=1))
    assert "another source, or other overrides" in data["reason"]


def test_a_flake_in_git_has_its_commit_and_a_change_is_said(tmp_path: Path) -> None:
    """The revision is the one whose tree has the flake's hash, whatever the command is told."""
    flake = tmp_path / "flake"
    flake.mkdir()
    (flake / "flake.nix").write_text("{ outputs = _: { }; }\n")
    git = ("git", "-C", str(flake), "-c", "user.name=x", "-c", "user.email=x@example.org")
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run([*git, *words], check=True, env=environ)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    def facts(reference: str) -> tuple[str | None, bool]:
        values = {**environ, "NANNA_CI_FLAKE": reference, "NANNA_CI_OVERRIDES": ""}
        found = query_flake(Nix(environ=values), process.run, values, flake)
        return found.revision, found.is_dirty

    assert facts(f"git+file://{flake}") == (commit, False)
    (flake / "flake.nix").write_text("{ outputs = _: { x = 1; }; }\n")
    assert facts(f"git+file://{flake}") == (commit, True)
    plain = tmp_path / "plain"
    plain.mkdir()
    shutil.copy(flake / "flake.nix", plain)
    assert facts(f"path:{plain}") == (commit, True), "the work tree's content, without its git"
    (plain / "flake.nix").write_text("{ outputs = _: { x = 2; }; }\n")
    assert facts(f"path:{plain}") == (None, False)
