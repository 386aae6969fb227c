"""`sbom` with the real flake, Nix and compilers: closures, images, and lists of crates that objcopy put into programs.

Needs the Debian toolkit (`./nixw run .#test` brings it).
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.supply_chain.bill.cyclonedx_check import check_cyclonedx
from nanna_ci.supply_chain.bill.program import programs_in
from nanna_ci.supply_chain.bill.program_crates import Agreement, compare_lists
from support.fake_bills import DATA, recorded_facts

REPO = Path(__file__).resolve().parents[2]
COMPILERS = {
    "x86_64-linux": ("gcc", "objcopy"),
    "aarch64-linux": ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objcopy"),
}


def nixw(*words: str) -> str:
    done = subprocess.run(
        [str(REPO / "nixw"), *words], capture_output=True, check=False, cwd=REPO, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.strip()


def sbom(*words: str) -> str:
    return nixw("run", f"{REPO}#sbom", "--", *words)


@cache
def image_bill() -> Any:
    return json.loads(sbom("image", "harness-image"))


def graph_of(bill: Any) -> dict[str, list[str]]:
    return {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}


@pytest.mark.parametrize("system", COMPILERS)
def test_the_list_in_a_program_of_a_real_compiler_is_read(tmp_path: Path, system: str) -> None:
    compiler, objcopy = COMPILERS[system]
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/harness"
    (tmp_path / "main.c").write_text("int main(void) { return 0; }")
    subprocess.run([compiler, "-o", program, tmp_path / "main.c"], check=True)
    (plain,) = programs_in(tmp_path, None)
    assert (plain.is_rust, plain.crates) == (False, None)
    section = f".dep-v0={DATA / system / 'harness.dep-v0'}"
    subprocess.run([objcopy, "--add-section", section, program], check=True)
    (listed,) = programs_in(tmp_path, None)
    assert compare_lists(listed, recorded_facts(system)).agreement is Agreement.AGREES


def test_the_closure_of_a_package_has_its_program_and_all_that_it_refers_to() -> None:
    root = nixw("build", "--no-link", "--print-out-paths", f"{REPO}#harness")
    bill = json.loads(sbom("closure", "harness"))
    check_cyclonedx(json.dumps(bill).encode(), "closure")
    assert bill["metadata"]["component"]["bom-ref"] == root
    infos = json.loads(nixw("path-info", "--json", "--recursive", root))
    graph = graph_of(bill)
    assert {ref for ref in graph if ref.startswith("/nix/store/") and "#" not in ref} == set(infos)
    for path, info in infos.items():
        assert {ref for ref in graph[path] if "#" not in ref} == set(info["references"]) - {path}
    program = next(one for one in bill["components"] if one["name"] == "harness" and "#" in one["bom-ref"])
    (distribution,) = program["externalReferences"]
    said = subprocess.run(["sha512sum", f"{root}/bin/harness"], check=True, capture_output=True, text=True).stdout
    assert distribution["hashes"] == [{"alg": "SHA-512", "content": said.split()[0]}]


def test_a_store_path_and_its_package_give_the_same_bill() -> None:
    root = nixw("build", "--no-link", "--print-out-paths", f"{REPO}#harness")
    first, second = json.loads(sbom("closure", "harness")), json.loads(sbom("closure", root))
    assert first["components"] == second["components"]
    assert first["dependencies"] == second["dependencies"]


def test_an_image_leads_from_layers_over_debian_and_nix_to_its_program() -> None:
    bill = image_bill()
    check_cyclonedx(json.dumps(bill).encode(), "image")
    graph = graph_of(bill)
    subject = bill["metadata"]["component"]
    assert subject["bom-ref"] == f"image:{subject['version']}"
    runtime, application = (
        next(layer for layer in graph[subject["bom-ref"]] if any(part in ref for ref in graph[layer]))
        for part in ("pkg:deb/", "/nix/store/")
    )
    assert {ref.partition("@")[0] for ref in graph[runtime] if ref.startswith("pkg:deb/")} >= {
        "pkg:deb/debian/libc6",
        "pkg:deb/debian/ca-certificates",
    }
    (package,) = graph[application]
    assert package.endswith("-harness")
    assert any("/bin/harness#" in ref for ref in graph[package])


def test_two_runs_give_the_same_bytes_and_the_cross_image_another_machine() -> None:
    assert json.loads(sbom("image", "harness-image")) == image_bill()
    other = json.loads(sbom("image", "harness-image-aarch64-linux"))
    properties = {one["name"]: one["value"] for one in other["metadata"]["component"]["properties"]}
    assert properties["nanna-ci:image:architecture"] == "arm64"
    machines = {
        one["value"]
        for component in other["components"]
        for one in component.get("properties", [])
        if one["name"] == "nanna-ci:file:machine"
    }
    assert machines == {"aarch64"}


def test_the_build_time_closure_has_the_derivations_that_nix_shows() -> None:
    bill = json.loads(sbom("closure", "harness", "--build-closure"))
    shown = json.loads(nixw("derivation", "show", "--recursive", f"{REPO}#harness"))
    refs = {bill["metadata"]["component"]["bom-ref"], *(one["bom-ref"] for one in bill["components"])}
    assert {ref for ref in refs if ref.endswith(".drv")} == set(shown)
    graph = graph_of(bill)
    for path, derivation in shown.items():
        assert set(graph[path]) == {*derivation["inputDrvs"], *derivation["inputSrcs"]}
