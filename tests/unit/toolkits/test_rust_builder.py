"""What the Debian toolkit's builder makes of cargo's and nextest's words, and of its own faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from archive import LONG_AGO, source_time, write_time
from checks import cargo_build, denied_the_network, executables
from main import guarded
from warm import missing, note

FAILED = "error: could not compile `{}` (lib) due to 1 previous error"


def test_a_dependency_that_does_not_compile_is_named_once() -> None:
    errors = ["error[E0425]: cannot find x", FAILED.format("wanted"), FAILED.format("own"), FAILED.format("wanted")]
    assert missing(errors, ["own"]) == "could not compile wanted"


def test_a_stand_in_that_does_not_compile_is_missed_by_nobody() -> None:
    assert missing(["error: missing documentation", FAILED.format("own")], ["own"]) is None
    assert missing([], ["own"]) is None


def test_another_error_is_reported_in_cargos_words() -> None:
    assert missing(["error: the lock file needs to be updated"], ["own"]) == "error: the lock file needs to be updated"


def test_a_note_is_one_line(tmp_path: Path) -> None:
    note(tmp_path, "one\n\nCaused by:\n  two\x1e three")
    assert (tmp_path / "note").read_text() == "one Caused by: two three\n"


def message(**values: Any) -> bytes:
    return json.dumps({"reason": "compiler-artifact", **values}, separators=(",", ":")).encode()


def test_programs_are_those_that_cargo_says_it_made() -> None:
    lines = [
        message(target={"name": "tool", "kind": ["bin"]}, executable="/build/elsewhere/x86_64/release/tool"),
        message(target={"name": "tests", "kind": ["test"]}, executable="/build/tests-1234"),
        message(target={"name": "library", "kind": ["lib"]}, executable=None),
        b'{"reason":"build-finished","success":true}',
        b"a line of a build script {",
        b"",
    ]
    assert executables(b"\n".join(lines)) == {"tool": "/build/elsewhere/x86_64/release/tool"}


def test_without_cargo_auditable_cargo_builds_and_the_log_says_what_the_binaries_lack(capsys: Any) -> None:
    assert cargo_build({"reason": "the root has no packages for auditable"}) == ["cargo", "build"]
    said = capsys.readouterr().err
    assert said == "nanna-ci: the binaries carry no list of their crates: the root has no packages for auditable\n"
    assert cargo_build({"program": "/usr/bin/cargo-auditable"}) == ["/usr/bin/cargo-auditable", "auditable", "build"]


def test_a_failure_for_lack_of_network_is_distinguished_from_others(tmp_path: Path) -> None:
    cargo = "help: if this error is too confusing you may wish to retry without `--offline`"
    words = "failed to lookup address information: Temporary failure in name resolution"
    junit = tmp_path / "junit.xml"
    junit.write_text(
        "<testsuites><testsuite>"
        f"<testcase classname='crate' name='asks'><failure>{words}</failure></testcase>"
        f"<testcase classname='crate' name='asks_too'><failure/><system-err>{words}</system-err></testcase>"
        f"<testcase classname='crate' name='calls_cargo'><failure>{cargo}</failure></testcase>"
        f"<testcase classname='crate' name='passes'><system-out>{words}</system-out></testcase>"
        "<testcase classname='crate' name='fails'><failure>assertion failed</failure></testcase>"
        "</testsuite></testsuites>"
    )
    assert denied_the_network(junit) == ["crate asks", "crate asks_too", "crate calls_cargo"]


@pytest.mark.parametrize("text", [None, "", "<testsuites>"])
def test_no_junit_names_no_test(tmp_path: Path, text: str | None) -> None:
    junit = tmp_path / "junit.xml"
    if text is not None:
        junit.write_text(text)
    assert denied_the_network(junit) == []


def test_sources_are_newer_than_any_stand_in_of_the_layers(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        stand_in = tmp_path / name / "stand-in"
        stand_in.touch()
        write_time(tmp_path / name)
        after = tmp_path / name / "after"
        after.touch()
        second = source_time([str(tmp_path / name)])
        assert stand_in.stat().st_mtime < second <= after.stat().st_mtime
    layers = [str(tmp_path / name) for name in ("one", "other", "none")]
    assert source_time(layers) == second
    assert source_time([]) == source_time([layers[-1]]) == LONG_AGO


def test_a_fault_of_the_builder_is_one_last_line_with_an_exit_code_of_its_own(capsys: Any) -> None:
    def full_disk() -> None:
        raise OSError(28, "No space left\non device", "/build/x")

    with pytest.raises(SystemExit) as ended:
        guarded("shared.tests", full_disk)
    assert ended.value.code == 70
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("nanna-ci builder error: shared.tests: OSError: [Errno 28] No space left on device: ")
    assert last.endswith(f"(test_rust_builder.py:{full_disk.__code__.co_firstlineno + 1})")


def test_a_programs_failure_and_a_wrong_definition_are_not_faults_of_the_builder(capsys: Any) -> None:
    def fail() -> None:
        raise SystemExit(101)

    with pytest.raises(SystemExit) as ended:
        guarded("checks.check", fail)
    assert ended.value.code == 101
    assert capsys.readouterr().err == ""
