"""Systems and what follows from them."""

from __future__ import annotations

import pytest

from nanna_ci.binaries.targets import Machine, System, expected_machine, host_system, parse_system
from nanna_ci.foundation.errors import UsageError


def test_a_system_names_machine_kernel_and_suffix() -> None:
    assert expected_machine(System.AARCH64_DARWIN) is Machine.AARCH64
    assert System.AARCH64_DARWIN.kernel == "darwin"
    assert System.X86_64_WINDOWS.executable_suffix == ".exe"
    assert System.X86_64_LINUX.executable_suffix == ""


def test_an_unknown_system_is_a_usage_error_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        parse_system("amd64-linux")
    assert "aarch64-linux" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("platform", "machine", "system"),
    [
        ("linux", "x86_64", System.X86_64_LINUX),
        ("linux", "aarch64", System.AARCH64_LINUX),
        ("darwin", "arm64", System.AARCH64_DARWIN),
        ("darwin", "x86_64", System.X86_64_DARWIN),
        ("win32", "AMD64", System.X86_64_WINDOWS),
        ("win32", "ARM64", None),
        ("linux", "riscv64", None),
        ("freebsd14", "amd64", None),
    ],
)
def test_this_machine_is_named_by_platform_and_processor(platform: str, machine: str, system: System | None) -> None:
    assert host_system(platform, machine) is system
