"""The one way to start a program: argv lists, a time limit, a process group of its own, bounded and redacted output.

Every live group is in a registry, so that a signal ends all of them, whichever thread waits for them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, Interrupted, ToolMissing, UsageError
from nanna_ci.foundation.program_output import PipeReader, Sink
from nanna_ci.foundation.redact import Redactor

GRACE_S: Final = 5.0  # between TERM and KILL
SILENCE_S: Final = 60.0  # between two calls of on_silence
STDOUT_LIMIT_BYTES: Final = 64 * 1024 * 1024
_CREATION_FLAGS: Final[int] = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # on Windows only
_TICK_S: Final = 0.1
_SPAWN_S: Final = 1.0  # how long a second signal waits for programs that are just being started
_DRAIN_S: Final = 1.0  # how long output may still come after the program itself has ended
_OK: Final = frozenset({0})


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended with an accepted code. `returncode` is negative for a signal; `stderr_tail` is redacted."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr_tail: str
    seconds: float

    def text(self) -> str:
        """Standard output as UTF-8, invalid bytes replaced."""
        return self.stdout.decode("utf-8", "replace")


class _Registry:
    """The live groups, and whether a signal stopped everything.

    No lock: the signal handler is in the main thread, which would wait for itself. Single operations on a dict, and
    `tuple()` of its values, are atomic. `cleaning` has the threads that clean up, by deadline; their groups are in
    `cleaners`. `spawning` has those whose new program is in neither yet. `end_code`: ours, after a second signal.
    `arrivals` numbers the signals: one may come while the handler of the one before has only begun.
    """

    def __init__(self) -> None:
        self.live: dict[int, subprocess.Popen[bytes]] = {}
        self.cleaners: dict[int, subprocess.Popen[bytes]] = {}
        self.cleaning: dict[int, float] = {}
        self.spawning: dict[int, None] = {}
        self.stop_signal: int | None = None
        self.end_code: int | None = None
        self.arrivals = itertools.count()
        self.shielded = 0

    @contextlib.contextmanager
    def shield(self) -> Iterator[None]:
        """A block that a signal handler's exception must not interrupt: Interrupted is raised at its end instead."""
        main = threading.current_thread() is threading.main_thread()
        self.shielded += main
        try:
            self.check()
            yield
        finally:
            self.shielded -= main
            self.check()

    def check(self) -> None:
        """Raise Interrupted once a signal has come, but in a thread that cleans up."""
        if self.stop_signal is not None and threading.get_ident() not in self.cleaning:
            raise Interrupted(self.stop_signal)


_REGISTRY: Final = _Registry()


def terminate_all(signal_number: int = signal.SIGTERM) -> None:
    """Send TERM to every live group; each `run`, in its own thread, kills after the grace and raises Interrupted."""
    _REGISTRY.stop_signal = signal_number
    for child in tuple(_REGISTRY.live.values()):
        _signal_group(child, kill=False)


def kill_all() -> None:
    """KILL to every live group, and to those that other threads are just starting."""
    deadline = time.monotonic() + _SPAWN_S
    while set(_REGISTRY.spawning) - {threading.get_ident()} and time.monotonic() < deadline:
        time.sleep(_TICK_S / 10)
    for child in (*_REGISTRY.live.values(), *_REGISTRY.cleaners.values()):
        _signal_group(child, kill=True)


@contextlib.contextmanager
def cleaning_up(limit_s: float) -> Iterator[None]:
    """A block in which `run` works also after a first signal, for `limit_s` seconds altogether, in this thread.

    A signal that comes in the block lets it end, and is raised behind it as Interrupted; a second one ends the process
    at once, as everywhere. It must not be nested.
    """
    thread = threading.get_ident()
    main = thread == threading.main_thread().ident
    _REGISTRY.shielded += main
    _REGISTRY.cleaning[thread] = time.monotonic() + limit_s
    try:
        yield
    finally:
        del _REGISTRY.cleaning[thread]
        _REGISTRY.shielded -= main
    _REGISTRY.check()


def check_interrupted() -> None:
    """Raise Interrupted once a signal has come: an event loop may have swallowed the exception of its handler."""
    _REGISTRY.check()


