"""The outside world, faked: streams in memory, an environment of one's own, programs that answer by script."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nanna_ci.foundation.context import Context, Ports
from nanna_ci.foundation.errors import CommandFailed, NannaError, ToolMissing
from nanna_ci.foundation.process import Completed


@dataclass
class Script:
    """What a program does when its argv begins with `words`; `error` is raised instead."""

    words: tuple[str, ...]
    returncode: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    error: NannaError | None = None
    times: int | None = None


@dataclass
class Call:
    """One call of a program, with everything it was given."""

    argv: tuple[str, ...]
    options: Mapping[str, Any]


class FakeRun:
    """In place of `process.run`: programs by script, the latest that fits first; any other call fails the test."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._scripts: list[Script] = []

    def script(self, *words: str, **what: Any) -> None:
        """Say what a program does; see Script."""
        self._scripts.insert(0, Script(words, **what))

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        accept: frozenset[int] = frozenset({0}),
        on_stdout: Callable[[bytes], None] | None = None,
        on_stderr: Callable[[bytes], None] | None = None,
        **options: Any,
    ) -> Completed:
        words = tuple(argv)
        self.calls.append(Call(words, {"timeout_s": timeout_s, "accept": accept, **options}))
        script = next((s for s in self._scripts if words[: len(s.words)] == s.words and s.times != 0), None)
        assert script is not None, f"no script for {words}"
        if script.times is not None:
            script.times -= 1
        if script.error is not None:
            raise script.error
        for callback, output in ((on_stdout, script.stdout), (on_stderr, script.stderr)):
            if callback is not None:
                for line in output.splitlines():
                    callback(line)
        tail = script.stderr.decode("utf-8", "replace")
        if script.returncode not in accept:
            raise CommandFailed(words, script.returncode, tail)
        return Completed(words, script.returncode, b"" if on_stdout else script.stdout, tail, 0.0)


@dataclass
class FakePorts:
    """`ports` for the code under test, and its parts for the test: change `environ` and `stdin`, read `stdout`,
    script `run`."""

    cwd: Path
    environ: dict[str, str] = field(default_factory=dict)
    stdout: io.StringIO = field(default_factory=io.StringIO)
    stderr: io.StringIO = field(default_factory=io.StringIO)
    stdin: io.StringIO = field(default_factory=io.StringIO)
    run: FakeRun = field(default_factory=FakeRun)
    seconds: float = 1000.0

    @property
    def ports(self) -> Ports:
        return Ports(
            environ=self.environ,
            stdout=self.stdout,
            stderr=self.stderr,
            stdin=self.stdin,
            cwd=self.cwd,
            run=self.run,
            clock=lambda: self.seconds,
            now=lambda: 1_700_000_000.0 + self.seconds,
        )

    def without_scanners(self) -> None:
        """No scanner is on this machine."""
        for name in ("cargo-audit", "cargo-deny", "trivy"):
            self.run.script(name, error=ToolMissing(name, "not found"))

    def context(self, *, config: Path | None = None, verbosity: int = 0, dry_run: bool = False) -> Context:
        return Context(ports=self.ports, config=config, verbosity=verbosity, color=False, dry_run=dry_run)
