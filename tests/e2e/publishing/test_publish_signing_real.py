"""Signatures and attestations of the real cosign in a real registry.

Needs docker-registry, skopeo, cosign and openssl on PATH.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support import local_registry
from support.fake_layered_images import content, digests_of, write_layered
from support.publish_runs import Publish
from support.registry_contents import cosign, raw, states, tags


def test_every_digest_is_signed_and_other_keys_do_not_verify_it(
    plain: local_registry.Registry, publish: Publish, environment: dict[str, str], keys: Path
) -> None:
    answer = publish(f"http://{plain.address}/owner")
    signed = [one["digest"] for one in answer.data["images"][0]["signatures"]]
    assert len(signed) == 3
    flags = ("verify", "--insecure-ignore-tlog=true", "--allow-http-registry", "--key")
    for one in signed:
        reference = f"{plain.address}/owner/app@{one}"
        assert cosign(environment, *flags, str(keys / "ours.pub"), reference) == 0
        assert cosign(environment, *flags, str(keys / "other.pub"), reference) == 12


def test_latest_stays_where_it_is_when_signing_fails(
    plain: local_registry.Registry, publish: Publish, tmp_path: Path
) -> None:
    to = f"http://{plain.address}/owner"
    publish(to, image="lone")
    before = tags(plain, "owner/lone")["latest"]
    other = write_layered(tmp_path / "other", [content(9, 1000)])
    broken = tmp_path / "cosign"
    broken.write_text('#!/bin/sh\n[ "$1 $2" != "sign --yes" ] && exec cosign "$@"\n')
    broken.chmod(0o755)
    environ = {"NANNA_CI_COSIGN": str(broken)}
    answer = publish(to, image="lone", sources={"lone": other}, revision="2" * 40, environ=environ)
    assert (answer.code, states(answer, "signatures")) == (3, {"open"})
    assert {one["tag"]: one["state"] for one in answer.data["images"][0]["tags"]} == {
        "2" * 40: "done",
        "latest": "open",
    }
    assert tags(plain, "owner/lone")["latest"] == before
    again = publish(to, image="lone", sources={"lone": other}, revision="2" * 40)
    assert again.code == 0
    assert {one["tag"]: one["state"] for one in again.data["images"][0]["tags"]} == {
        "2" * 40: "present",
        "latest": "done",
    }


def test_a_key_that_cannot_be_opened_stops_everything_before_the_first_push(
    plain: local_registry.Registry, publish: Publish
) -> None:
    answer = publish(f"http://{plain.address}/owner", image="lone", environ={"COSIGN_PASSWORD": "wrong"})
    assert answer.code == 3
    assert "COSIGN_PASSWORD" in answer.said
    assert not tags(plain, "owner/lone")


def test_a_signature_of_another_image_does_not_count(
    plain: local_registry.Registry, publish: Publish, images: dict[str, Path], tmp_path: Path
) -> None:
    """What someone copies to the place of the signature is about another subject: it is signed anew."""
    to = f"http://{plain.address}/owner"
    first = publish(to, image="lone").data["images"][0]["digest"]
    other = write_layered(tmp_path / "other", [content(9, 1000)])
    publish(to, "--unsigned", image="lone", key=None, sources={"lone": other}, revision="2" * 40)
    second = digests_of(other)[0]
    folder = plain.data / "docker/registry/v2/repositories/owner/lone/_manifests/tags"
    stolen, place = folder / f"sha256-{first[7:]}.sig", folder / f"sha256-{second[7:]}.sig"
    place.joinpath("current").mkdir(parents=True)
    place.joinpath("current/link").write_bytes(stolen.joinpath("current/link").read_bytes())
    answer = publish(to, image="lone", sources={"lone": other}, revision="2" * 40)
    assert (answer.code, states(answer, "signatures")) == (0, {"done"})


def test_sbom_and_provenance_are_attested_once(
    plain: local_registry.Registry, publish: Publish, images: dict[str, Path], tmp_path: Path
) -> None:
    to = f"http://{plain.address}/owner"
    subject = digests_of(images["lone"])[0]
    sbom, provenance = tmp_path / "sbom.json", tmp_path / "provenance.json"
    sbom.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [], "own": {"b": 1.5}}))
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "lone", "digest": {"sha256": subject[7:]}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": {"buildType": "https://example.org/x", "unusual": True}, "runDetails": {}},
    }
    provenance.write_text(json.dumps(statement))
    flags = ("--sbom", f"lone={sbom}", "--provenance", f"lone={provenance}")
    first, again = publish(to, *flags, image="lone"), publish(to, *flags, image="lone")
    assert (first.code, states(first, "attestations")) == (0, {"done"}), first.said
    assert (again.code, states(again, "attestations")) == (0, {"present"})
    assert {(one["digest"], one["predicateType"]) for one in first.data["images"][0]["attestations"]} == {
        (subject, "https://cyclonedx.org/bom"),
        (subject, "https://slsa.dev/provenance/v1"),
    }
    sbom.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "new"}]}))
    changed = publish(to, *flags, image="lone")
    assert sorted(one["state"] for one in changed.data["images"][0]["attestations"]) == ["done", "present"]
    attested = json.loads(raw(plain, f"owner/lone:sha256-{subject[7:]}.att"))
    assert len(attested["layers"]) == 2, "the new SBOM takes the place of the old one, beside the provenance"


def test_provenance_of_another_image_is_refused_before_anything_is_pushed(
    plain: local_registry.Registry, publish: Publish, tmp_path: Path
) -> None:
    provenance = tmp_path / "provenance.json"
    statement: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": "0" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    provenance.write_text(json.dumps(statement))
    answer = publish(f"http://{plain.address}/owner", "--provenance", f"app={provenance}")
    assert answer.code == 1
    assert "is not about sha256:" in answer.said
    assert not tags(plain, "owner/app")