def handle_signal(signal_number: int, _frame: object = None) -> None:
    """The handler for SIGINT and SIGTERM. First: groups get SIGTERM, Interrupted is raised. Second: the end."""
    if next(_REGISTRY.arrivals) > 0:
        first = _REGISTRY.end_code is None
        _REGISTRY.end_code = 128 + signal_number
        if first and threading.get_ident() in _REGISTRY.spawning:
            return  # into `run`, which ends the process as soon as it knows the program that is starting
        kill_all()
        os._exit(_REGISTRY.end_code)
    terminate_all(signal_number)
    if not _REGISTRY.shielded:
        raise Interrupted(signal_number)


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    accept: frozenset[int] = _OK,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | Iterable[bytes] | None = None,
    secrets: Sequence[str] = (),
    stdout_limit_bytes: int = STDOUT_LIMIT_BYTES,
    on_stdout: Callable[[bytes], None] | None = None,
    on_stderr: Callable[[bytes], None] | None = None,
    on_silence: Callable[[float], None] | None = None,
    passthrough: bool = False,
    finish: bool = False,
) -> Completed:
    """Run a program to its end, and leave no process behind.

    `env` is the whole environment (None inherits), `stdin` its input (None: empty; an iterable is read as fast as the
    program takes it, in another thread). `on_stdout` and `on_stderr` get each line as it comes, in the calling thread,
    redacted, without newline, cut at 1 MiB; with `on_stdout` stdout is not kept. Kept stdout is data and is not
    redacted. `on_silence` gets the seconds without output, once a minute.
    `passthrough`: the program writes straight to our stdout and stderr, nothing is kept. `finish`: after a first signal
    it may come to its end within its time limit; it is for what would leave things behind half done.

    Raises ToolMissing (not found, not executable), CommandFailed (code not in `accept`), CommandTimedOut,
    MalformedData (more stdout than the limit), Interrupted (a signal came).
    """
    if passthrough and (secrets or on_stdout or on_stderr):
        raise ValueError("passed-through output can be neither redacted nor read")
    redactor = Redactor(secrets)
    shown = tuple(redactor.redact_text(word) for word in argv)
    sink = Sink(shown[0], secrets, stdout_limit_bytes, on_stdout, on_stderr)
    started, live = time.monotonic(), _REGISTRY.live
    deadline = started + timeout_s
    cleaning_until = _REGISTRY.cleaning.get(threading.get_ident())
    if cleaning_until is not None:
        deadline, live = min(deadline, cleaning_until), _REGISTRY.cleaners
    elif finish:
        live = _REGISTRY.cleaners
    with _REGISTRY.shield():
        _REGISTRY.spawning[threading.get_ident()] = None
        try:
            child = _spawn(argv, env, cwd, stdin, passthrough=passthrough)
            live[child.pid] = child
        finally:
            del _REGISTRY.spawning[threading.get_ident()]
        if _REGISTRY.end_code is not None:
            kill_all()
            os._exit(_REGISTRY.end_code)
        reader = PipeReader(child.stdout, child.stderr, child.stdin, stdin)
        try:
            in_time = _follow(child, reader, sink, deadline, on_silence, finish=finish)
            sink.finish()
        finally:
            _end_group(child, reader)
            del live[child.pid]
    tail = sink.tail.text()
    if not in_time:
        raise CommandTimedOut(shown, timeout_s, tail)
    if child.returncode not in accept:
        raise CommandFailed(shown, child.returncode, tail)
    return Completed(shown, child.returncode, bytes(sink.stdout), tail, time.monotonic() - started)


def _spawn(
    argv: Sequence[str],
    env: Mapping[str, str] | None,
    cwd: Path | None,
    stdin: bytes | Iterable[bytes] | None,
    *,
    passthrough: bool,
) -> subprocess.Popen[bytes]:
    if cwd is not None and not cwd.is_dir():
        raise UsageError(f"{cwd}: no such folder, so {argv[0]} cannot run there")
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=None if passthrough else subprocess.PIPE,
            stderr=None if passthrough else subprocess.PIPE,
            env=env,
            cwd=cwd,
            bufsize=0,
            start_new_session=True,
            creationflags=_CREATION_FLAGS,
        )
    except FileNotFoundError as error:
        raise ToolMissing(argv[0], "not found", hint=f"install {argv[0]}, or put it on PATH") from error
    except OSError as error:
        raise ToolMissing(argv[0], f"cannot be started: {error.strerror}") from error
    except ValueError as error:  # a NUL in an argument or in the environment
        raise UsageError(f"{argv[0]}: {error}") from error


def _signal_group(child: subprocess.Popen[bytes], *, kill: bool) -> None:
    """Signal the program and all that it started. The group's id stays taken as long as anyone is in it."""
    if sys.platform == "win32":
        if kill:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(child.pid)], check=False, capture_output=True)
        elif child.poll() is None:
            child.send_signal(signal.CTRL_BREAK_EVENT)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM where only zombies are left
        os.killpg(child.pid, signal.SIGKILL if kill else signal.SIGTERM)


def _group_lives(child: subprocess.Popen[bytes]) -> bool:
    if child.poll() is None:
        return True
    if sys.platform == "win32":
        return False
    try:
        os.killpg(child.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end_group(child: subprocess.Popen[bytes], reader: PipeReader) -> None:
    """TERM, a grace in which output is read and dropped, KILL; if the program has ended, KILL for its orphans."""
    if child.poll() is None:
        _signal_group(child, kill=False)
        deadline = time.monotonic() + GRACE_S
        while _group_lives(child) and time.monotonic() < deadline:
            reader.next(_TICK_S / 5)
    if _group_lives(child):
        _signal_group(child, kill=True)
    reader.abandon()
    with contextlib.suppress(subprocess.TimeoutExpired):  # only a program stuck in the kernel outlives KILL
        child.wait(GRACE_S)


def _follow(
    child: subprocess.Popen[bytes],
    reader: PipeReader,
    sink: Sink,
    deadline: float,
    on_silence: Callable[[float], None] | None,
    *,
    finish: bool,
) -> bool:
    """Pass output on until the program has ended; False when its time ran out first."""
    heard = reported = time.monotonic()
    ended: float | None = None
    while True:
        if not finish:
            _REGISTRY.check()
        item = reader.next(_TICK_S) if not reader.at_end else None
        now = time.monotonic()
        if item is not None:
            heard = reported = now
            sink.accept(*item)
        elif on_silence is not None and now - reported >= SILENCE_S:
            reported = now
            on_silence(now - heard)
        if reader.at_end:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_TICK_S)
        if child.poll() is not None:
            ended = now if ended is None else ended
            if reader.at_end or now - ended >= _DRAIN_S:  # an orphan may hold the pipes open forever
                return True
        elif now >= deadline:
            return False
