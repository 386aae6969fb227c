"""`cache-analytics` on lists of paths, in a working folder with a cache, on a machine without nix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nanna_ci import cli
from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.store.store_path import StorePath
from support import json_schemas
from support.fake_derivations import narinfo, store_path
from support.fake_ports import FakePorts
from support.fake_store_paths import put_into_folder

PATHS = [store_path(f"path-{number}") for number in range(5)]


class Sandbox:
    """A folder cache in a working folder, and a machine without nix."""

    def __init__(self, ports: FakePorts) -> None:
        self.ports = ports
        self.cache = ports.cwd / "cache"
        self.cache.mkdir()
        (self.cache / "nix-cache-info").write_text("StoreDir: /nix/store\n")
        self.url = f"file://{self.cache}?trusted=true"
        ports.run.script("nix", error=ToolMissing("nix", "not found"))

    def add(self, *paths: StorePath, references: Sequence[StorePath] = ()) -> None:
        for path in paths:
            put_into_folder(self.cache, narinfo(path, references))

    def list(self, *paths: StorePath) -> str:
        (self.ports.cwd / "paths.txt").write_text("".join(f"{path}\n" for path in paths))
        return "paths.txt"

    def run(self, *words: str, code: int = 0) -> str:
        self.ports.stdout.seek(0)
        self.ports.stdout.truncate()
        assert cli.main(["cache-analytics", *words], self.ports.ports) == code, self.ports.stderr.getvalue()
        return self.ports.stdout.getvalue()

    def messages(self, *words: str, code: int = 0) -> str:
        """What it printed, in one line."""
        return " ".join(self.run("--paths-from", "paths.txt", "--substituter", self.url, *words, code=code).split())

    def analyse(self, *words: str, code: int = 0) -> dict[str, Any]:
        return json_schemas.check(json.loads(self.run(*words, "--format", "json", code=code)))

    def analyse_list(self, *words: str, paths: Sequence[StorePath] = PATHS, code: int = 0) -> dict[str, Any]:
        return self.analyse("--paths-from", self.list(*paths), "--substituter", self.url, *words, code=code)
