"""How the builder watches cargo: its progress becomes the phase of the Nix build, all else passes as it is."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import watched

CARGO = """#!{python}
import os, sys
assert os.environ["CARGO_TERM_PROGRESS_WHEN"] == "always"
out = sys.stderr.buffer
out.write(b"    Building [>          ] 0/12: one\\r   Compiling one v1.0.0\\n")
out.write(b"    Building [===>       ] 3/12: two")
out.flush()
out.write(b"\\rerror: it does not compile\\n")
out.write(b"no line end \\xff")
sys.exit(101)
"""


@pytest.fixture
def cargo(tmp_path: Path) -> Path:
    program = tmp_path / "cargo"
    program.write_text(CARGO.format(python=sys.executable).replace("\\\\", "\\"))
    program.chmod(0o755)
    return program


def test_states_of_the_bar_become_phases_and_leave_the_log(
    cargo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(watched, "_INTERVAL_S", 0.0)
    lines: list[bytes] = []
    assert watched.run_watched([str(cargo)], cwd=tmp_path, env=os.environ, on_line=lines.append) == 101
    said = capfdbinary.readouterr().err
    messages = [json.loads(line[5:]) for line in said.splitlines() if line.startswith(b"@nix ")]
    assert messages == [
        {"action": "setPhase", "phase": "0 of 12 crates"},
        {"action": "setPhase", "phase": "3 of 12 crates"},
    ]
    rest = b"".join(line for line in said.splitlines(keepends=True) if not line.startswith(b"@nix "))
    assert rest == b"   Compiling one v1.0.0\nerror: it does not compile\nno line end \xff"
    assert lines == [b"   Compiling one v1.0.0", b"error: it does not compile"]


def test_a_fast_bar_is_shown_at_most_twice_a_second(
    cargo: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    watched.run_watched([str(cargo)], cwd=tmp_path, env=os.environ)
    assert capfdbinary.readouterr().err.count(b"setPhase") == 1
