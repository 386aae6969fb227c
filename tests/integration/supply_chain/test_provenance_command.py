"""`nanna-ci provenance` as its user sees it; nix is a stand-in that knows the made-up build."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nanna_ci.binaries.artifacts import ArtifactsRequest, prepare
from nanna_ci.binaries.manifest import BinaryOrigin
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.cli import main
from nanna_ci.containers.publish.attestation import read_provenance
from nanna_ci.foundation.errors import Interrupted
from nanna_ci.pipeline.results import render_result
from support.evidence_runs import FLAKE, answer, metadata, prepare_folder, provenance_words, tree
from support.fake_evidence import FakeBuild, make_build, run_results
from support.fake_ports import FakePorts
from support.stand_in_nix import StandInNix


@pytest.fixture
def build(tmp_path: Path) -> FakeBuild:
    return make_build(tmp_path / "build")


@pytest.fixture
def ports(fake_ports: FakePorts, build: FakeBuild) -> FakePorts:
    fake_ports.cwd = fake_ports.cwd / "work"
    fake_ports.cwd.mkdir()
    prepare_folder(build, fake_ports)
    return fake_ports


def nix_of(ports: FakePorts) -> StandInNix:
    assert isinstance(ports.run, StandInNix)
    return ports.run


def test_what_it_writes_is_what_verify_takes(ports: FakePorts, build: FakeBuild) -> None:
    code, data = answer(ports, *provenance_words(build))
    assert (code, data["verdict"], data["changed"], data["absent"]) == (0, "pass", True, [])
    assert data["source"]["revision"] == "1" * 40
    assert (data["overrides"], data["testResult"]) == (["subject"], "WARNED")
    code, data = answer(ports, "verify", "evidence")
    assert (code, data["verdict"], data["reason"], data["revision"]) == (0, "pass", None, "1" * 40)
    states = {link["link"]: link["state"] for link in data["links"]}
    assert states.pop("signature") == "n/a"
    assert set(states.values()) == {"verified"}


def test_publish_images_takes_the_statement_as_the_provenance_of_the_image(ports: FakePorts, build: FakeBuild) -> None:
    answer(ports, *provenance_words(build))
    digest = build.parts.images[0].layout.manifest_digest
    attestation = read_provenance(ports.cwd / "evidence/provenance.intoto.json", digest)
    assert attestation.value == json.loads((ports.cwd / "evidence/provenance.predicate.json").read_text())


def test_the_same_build_leaves_the_folder_and_its_signatures_alone(ports: FakePorts, build: FakeBuild) -> None:
    answer(ports, *provenance_words(build))
    signature = ports.cwd / "evidence/signatures/evidence.json.sigstore.json"
    signature.parent.mkdir()
    signature.write_text("{}")
    before = tree(ports.cwd / "evidence")
    code, data = answer(ports, *provenance_words(build))
    assert (code, data["changed"], tree(ports.cwd / "evidence")) == (0, False, before)
    code, data = answer(ports, *provenance_words(build), "--builder", "https://example.org/builder")
    assert (code, data["changed"], signature.exists()) == (0, True, False)


def test_a_dry_run_writes_nothing(ports: FakePorts, build: FakeBuild) -> None:
    code, data = answer(ports, *provenance_words(build), "--dry-run")
    assert (code, data["dryRun"], len(data["files"]) > 20) == (0, True, True)
    assert sorted(path.name for path in ports.cwd.iterdir()) == ["pipeline.toml", "runs"]


def test_on_github_the_builder_is_the_workflow_and_the_run_is_named(ports: FakePorts, build: FakeBuild) -> None:
    ports.environ |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_WORKFLOW_REF": "o/r/.github/workflows/ci.yml@refs/heads/main",
        "GITHUB_RUN_ID": "7",
    }
    assert answer(ports, *provenance_words(build))[0] == 0
    details = json.loads((ports.cwd / "evidence/provenance.predicate.json").read_text())["runDetails"]
    assert details["builder"]["id"] == "https://github.com/o/r/.github/workflows/ci.yml@refs/heads/main"
    assert details["metadata"] == {
        "invocationId": "https://github.com/o/r/actions/runs/7/attempts/1",
        "startedOn": "2026-11-28T10:00:00Z",
    }


def test_a_changed_work_tree_is_said_and_has_no_commit(ports: FakePorts, build: FakeBuild) -> None:
    nix_of(ports).metadata[FLAKE] = metadata(build, revision=None, dirtyRevision=f"{'1' * 40}-dirty")
    code, data = answer(ports, *provenance_words(build))
    assert (code, data["source"]["isDirty"]) == (0, True)
    assert main([*provenance_words(build)], ports.ports) == 0
    assert "no commit has this source" in ports.stdout.getvalue()
    assert answer(ports, "verify", "evidence")[1]["revision"] is None


@pytest.mark.parametrize("style", ["text", "markdown", "html"])
def test_the_report_names_outputs_and_what_there_is_none_of(ports: FakePorts, build: FakeBuild, style: str) -> None:
    words = ["provenance", "--artifacts", str(build.root / "dist"), "--output", "evidence", "--format", style]
    assert main(words, ports.ports) == 0
    text = ports.stdout.getvalue()
    for part in ("packages.x86_64-linux.app", "no run was given", "will call it missing"):
        assert part in text.replace("\\", "").replace("<wbr>", "")


def refused(ports: FakePorts, *words: str) -> tuple[int, str]:
    code, data = answer(ports, *words)
    assert not (ports.cwd / "evidence").exists()
    assert not list(ports.cwd.glob(".evidence*"))
    return code, data["reason"] if "reason" in data else data["error"]["message"]


def test_evidence_of_nothing_or_of_a_tag_is_a_mistake(ports: FakePorts) -> None:
    assert refused(ports, "provenance", "--output", "evidence") == (
        2, "evidence of nothing: there are neither --artifacts nor --image-layout",
    )  # fmt: skip
    code, text = refused(ports, "provenance", "--image-layout", "ghcr.io/owner/app:latest", "--output", "evidence")
    assert (code, "there is no such folder" in text) == (2, True)


def test_a_copy_of_an_image_is_known_by_its_hash_in_the_run_and_else_refused(
    ports: FakePorts, build: FakeBuild
) -> None:
    image = build.parts.builds.outputs[1]
    copied = shutil.copytree(build.store / image.path.base_name, ports.cwd / "copy")
    words = ["provenance", "--image-layout", str(copied), "--run", "runs/20261128T100000Z-1", "--output", "evidence"]
    code, text = refused(ports, *words)
    assert (code, "nothing says which derivation made this image" in text) == (3, True)
    made = run_results({image.path: (image.derivation, image.nar_hash)}).jobs[0]
    (ports.cwd / "runs/20261128T100000Z-1/jobs/build/result.json").write_bytes(render_result(made))
    code, data = answer(ports, *words)
    assert (code, [output["storePath"] for output in data["outputs"]]) == (0, [str(image.path)])


def test_artifacts_that_were_changed_since_are_refused(ports: FakePorts, build: FakeBuild) -> None:
    (build.root / "dist/app-x86_64-linux").write_bytes(b"x")
    code, text = refused(ports, *provenance_words(build))
    assert (code, "app-x86_64-linux is not what SHA256SUMS says" in text) == (1, True)


def test_artifacts_of_what_cargo_built_are_refused(ports: FakePorts, build: FakeBuild) -> None:
    target = BuildTarget(System.X86_64_LINUX, "x86_64-unknown-linux-gnu")
    source = build.store / build.parts.builds.outputs[0].path.base_name
    prepare(ArtifactsRequest("w", ("app",), target, source, ports.cwd / "dist", 10_000_000, BinaryOrigin()))
    code, text = refused(ports, "provenance", "--artifacts", "dist", "--output", "evidence")
    assert (code, text.endswith("Nix did not build them")) == (2, True)


def test_what_the_flake_does_not_evaluate_to_is_refused(ports: FakePorts, build: FakeBuild) -> None:
    nix_of(ports).attributes["legacyPackages.x86_64-linux.pipeline"] = json.dumps(
        {"toolkit": "stand-in", "derivations": {}, "unavailable": {}}
    )
    code, text = refused(ports, *provenance_words(build))
    assert (code, "is not what the flake evaluates to" in text) == (1, True)


def test_a_store_whose_path_was_changed_is_refused(ports: FakePorts, build: FakeBuild) -> None:
    (build.store / build.parts.builds.outputs[0].path.base_name / "share/notes").write_text("Notes\n")
    code, text = refused(ports, *provenance_words(build))
    assert (code, "has the NAR hash" in text) == (4, True)


def test_a_secret_in_a_file_that_is_given_is_refused_and_not_shown(ports: FakePorts, build: FakeBuild) -> None:
    ports.environ["CACHIX_AUTH_TOKEN"] = "eyJsecretsecret"
    sbom = build.root / "given/app.cdx.json"
    sbom.write_text(sbom.read_text().replace('"version": 1', '"version": 1, "note": "eyJsecretsecret"'))
    code, text = refused(ports, *provenance_words(build))
    assert (code, "sbom/app.cdx.json: holds a secret" in text) == (1, True)
    assert "eyJsecretsecret" not in ports.stdout.getvalue() + ports.stderr.getvalue()


def test_a_folder_of_something_else_is_not_replaced(ports: FakePorts, build: FakeBuild) -> None:
    (ports.cwd / "evidence").mkdir()
    (ports.cwd / "evidence/thesis.tex").write_text("x")
    code, data = answer(ports, *provenance_words(build))
    assert (code, "thesis.tex" in data["error"]["message"]) == (2, True)
    assert tree(ports.cwd / "evidence") == {"thesis.tex": b"x"}


def test_an_expired_decision_is_in_no_document_and_said(ports: FakePorts, build: FakeBuild) -> None:
    baseline = build.root / "given/security-baseline.toml"
    baseline.write_text(baseline.read_text().replace("2027-01-01", "2020-01-01"))
    code, data = answer(ports, *provenance_words(build))
    assert (code, data["expired"], data["absent"]) == (0, ["RUSTSEC-2026-9001"], ["vex"])


@pytest.mark.parametrize("flag", ["--sbom", "--sarif", "--scan", "--baseline", "--run"])
def test_a_file_that_is_not_there_is_a_mistake(ports: FakePorts, build: FakeBuild, flag: str) -> None:
    assert refused(ports, *provenance_words(build), flag, "none")[0] == 2


def test_an_interruption_leaves_nothing_behind(
    ports: FakePorts, build: FakeBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise Interrupted(2)

    monkeypatch.setattr("nanna_ci.supply_chain.evidence.evidence_maker._add_statements", interrupted)
    assert main(provenance_words(build), ports.ports) == 130
    assert sorted(path.name for path in ports.cwd.iterdir()) == ["pipeline.toml", "runs"]
