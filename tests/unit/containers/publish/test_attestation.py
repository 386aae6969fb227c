"""Files that are attested: what they must be, and whom they are about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.containers.image.blob import digest_of
from nanna_ci.containers.publish.attestation import PROVENANCE_TYPE, SBOM_TYPE, read_provenance, read_sbom
from nanna_ci.foundation.errors import ConfigError, GateFailed, MalformedData
from support.planted_secrets import SHAPED

DIGEST = digest_of(b"image")


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "file.json"
    path.write_text(json.dumps(document))
    return path


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": "0" * 64}}, {"digest": {"sha256": DIGEST[7:]}}],
        "predicateType": PROVENANCE_TYPE,
        "predicate": {"buildDefinition": {}},
        **changes,
    }


def test_an_sbom_is_attested_whole(tmp_path: Path) -> None:
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "anything": [1]}
    found = read_sbom(written(tmp_path, document), DIGEST)
    assert (found.kind, found.value, found.digest) == (SBOM_TYPE, document, DIGEST)


def test_of_a_statement_the_predicate_is_attested(tmp_path: Path) -> None:
    found = read_provenance(written(tmp_path, statement()), DIGEST)
    assert (found.kind, found.value) == (PROVENANCE_TYPE, {"buildDefinition": {}})


@pytest.mark.parametrize("subject", [[], [{"digest": {"sha256": "0" * 64}}], [{"digest": {"sha512": DIGEST[7:]}}]])
def test_provenance_of_another_image_fails(tmp_path: Path, subject: object) -> None:
    with pytest.raises(GateFailed, match="is not about sha256:"):
        read_provenance(written(tmp_path, statement(subject=subject)), DIGEST)


@pytest.mark.parametrize(
    "document",
    [[], {}, statement(_type="x"), statement(predicateType="https://slsa.dev/provenance/v0.2"),
     statement(predicate=None), statement(subject={}), statement(subject=[1]), statement(subject=[{"digest": 1}])],
)  # fmt: skip
def test_what_is_not_provenance_is_refused(tmp_path: Path, document: object) -> None:
    with pytest.raises(MalformedData):
        read_provenance(written(tmp_path, document), DIGEST)


@pytest.mark.parametrize("document", [[], {}, {"bomFormat": "SPDX"}, {"spdxVersion": "SPDX-2.3"}])
def test_what_is_not_cyclonedx_is_refused(tmp_path: Path, document: object) -> None:
    with pytest.raises(MalformedData):
        read_sbom(written(tmp_path, document), DIGEST)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json"):
        read_sbom(tmp_path / "absent.json", DIGEST)


def test_no_secret_of_a_file_is_attested_and_digests_are(tmp_path: Path) -> None:
    properties = [{"name": "from", "value": f"https://me:pass-word@h {SHAPED['JWT']}"}, {"name": DIGEST}]
    found = read_sbom(written(tmp_path, {"bomFormat": "CycloneDX", "properties": properties}), DIGEST)
    redacted = [{"name": "from", "value": "https://me:[redacted]@h [redacted]"}, {"name": DIGEST}]
    assert found.value == {"bomFormat": "CycloneDX", "properties": redacted}
    made = read_provenance(written(tmp_path, statement(predicate={"log": SHAPED["personal token"]})), DIGEST)
    assert made.value == {"log": "[redacted]"}
