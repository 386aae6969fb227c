"""Answers as the Nix of tests/data/ci did, in place of `process.run`; other programs go to a FakeRun."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nanna_ci.foundation.errors import CommandFailed, NannaError
from nanna_ci.foundation.process import Completed
from support.fake_ports import FakeRun

DATA = Path(__file__).parents[1] / "data" / "ci"


class RecordedNix:
    """One recorded run. `calls` are the words after nix's own flags; `interrupt_at` raises within the build's log."""

    def __init__(self, scenario: str, other: FakeRun | None = None) -> None:
        folder = DATA / scenario
        self.evaluated: dict[str, dict[str, str]] = json.loads((folder / "eval.json").read_bytes())
        self.derivations: dict[str, Any] = json.loads((folder / "derivations.json").read_bytes())
        self.path_info: dict[str, Any] = json.loads((folder / "path-info.json").read_bytes())
        self.log = (folder / "build.log").read_bytes().splitlines()
        self.exit_code = int((folder / "exit-code").read_text())
        self.calls: list[tuple[str, ...]] = []
        self.interrupt: tuple[bytes, NannaError] | None = None
        self._other = other or FakeRun()

    def of(self, verb: str) -> list[tuple[str, ...]]:
        """The calls of one nix command."""
        return [call for call in self.calls if call[0] == verb]

    def __call__(self, argv: list[str], **options: Any) -> Completed:
        if argv[0] == "git":
            raise CommandFailed(tuple(argv), 128, "fatal: not a git repository")
        if argv[0] != "nix":
            return self._other(argv, **options)
        words = tuple(argv[3:])
        self.calls.append(words)
        match words:
            case ("--version", *_):
                return self._done(words, b"nix (Nix) 2.26.3\n")
            case ("eval", *_):
                return self._done(words, json.dumps(self.evaluated).encode())
            case ("derivation", "show", *rest):
                wanted = self.derivations if "--recursive" in rest else {path: self.derivations[path] for path in rest}
                return self._done(words, json.dumps(wanted).encode())
            case ("path-info", *rest):
                paths = [word for word in rest if word.startswith("/nix/store/")]
                return self._done(words, json.dumps({path: self.path_info.get(path) for path in paths}).encode())
            case ("build", *_):
                self._build(options["on_stderr"])
                return self._done(words, b"", self.exit_code)
            case _:
                raise AssertionError(f"nothing recorded for nix {words}")

    def _build(self, on_stderr: Callable[[bytes], None]) -> None:
        for line in self.log:
            on_stderr(line)
            if self.interrupt is not None and self.interrupt[0] in line:
                raise self.interrupt[1]

    @staticmethod
    def _done(words: tuple[str, ...], stdout: bytes, returncode: int = 0) -> Completed:
        return Completed(("nix", *words), returncode, stdout, "", 0.0)
