"""A program's output in bounded memory: whole lines as they come, redacted, and the last bytes of a stream."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.redact import Redactor

LINE_LIMIT_BYTES: Final = 1024 * 1024
STDERR_TAIL_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024


class LineSplitter:
    """Chunks in, lines out (without newline). Of a line over the limit the beginning comes, the rest is dropped."""

    def __init__(self, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._open = bytearray()
        self._cut = False

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bool]]:
        """Each line that ends in this chunk, and whether it was cut."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._append(piece)
            yield self._take()
        self._append(rest)

    def finish(self) -> Iterator[tuple[bytes, bool]]:
        """The last line, if no newline ended it."""
        if self._open:
            yield self._take()

    def _append(self, piece: bytes) -> None:
        remaining = self._limit - len(self._open)
        self._cut = self._cut or len(piece) > remaining
        self._open += piece[:remaining]

    def _take(self) -> tuple[bytes, bool]:
        taken = bytes(self._open), self._cut
        self._open.clear()
        self._cut = False
        return taken


class Tail:
    """The last `limit_bytes` of a stream."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """Append, and forget what is too old; trimmed only now and then, so that it costs nothing a line."""
        self._data += data
        if len(self._data) > 2 * self._limit:
            del self._data[: -self._limit]

    def text(self) -> str:
        """As UTF-8, invalid bytes replaced."""
        return bytes(self._data[-self._limit :]).decode("utf-8", "replace")


class RedactedLines:
    """Chunks to redacted lines to callbacks."""

    def __init__(self, secrets: Sequence[str], *callbacks: Callable[[bytes], None] | None) -> None:
        self._splitter = LineSplitter()
        self._redactor = Redactor(secrets)
        self._callbacks = tuple(callback for callback in callbacks if callback is not None)

    def feed(self, chunk: bytes) -> None:
        self._pass_on(self._splitter.feed(chunk))

    def finish(self) -> None:
        self._pass_on(self._splitter.finish())
        self._call(self._redactor.finish())

    def _pass_on(self, lines: Iterable[tuple[bytes, bool]]) -> None:
        block: list[bytes] = []  # the lines of a chunk are searched together, which is much faster
        for line, cut in lines:
            block.append(line)
            if cut:
                self._call(self._redactor.feed(b"\n".join(block), cut=True))
                block.clear()
        if block:
            self._call(self._redactor.feed(b"\n".join(block)))

    def _call(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            for callback in self._callbacks:
                callback(line)


class Sink:
    """Where output goes: lines to the callbacks, stdout kept within its limit, the tail of stderr."""

    def __init__(
        self,
        program: str,
        secrets: Sequence[str],
        stdout_limit_bytes: int,
        on_stdout: Callable[[bytes], None] | None,
        on_stderr: Callable[[bytes], None] | None,
    ) -> None:
        self.stdout = bytearray()
        self.tail = Tail(STDERR_TAIL_BYTES)
        self._program = program
        self._limit = stdout_limit_bytes
        self._out = RedactedLines(secrets, on_stdout) if on_stdout else None
        self._err = RedactedLines(secrets, self._keep_line, on_stderr)

    def accept(self, number: int, chunk: bytes) -> None:
        """A piece of output. Raises MalformedData when stdout is over its limit."""
        if number == 2:
            self._err.feed(chunk)
        elif self._out is not None:
            self._out.feed(chunk)
        elif len(self.stdout) + len(chunk) > self._limit:
            raise MalformedData(self._program, f"printed more than {self._limit} bytes")
        else:
            self.stdout += chunk

    def finish(self) -> None:
        """The end of both streams: lines without newline, and lines held back."""
        for lines in (self._out, self._err):
            if lines is not None:
                lines.finish()

    def _keep_line(self, line: bytes) -> None:
        self.tail.add(line + b"\n")


class PipeReader:
    """Threads that move a program's output into one bounded queue, and its input out; each closes its own pipe.

    Threads and not select: Windows has no select for pipes.
    """

    def __init__(
        self,
        stdout: IO[bytes] | None,
        stderr: IO[bytes] | None,
        stdin: IO[bytes] | None,
        data: bytes | Iterable[bytes] | None,
    ) -> None:
        self._chunks: queue.Queue[tuple[int, bytes]] = queue.Queue(maxsize=64)
        self._abandoned = False
        self._open = 0
        for number, pipe in ((1, stdout), (2, stderr)):
            if pipe is not None:
                self._open += 1
                threading.Thread(target=self._read, args=(number, pipe), daemon=True).start()
        if stdin is not None and data is not None:
            chunks = [data] if isinstance(data, bytes) else data
            threading.Thread(target=self._write, args=(stdin, chunks), daemon=True).start()

    def _read(self, number: int, pipe: IO[bytes]) -> None:
        with pipe:
            while not self._abandoned and (chunk := pipe.read(_CHUNK_BYTES)):
                self._chunks.put((number, chunk))
        self._chunks.put((number, b""))

    @staticmethod
    def _write(pipe: IO[bytes], chunks: Iterable[bytes]) -> None:
        with contextlib.suppress(OSError), pipe:  # the program may end without reading its input
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    view = view[pipe.write(view) :]

    @property
    def at_end(self) -> bool:
        """Whether both streams have ended."""
        return self._open == 0

    def next(self, timeout_s: float) -> tuple[int, bytes] | None:
        """The next (1 stdout | 2 stderr, bytes), or None after the time-out or at the end of a stream."""
        if self.at_end:
            time.sleep(timeout_s)
            return None
        try:
            number, chunk = self._chunks.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self._open -= not chunk
        return (number, chunk) if chunk else None

    def abandon(self) -> None:
        """Nothing reads any more: a thread that waits for space in the queue gets it, and ends."""
        self._abandoned = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._chunks.get_nowait()
