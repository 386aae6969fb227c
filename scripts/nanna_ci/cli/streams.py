"""The standard streams: progress on stderr never ends a run, a result on stdout is written whole or is an error."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TextIO, cast

from nanna_ci.foundation.errors import NannaError

if TYPE_CHECKING:  # --help writes to stdout too
    from nanna_ci.foundation.redact import Redactor


class _ProgressStream(io.TextIOBase):
    """A text stream without secrets. What cannot be written is dropped; a reader who went away is BrokenPipeError."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        try:
            self._stream.write(self._redactor.redact_text(text))
        except BrokenPipeError:
            raise
        except OSError:
            pass  # a full disk: there is nowhere left to say it
        return len(text)

    def flush(self) -> None:
        if self._stream.closed:  # a garbage collector's flush
            return
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError:
            pass

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def progress_stream(stream: TextIO, redactor: Redactor) -> TextIO:
    """The stream for progress and errors: secrets are taken out of each piece, a full disk does not stop the run."""
    return cast(TextIO, _ProgressStream(stream, redactor))


def write_stdout(text: str, stdout: TextIO) -> None:
    """The result, whole. A closed reader is not an error.

    Raises:
        NannaError: it cannot be written, such as to a full disk.
    """
    try:
        stdout.write(text)
        stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        raise NannaError(f"stdout: cannot be written: {error.strerror}") from None
