"""A folder of evidence without nix: a made-up store with one program and one image, and everything about them.

The files are written by the code that `provenance` uses; only what nix would say is made up. Store paths of derivations
and sources are real: they follow from their content.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nanna_ci.binaries.artifacts import ArtifactsRequest, prepare
from nanna_ci.binaries.manifest import BinaryOrigin
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.containers.image.oci_layout import load_layout
from nanna_ci.foundation.redact import Redactor
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState
from nanna_ci.store.flake_lock import LockedInput
from nanna_ci.store.hashes import NixHash
from nanna_ci.store.made_paths import make_source_path, make_text_path
from nanna_ci.store.nar import hash_tree
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.evidence.build_facts import BuildFacts, BuiltOutput
from nanna_ci.supply_chain.evidence.evidence_index import make_index, read_content, render_index
from nanna_ci.supply_chain.evidence.evidence_maker import EvidenceParts, ImageFolder, read_release, write_evidence
from nanna_ci.supply_chain.evidence.evidence_stage import EvidenceStage
from nanna_ci.supply_chain.evidence.flake_facts import FlakeFacts, FlakeInput
from nanna_ci.supply_chain.evidence.release_links import layer_contents
from nanna_ci.supply_chain.evidence.roles import INDEX
from nanna_ci.supply_chain.evidence.run_results import RunResults, make_test_result
from nanna_ci.supply_chain.evidence.slsa_provenance import LOCAL_BUILDER, BuilderFacts, make_predicate
from nanna_ci.supply_chain.scanning.baseline_file import parse_baseline
from support.fake_derivations import store_path
from support.fake_executables import elf
from support.fake_layered_images import content, write_layered

TODAY = datetime.date(2026, 11, 28)
BASELINE = """\
[[accepted]]
id = "RUSTSEC-2026-9001"
component = "pkg:cargo/leaky@1.0.0"
reason = "nothing calls it"
owner = "the team"
expires = 2027-01-01
status = "not_affected"
justification = "vulnerable_code_not_in_execute_path"
"""


def nix_hash(text: str) -> NixHash:
    return NixHash("sha256", hashlib.sha256(text.encode()).digest())


def aterm(
    outputs: Mapping[str, StorePath], inputs: Sequence[StorePath], sources: Sequence[StorePath], name: str
) -> bytes:
    """A derivation file as Nix writes it."""
    made = ",".join(f'("{key}","{path}","","")' for key, path in sorted(outputs.items()))
    needed = ",".join(f'("{path}",["out"])' for path in sorted(map(str, inputs)))
    listed = ",".join(f'"{path}"' for path in sorted(map(str, sources)))
    return f'Derive([{made}],[{needed}],[{listed}],"x86_64-linux","/bin/sh",["-c","true"],[("name","{name}")])'.encode()


@dataclass
class FakeBuild:
    """What the folder is made from: change it, then `write`."""

    root: Path
    parts: EvidenceParts
    store: Path
    files: dict[str, Path] = field(default_factory=dict)

    def write(self, name: str = "evidence", secrets: Sequence[str] = ()) -> Path:
        """The folder of evidence, new."""
        folder = self.root / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write_evidence(EvidenceStage(folder, Redactor(secrets)), self.parts, self.store, TODAY)
        return folder

    def add_image(self, architecture: str) -> None:
        """A second image, which shares a layer and a small file with the first."""
        path, builds = store_path(f"app-image-{architecture}"), self.parts.builds
        data = aterm({"out": path}, [builds.outputs[0].derivation], [], path.name)
        drv = make_text_path(f"{path.name}.drv", data, [builds.outputs[0].derivation])
        labels = {"org.opencontainers.image.title": "app"}
        folder = self.store / path.base_name
        layout = write_layered(folder, [content(1, 900), content(3, 90)], architecture=architecture, labels=labels)
        nar = hash_tree(layout)
        output = BuiltOutput(path, drv, "out", f"packages.x86_64-linux.{path.name}", nar.hash, ())
        image = ImageFolder(f"app-{architecture}", load_layout(layout), nar, path)
        more = replace(builds, outputs=(*builds.outputs, output), lineage={**builds.lineage, drv: data})
        sbom = _put(self.root / f"given/app-{architecture}.json", json.dumps(image_bill(image)))
        self.change(
            builds=more,
            predicate=make_predicate(self.parts.flake, more, BuilderFacts(LOCAL_BUILDER)),
            images=[*self.parts.images, image],
            sboms=[*self.parts.sboms, sbom],
        )

    def change(self, **parts: Any) -> None:
        """Other parts, by the names of EvidenceParts."""
        self.parts = replace(self.parts, **parts)


def make_build(root: Path) -> FakeBuild:
    """A program, its release files and its image, with SBOMs, SARIF, a scan, a baseline and a run."""
    store, given = root / "nix/store", root / "given"
    given.mkdir(parents=True)
    flake = _flake()
    subject = flake.built_sources()["subject"]
    build_path, image_path = store_path("app-build"), store_path("app-image")
    build_data = aterm({"out": build_path}, [], [subject], "app-build")
    build_drv = make_text_path("app-build.drv", build_data, [subject])
    image_data = aterm({"out": image_path}, [build_drv], [], "app-image")
    image_drv = make_text_path("app-image.drv", image_data, [build_drv])
    _write_program(store / build_path.base_name)
    labels = {"org.opencontainers.image.title": "app"}
    layout = write_layered(store / image_path.base_name, [content(1, 900), content(2, 90)], labels=labels)
    outputs = tuple(
        BuiltOutput(path, drv, "out", f"packages.x86_64-linux.{name}", hash_tree(store / path.base_name).hash, ())
        for path, drv, name in ((build_path, build_drv, "app"), (image_path, image_drv, "app-image"))
    )
    builds = BuildFacts(
        "stand-in", "x86_64-linux", "nix (Nix) 2.0", outputs, {build_drv: build_data, image_drv: image_data}, {}
    )
    release = _prepare(root, store / build_path.base_name, outputs[0])
    image = ImageFolder("app-amd64", load_layout(layout), hash_tree(layout), image_path)
    run = run_results({build_path: (build_drv, outputs[0].nar_hash)})
    parts = EvidenceParts(
        flake=flake,
        builds=builds,
        predicate=make_predicate(flake, builds, BuilderFacts(LOCAL_BUILDER)),
        releases=[read_release(release)],
        images=[image],
        test_result=make_test_result(
            run, {build_drv: True}, [{"name": "pipeline.toml", "digest": {"sha256": "0" * 64}}]
        ),
        sboms=_sboms(given, outputs, image),
        sarifs=[_put(given / "app.sarif", json.dumps(sarif(image.layout.manifest_digest)))],
        scan=_put(given / "scan.json", json.dumps(scan())),
        baseline=(_put(given / "security-baseline.toml", BASELINE), parse_baseline(BASELINE.encode(), given)),
        run=run,
    )
    return FakeBuild(root, parts, store)


def make_evidence(root: Path) -> Path:
    """The folder that `make_build` gives."""
    return make_build(root).write()


def _flake() -> FlakeFacts:
    subject = LockedInput("subject", nix_hash("subject"), {"type": "path", "path": "/home/me/w"}, {}, False, {})
    github = {"type": "github", "owner": "ipetkov", "repo": "crane", "rev": "2" * 40}
    crane = LockedInput("crane", nix_hash("crane"), github, {}, True, {})
    inputs = (FlakeInput("crane", crane, False), FlakeInput("subject", subject, True))
    return FlakeFacts(nix_hash("flake"), "1" * 40, False, 1_700_000_000, inputs)


def source_of(name: str) -> StorePath:
    """Where the made-up source lies in a store."""
    return make_source_path("source", nix_hash(name))


def _write_program(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "share").mkdir()
    program = folder / "bin/app"
    program.write_bytes(elf(padding=200))
    program.chmod(0o755)
    (folder / "share/notes").write_text("notes\n")
    (folder / "bin/again").symlink_to("app")


def _prepare(root: Path, source: Path, output: BuiltOutput) -> Path:
    origin = BinaryOrigin("1" * 40, str(output.derivation), str(output.path), str(output.nar_hash), "nix")
    target = BuildTarget(System.X86_64_LINUX, "x86_64-unknown-linux-gnu")
    prepare(ArtifactsRequest("w", ("app",), target, source, root / "dist", 10_000_000, origin))
    return root / "dist"


def run_results(outputs: Mapping[StorePath, tuple[StorePath, NixHash]]) -> RunResults:
    """A run with a job that built the one output, one that passed, and one that could not run."""
    ((path, (derivation, nar_hash)),) = outputs.items()
    evidence = {
        "derivation": str(derivation),
        "outputs": {"out": {"path": str(path), "narHash": str(nar_hash)}},
    }
    return RunResults(
        (
            JobResult("build", Verdict.PASS, 1.0, JobState.BUILT, evidence=evidence),
            JobResult("unit-darwin", Verdict.UNAVAILABLE, reason="needs a Mac"),
            JobResult("unit", Verdict.PASS, 2.0, JobState.BUILT),
        ),
        "2026-11-28T10:00:00Z",
    )


def bill(root: Mapping[str, Any], components: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A CycloneDX document."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "version": 1,
        "metadata": {"component": root},
        "components": [*components],
    }


def path_component(path: StorePath, nar_hash: NixHash) -> dict[str, Any]:
    """A store path as a component."""
    properties = [{"name": "nanna-ci:nix:narHash", "value": str(nar_hash)}]
    return {"type": "library", "bom-ref": str(path), "name": path.name, "properties": properties}


def image_bill(image: ImageFolder) -> dict[str, Any]:
    """The SBOM of an image, with its layers."""
    layers = [
        {
            "type": "file",
            "name": layer.digest,
            "properties": [
                {"name": "nanna-ci:layer:digest", "value": layer.digest},
                {"name": "nanna-ci:layer:diffId", "value": diff_id},
            ],
        }
        for layer, diff_id in zip(image.layout.layers, layer_contents(image.layout), strict=True)
    ]
    return bill({"type": "container", "name": "app", "version": image.layout.manifest_digest}, layers)


def _sboms(given: Path, outputs: Sequence[BuiltOutput], image: ImageFolder) -> list[Path]:
    program = bill(path_component(outputs[0].path, outputs[0].nar_hash))
    return [
        _put(given / "app.cdx.json", json.dumps(program)),
        _put(given / "app-image.json", json.dumps(image_bill(image))),
    ]


def sarif(digest: str, category: str = "image/app") -> dict[str, Any]:
    """A SARIF file about an image."""
    run = {
        "tool": {"driver": {"name": "stand-in scanner"}},
        "automationDetails": {"id": category},
        "properties": {"image": f"app@{digest}"},
        "results": [],
    }
    return {"version": "2.1.0", "runs": [run]}


def scan() -> dict[str, Any]:
    """What `scan --format json` prints, as far as evidence reads it."""
    finding = {
        "id": "RUSTSEC-2026-9001",
        "aliases": ["CVE-2026-9001"],
        "component": "pkg:cargo/leaky@1.0.0",
        "state": "accepted",
    }
    return {"schemaVersion": 1, "command": "scan", "verdict": "pass", "findings": [finding]}


def _put(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def index_again(folder: Path) -> None:
    """Write the index anew, as somebody would who changes a file and has no key to sign with."""
    (folder / INDEX).write_bytes(render_index(make_index(read_content(folder).files)))
