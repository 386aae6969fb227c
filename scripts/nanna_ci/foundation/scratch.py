"""Temporary folders that are gone at the end, even if a signal comes while they are being removed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.foundation import process

_REMOVING_S: Final = 60.0


@contextlib.contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new folder that only we can enter, removed with all that is in it at the end of the block.

    A first signal lets the removal end; a second one, and KILL, leave the folder.
    """
    made = tempfile.TemporaryDirectory(prefix=prefix)
    try:
        yield Path(made.name)
    finally:
        with process.cleaning_up(_REMOVING_S):
            made.cleanup()
