from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.supply_chain.scanning.cargo_lock import load_lock, write_lock
from nanna_ci.supply_chain.scanning.security_finding import SourceLine

SOURCE = "registry+https://example.invalid/index"


def test_a_lock_file_is_written_and_read_with_the_line_of_each_crate(tmp_path: Path) -> None:
    path = tmp_path / "Cargo.lock"
    write_lock([("sound", "1.0.0", SOURCE), ("leaky", "1.0.0", SOURCE), ("leaky", "1.0.0", SOURCE)], path, "bill")
    lock = load_lock(path, "crates/Cargo.lock")
    number = path.read_text().splitlines().index('name = "sound"') + 1
    assert lock.line_of("sound", "1.0.0") == SourceLine("crates/Cargo.lock", number)
    assert lock.line_of("sound", "2.0.0").line is None
    assert lock.registries == (SOURCE,)


@pytest.mark.parametrize(
    ("text", "error"),
    [(None, UsageError), ("odd", MalformedData), ("version = 4\n", MalformedData), ("package = 1\n", MalformedData)],
)
def test_what_is_no_lock_file_or_empty_is_refused(tmp_path: Path, text: str | None, error: type[Exception]) -> None:
    if text is not None:
        (tmp_path / "Cargo.lock").write_text(text)
    with pytest.raises(error):
        load_lock(tmp_path / "Cargo.lock", "Cargo.lock")


@pytest.mark.parametrize("crate", [("a\nb", "1", SOURCE), ("a", '1"', SOURCE), ("a", "1", 'x"y'), ("", "1", SOURCE)])
def test_a_crate_that_would_write_lines_of_its_own_is_refused(tmp_path: Path, crate: tuple[str, str, str]) -> None:
    with pytest.raises(MalformedData):
        write_lock([crate], tmp_path / "Cargo.lock", "bill")
