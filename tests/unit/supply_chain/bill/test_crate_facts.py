from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.supply_chain.bill.crate_facts import load_crate_facts, parse_checksums
from support.fake_bills import SYSTEMS, facts_folder, recorded_facts

REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def by_name(system: str = "x86_64-linux") -> dict[str, Any]:
    return {crate.package.name: crate for crate in recorded_facts(system).crates.values()}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_recorded_build_is_read_with_its_target(system: str) -> None:
    facts = recorded_facts(system)
    assert (facts.system, facts.profile) == (system, "release")
    assert facts.triple == f"{system.removesuffix('-linux')}-unknown-linux-gnu"
    assert {name.rpartition("/")[2] for name in facts.members} == {"harness#0.1.0", "model#0.1.0", "prompts#0.1.0"}
    assert [(one.name, len(one.reached)) for one in facts.binaries] == [("harness", 39)]


def test_only_what_is_compiled_is_in_the_build() -> None:
    assert len(by_name()) == 39
    assert not {"criterion", "aho-corasick"} & by_name().keys()  # of benchmarks: metadata.json has them


def test_what_runs_at_build_time_is_kept_apart_from_what_is_linked() -> None:
    crates = by_name()
    assert crates["clap_derive"].features is None
    assert crates["clap_derive"].build_features == ("default",)
    assert crates["syn"].features is None
    assert "derive" in crates["clap"].features
    assert crates["clap"].build_features is None


def test_checksums_are_those_of_the_lock() -> None:
    crates = by_name()
    assert crates["harness"].sha256 is None
    assert all(len(crate.sha256) == 64 for name, crate in crates.items() if crate.package.source is not None)


def test_a_crate_compiled_for_both_has_the_features_of_each(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        units = document["units"]
        serde = next(unit for unit in units if "#clap_lex@" in unit["pkg_id"])
        derive = next(unit for unit in units if "proc-macro" in unit["target"]["kind"])
        units.append({**serde, "platform": None, "features": ["host"], "dependencies": []})
        derive["dependencies"].append({"index": len(units) - 1})

    facts = load_crate_facts(facts_folder(tmp_path / "facts", units=change))
    both = next(crate for crate in facts.crates.values() if crate.package.name == "clap_lex")
    assert (both.features, both.build_features) == ((), ("host",))


@pytest.mark.parametrize("name", ["metadata.json", "units.json", "Cargo.lock", "target.json"])
def test_a_folder_that_lacks_a_file_is_none_of_crate_facts(tmp_path: Path, name: str) -> None:
    folder = facts_folder(tmp_path / "facts")
    (folder / name).unlink()
    with pytest.raises(UsageError, match=f"it has no {name}"):
        load_crate_facts(folder)


def _first(document: Any) -> Any:
    return document["units"][0]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"units": lambda document: document.update(version=2)}, "unit graph of version 2, not 1"),
        ({"units": lambda document: document.update(roots=[])}, "roots name no unit"),
        ({"units": lambda document: document.update(roots=[999])}, "roots name no unit"),
        (
            {"units": lambda document: _first(document).update(dependencies=[{"index": 999}])},
            "unit 999, which is absent",
        ),
        ({"units": lambda document: _first(document).update(pkg_id="other")}, "metadata.json does not know it"),
        ({"units": "{"}, "line 1"),
        ({"metadata": lambda document: document.update(packages={})}, "packages is an object, not an array"),
        ({"lock": "[[package"}, "is not a Cargo.lock"),
        ({"target": "{}"}, "triple is 'null', not a string"),
    ],
)
def test_facts_that_contradict_each_other_are_refused(tmp_path: Path, changes: Any, problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        load_crate_facts(facts_folder(tmp_path / "facts", **changes))


def test_checksums_of_old_lock_files_are_read_too() -> None:
    old = f'[metadata]\n"checksum a 1.0.0 ({REGISTRY})" = "ab"\n"checksum b 1.0.0 ({REGISTRY})" = "<none>"\n'
    assert parse_checksums(old.encode(), "Cargo.lock") == {("a", "1.0.0", REGISTRY): "ab"}
