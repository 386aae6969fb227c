"""`nanna-ci prepare-artifacts` as its user sees it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState, render_result
from support import json_schemas
from support.fake_executables import AARCH64, MACHO_ARM64, MACHO_X86_64, elf, fat, macho
from support.fake_ports import FakePorts
from support.planted_secrets import SHAPED

PIPELINE = """\
[workspace]
name = "nanna-coder"
binaries = ["harness"]
[budget]
artifact_bytes = 5000
"""


@pytest.fixture
def ports(fake_ports: FakePorts) -> FakePorts:
    """A working folder with pipeline.toml and an x86_64-linux executable in `result`; no git."""
    fake_ports.run.script("git", error=ToolMissing("git", "not found"))
    (fake_ports.cwd / "pipeline.toml").write_text(PIPELINE)
    put(fake_ports, elf())
    return fake_ports


def put(ports: FakePorts, data: bytes, name: str = "store/bin/harness") -> Path:
    path = ports.cwd / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if not (ports.cwd / "result").is_symlink():
        (ports.cwd / "result").symlink_to("store")
    return path


def prepare(ports: FakePorts, *flags: str, system: str = "x86_64-linux", source: str = "result") -> int:
    ports.stdout.seek(0)
    ports.stdout.truncate()
    return main(["prepare-artifacts", "--system", system, "--from", source, "--output", "dist", *flags], ports.ports)


def prepare_json(ports: FakePorts, *flags: str, **what: str) -> tuple[int, dict[str, Any]]:
    code = prepare(ports, "--format", "json", *flags, **what)
    answer: dict[str, Any] = json.loads(ports.stdout.getvalue())
    return code, answer


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_writes_named_artifacts_and_says_what_they_are(ports: FakePorts) -> None:
    code, answer = prepare_json(ports, "--strategy", "nix", "--revision", "a" * 40)
    assert (code, answer["verdict"], answer["changed"], answer["dryRun"]) == (0, "pass", True, False)
    assert names(ports.cwd / "dist") == sorted(file["file"] for file in answer["files"])
    assert (answer["sizeBytes"], answer["limitBytes"]) == (len(elf()), 5000)
    assert answer["executables"][0]["machine"] == "x86_64"
    manifest = json.loads((ports.cwd / "dist/manifest.json").read_bytes())
    assert (manifest["strategy"], manifest["sourceRevision"]) == ("nix", "a" * 40)


def test_the_report_for_people_names_files_and_loader(ports: FakePorts) -> None:
    assert prepare(ports) == 0
    said = ports.stdout.getvalue()
    for words in (
        "harness-x86_64-linux",
        "nanna-coder-x86_64-linux.tar.gz",
        "SHA256SUMS",
        "/lib64/ld-linux-x86-64.so.2",
    ):
        assert words in said


def test_the_manifest_has_no_secret_and_the_sums_are_of_what_is_written(ports: FakePorts) -> None:
    put(ports, elf(interpreter=f"/lib64/{SHAPED['personal token']}"))
    assert prepare(ports) == 0
    manifest = (ports.cwd / "dist/manifest.json").read_bytes()
    assert SHAPED["personal token"].encode() not in manifest
    assert b"/lib64/[redacted]" in manifest
    assert f"{hashlib.sha256(manifest).hexdigest()}  manifest.json" in (ports.cwd / "dist/SHA256SUMS").read_text()


def test_again_nothing_changes(ports: FakePorts) -> None:
    prepare(ports)
    assert prepare_json(ports)[1]["changed"] is False


def test_a_dry_run_checks_and_writes_nothing(ports: FakePorts) -> None:
    before = names(ports.cwd)
    code, answer = prepare_json(ports, "--dry-run")
    assert (code, answer["dryRun"], answer["changed"]) == (0, True, None)
    assert [file["file"] for file in answer["files"]] == [
        "harness-x86_64-linux",
        "nanna-coder-x86_64-linux.tar.gz",
        "manifest.json",
        "SHA256SUMS",
    ]
    assert names(ports.cwd) == before
    put(ports, elf(AARCH64))
    assert prepare(ports, "--dry-run") == 1
    assert names(ports.cwd) == before


def test_an_executable_for_another_machine_is_a_no_with_both_names(ports: FakePorts) -> None:
    code, answer = prepare_json(ports, system="aarch64-linux")
    assert (code, answer["verdict"], answer["files"]) == (1, "fail", [])
    assert answer["reason"].endswith(
        "store/bin/harness is an ELF executable for x86_64, but aarch64-linux was requested"
    )
    assert not (ports.cwd / "dist").exists()


def test_a_mac_executable_is_verified_too(ports: FakePorts) -> None:
    put(ports, fat((MACHO_X86_64, macho(MACHO_X86_64)), (MACHO_ARM64, macho())))
    assert prepare(ports, system="aarch64-darwin") == 0
    put(ports, macho(MACHO_X86_64))
    code, answer = prepare_json(ports, system="aarch64-darwin")
    assert code == 1
    assert "a Mach-O executable for x86_64, but aarch64-darwin was requested" in answer["reason"]


def test_at_the_limit_passes_and_one_byte_more_is_a_no(ports: FakePorts) -> None:
    put(ports, elf().ljust(5000, b"\0"))
    assert prepare(ports) == 0
    put(ports, elf().ljust(5001, b"\0"))
    code, answer = prepare_json(ports)
    assert (code, answer["verdict"]) == (1, "fail")
    assert "1 over the limit of 5000" in answer["reason"]


def test_nothing_found_is_a_no(ports: FakePorts) -> None:
    (ports.cwd / "store/bin/harness").unlink()
    assert prepare_json(ports)[1]["reason"].startswith("nothing found")
    code, answer = prepare_json(ports, source="target")
    assert (code, answer["verdict"]) == (1, "fail")
    assert "nothing found" in answer["reason"]


@pytest.mark.parametrize("data", [b"#!/bin/sh\n", b"hello\n", elf()[:100], elf(kind=1)])
def test_what_is_not_an_executable_is_malformed_data(ports: FakePorts, data: bytes) -> None:
    put(ports, data)
    assert prepare(ports) == 4
    assert "bin/harness: " in ports.stderr.getvalue()
    assert not (ports.cwd / "dist").exists()


def test_a_link_or_a_fifo_is_malformed_data(ports: FakePorts) -> None:
    path = put(ports, elf())
    path.rename(path.with_name("real"))
    path.symlink_to("real")
    assert prepare(ports) == 4
    path.unlink()
    os.mkfifo(path)
    assert prepare(ports) == 4
    assert not (ports.cwd / "dist").exists()


def test_an_error_in_json_goes_to_stdout_and_never_into_the_folder(ports: FakePorts) -> None:
    put(ports, b"hello\n")
    code, answer = prepare_json(ports)
    assert (code, answer["verdict"]) == (4, "unavailable")
    assert "neither ELF nor Mach-O nor PE" in answer["error"]["message"]
    assert not (ports.cwd / "dist").exists()


@pytest.mark.parametrize(
    "flags",
    [("--system", "x86_64-beos"), ("--strategy", "hope"), ("--revision", "main"), ("--config", "gone.toml")],
)
def test_an_impossible_request_is_a_usage_error(ports: FakePorts, flags: tuple[str, ...]) -> None:
    assert prepare(ports, *flags) == 2
    assert not (ports.cwd / "dist").exists()


def test_a_folder_of_something_else_is_never_replaced(ports: FakePorts) -> None:
    (ports.cwd / "dist").mkdir()
    (ports.cwd / "dist/thesis.txt").write_text("years of work")
    assert prepare(ports) == 2
    assert "thesis.txt" in ports.stderr.getvalue()
    assert names(ports.cwd / "dist") == ["thesis.txt"]


def test_a_cargo_folder_serves_as_well(ports: FakePorts) -> None:
    put(ports, elf(AARCH64), "target/aarch64-unknown-linux-gnu/release/harness")
    assert prepare(ports, system="aarch64-linux", source="target") == 0
    assert (ports.cwd / "dist/harness-aarch64-linux").read_bytes() == elf(AARCH64)


def test_a_loader_in_the_nix_store_is_warned_of(ports: FakePorts) -> None:
    put(ports, elf(interpreter="/nix/store/abc-glibc/lib/ld.so"))
    assert prepare(ports) == 0
    assert "run only where that path exists" in ports.stdout.getvalue()


STORE_REFERENCES = Path(__file__).parents[1] / "data/store-references"


@pytest.mark.parametrize(
    ("name", "system", "named"),
    [
        ("elf-runpath-in-store", "x86_64-linux", "RUNPATH"),
        ("macho-needs-store-dylib", "aarch64-darwin", "dylib"),
    ],
)
def test_libraries_in_the_nix_store_are_warned_of_as_a_loader_is(
    ports: FakePorts, name: str, system: str, named: str
) -> None:
    (ports.cwd / "pipeline.toml").write_text(PIPELINE.replace("5000", "50000"))
    put(ports, (STORE_REFERENCES / name).read_bytes())
    assert prepare(ports, system=system) == 0
    said = " ".join(ports.stdout.getvalue().split())
    assert "name libraries they load in /nix/store, and run only where that path exists: /nix/store/" in said
    _, answer = prepare_json(ports, system=system)
    (executable,) = answer["executables"]
    where = executable["searchPaths"] if named == "RUNPATH" else executable["needed"]
    assert [path for path in where if path.startswith("/nix/store/")]


def test_of_a_windows_program_nothing_is_said_that_nobody_measured(ports: FakePorts) -> None:
    put(ports, (STORE_REFERENCES / "pe64.exe").read_bytes(), "store/bin/harness.exe")
    assert prepare(ports, system="x86_64-windows") == 0
    said = ports.stdout.getvalue()
    assert "PE x86_64" in said
    assert "Loader" not in said
    assert "glibc" not in said
    _, answer = prepare_json(ports, system="x86_64-windows")
    assert (answer["executables"][0]["needed"], answer["executables"][0]["interpreter"]) == (None, None)


def test_a_dry_run_is_not_silent_about_a_damaged_folder(ports: FakePorts) -> None:
    prepare(ports)
    assert prepare(ports, "--dry-run") == 0
    place = ports.cwd / "dist/harness-x86_64-linux"
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(data)
    code, answer = prepare_json(ports, "--dry-run")
    assert (code, answer["verdict"]) == (1, "fail")
    assert "harness-x86_64-linux is not what SHA256SUMS says" in answer["reason"]
    json_schemas.check(answer)
    assert prepare(ports) == 0
    assert prepare(ports, "--dry-run") == 0


@pytest.mark.parametrize("found_by", ["the environment", "cargo", "nobody"])
def test_the_hard_link_that_cargo_made_into_its_build_folder_is_taken(ports: FakePorts, found_by: str) -> None:
    deps = ports.cwd / "elsewhere/release/deps"
    deps.mkdir(parents=True)
    (deps / "harness-0123").write_bytes(elf())
    (ports.cwd / "target/release").mkdir(parents=True)
    (ports.cwd / "target/CACHEDIR.TAG").touch()
    (ports.cwd / "target/release/harness").hardlink_to(deps / "harness-0123")
    said = {"build_directory": str(ports.cwd / "elsewhere")} if found_by == "cargo" else {}
    ports.run.script("cargo", stdout=json.dumps(said).encode())
    if found_by == "the environment":
        ports.environ["CARGO_BUILD_BUILD_DIR"] = "elsewhere"
    assert prepare(ports, source="target") == (4 if found_by == "nobody" else 0)


def test_a_hard_link_to_anywhere_else_is_refused_whatever_cargo_says(ports: FakePorts) -> None:
    (ports.cwd / "elsewhere").mkdir()
    (ports.cwd / "target/release").mkdir(parents=True)
    (ports.cwd / "precious").write_bytes(elf())
    (ports.cwd / "target/release/harness").hardlink_to(ports.cwd / "precious")
    ports.environ["CARGO_BUILD_BUILD_DIR"] = "elsewhere"
    ports.run.script("cargo", error=ToolMissing("cargo", "not found"))
    assert prepare(ports, source="target") == 4


def keep_job(ports: FakePorts, result: JobResult) -> str:
    """The folder that `run-job` wrote for a job."""
    folder = ports.cwd / ".nanna-ci/jobs" / result.id
    folder.mkdir(parents=True)
    (folder / "result.json").write_bytes(render_result(result))
    (folder / "log.txt").touch()
    return str(folder)


def built(ports: FakePorts, strategy: str, folder: str, **more: Any) -> JobResult:
    evidence = {"strategy": strategy, "result": str(ports.cwd / folder), **more}
    return JobResult("build-x86_64-linux", Verdict.PASS, 1.0, JobState.BUILT, evidence=evidence)


def test_the_folder_of_a_job_leads_to_a_nix_result_and_its_strategy(ports: FakePorts) -> None:
    source = keep_job(ports, built(ports, "nix", "store"))
    code, answer = prepare_json(ports, source=source)
    assert (code, answer["from"]) == (0, str(ports.cwd / "store"))
    assert json.loads((ports.cwd / "dist/manifest.json").read_bytes())["strategy"] == "nix"
    assert prepare(ports, "--strategy", "builder", source=source) == 0
    assert json.loads((ports.cwd / "dist/manifest.json").read_bytes())["strategy"] == "builder"


def test_the_folder_of_a_job_leads_to_cargos_target_folder_with_its_hard_links(ports: FakePorts) -> None:
    release = ports.cwd / "target/x86_64-unknown-linux-gnu/release"
    (release / "deps").mkdir(parents=True)
    (ports.cwd / "target/CACHEDIR.TAG").touch()
    (release / "deps/harness-0123").write_bytes(elf())
    (release / "harness").hardlink_to(release / "deps/harness-0123")
    ports.run.script("cargo", stdout=json.dumps({"build_directory": str(ports.cwd / "target")}).encode())
    code, answer = prepare_json(ports, source=keep_job(ports, built(ports, "cargo-cross", str(release))))
    assert (code, answer["from"]) == (0, str(ports.cwd / "target"))
    assert json.loads((ports.cwd / "dist/manifest.json").read_bytes())["strategy"] == "cargo-cross"


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR, Verdict.UNAVAILABLE])
def test_a_job_that_did_not_pass_gives_nothing_and_says_why(ports: FakePorts, verdict: Verdict) -> None:
    evidence = {"strategy": "nix", "result": str(ports.cwd / "store")}
    result = JobResult("build-x86_64-linux", verdict, reason="the linker is tired", evidence=evidence)
    code, answer = prepare_json(ports, source=keep_job(ports, result))
    assert (code, answer["verdict"]) == (1, "fail")
    assert answer["reason"] == f"build-x86_64-linux did not pass ({verdict.value}): the linker is tired"
    assert not (ports.cwd / "dist").exists()


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"result": "/nix/store"},
        {"result": 7, "strategy": "nix"},
        {"result": "a", "strategy": "nix"},
        {"result": "/nix/store/x", "strategy": "magic"},
        {"result": "/nix/store/x", "strategy": ["nix"]},
    ],
)
def test_the_folder_of_another_job_is_refused(ports: FakePorts, evidence: dict[str, Any]) -> None:
    result = JobResult("unit-x86_64-linux-stable", Verdict.PASS, 1.0, JobState.BUILT, evidence=evidence)
    assert prepare(ports, source=keep_job(ports, result)) == 4
    assert "unit-x86_64-linux-stable names no executables: it is not a build job" in ports.stderr.getvalue()


@pytest.mark.parametrize("data", [b"", b"{}", b"[]"])
def test_a_result_that_is_none_is_malformed(ports: FakePorts, data: bytes) -> None:
    source = keep_job(ports, built(ports, "nix", "store"))
    (Path(source) / "result.json").write_bytes(data)
    assert prepare(ports, source=source) == 4


def test_a_job_whose_output_is_gone_is_nothing_found(ports: FakePorts) -> None:
    code, answer = prepare_json(ports, source=keep_job(ports, built(ports, "nix", "collected")))
    assert code == 1
    assert "nothing found at" in answer["reason"]


def test_every_answer_has_the_shape_of_the_schema(ports: FakePorts) -> None:
    answers = [prepare_json(ports), prepare_json(ports, "--dry-run"), prepare_json(ports, system="aarch64-linux")]
    answers += [prepare_json(ports, source="gone")]
    assert [code for code, _ in answers] == [0, 0, 1, 1]
    for _, answer in answers:
        json_schemas.check(answer)
