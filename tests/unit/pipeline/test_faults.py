"""What is a fault of ours, of Nix or of the machine, and what is the workspace's own failure."""

from __future__ import annotations

import pytest

from nanna_ci.pipeline.faults import FaultKind, find_fault

CRASH = """\
+ cargo build
Traceback (most recent call last):
  File "/nix/store/0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c-builder/main.py", line 25, in <module>
    main()
shutil.Error: [('a', 'b', "[Errno 2] No such file or directory: 'a'")]
"""


@pytest.mark.parametrize(
    ("text", "code", "kind"),
    [
        (CRASH, 1, FaultKind.BUILDER),
        ("nanna-ci builder error: a link that leads nowhere", 70, FaultKind.BUILDER),
        (
            "nanna-ci builder error: checks.check: OSError: [Errno 28] No space left on device (a.py:3)",
            70,
            FaultKind.DISK,
        ),
        ("+ cargo build", 137, FaultKind.MEMORY),
        ("error: failed to write /build/x.o: No space left on device (os error 28)", 101, FaultKind.DISK),
        ("OSError: [Errno 28] No space left on device: '/build/x'", 1, FaultKind.DISK),
        ("tar: target/x: Cannot write: No space left on device", 2, FaultKind.DISK),
        (
            "  process didn't exit successfully: `rustc --crate-name x` (signal: 9, SIGKILL: kill)",
            101,
            FaultKind.MEMORY,
        ),
        ("collect2: fatal error: ld terminated with signal 9 [Killed]", 101, FaultKind.MEMORY),
        ("LLVM ERROR: out of memory", 101, FaultKind.MEMORY),
    ],
)
def test_a_fault_is_known_by_what_the_job_said_last(text: str, code: int, kind: FaultKind) -> None:
    fault = find_fault(text.splitlines(), code=code)
    assert fault is not None
    assert fault.kind is kind
    assert "\n" not in fault.reason


@pytest.mark.parametrize(
    "said",
    [
        "error: this system does not support the kernel namespaces that are required for sandboxing",
        "unable to start build process",
        "error: while setting up the build environment: mounting /proc: Operation not permitted",
        "error: cannot connect to socket at '/nix/var/nix/daemon-socket/socket': No such file or directory",
    ],
)
def test_a_sandbox_that_cannot_start_is_nixs_fault(said: str) -> None:
    fault = find_fault([], nix_says=said)
    assert fault is not None
    assert fault.kind is FaultKind.START


def test_the_same_fault_reads_the_same_for_every_job() -> None:
    one, other = (
        find_fault([], nix_says=f"error: cannot start '/nix/store/{'0' * 32}-{name}.drv' in a sandbox") for name in "ab"
    )
    assert one is not None
    assert other is not None
    assert "/nix/store" not in one.reason + other.reason


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("error[E0308]: mismatched types", 101),
        (CRASH.replace("/nix/store/0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c-builder/main.py", "/build/source/script.py"), 1),
        ("nanna-ci builder error: a test printed this", 100),
        ("thread 'a' panicked: No space left on device of the game", 101),
        ("", 1),
    ],
)
def test_what_a_workspace_does_wrong_is_not_a_fault(text: str, code: int) -> None:
    assert find_fault(text.splitlines(), nix_says=f"builder for 'x' failed with exit code {code}", code=code) is None
