"""What a failed container test leaves behind, and what our process in its namespaces says: without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.containers.testing import engine_run, inside_namespaces
from support.planted_secrets import SHAPED


def test_what_a_failure_leaves_has_no_secrets(tmp_path: Path) -> None:
    keeper = engine_run._Keeper(tmp_path / "app")
    keeper.keep("container.log", f"listening\ntoken {SHAPED['JWT']}\n".encode())
    assert (tmp_path / "app" / "container.log").read_text() == "listening\ntoken [redacted]\n"
    assert keeper.names == [str(tmp_path / "app" / "container.log")]


def test_progress_from_inside_namespaces_has_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    inside_namespaces._say(f"testing {SHAPED['personal token']}")
    assert capsys.readouterr().err == "testing [redacted]\n"
