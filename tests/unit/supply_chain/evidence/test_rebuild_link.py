"""Building again, with nix scripted: which derivation, which file, in what words. The real thing is in e2e."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.store.nix import Nix
from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkState
from nanna_ci.supply_chain.evidence.evidence_reader import read_evidence
from nanna_ci.supply_chain.evidence.rebuild_link import check_rebuild
from support.fake_evidence import FakeBuild, make_build
from support.fake_ports import FakePorts

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")


@pytest.fixture
def build(tmp_path: Path) -> FakeBuild:
    return make_build(tmp_path / "build")


def link(build: FakeBuild, ports: FakePorts, scratch: Path) -> ChainLink:
    """Built again from a flake that evaluates as it did, unless a script says otherwise."""
    ports.environ["NIX_REMOTE"] = f"local?root={build.root}"
    evidence = read_evidence(build.write())
    scratch.mkdir()
    return check_rebuild(evidence, Nix(ports.run, environ=ports.environ), scratch, ports.context())


def script(build: FakeBuild, ports: FakePorts) -> None:
    ports.run.script(*NIX, "build", "--no-link")
    for output in build.parts.builds.outputs:
        words = (*NIX, "eval", "--json", "--no-write-lock-file", f".#{output.attribute}")
        ports.run.script(*words, stdout=f'"{output.derivation}"'.encode())


def troubles(found: ChainLink) -> dict[str, str]:
    return {check.subject: check.says for check in found.troubles}


def test_the_same_again_is_verified_down_to_the_release_files(
    build: FakeBuild, fake_ports: FakePorts, tmp_path: Path
) -> None:
    script(build, fake_ports)
    found = link(build, fake_ports, tmp_path / "scratch")
    assert (found.state, troubles(found)) == (LinkState.VERIFIED, {})
    again = [call.argv[5] for call in fake_ports.run.calls if "--rebuild" in call.argv]
    assert sorted(again) == sorted(f"{path}^*" for path in build.parts.builds.lineage)
    assert "artifacts/x86_64-linux" in {check.subject for check in found.checks}


def test_a_flake_that_gives_another_derivation_is_another_source(
    build: FakeBuild, fake_ports: FakePorts, tmp_path: Path
) -> None:
    script(build, fake_ports)
    first, second = build.parts.builds.outputs
    words = (*NIX, "eval", "--json", "--no-write-lock-file", f".#{first.attribute}")
    fake_ports.run.script(*words, stdout=f'"{second.derivation}"'.encode())
    found = troubles(link(build, fake_ports, tmp_path / "scratch"))
    assert "another source, or other overrides" in found[first.attribute]


def test_a_flake_without_the_attribute_is_named(build: FakeBuild, fake_ports: FakePorts, tmp_path: Path) -> None:
    script(build, fake_ports)
    output = build.parts.builds.outputs[0]
    words = (*NIX, "eval", "--json", "--no-write-lock-file", f".#{output.attribute}")
    fake_ports.run.script(*words, returncode=1, stderr=b"error: flake does not provide attribute 'x'\n")
    found = troubles(link(build, fake_ports, tmp_path / "scratch"))
    assert "there is no attribute packages.x86_64-linux.app" in found[output.attribute]


def test_an_output_without_a_list_cannot_be_compared(build: FakeBuild, fake_ports: FakePorts, tmp_path: Path) -> None:
    script(build, fake_ports)
    fake_ports.environ["NIX_REMOTE"] = f"local?root={build.root}"
    evidence = read_evidence(build.write())
    output = build.parts.builds.outputs[0]
    del evidence.listings[output.path]
    nix = Nix(fake_ports.run, environ=fake_ports.environ)
    found = troubles(check_rebuild(evidence, nix, tmp_path, fake_ports.context()))
    assert found[output.attribute] == "there is no list of its files to compare with"


def test_artifacts_that_cannot_be_prepared_again_are_named(
    build: FakeBuild, fake_ports: FakePorts, tmp_path: Path
) -> None:
    script(build, fake_ports)
    fake_ports.environ["NIX_REMOTE"] = f"local?root={build.root}"
    evidence = read_evidence(build.write())
    (build.store / build.parts.builds.outputs[0].path.base_name / "bin/app").write_bytes(b"x")
    nix = Nix(fake_ports.run, environ=fake_ports.environ)
    found = troubles(check_rebuild(evidence, nix, tmp_path, fake_ports.context()))
    assert found["artifacts/x86_64-linux"].startswith("cannot be prepared again")


def test_an_output_that_comes_out_otherwise_names_the_first_file_that_differs(
    build: FakeBuild, fake_ports: FakePorts, tmp_path: Path
) -> None:
    script(build, fake_ports)
    output = build.parts.builds.outputs[0]
    place = build.store / output.path.base_name
    other = place.with_name(f"{place.name}.check")
    shutil.copytree(place, other, symlinks=True)
    (other / "share/notes").write_text("Notes\n")
    (other / "bin/again").unlink()
    (other / "bin/again").symlink_to("elsewhere")
    said = f"error: derivation '{output.derivation}' may not be deterministic: output '{output.path}' differs from"
    rebuild = (*NIX, "build", "--no-link", f"{output.derivation}^*", "--rebuild")
    fake_ports.run.script(*rebuild, returncode=1, stderr=f"{said} '{output.path}.check'\n".encode())
    found = troubles(link(build, fake_ports, tmp_path / "scratch"))
    assert found[output.derivation.base_name] == f"built again it gives another {output.path}"
    assert found[f"{output.attribute}: bin/again"].startswith("leads to elsewhere, and to app in the evidence")


def test_a_derivation_that_cannot_be_built_is_named(build: FakeBuild, fake_ports: FakePorts, tmp_path: Path) -> None:
    script(build, fake_ports)
    fake_ports.run.script(*NIX, "build", "--no-link", returncode=1, stderr=b"error: no space left\n")
    found = troubles(link(build, fake_ports, tmp_path / "scratch"))
    assert "cannot be built: nix exited with 1: error: no space left" in found.values()


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        (lambda place: (place / "bin/more").touch(), "bin/more", "was built again, and is not in the evidence"),
        (lambda place: (place / "bin/app").unlink(), "bin/app", "is in the evidence, and not in what was built again"),
        (lambda place: (place / "bin/app").chmod(0o644), "bin/app", "is regular, and executable in the evidence"),
        (lambda place: (place / "share/notes").write_text("Notes\n"), "share/notes", "has other bytes, 6 of them"),
    ],
)
def test_a_store_that_has_other_files_than_the_evidence_is_seen(
    build: FakeBuild, fake_ports: FakePorts, tmp_path: Path, change, path: str, says: str
) -> None:
    script(build, fake_ports)
    build.write()
    folder = build.root / "evidence"
    change(build.store / build.parts.builds.outputs[0].path.base_name)
    fake_ports.environ["NIX_REMOTE"] = f"local?root={build.root}"
    (tmp_path / "scratch").mkdir()
    nix = Nix(fake_ports.run, environ=fake_ports.environ)
    found = troubles(check_rebuild(read_evidence(folder), nix, tmp_path / "scratch", fake_ports.context()))
    assert found[f"packages.x86_64-linux.app: {path}"].startswith(says)


def test_release_files_that_cannot_be_made_from_the_output_are_named(
    build: FakeBuild, fake_ports: FakePorts, tmp_path: Path
) -> None:
    script(build, fake_ports)
    release = build.parts.releases[0]
    manifest = release.path / "manifest.json"
    text = manifest.read_text().replace('"strategy": "nix"', '"strategy": "nix-cross"')
    manifest.write_text(text)
    build.change(releases=[replace(release, manifest=release.manifest)])
    found = link(build, fake_ports, tmp_path / "scratch")
    assert found.state is LinkState.FAILED
    assert "artifacts/x86_64-linux/SHA256SUMS" in troubles(found)


def test_without_a_store_here_nothing_can_be_built(build: FakeBuild, fake_ports: FakePorts, tmp_path: Path) -> None:
    fake_ports.environ["NIX_REMOTE"] = "ssh://elsewhere"
    nix = Nix(fake_ports.run, environ=fake_ports.environ)
    found = check_rebuild(read_evidence(build.write()), nix, tmp_path, fake_ports.context())
    assert found.state is LinkState.MISSING
