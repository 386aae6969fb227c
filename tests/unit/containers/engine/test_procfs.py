"""What the kernel says of a container, on both versions of control groups."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from nanna_ci.containers.engine.confinement import Confinement, ListeningPort, parse_listeners
from nanna_ci.containers.engine.limits import Effective
from nanna_ci.containers.engine.procfs import ProcFs

ID = "abcba0e84ec42014"
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"


@pytest.fixture
def kernel(tmp_path: Path) -> ProcFs:
    return ProcFs(tmp_path / "proc", tmp_path / "cgroup")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_version_1(kernel, tmp_path):
    write(
        tmp_path / "proc/7/cgroup",
        f"9:name=systemd:/p/libpod-{ID}\n8:pids:/p/libpod-{ID}\n4:memory:/p/libpod-{ID}\n0::/\n",
    )
    write(tmp_path / f"cgroup/memory/p/libpod-{ID}/memory.limit_in_bytes", "67108864\n")
    write(tmp_path / f"cgroup/memory/p/libpod-{ID}/memory.max_usage_in_bytes", "5000000\n")
    write(tmp_path / f"cgroup/pids/p/libpod-{ID}/pids.max", "64\n")
    assert kernel.is_in(7, ID)
    assert kernel.effective_limits(7, ID) == Effective(67108864, 64)
    assert kernel.peak_memory_bytes(7, ID) == 5_000_000


def test_version_2_with_the_process_in_a_nested_group(kernel, tmp_path):
    write(tmp_path / "proc/7/cgroup", f"0::/user.slice/libpod-{ID}.scope/container\n")
    group = tmp_path / f"cgroup/user.slice/libpod-{ID}.scope"
    write(group / "memory.max", "max\n")
    write(group / "memory.peak", "7000000\n")
    write(group / "pids.max", "512\n")
    write(group / "container/memory.max", "1\n")
    assert kernel.effective_limits(7, ID) == Effective(math.inf, 512)
    assert kernel.peak_memory_bytes(7, ID) == 7_000_000


def test_version_1_without_a_limit_has_a_number_near_2_to_the_63(kernel, tmp_path):
    write(tmp_path / "proc/7/cgroup", f"4:memory:/docker/{ID}\n")
    write(tmp_path / f"cgroup/memory/docker/{ID}/memory.limit_in_bytes", "9223372036854771712\n")
    assert kernel.effective_limits(7, ID) == Effective(math.inf, math.inf)


def test_a_controller_that_the_container_is_in_no_group_of_holds_it_to_nothing(kernel, tmp_path):
    """A runtime leaves a limit out, silently, where the machine has not mounted its controller."""
    write(tmp_path / "proc/7/cgroup", f"8:pids:/p/libpod-{ID}\n4:memory:/\n0::/\n")
    write(tmp_path / f"cgroup/pids/p/libpod-{ID}/pids.max", "64\n")
    assert kernel.effective_limits(7, ID) == Effective(math.inf, 64)


def test_version_2_without_the_controller_holds_it_to_nothing(kernel, tmp_path):
    write(tmp_path / "proc/7/cgroup", f"0::/user.slice/libpod-{ID}.scope\n")
    write(tmp_path / f"cgroup/user.slice/libpod-{ID}.scope/pids.max", "64\n")
    assert kernel.effective_limits(7, ID) == Effective(math.inf, 64)


def test_version_2_whose_groups_are_not_here_is_unknown(kernel, tmp_path):
    write(tmp_path / "proc/7/cgroup", f"0::/user.slice/libpod-{ID}.scope\n")
    assert kernel.effective_limits(7, ID) == Effective()


def test_a_process_of_another_machine_with_the_same_number_is_not_it(kernel, tmp_path):
    write(tmp_path / "proc/7/cgroup", "4:memory:/user.slice\n0::/user.slice\n")
    assert not kernel.is_in(7, ID)
    assert not kernel.is_in(8, ID)
    assert not kernel.is_in(None, ID)


def test_what_cannot_be_read_is_unknown(kernel):
    assert kernel.effective_limits(7, ID) == Effective()
    assert kernel.peak_memory_bytes(7, ID) is None
    assert kernel.confinement(7) == Confinement()
    assert kernel.listeners(7) is None


def test_confinement(kernel, tmp_path):
    write(tmp_path / "proc/7/status", "Name:\tserver\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n")
    write(
        tmp_path / "proc/7/mountinfo",
        "1 0 0:1 / / ro,relatime - overlay overlay rw\n2 1 0:2 / /tmp rw - tmpfs tmpfs rw\n",
    )
    assert kernel.confinement(7) == Confinement(0, no_new_privileges=True, read_only_root=True)
    write(tmp_path / "proc/7/status", "CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\n")
    write(tmp_path / "proc/7/mountinfo", "1 0 0:1 / / rw,relatime - overlay overlay rw\n")
    assert kernel.confinement(7) == Confinement(0xA80425FB, no_new_privileges=False, read_only_root=False)


def line(address: str, state: str = "0A") -> str:
    return f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 65534        0 1811384 1"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([line("00000000:1F90")], [ListeningPort(8080, loopback=False)]),
        ([line("0100007F:1F90")], [ListeningPort(8080, loopback=True)]),
        ([line("0200590A:1F90")], [ListeningPort(8080, loopback=False)]),
        ([line("0B00007F:9C40")], []),
        ([line("0100007F:1F90", "01")], []),
        ([line("0" * 32 + ":2382")], [ListeningPort(9090, loopback=False)]),
        ([line("0" * 24 + "01000000:2382")], [ListeningPort(9090, loopback=True)]),
        ([line("0000000000000000FFFF00000100007F:2382")], [ListeningPort(9090, loopback=True)]),
        ([line("0100007F:1F90"), line("0" * 32 + ":1F90")], [ListeningPort(8080, loopback=False)]),
        (
            [line("00000000:2382"), line("00000000:1F90")],
            [ListeningPort(8080, loopback=False), ListeningPort(9090, loopback=False)],
        ),
        ([HEADER, "", "junk", "0: x y 0A"], []),
    ],
)
def test_listeners(lines, expected):
    """0B00007F is 127.0.0.11: docker's own name server."""
    assert list(parse_listeners(lines)) == expected


def test_listeners_of_a_process(kernel, tmp_path):
    write(tmp_path / "proc/7/net/tcp", f"{HEADER}\n{line('00000000:1F90')}\n")
    assert kernel.listeners(7) == (ListeningPort(8080, loopback=False),)
    write(tmp_path / "proc/7/net/tcp", f"{HEADER}\n")
    assert kernel.listeners(7) == ()
