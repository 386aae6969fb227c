"""What llvm and cargo-llvm-cov say, in the words of coverage's own reports. Recorded, and shortened."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from instrumented import LlvmMismatchError, below, describe_crates, read_environment, same_llvm

RUSTC = "rustc 1.97.1 (8bab26f4f 2026-07-14)\nbinary: rustc\nrelease: 1.97.1\nLLVM version: 22.1.8\n"
WORKSPACE = {"top": "", "a": "rust/a/"}
PROFDATA = "LLVM (http://llvm.org/):\n  Debian LLVM version {}\n  Optimized build.\n"


def test_a_compiler_and_tools_of_one_llvm_go_together() -> None:
    same_llvm(RUSTC, PROFDATA.format("22.1.8"))
    same_llvm(RUSTC, PROFDATA.format("22.0.0"))


@pytest.mark.parametrize(
    ("tools", "named"), [(PROFDATA.format("19.1.7"), "LLVM 19.1.7"), ("odd", "LLVM an unknown version")]
)
def test_two_versions_of_llvm_are_named_both(tools: str, named: str) -> None:
    with pytest.raises(LlvmMismatchError, match=re.escape(f"rustc has LLVM 22.1.8, and llvm-profdata is of {named}")):
        same_llvm(RUSTC, tools)


def test_the_environment_of_cargo_llvm_cov_is_read_as_a_shell_reads_it() -> None:
    text = (
        "LLVM_PROFILE_FILE='/b/t/ws-%p-%2m.profraw'\nFLAGS='-Ca\x1f--cfg=b'\nCARGO_LLVM_COV=1\nODD='it'\\''s = \"x\"'\n"
    )
    assert read_environment(text) == {
        "LLVM_PROFILE_FILE": "/b/t/ws-%p-%2m.profraw",
        "FLAGS": "-Ca\x1f--cfg=b",
        "CARGO_LLVM_COV": "1",
        "ODD": 'it\'s = "x"',
    }


def test_files_are_named_below_the_source_in_both_reports() -> None:
    info = "TN:\nSF:/build/source/a/src/lib.rs\nFN:1,_RNvC\nSF:/build/sources/other.rs\nend_of_record\n"
    assert below(info, "lcov.info", "/build/source") == info.replace("/build/source/", "")
    summary = {
        "data": [{"files": [{"filename": "/build/source/a.rs", "summary": {}}], "totals": {"lines": {"count": 1}}}],
        "cargo_llvm_cov": {"manifest_path": "/build/source/Cargo.toml"},
        "type": "llvm.coverage.json.export",
    }
    report = json.loads(below(json.dumps(summary), "coverage.json", "/build/source"))
    assert report["data"] == [{"files": [{"filename": "a.rs", "summary": {}}], "totals": {"lines": {"count": 1}}}]
    assert "/build" not in json.dumps(report)


def test_the_members_are_named_with_their_folders_below_the_source() -> None:
    packages = [{"name": name, "manifest_path": f"/build/source/{path}Cargo.toml"} for name, path in WORKSPACE.items()]
    metadata = {"workspace_root": "/build/source/rust", "packages": packages}
    found = describe_crates(
        metadata, Path("/build/source"), "cargo-llvm-cov 0.9.1\n", "rustc 1.97.1 (8bab26f4f 2026-07-14)\n"
    )
    assert found == {
        "schemaVersion": 1,
        "workspace": "rust",
        "crates": [{"name": "a", "folder": "rust/a"}, {"name": "top", "folder": ""}],
        "tool": "cargo-llvm-cov 0.9.1",
        "rust": "1.97.1",
    }
