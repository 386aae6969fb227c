"""On what benchmarks ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.measure.benchmarks import segment
from nanna_ci.measure.benchmarks.segment import parse_cpu, query_segment, runner_kind
from nanna_ci.measure.history.records import Segment
from support.fake_ports import FakeRun

X86 = b"processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7763  64-Core Processor\nprocessor\t: 1\n"
ARM = b"processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


@pytest.mark.parametrize(
    ("text", "model"),
    [(X86, "AMD EPYC 7763 64-Core Processor"), (ARM, "Arm 0x41/0xd0c"), (b"", None), (b"CPU part\t: 0xd0c\n", None)],
)
def test_the_processor_is_what_the_kernel_calls_it(text: bytes, model: str | None) -> None:
    assert parse_cpu(text) == model


def test_macos_says_it_by_sysctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(segment, "_CPUINFO", tmp_path / "none")
    run = FakeRun()
    run.script("sysctl", "-n", "machdep.cpu.brand_string", stdout=b"Apple M1\n")
    assert query_segment("local", "rustc 1.97.1", run, {}) == Segment("local", "Apple M1", "rustc 1.97.1")


def test_a_processor_that_nobody_names_is_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(segment, "_CPUINFO", tmp_path / "none")
    run = FakeRun()
    run.script("sysctl", returncode=1)
    assert query_segment("local", None, run, {}) == Segment("local", None, None)


def test_a_runner_of_github_is_known_by_its_host_image_and_architecture() -> None:
    hosted = {"RUNNER_ENVIRONMENT": "github-hosted", "ImageOS": "ubuntu24", "RUNNER_ARCH": "X64"}
    assert runner_kind(hosted) == "github-hosted ubuntu24 X64"
    assert runner_kind({"RUNNER_ENVIRONMENT": "self-hosted", "RUNNER_ARCH": "ARM64"}) == "self-hosted ARM64"
    assert runner_kind({}) == "local"
