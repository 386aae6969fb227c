"""What is free on this machine."""

from __future__ import annotations

from pathlib import Path

from nanna_ci.containers.doctor.container_facts import query_available_memory_bytes, query_free_bytes


def test_memory_is_what_the_kernel_calls_available(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       200 kB\nMemFree:         10 kB\nMemAvailable:    100 kB\n")
    assert query_available_memory_bytes(meminfo) == 102_400


def test_memory_is_unknown_without_the_kernels_word(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    assert query_available_memory_bytes(meminfo) is None
    meminfo.write_text("MemFree:         10 kB\n")
    assert query_available_memory_bytes(meminfo) is None


def test_a_folder_that_is_not_there_has_no_free_space_known(tmp_path: Path) -> None:
    assert query_free_bytes(tmp_path / "absent") is None
    free = query_free_bytes(tmp_path)
    assert free is not None
    assert free > 0
