"""store/nix.py over the real process runner, with programs in the place of nix."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, ToolMissing
from nanna_ci.store.build_result import BuildOutcome
from nanna_ci.store.nix import Nix

DERIVATION = "/nix/store/lcnawycjx8z1ic3spfdbvcw7phncnjhq-a.drv"
OUTPUT = "/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-a"
ABOUT = {"builder": "b", "system": "s", "inputDrvs": {}, "inputSrcs": [], "outputs": {"out": {"path": OUTPUT}}}
SHOWN = repr(json.dumps({DERIVATION: ABOUT}))


def program(folder: Path, *lines: str) -> Nix:
    """A nix that runs the Python `lines`; `words` are its arguments, `err` is its stderr, as bytes."""
    path = folder / "nix"
    start = [f"#!{sys.executable}", "import sys, time", "words, err = sys.argv[3:], sys.stderr.buffer"]
    path.write_text("\n".join([*start, *lines]) + "\n")
    path.chmod(0o755)
    return Nix(environ={}, executable=str(path))


def test_any_amount_of_invalid_stderr_leaves_the_value_alone(tmp_path: Path) -> None:
    nix = program(
        tmp_path,
        "for _ in range(200): err.write(b'\\xff\\xfe{\"a\": 2}' * 10_000)",
        "err.write(b'\\nwarning: [3]\\n')",
        "print('{\"a\": 1}')",
    )
    assert nix.evaluate("x") == {"a": 1}


def test_a_failure_after_a_flood_of_stderr_has_its_last_words_bounded_and_readable(tmp_path: Path) -> None:
    nix = program(tmp_path, "err.write(b'\\xff' * 5_000_000 + b'\\nerror: the last words\\n')", "sys.exit(1)")
    with pytest.raises(CommandFailed, match="the last words") as caught:
        nix.evaluate("x")
    assert len(caught.value.stderr_tail) <= 64 * 1024
    caught.value.stderr_tail.encode("utf-8")


def test_a_flood_of_talk_and_broken_events_during_a_build_is_bounded(tmp_path: Path) -> None:
    nix = program(
        tmp_path,
        f"if 'show' in words: print({SHOWN}); sys.exit()",
        "for _ in range(30): err.write(b'\\xff' * 100_000 + b'\\n@nix {broken\\n' * 100)",
    )
    result = nix.build([DERIVATION], keep_going=True)
    assert result.results[0].state is BuildOutcome.PRESENT
    assert len(result.log.notes) == 200
    assert max(map(len, result.log.notes)) <= 4096


def test_a_nix_that_hangs_is_ended_at_the_time_limit(tmp_path: Path) -> None:
    nix = program(tmp_path, f"if 'show' in words: print({SHOWN}); sys.exit()", "time.sleep(600)")
    begun = time.monotonic()
    with pytest.raises(CommandTimedOut):
        nix.build([DERIVATION], keep_going=True, timeout_s=0.5)
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(("mode", "problem"), [(None, "nix: not found"), (0o644, "nix: cannot be started")])
def test_a_nix_that_is_absent_or_not_executable_hints_at_nixw(tmp_path: Path, mode: int | None, problem: str) -> None:
    if mode is not None:
        (tmp_path / "nix").write_text("")
        (tmp_path / "nix").chmod(mode)
    with pytest.raises(ToolMissing) as caught:
        Nix(environ={}, executable=str(tmp_path / "nix")).version()
    assert caught.value.tool == "nix"
    assert "./nixw" in (caught.value.hint or "")
    assert caught.value.message.startswith(problem)
