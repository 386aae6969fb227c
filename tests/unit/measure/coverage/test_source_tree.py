"""Whose the files of a report are, by whatever path it names them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.coverage.source_tree import (
    SourceTree,
    parse_crates_file,
    parse_members,
    place_files,
    plain_path,
)
from nanna_ci.measure.history.records import CrateCoverage
from nanna_ci.pipeline.lcov import LcovReport

CRATES = {"top": "", "prompts": "prompts", "inner": "prompts/inner"}
ONE = {1: 1, 2: 0}


def tree(root: Path | None = None, workspace: str = "") -> SourceTree:
    return SourceTree(workspace, CRATES, root=root)


def placed(paths: list[str], root: Path | None = None) -> list[str]:
    return [file.path for file in place_files(LcovReport(dict.fromkeys(paths, ONE)), tree(root)).files]


def test_a_file_belongs_to_the_nearest_member_above_it() -> None:
    owners = {
        "src/lib.rs": "top",
        "prompts/src/lib.rs": "prompts",
        "prompts/inner/src/a.rs": "inner",
        "prompts-extra/a.rs": "top",
    }
    coverage = place_files(LcovReport(dict.fromkeys(owners, ONE)), tree())
    assert {file.path: file.crate for file in coverage.files} == owners
    assert coverage.crates == (
        CrateCoverage("inner", 1, 2),
        CrateCoverage("prompts", 1, 2),
        CrateCoverage("top", 2, 4),
    )
    assert coverage.line_rate == 0.5


@pytest.mark.parametrize(
    "path",
    [
        "/source/prompts/src/lib.rs",
        "/build/source/prompts/src/lib.rs",
        "./prompts/src/lib.rs",
        "prompts//src/../src/lib.rs",
        "prompts\\src\\lib.rs",
    ],
)
def test_all_forms_of_a_path_are_one_file_whose_hits_are_summed(path: str) -> None:
    report = LcovReport({path: {1: 2}, "prompts/src/lib.rs": {1: 1, 2: 0}})
    (file,) = place_files(report, tree()).files
    assert (file.path, dict(file.hits)) == ("prompts/src/lib.rs", {1: 3, 2: 0})


def test_a_windows_path_is_one_with_a_drive() -> None:
    assert plain_path("C:\\a\\.\\b\\c.rs") == "C:/a/b/c.rs"
    assert plain_path("a/odd\\name.rs") == "a/odd\\name.rs"


def test_paths_of_another_machine_are_found_by_the_files_that_are_here(tmp_path: Path) -> None:
    for name in ("src/lib.rs", "prompts/src/lib.rs"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    foreign = ["/home/me/x/src/lib.rs", "/home/me/x/prompts/src/lib.rs", "/rustc/1/library/core/src/lib.rs"]
    assert placed(foreign, tmp_path) == ["prompts/src/lib.rs", "src/lib.rs"]
    assert placed([path.replace("/home", "D:").replace("/", "\\") for path in foreign[:2]], tmp_path) == [
        "prompts/src/lib.rs",
        "src/lib.rs",
    ]
    # as many below one folder as below another: nobody knows which is the source
    assert placed([foreign[0], foreign[2]], tmp_path) == []


def test_what_is_relative_to_a_workspace_below_the_source_is_found(tmp_path: Path) -> None:
    (tmp_path / "rust" / "src").mkdir(parents=True)
    (tmp_path / "rust" / "src" / "lib.rs").touch()
    below = SourceTree("rust", {"it": "rust"}, root=tmp_path)
    assert [file.path for file in place_files(LcovReport({"src/lib.rs": ONE}), below).files] == ["rust/src/lib.rs"]


@pytest.mark.parametrize(
    "path",
    [
        "tests/all.rs",
        "prompts/tests/support/mod.rs",
        "prompts/benches/it.rs",
        "prompts/examples/a/main.rs",
        "prompts/src/tests.rs",
        "prompts/src/parser_tests.rs",
        "prompts/src/parser-tests.rs",
        "prompts/build.rs",
    ],
)
def test_code_of_tests_and_build_scripts_is_left_out_and_counted(path: str) -> None:
    coverage = place_files(LcovReport({path: ONE, "src/lib.rs": ONE}), tree())
    assert (coverage.lines, coverage.test_files, coverage.outside) == (2, 1, 0)


@pytest.mark.parametrize("path", ["prompts/src/attests.rs", "prompts/src/build.rs", "src/testing/a.rs"])
def test_code_that_only_looks_like_tests_counts(path: str) -> None:
    assert placed([path]) == [path]


def test_a_workspace_in_a_folder_called_tests_is_no_test() -> None:
    below = SourceTree("tests/workspace", {"it": "tests/workspace"})
    report = LcovReport({"tests/workspace/src/lib.rs": ONE, "tests/workspace/tests/a.rs": ONE})
    assert place_files(report, below).test_files == 1


def test_what_no_member_has_is_counted_and_left_out() -> None:
    report = LcovReport(
        dict.fromkeys(["/root/.cargo/registry/src/x/serde/src/lib.rs", "../other/src/lib.rs", "src/lib.rs"], ONE)
    )
    coverage = place_files(report, tree())
    assert (len(coverage.files), coverage.outside) == (1, 2)


def test_coverage_of_nothing_has_no_rate() -> None:
    coverage = place_files(LcovReport({}), tree())
    assert coverage.line_rate is None
    assert {crate.lines for crate in coverage.crates} == {0}


def test_totals_that_disagree_are_a_note() -> None:
    coverage = place_files(LcovReport({"src/lib.rs": ONE}, ("src/lib.rs",)), tree())
    assert coverage.notes == ("1 file has other totals (LF, LH) than lines (DA), such as src/lib.rs: the lines count",)


def test_crates_json_and_cargo_metadata_give_the_same_members(tmp_path: Path) -> None:
    given = {
        "schemaVersion": 1,
        "workspace": "",
        "crates": [{"name": name, "folder": folder} for name, folder in CRATES.items()],
        "tool": "cargo-llvm-cov 0.9.1",
        "rust": "1.96.0",
    }
    ours = parse_crates_file(json.dumps(given).encode(), "it")
    metadata = {
        "workspace_root": str(tmp_path),
        "packages": [{"name": n, "manifest_path": str(tmp_path / f / "Cargo.toml")} for n, f in CRATES.items()],
    }
    cargos = parse_members(json.dumps(metadata).encode(), tmp_path, "it")
    assert (ours.crates, ours.workspace) == (cargos.crates, cargos.workspace) == (CRATES, "")
    assert (ours.tool, ours.rust) == ("cargo-llvm-cov 0.9.1", "1.96.0")


@pytest.mark.parametrize(
    "text", [b"{}", b'{"schemaVersion": 2}', b'{"schemaVersion": 1, "crates": [1], "workspace": ""}', b"no"]
)
def test_another_crates_json_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedData, match="it: "):
        parse_crates_file(text, "it")
