"""Each link against somebody who changes a part, writes the index anew, and has no key: who sees it, in what words."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.binaries.artifacts import ArtifactsRequest, prepare
from nanna_ci.binaries.manifest import BinaryOrigin
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult
from nanna_ci.supply_chain.evidence.evidence_reader import read_evidence
from nanna_ci.supply_chain.evidence.folder_links import check_folder
from nanna_ci.supply_chain.evidence.in_toto import render_json
from nanna_ci.supply_chain.evidence.run_results import RunResults, make_test_result
from support.fake_evidence import FakeBuild, bill, image_bill, index_again, make_build, nix_hash, path_component, sarif
from support.fake_executables import elf

OTHER = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> FakeBuild:
    return make_build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def whole(build: FakeBuild) -> Path:
    return build.write()


@dataclass(frozen=True)
class Changed:
    """A copy of the folder, to be changed."""

    folder: Path

    def file(self, pattern: str) -> Path:
        (found,) = self.folder.glob(pattern)
        return found

    def edit(self, pattern: str, change: Callable[[dict[str, Any]], object]) -> None:
        document = json.loads(self.file(pattern).read_text())
        change(document)
        self.file(pattern).write_bytes(render_json(document))

    def edit_provenance(self, change: Callable[[dict[str, Any]], object]) -> None:
        """In the statement and in the predicate beside it."""
        self.edit("provenance.predicate.json", change)
        self.edit("provenance.intoto.json", lambda statement: change(statement["predicate"]))

    def broken(self) -> dict[str, list[str]]:
        """Link → `subject says` of each trouble, under a new index."""
        index_again(self.folder)
        links = check_folder(read_evidence(self.folder))
        return {
            link.name.value: [f"{check.subject} {check.says}" for check in link.troubles]
            for link in links
            if link.troubles
        }


@pytest.fixture
def changed(whole: Path, tmp_path: Path) -> Changed:
    return Changed(Path(shutil.copytree(whole, tmp_path / "evidence")))


# --- source, derivation, output -------------------------------------------------------------------------------------


def test_a_source_of_another_nar_hash_does_not_give_the_store_path_that_was_built(changed: Changed) -> None:
    def change(predicate: dict[str, Any]) -> None:
        source = predicate["buildDefinition"]["resolvedDependencies"][2]
        source["annotations"]["narHash"] = str(nix_hash("other"))
        source["digest"]["nixNarSha256"] = nix_hash("other").digest.hex()

    changed.edit_provenance(change)
    assert ["subject" in text and ", not /nix/store/" in text for text in changed.broken()["source"]] == [True]


def test_a_statement_of_another_kind_is_no_provenance(changed: Changed) -> None:
    kind = "https://slsa.dev/provenance/v0.2"
    changed.edit("provenance.intoto.json", lambda statement: statement.update(predicateType=kind))
    assert "predicateType is not https://slsa.dev/provenance/v1" in changed.broken()["source"][0]


def test_a_source_that_no_derivation_names_is_not_the_source(changed: Changed) -> None:
    def change(predicate: dict[str, Any]) -> None:
        del predicate["buildDefinition"]["resolvedDependencies"][2]

    changed.edit_provenance(change)
    (text,) = changed.broken()["source"]
    assert "packages.x86_64-linux.app its derivation leads to none of the sources" in text


def test_a_derivation_of_other_bytes_has_another_path(changed: Changed) -> None:
    file = changed.file("derivations/*-app-build.drv")
    file.write_bytes(file.read_bytes().replace(b'"true"', b'"evil"'))
    (text,) = changed.broken()["derivation"]
    assert "they were changed" in text


def test_a_derivation_that_is_lost_breaks_the_way_to_the_source_too(changed: Changed) -> None:
    changed.file("derivations/*-app-build.drv").unlink()
    found = changed.broken()
    assert {"derivation", "source"} <= set(found)


def test_an_output_of_another_derivation_is_seen(changed: Changed) -> None:
    def change(predicate: dict[str, Any]) -> None:
        build, image = predicate["runDetails"]["byproducts"]
        notes = build["annotations"], image["annotations"]
        notes[0]["derivation"], notes[1]["derivation"] = notes[1]["derivation"], notes[0]["derivation"]

    changed.edit_provenance(change)
    assert len([text for text in changed.broken()["derivation"] if " makes /nix/store/" in text]) == 2


def test_an_output_with_another_file_has_another_nar_hash(changed: Changed) -> None:
    notes = changed.file("outputs/files/*")
    notes.write_text("Notes\n")
    found = " ".join(changed.broken()["output"])
    assert "its name is not its SHA-256" in found
    assert "is stated" in found


def test_a_listing_that_leaves_out_a_file_has_another_nar_hash(changed: Changed) -> None:
    changed.edit("outputs/*-app-build.json", lambda listing: listing["files"].pop())
    assert any("is stated" in text for text in changed.broken()["output"])


def test_an_executable_bit_is_part_of_the_output(changed: Changed) -> None:
    def change(listing: dict[str, Any]) -> None:
        next(file for file in listing["files"] if file["kind"] == "executable")["kind"] = "regular"

    changed.edit("outputs/*-app-build.json", change)
    assert "output" in changed.broken()


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("provenance.intoto.json", "source"),
        ("test-results.intoto.json", "test-results"),
        ("vex.json", "vex"),
        ("outputs/*-app-build.json", "output"),
    ],
)
def test_a_blank_that_became_another_is_seen(changed: Changed, name: str, link: str) -> None:
    file = changed.file(name)
    file.write_bytes(file.read_bytes().replace(b"  ", b" \t", 1))
    assert any("was changed" in text for text in changed.broken()[link])


# --- artifacts and images -------------------------------------------------------------------------------------------


def test_an_executable_in_the_place_of_another_is_seen_in_every_link_that_holds_it(changed: Changed) -> None:
    program = changed.file("artifacts/x86_64-linux/app-x86_64-linux")
    program.write_bytes(program.read_bytes()[:-1] + b"\1")
    found = changed.broken()
    assert {"output", "artifact"} <= set(found)
    assert any("is not what SHA256SUMS says" in text for text in found["artifact"])


def test_an_archive_with_other_content_is_seen(changed: Changed) -> None:
    archive = changed.file("artifacts/x86_64-linux/*.tar.gz")
    archive.write_bytes(
        gzip.compress(gzip.decompress(archive.read_bytes()).replace(b"GLIBC_2.17", b"GLIBC_2.18"), mtime=0)
    )
    assert any("has other bytes than were put in" in text for text in changed.broken()["artifact"])


def test_a_manifest_of_another_output_is_seen(changed: Changed) -> None:
    path = "/nix/store/" + "0" * 32 + "-other"
    changed.edit("artifacts/x86_64-linux/manifest.json", lambda manifest: manifest.update(output=path))
    assert any("which provenance does not name" in text for text in changed.broken()["artifact"])


def test_a_whole_release_of_another_program_is_not_of_this_output(
    changed: Changed, build: FakeBuild, tmp_path: Path
) -> None:
    output = build.parts.builds.outputs[0]
    (tmp_path / "other/bin").mkdir(parents=True)
    (tmp_path / "other/bin/app").write_bytes(elf(padding=300))
    origin = BinaryOrigin("1" * 40, str(output.derivation), str(output.path), str(output.nar_hash), "nix")
    target = BuildTarget(System.X86_64_LINUX, "x86_64-unknown-linux-gnu")
    folder = changed.folder / "artifacts/x86_64-linux"
    shutil.rmtree(folder)
    prepare(ArtifactsRequest("w", ("app",), target, tmp_path / "other", folder, 10_000_000, origin))
    found = changed.broken()["artifact"]
    assert any(text.endswith(f"app-x86_64-linux is not in {output.path.base_name}") for text in found)


def test_a_file_beside_the_release_is_no_subject(changed: Changed) -> None:
    (changed.folder / "artifacts/x86_64-linux/extra").write_bytes(b"x")
    assert any("extra is not a subject of provenance" in text for text in changed.broken()["artifact"])


def test_a_manifest_that_states_another_nar_hash_is_seen(changed: Changed) -> None:
    change = {"narHash": str(nix_hash("other"))}
    changed.edit("artifacts/x86_64-linux/manifest.json", lambda manifest: manifest.update(change))
    assert any("than provenance does" in text for text in changed.broken()["artifact"])


def test_a_program_of_another_machine_is_seen(changed: Changed) -> None:
    changed.edit("artifacts/x86_64-linux/manifest.json", lambda manifest: manifest.update(system="aarch64-linux"))
    assert any("aarch64" in text for text in changed.broken()["artifact"])


def test_a_blob_that_is_no_part_of_the_image_is_seen(changed: Changed) -> None:
    (changed.folder / f"images/app-amd64/blobs/sha256/{'0' * 64}").write_bytes(b"x")
    found = changed.broken()["image"]
    assert any("is no part of the image" in text for text in found)


def test_a_layer_that_unpacks_to_something_else_is_seen(changed: Changed, build: FakeBuild) -> None:
    """Everything above the layer is made right again, down to the index: only its content is another."""
    blobs = changed.folder / "images/app-amd64/blobs/sha256"
    index = json.loads((changed.folder / "images/app-amd64/index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    data = gzip.compress(b"another layer", mtime=0)
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    (blobs / manifest["layers"][0]["digest"][7:]).unlink()
    manifest["layers"][0].update(digest=f"sha256:{digest}", size=len(data))
    text = json.dumps(manifest).encode()
    (blobs / index["manifests"][0]["digest"][7:]).unlink()
    (blobs / hashlib.sha256(text).hexdigest()).write_bytes(text)
    index["manifests"][0].update(digest=f"sha256:{hashlib.sha256(text).hexdigest()}", size=len(text))
    (changed.folder / "images/app-amd64/index.json").write_text(json.dumps(index))
    found = changed.broken()
    assert any("unpacked it is sha256:" in text for text in found["layers"])
    assert any("and the subject of provenance.intoto.json is" in text for text in found["image"])
    assert any("no SBOM is about" in text for text in found["sbom"])


def test_an_image_that_is_lost_is_missing(changed: Changed) -> None:
    shutil.rmtree(changed.folder / "images")
    found = changed.broken()
    assert "output" in found
    assert any("sbom/app-image.cdx.json is about nothing that is here" in text for text in found["sbom"])


# --- SBOM -----------------------------------------------------------------------------------------------------------


def put(changed: Changed, name: str, document: dict[str, Any]) -> None:
    (changed.folder / f"sbom/{name}.cdx.json").write_text(json.dumps(document))


def test_an_sbom_of_another_nar_hash_is_seen(changed: Changed, build: FakeBuild) -> None:
    output = build.parts.builds.outputs[0]
    put(changed, "app", bill(path_component(output.path, nix_hash("other"))))
    assert any(f"says {nix_hash('other')}" in text for text in changed.broken()["sbom"])


def test_an_sbom_of_other_layers_is_seen(changed: Changed, build: FakeBuild) -> None:
    document = image_bill(build.parts.images[0])
    more = {"type": "file", "name": "x", "properties": [{"name": "nanna-ci:layer:digest", "value": OTHER}]}
    put(changed, "app-image", {**document, "components": [*document["components"], more]})
    assert f"names the layer {OTHER}" in changed.broken()["sbom"][0]
    put(changed, "app-image", {**document, "components": document["components"][:1]})
    assert "leaves out the layer" in changed.broken()["sbom"][0]
    document["components"][0]["properties"][1]["value"] = OTHER
    put(changed, "app-image", document)
    assert "what the layers of images/app-amd64 unpack to" in changed.broken()["sbom"][0]


def test_an_sbom_of_another_image_is_about_nothing_here_and_ours_is_missing(changed: Changed) -> None:
    put(changed, "app-image", bill({"type": "container", "name": "app", "version": OTHER}))
    text = " ".join(changed.broken()["sbom"])
    assert "no SBOM is about sha256:" in text
    assert "is about nothing that is here" in text


def test_an_sbom_of_crates_alone_is_let_be(changed: Changed) -> None:
    put(changed, "crates", bill({"type": "application", "name": "w"}))
    assert changed.broken() == {}


@pytest.mark.parametrize(
    "document", [{"bomFormat": "SPDX"}, {"specVersion": "1.4"}, {"metadata": None}, {"components": {}}]
)
def test_what_is_no_cyclonedx_of_a_known_version_is_refused(changed: Changed, document: dict[str, Any]) -> None:
    put(changed, "crates", {**bill({"type": "application", "name": "w"}), **document})
    assert "sbom/crates.cdx.json" in changed.broken()["sbom"][0]


# --- SARIF, test results, VEX ---------------------------------------------------------------------------------------


def put_sarif(changed: Changed, document: dict[str, Any], name: str = "app") -> list[str]:
    (changed.folder / f"scan/{name}.sarif").write_text(json.dumps(document))
    return changed.broken().get("sarif", [])


def test_the_sarif_of_another_image_is_seen(changed: Changed) -> None:
    assert f"is about {OTHER}, which is not here" in put_sarif(changed, sarif(OTHER))[0]


def test_the_sarif_of_an_image_without_its_digest_is_seen(changed: Changed) -> None:
    document = sarif(OTHER)
    del document["runs"][0]["properties"]
    assert "names no image by its digest" in put_sarif(changed, document)[0]


def test_two_sarif_files_of_one_category_are_seen(changed: Changed, build: FakeBuild) -> None:
    document = sarif(build.parts.images[0].layout.manifest_digest)
    assert "has the category image/app, as scan/again.sarif has" in put_sarif(changed, document, "again")[0]


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.0.0"},
        {"runs": []},
        {"runs": [{"tool": {"driver": {}}}]},
        {"runs": [{}]},
    ],
)
def test_a_sarif_that_is_none_or_of_nobody_is_seen(changed: Changed, change: dict[str, Any]) -> None:
    assert put_sarif(changed, {**sarif(OTHER), **change})


def results(build: FakeBuild, *jobs: JobResult) -> dict[str, Any]:
    return make_test_result(RunResults((*build.parts.run.jobs, *jobs), None), {}, [])  # type: ignore[union-attr]


def put_results(changed: Changed, predicate: dict[str, Any]) -> list[str]:
    changed.edit("test-results.intoto.json", lambda statement: statement.update(predicate=predicate))
    changed.file("test-results.predicate.json").write_bytes(render_json(predicate))
    return changed.broken().get("test-results", [])


def test_a_run_that_failed_breaks_the_chain_with_the_jobs_name(changed: Changed, build: FakeBuild) -> None:
    (text,) = put_results(changed, results(build, JobResult("clippy", Verdict.FAIL, reason="a warning")))
    assert text == "test-results.intoto.json FAILED: clippy"


def test_a_run_that_made_the_output_otherwise_is_seen(changed: Changed, build: FakeBuild) -> None:
    path = str(build.parts.builds.outputs[0].path)
    predicate = results(build)
    next(job for job in predicate["jobs"] if job["outputs"])["outputs"][path] = str(nix_hash("other"))
    (text,) = put_results(changed, predicate)
    assert "and provenance has" in text


def test_results_about_other_subjects_are_seen(changed: Changed) -> None:
    changed.edit("test-results.intoto.json", lambda statement: statement["subject"].pop())
    assert "is about other subjects" in changed.broken()["test-results"][0]


def test_a_decision_that_the_baseline_does_not_have_is_seen(changed: Changed) -> None:
    file = changed.file("scan/security-baseline.toml")
    file.write_text(file.read_text().replace("RUSTSEC-2026-9001", "RUSTSEC-2026-9002"))
    assert "says not_affected of RUSTSEC-2026-9001" in changed.broken()["vex"][0]


def test_a_vex_without_its_baseline_is_broken(changed: Changed) -> None:
    changed.file("scan/security-baseline.toml").unlink()
    assert "vex" in changed.broken()
