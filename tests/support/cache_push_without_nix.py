"""The command `cache-push` for tests: a stand-in for nix, a cache folder, and a name for a path."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from nanna_ci.cli import main
from support import json_schemas
from support.fake_ports import FakePorts, FakeRun
from support.stand_in_nix import StandInNix

PIPELINE = """\
[workspace]
name = "nanna-coder"
[cache]
name = "nanna-coder"
push_filter = ["-source$"]
"""
TOKEN = "cachix-token-0123456789"


class PushSandbox:
    """A working folder with a pipeline.toml, a local store, and an empty cache folder."""

    def __init__(self, ports: FakePorts) -> None:
        self.ports = ports
        self.nix = StandInNix()
        self.cache = ports.cwd / "cache"
        self.url = f"file://{self.cache}"
        (ports.cwd / "pipeline.toml").write_text(PIPELINE)

    @property
    def programs(self) -> FakeRun:
        assert isinstance(self.nix.other, FakeRun)
        return self.nix.other

    def push(self, *words: str) -> tuple[int, dict[str, Any]]:
        """The exit code and the checked JSON."""
        code, text = self.say("--format", "json", *words)
        return code, json_schemas.check(json.loads(text))

    def say(self, *words: str) -> tuple[int, str]:
        """The exit code and what stdout got."""
        self.ports.stdout.seek(0)
        self.ports.stdout.truncate()
        ports = replace(self.ports.ports, run=self.nix)
        return main(["cache-push", *words], ports), self.ports.stdout.getvalue()

    def held(self) -> set[str]:
        """The names of the paths in the cache folder."""
        texts = [file.read_text() for file in self.cache.glob("*.narinfo")]
        return {text.split("\n")[0].split("-", 1)[1] for text in texts}


def names(paths: list[str]) -> list[str]:
    return sorted(text.split("-", 1)[1] for text in paths)
