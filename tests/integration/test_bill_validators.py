"""Bills of materials, read by what others read them with: the public validators of CycloneDX and SPDX, and syft.

The root's test environment has them (nix/toolkits/debian/wheels/bills.txt); elsewhere these tests are skipped.
"""

from __future__ import annotations

import functools
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.supply_chain.bill.bill_making import build_closure_bill, closure_bill, crates_bill
from nanna_ci.supply_chain.bill.bill_of_materials import Bill, Completeness, Deployable, Patch
from nanna_ci.supply_chain.bill.bill_sources import NixClosure
from nanna_ci.supply_chain.bill.cyclonedx import CycloneDxVersion, render_cyclonedx
from nanna_ci.supply_chain.bill.licence import parse_licence
from nanna_ci.supply_chain.bill.spdx import render_spdx
from support.bill_readers import public_module, syft_program
from support.fake_bills import DATA, HEAD, bill_of, closure_of, component, derivation, program, recorded_facts
from support.fake_listed_programs import crate, elf_with, root
from support.fake_store_paths import path


def everything() -> Bill:
    """A component of every shape."""
    store = Deployable("x", is_executable=None, is_archive=True, is_structured=False)
    file = Deployable(
        "harness", is_executable=True, is_archive=False, is_structured=True, sha512="ab" * 64, url="bin/x"
    )
    return bill_of(
        component("a", licence=parse_licence("MIT OR Apache-2.0"), creator="a@b.org", sha256="ab" * 32),
        component("b", licence=parse_licence("SEE LICENSE"), creator="https://b.org", website="https://b.org/home"),
        component("c", cpe="cpe:2.3:a:gnu:glibc:2.40:*:*:*:*:*:*:*", purl="pkg:nix/glibc@2.40?output=out"),
        component("d", deployable=store, patches=(Patch("/nix/store/x-CVE-2024-1234.patch", ("CVE-2024-1234",)),)),
        component("e", deployable=file, source_url="https://b.org/x.tar.gz", properties=(("nanna-ci:x", "y"),)),
        component("f", name='"<é\u202e>&\\', version="1.0+é", description="two\nlines"),
        edges={"a": {"b"}, "d": {"e"}},
        gaps={"b": Completeness.UNKNOWN, "c": Completeness.INCOMPLETE},
    )


def closure() -> Bill:
    infos = closure_of("harness", "openssl-3.0.14")
    one = program([root(dependencies=[1]), crate("a"), crate("b", source="git")], store_path=path("harness"))
    return closure_bill(NixClosure((path("harness"),), infos, {}, (one,)), None, HEAD).bill


def build_closure() -> Bill:
    graph = [derivation("harness-0.1.0", path("rustc-1.97.1.drv")), derivation("rustc-1.97.1")]
    return build_closure_bill({one.path: one for one in graph}, [graph[0].path], HEAD).bill


BILLS = {
    "crates": lambda: crates_bill(recorded_facts(), HEAD).bill,
    "crates for aarch64": lambda: crates_bill(recorded_facts("aarch64-linux"), HEAD).bill,
    "closure": closure,
    "build closure": build_closure,
    "everything": everything,
}
every_bill = pytest.mark.parametrize("name", BILLS)


@functools.cache
def cyclonedx_validator(version: CycloneDxVersion) -> Any:
    validation = public_module("cyclonedx.validation.json", "cyclonedx-python-lib")
    schema = public_module("cyclonedx.schema", "cyclonedx-python-lib")
    return validation.JsonStrictValidator(schema.SchemaVersion.from_version(version.value))


@every_bill
@pytest.mark.parametrize("version", CycloneDxVersion)
def test_cyclonedx_is_valid_and_of_the_version_that_it_says(name: str, version: CycloneDxVersion) -> None:
    text = render_cyclonedx(BILLS[name](), version).decode()
    assert json.loads(text)["specVersion"] == version.value  # the validator does not look at it
    assert cyclonedx_validator(version).validate_str(text) is None


@pytest.mark.parametrize("version", CycloneDxVersion)
def test_the_validator_of_cyclonedx_finds_what_is_wrong(version: CycloneDxVersion) -> None:
    document = json.loads(render_cyclonedx(everything(), version))
    document["components"][0]["licenses"] = [{"expression": "MIT", "license": {"name": "MIT"}}]
    assert cyclonedx_validator(version).validate_str(json.dumps(document)) is not None


def spdx_objects(data: bytes) -> Any:
    """The document in SPDX's own model, whose classes check names, types and cardinalities."""
    model = public_module("spdx_python_model", "spdx-python-model").v3_0_1
    objects = model.SHACLObjectSet()
    model.JSONLDDeserializer().read(io.BytesIO(data), objects)
    model.JSONLDSerializer().write(objects, io.BytesIO())  # what is missing is found on the way out
    return objects


@every_bill
def test_spdx_is_what_its_own_model_reads_with_nothing_missing(name: str) -> None:
    bill = BILLS[name]()
    objects = spdx_objects(render_spdx(bill))
    assert objects.missing_ids == set()
    packages = list(objects.foreach_type("software_Package"))
    assert len(packages) == len(bill.components) + 1
    (creation,) = objects.foreach_type("CreationInfo")
    assert creation.specVersion == "3.0.1"


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(relationshipType="needs"),
        lambda one: one.pop("relationshipType"),
        lambda one: one.update(completeness="mostly"),
        lambda one: one.pop("from"),
        lambda one: one.update(unheard="of"),
        lambda one: one.update(type="Relation"),
    ],
)
def test_the_model_of_spdx_finds_what_is_wrong(change: Any) -> None:
    document = json.loads(render_spdx(everything()))
    change(next(one for one in document["@graph"] if one["type"] == "Relationship"))
    with pytest.raises((ValueError, KeyError, TypeError)):
        spdx_objects(json.dumps(document).encode())


@pytest.mark.parametrize("system", ["x86_64-linux", "aarch64-linux"])
def test_three_views_of_the_crates_in_a_program_agree(tmp_path: Path, system: str) -> None:
    """Cargo's facts, the program's own list, and what syft reads out of the program."""
    syft = syft_program()
    file = tmp_path / "harness"
    file.write_bytes(elf_with({".dep-v0": (DATA / system / "harness.dep-v0").read_bytes()}))
    file.chmod(0o755)
    scanned = subprocess.run(
        [syft, "scan", f"file:{file}", "--output", "cyclonedx-json", "--quiet"],
        check=True,
        capture_output=True,
        timeout=120,
        env={"SYFT_CHECK_FOR_APP_UPDATE": "false", "HOME": str(tmp_path)},
    )
    read = {one["purl"] for one in json.loads(scanned.stdout)["components"] if one["type"] == "library"}
    ours = json.loads(render_cyclonedx(crates_bill(recorded_facts(system), HEAD).bill, CycloneDxVersion.V1_6))
    assert read == {one["purl"].partition("?")[0] for one in ours["components"]}
    assert len(read) == 39
