"""A file is its old self or its new self, whichever step fails."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import NannaError
from nanna_ci.report.files import write_atomic

STEPS = st.sampled_from([None, "fchmod", "fsync", "replace"])


@given(st.none() | st.binary(max_size=100), st.binary(max_size=100), STEPS)
def test_a_file_is_old_or_new_and_alone(old, new, failing):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        if old is not None:
            path.write_bytes(old)
        try:
            if failing is None:
                write_atomic(path, new)
            else:
                with mock.patch.object(os, failing, side_effect=OSError(28, "full")):
                    write_atomic(path, new)
            expected = new
        except NannaError:
            assert failing is not None
            expected = old
        assert {entry.name: entry.read_bytes() for entry in Path(folder).iterdir()} == (
            {} if expected is None else {"file": expected}
        )
