"""`provenance` and `verify` over the made-up build of fake_evidence, with a stand-in for nix that knows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nanna_ci.cli import main
from nanna_ci.pipeline.results import render_result
from nanna_ci.store.path_info import PathInfo
from nanna_ci.supply_chain.evidence.flake_facts import FlakeInput
from support import json_schemas
from support.fake_evidence import FakeBuild
from support.fake_ports import FakePorts
from support.stand_in_nix import StandInNix

PIPELINE = '[workspace]\nname = "w"\nbinaries = ["app"]\n'
FLAKE = "path:/nix/store/flake"


def know(build: FakeBuild, nix: StandInNix) -> None:
    """Have the stand-in for nix say what nix would say of the build."""
    for output in build.parts.builds.outputs:
        nix.infos[output.path] = PathInfo(
            output.path, output.nar_hash, 100, (), output.derivation, None, (), None, True
        )
    for path, data in build.parts.builds.lineage.items():
        (build.store / path.base_name).write_bytes(data)
    derivations = {output.attribute: str(output.derivation) for output in build.parts.builds.outputs}
    nix.attributes["legacyPackages.x86_64-linux.pipeline"] = json.dumps(
        {"toolkit": "stand-in", "derivations": derivations, "unavailable": {}}
    )
    nix.metadata[FLAKE] = metadata(build)


def metadata(build: FakeBuild, **more: Any) -> dict[str, Any]:
    """What `nix flake metadata --json` would print."""
    flake = build.parts.flake
    nodes: dict[str, Any] = {"root": {"inputs": {one.route: one.route for one in flake.inputs}}}
    nodes |= {one.route: _node(one) for one in flake.inputs}
    return {
        "locked": {"narHash": str(flake.nar_hash)},
        "revision": flake.revision,
        "lastModified": flake.modified_s,
        "locks": {"version": 7, "root": "root", "nodes": nodes},
        **more,
    }


def _node(one: FlakeInput) -> dict[str, Any]:
    locked = {**one.locked.locked, "narHash": str(one.locked.nar_hash)}
    return {"locked": locked, "original": {}, "flake": one.locked.is_flake}


def prepare_folder(build: FakeBuild, ports: FakePorts) -> StandInNix:
    """A working folder with pipeline.toml and a run, and nix in place of the programs."""
    nix = StandInNix()
    know(build, nix)
    ports.run.script("git", returncode=128)
    nix.other, ports.run = ports.run, nix  # type: ignore[assignment]
    ports.environ |= {
        "NIX_REMOTE": f"local?root={build.root}",
        "NANNA_CI_FLAKE": FLAKE,
        "NANNA_CI_OVERRIDES": '[["subject", "path:/home/me/w"]]',
    }
    (ports.cwd / "pipeline.toml").write_text(PIPELINE)
    assert build.parts.run is not None
    for job in build.parts.run.jobs:
        folder = ports.cwd / "runs/20261128T100000Z-1/jobs" / job.id
        folder.mkdir(parents=True)
        (folder / "result.json").write_bytes(render_result(job))
    return nix


def provenance_words(build: FakeBuild) -> list[str]:
    """All flags, for all that the build has."""
    image = build.store / build.parts.builds.outputs[1].path.base_name
    given = build.root / "given"
    return [
        "provenance", "--artifacts", str(build.root / "dist"), "--image-layout", str(image),
        "--run", "runs/20261128T100000Z-1",
        "--sbom", str(given / "app.cdx.json"), "--sbom", str(given / "app-image.json"),
        "--sarif", str(given / "app.sarif"), "--scan", str(given / "scan.json"),
        "--baseline", str(given / "security-baseline.toml"), "--output", "evidence",
    ]  # fmt: skip


def answer(ports: FakePorts, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of one command, held to its schema unless it is an error."""
    ports.stdout.seek(0)
    ports.stdout.truncate()
    code = main([*words, "--format", "json"], ports.ports)
    data: dict[str, Any] = json.loads(ports.stdout.getvalue())
    return code, data if "error" in data else json_schemas.check(data)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
