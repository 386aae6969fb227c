"""`nanna-ci cross-build` as its user sees it; nix and cargo are scripted, executables are made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.binaries import targets
from nanna_ci.cli import main
from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.foundation.process import Completed
from support import json_schemas
from support.fake_executables import AARCH64, elf
from support.fake_ports import FakePorts, FakeRun

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
PIPELINE = """\
[workspace]
name = "nanna-coder"
binaries = ["harness"]
[[target]]
system = "aarch64-linux"
strategies = ["nix", "nix-cross", "builder", "cargo-cross"]
[[target]]
system = "aarch64-darwin"
"""


@pytest.fixture
def ports(fake_ports: FakePorts, monkeypatch: pytest.MonkeyPatch) -> FakePorts:
    """An x86_64-linux machine with cargo, a cross linker and no nix."""
    monkeypatch.setattr(targets, "host_system", lambda *_: targets.System.X86_64_LINUX)
    cwd, run = fake_ports.cwd, fake_ports.run
    (cwd / "pipeline.toml").write_text(PIPELINE)
    programs = cwd / "programs"
    (programs / "lib").mkdir(parents=True)
    (programs / "lib/libstd-1.rlib").touch()
    linker = programs / "aarch64-linux-gnu-gcc"
    linker.touch()
    linker.chmod(0o755)
    fake_ports.environ["PATH"] = str(programs)
    run.script("nix", error=ToolMissing("nix", "not found"))
    packages = [{"targets": [{"kind": ["bin"], "name": "harness"}]}]
    run.script("cargo", "metadata", stdout=json.dumps({"packages": packages, "workspace_root": str(cwd)}).encode())
    run.script("rustc", stdout=str(programs / "lib").encode())
    run.script("cargo", "build", returncode=101, stderr=b"error[E0308]: mismatched types\n")
    return fake_ports


def cargo_builds(ports: FakePorts, data: bytes) -> None:
    """Let cargo build an executable of these bytes."""
    ports.run.script("cargo", "build")
    scripted: Callable[..., Completed] = FakeRun.__call__
    place = ".nanna-ci/cross-build/aarch64-linux/target/aarch64-unknown-linux-gnu/release/harness"

    class Building(FakeRun):
        def __call__(self, argv: Any, **options: Any) -> Completed:
            if tuple(argv[:2]) == ("cargo", "build"):
                path = ports.cwd / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            return scripted(self, argv, **options)

    ports.run.__class__ = Building


def build(ports: FakePorts, *flags: str, system: str = "aarch64-linux") -> int:
    ports.stdout.seek(0)
    ports.stdout.truncate()
    return main(["cross-build", "--system", system, *flags], ports.ports)


def build_json(ports: FakePorts, **what: str) -> tuple[int, dict[str, Any]]:
    code = build(ports, "--format", "json", **what)
    answer: dict[str, Any] = json.loads(ports.stdout.getvalue())
    return code, answer


def outcomes(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(attempt["strategy"], attempt["outcome"]) for attempt in answer["attempts"]]


def test_what_is_impossible_here_makes_way_and_every_attempt_is_recorded(ports: FakePorts) -> None:
    cargo_builds(ports, elf(AARCH64))
    code, answer = build_json(ports)
    assert (code, answer["verdict"], answer["chosen"]) == (0, "pass", "cargo-cross")
    assert outcomes(answer) == [
        ("nix", "impossible"),
        ("nix-cross", "impossible"),
        ("builder", "impossible"),
        ("cargo-cross", "built"),
    ]
    assert all(attempt["reason"] for attempt in answer["attempts"][:3])
    (executable,) = answer["executables"]
    assert (executable["machine"], executable["glibcFloor"], executable["ran"]) == ("aarch64", "2.34", None)
    assert answer["result"] == str(Path(executable["path"]).parent)
    assert (ports.cwd / ".nanna-ci/.gitignore").read_text() == "*\n"


def test_a_wrong_machine_is_a_no_with_both_names_and_is_never_named_a_result(ports: FakePorts) -> None:
    cargo_builds(ports, elf())
    code, answer = build_json(ports)
    assert (code, answer["verdict"]) == (1, "fail")
    assert "an ELF executable for x86_64, but aarch64-linux was requested" in answer["reason"]
    assert (answer["chosen"], answer["result"], answer["executables"]) == (None, None, [])


def test_a_wrong_machine_does_not_move_on(ports: FakePorts) -> None:
    (ports.cwd / "pipeline.toml").write_text(
        PIPELINE.replace('"cargo-cross"]', '"cargo-cross", "nix"]').replace('"nix", ', "", 1)
    )
    cargo_builds(ports, elf())
    code, answer = build_json(ports)
    assert code == 1
    assert outcomes(answer)[-1] == ("cargo-cross", "built")


def test_a_build_that_succeeds_empty_is_a_no(ports: FakePorts) -> None:
    ports.run.script("cargo", "build")
    code, answer = build_json(ports)
    assert (code, answer["verdict"]) == (1, "fail")
    assert "nothing found" in answer["reason"]


def test_a_result_that_is_not_an_executable_keeps_the_attempts_and_exits_4(ports: FakePorts) -> None:
    cargo_builds(ports, b"#!/bin/sh\n")
    code, answer = build_json(ports)
    assert (code, answer["verdict"]) == (4, "fail")
    assert "a script, not an executable" in answer["reason"]
    assert len(answer["attempts"]) == 4


def test_every_strategy_failing_is_a_no_with_the_log(ports: FakePorts) -> None:
    code, answer = build_json(ports)
    assert (code, answer["verdict"], answer["reason"]) == (1, "fail", "no strategy made an executable")
    assert answer["attempts"][-1]["reason"] == "error[E0308]: mismatched types"
    assert build(ports) == 1
    assert "error[E0308]: mismatched types" in ports.stdout.getvalue()


def test_nothing_possible_is_unavailable(ports: FakePorts) -> None:
    code, answer = build_json(ports, system="aarch64-darwin")
    assert (code, answer["verdict"]) == (3, "unavailable")
    assert outcomes(answer) == [("cargo-apple", "impossible")]


def test_a_missing_attribute_is_an_error_and_nothing_else_is_tried(ports: FakePorts) -> None:
    ports.run.script(*NIX, "eval", stdout=b'{"derivation":null,"unavailable":null}')
    assert build(ports) == 2
    assert "there is no attribute packages.x86_64-linux.nanna-coder-aarch64-linux" in ports.stderr.getvalue()
    assert not any(call.argv[0] == "cargo" for call in ports.run.calls)


def test_a_broken_flake_is_an_error_and_nothing_else_is_tried(ports: FakePorts) -> None:
    ports.run.script(*NIX, "eval", returncode=1, stderr=b"error: syntax error, unexpected '}'\n")
    assert build(ports) == 3
    assert not any(call.argv[0] == "cargo" for call in ports.run.calls)


def test_what_the_flake_declares_unavailable_makes_way_with_its_reason(ports: FakePorts) -> None:
    cargo_builds(ports, elf(AARCH64))
    ports.run.script(*NIX, "eval", stdout=b'{"derivation":null,"unavailable":"no cross compiler"}')
    ports.run.script(*NIX, "config", "show", stdout=b'{"builders":{"value":""},"extra-platforms":{"value":[]}}')
    ports.run.script(*NIX, "--version", stdout=b"nix (Nix) 2.26.3\n")
    code, answer = build_json(ports)
    assert (code, answer["chosen"]) == (0, "cargo-cross")
    assert answer["attempts"][1]["reason"] == "no cross compiler"
    assert "Nix has no builder for aarch64-linux" in answer["attempts"][2]["reason"]


def test_a_system_without_a_target_is_a_usage_error_that_lists_them(ports: FakePorts) -> None:
    for system in ("x86_64-linux", "riscv64-linux"):
        assert build(ports, system=system) == 2
    assert "pipeline.toml has: aarch64-linux, aarch64-darwin" in ports.stderr.getvalue()
    assert not (ports.cwd / ".nanna-ci").exists()


def test_a_workspace_without_binaries_is_a_configuration_error(ports: FakePorts) -> None:
    (ports.cwd / "pipeline.toml").write_text('[workspace]\nname = "x"\n[[target]]\nsystem = "aarch64-linux"\n')
    assert build(ports) == 2


def test_progress_is_talk_and_quiet_is_quiet(ports: FakePorts) -> None:
    build(ports)
    assert "aarch64-linux: trying cargo-cross" in ports.stderr.getvalue()
    ports.stderr.truncate(0)
    ports.stderr.seek(0)
    build(ports, "--quiet")
    assert ports.stderr.getvalue() == ""


def test_every_answer_has_the_shape_of_the_schema(ports: FakePorts) -> None:
    answers = [build_json(ports), build_json(ports, system="aarch64-darwin")]
    cargo_builds(ports, elf(AARCH64))
    answers.append(build_json(ports))
    assert [code for code, _ in answers] == [1, 3, 0]
    for _, answer in answers:
        json_schemas.check(answer)
