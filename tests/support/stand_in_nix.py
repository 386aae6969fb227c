"""A stand-in for the nix program, in place of `process.run`: a made-up local store, copied into real cache folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nanna_ci.foundation.errors import CommandFailed, NannaError
from nanna_ci.foundation.process import Completed
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath, parse_store_path
from support.fake_ports import FakeRun
from support.fake_store_paths import info, narinfo, path, render_narinfo


class StandInNix:
    """A store with paths and derivations. `copy --to file://…` writes narinfo and archives as Nix names them.

    `spoil` is called with each path before it is copied, and may raise what ends the program. What is in `lost` is
    copied without a word and is not there afterwards. Other programs go to
    `other`, a FakeRun at first.
    """

    def __init__(self) -> None:
        self.infos: dict[StorePath, PathInfo] = {}
        self.derivations: dict[StorePath, dict[str, Any]] = {}
        self.attributes: dict[str, Any] = {}
        self.metadata: dict[str, dict[str, Any]] = {}  # flake reference -> what `flake metadata --json` prints
        self.settings: dict[str, Any] = {"store": "auto", "substituters": [], "trusted-public-keys": []}
        self.calls: list[tuple[tuple[str, ...], Mapping[str, Any]]] = []
        self.spoil: Callable[[StorePath], None] = lambda _: None
        self.lost: set[StorePath] = set()
        self.other: Callable[..., Completed] = FakeRun()

    def add(self, name: str, *references: StorePath, **facts: Any) -> StorePath:
        """A valid path."""
        added = path(name)
        self.infos[added] = info(added, *references, **facts)
        return added

    def add_derivation(self, name: str, *inputs: StorePath, outputs: Mapping[str, StorePath | None]) -> StorePath:
        """A derivation whose file is valid; what it says of its outputs, and which derivations it needs."""
        added = self.add(f"{name}.drv", *inputs, deriver=None)
        self.derivations[added] = {
            "args": [],
            "builder": "/bin/sh",
            "env": {},
            "inputDrvs": {str(one): ["out"] for one in inputs},
            "inputSrcs": [],
            "name": name,
            "outputs": {key: {} if one is None else {"path": str(one)} for key, one in outputs.items()},
            "system": "x86_64-linux",
        }
        return added

    def of(self, verb: str) -> list[tuple[tuple[str, ...], Mapping[str, Any]]]:
        """The calls of one nix command."""
        return [call for call in self.calls if call[0][0] == verb]

    def __call__(self, argv: Sequence[str], **options: Any) -> Completed:
        if argv[0] != "nix":
            return self.other(argv, **options)
        words = tuple(argv[3:])
        self.calls.append((words, options))
        stdin = (options.get("stdin") or b"").decode().split()
        match words:
            case ("--version",):
                return self._done(words, "nix (Nix) 2.26.3\n")
            case ("config", "show", "--json"):
                return self._done(words, {name: {"value": value} for name, value in self.settings.items()})
            case ("eval", "--impure", *_):
                return self._done(words, "x86_64-linux")
            case ("eval", *rest):
                return self._done(words, self.attributes[rest[-1].partition("#")[2]])
            case ("path-info", *rest):
                requested = [word for word in [*rest, *stdin] if word.startswith("/nix/store/")]
                return self._done(words, self._path_info(requested, words, recursive="--recursive" in words))
            case ("derivation", "show", *rest):
                requested = [word for word in [*rest, *stdin] if word.startswith(("/nix/store/", "."))]
                return self._done(words, self._show(requested, words, recursive="--recursive" in words))
            case ("flake", "metadata", *rest):
                return self._done(words, self.metadata[rest[-1]])
            case ("copy", *_):
                self._copy(words, stdin, options["on_stderr"])
                return self._done(words, "")
        raise AssertionError(f"the stand-in for nix does not know {words}")

    def _path_info(self, requested: Sequence[str], words: tuple[str, ...], *, recursive: bool) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        waiting = [parse_store_path(text) for text in requested]
        while waiting:
            one = waiting.pop()
            known = self.infos.get(one)
            if known is None and recursive:
                raise CommandFailed(("nix", *words), 1, f"error: path '{one}' is not valid")
            answer[str(one)] = None if known is None else _to_json(known)
            if known is not None and recursive:
                waiting += [reference for reference in known.references if str(reference) not in answer]
        return answer

    def _show(self, requested: Sequence[str], words: tuple[str, ...], *, recursive: bool) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        waiting = [self._derivation(text, words) for text in requested]
        while waiting:
            one = waiting.pop()
            answer[str(one)] = self.derivations[one]
            if recursive:
                waiting += [parse_store_path(text) for text in self.derivations[one]["inputDrvs"] if text not in answer]
        return answer

    def _derivation(self, text: str, words: tuple[str, ...]) -> StorePath:
        found = self.attributes[text.partition("#")[2]] if text.startswith(".") else parse_store_path(text)
        if found not in self.infos:
            raise CommandFailed(("nix", *words), 1, f"error: path '{found}' is not valid")
        assert isinstance(found, StorePath)
        return found

    def _copy(self, words: tuple[str, ...], requested: Sequence[str], on_stderr: Callable[[bytes], None]) -> None:
        folder = Path(urlsplit(words[words.index("--to") + 1]).path)
        (folder / "nar").mkdir(parents=True, exist_ok=True)
        (folder / "nix-cache-info").write_text("StoreDir: /nix/store\n")
        done: set[StorePath] = set()

        def copy(one: StorePath) -> None:
            known = self.infos.get(one)
            if known is None:
                raise CommandFailed(("nix", *words), 1, f"error: path '{one}' is required, but there is none")
            done.add(one)
            for reference in known.references:
                if reference not in done:
                    copy(reference)
            file = folder / f"{one.hash}.narinfo"
            if not file.exists():
                on_stderr(f"copying path '{one}' to 'file://{folder}'...".encode())
                self.spoil(one)
                if one in self.lost:
                    return
                (folder / "nar" / f"{one.hash}.nar").write_bytes(b"x" * 120)
                file.write_bytes(render_narinfo(narinfo(one, *known.references, signatures=known.signatures)))

        for text in requested:
            copy(parse_store_path(text))

    @staticmethod
    def _done(words: tuple[str, ...], answer: str | dict[str, Any]) -> Completed:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Completed(("nix", *words), 0, text.encode(), "", 0.0)


def _to_json(known: PathInfo) -> dict[str, Any]:
    return {
        "narHash": str(known.nar_hash),
        "narSize": known.nar_size_bytes,
        "references": [str(reference) for reference in known.references],
        "deriver": None if known.deriver is None else str(known.deriver),
        "registrationTime": known.registered_s,
        "signatures": [str(signature) for signature in known.signatures],
        "ultimate": known.is_ultimate,
        "ca": None,
    }


def failing(problem: NannaError, *names: str) -> Callable[[StorePath], None]:
    """For `spoil`: raise at paths of these names."""

    def spoil(one: StorePath) -> None:
        if one.name in names:
            raise problem

    return spoil
