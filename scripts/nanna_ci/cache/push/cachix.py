"""The cachix program: whether it is there and new enough, and pushing with it.

The token is in the environment, never in an argument; paths go in on standard input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from nanna_ci.cache.cachix_api import CACHIX_API, CACHIX_TOKEN_VARIABLE, CachixCache, parse_cache_name
from nanna_ci.foundation import process
from nanna_ci.foundation.errors import CommandFailed, ToolMissing
from nanna_ci.foundation.redact import known_secrets
from nanna_ci.store.store_path import BASE_NAME_PATTERN, STORE_DIR, StorePath, parse_store_path

MINIMUM_VERSION: Final = (1, 7, 0)  # the first that gives up at once if a token is refused
SIGNING_KEY_VARIABLE: Final = "CACHIX_SIGNING_KEY"
PUSH_TIMEOUT_S: Final = 6 * 3600.0
_QUICK_S: Final = 60.0
_HINT: Final = "nix profile install nixpkgs#cachix; or push to another store with --to URL"
_PUSHING: Final = re.compile(f"Pushing ({STORE_DIR}/{BASE_NAME_PATTERN}) ".encode())


def has_credentials(environ: Mapping[str, str]) -> bool:
    """Whether cachix has anything to push with: a variable, or the file that `cachix authtoken` writes."""
    if any(environ.get(name, "").strip() for name in (CACHIX_TOKEN_VARIABLE, SIGNING_KEY_VARIABLE)):
        return True
    config = environ.get("XDG_CONFIG_HOME") or (f"{environ['HOME']}/.config" if environ.get("HOME") else None)
    return config is not None and (Path(config) / "cachix" / "cachix.dhall").is_file()


class CachixProgram:
    """cachix, pushing to one cache. `run` has the signature of `process.run`, `environ` is the whole environment."""

    def __init__(
        self,
        cache: CachixCache,
        run: Callable[..., process.Completed] = process.run,
        *,
        environ: Mapping[str, str],
        executable: str = "cachix",
    ) -> None:
        self._cache = CachixCache(cache.api, parse_cache_name(cache.name))
        self._run = run
        self._environ = dict(environ)
        self._executable = executable
        token = environ.get(CACHIX_TOKEN_VARIABLE, "")
        self._secrets = (*known_secrets(environ), *([token] if token else []))

    def version(self) -> str:
        """The version that `cachix --version` names.

        Raises:
            ToolMissing: it cannot be run, or is older than MINIMUM_VERSION.
        """
        try:
            completed = self._call(["--version"], _QUICK_S)
        except CommandFailed as error:
            raise ToolMissing("cachix", f"does not run: {error.message}", hint=_HINT) from error
        said = f"{completed.text()}\n{completed.stderr_tail}"  # releases differ in where they print it
        match = re.search(r"\b(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", said)
        if match is None:
            raise ToolMissing("cachix", "`cachix --version` names no version", hint=_HINT)
        if (int(match[1]), int(match[2]), int(match[3] or 0)) < MINIMUM_VERSION:
            wanted = ".".join(map(str, MINIMUM_VERSION))
            raise ToolMissing("cachix", f"version {match[0]} is older than {wanted}", hint=_HINT)
        return match[0]

    def push(
        self,
        paths: Sequence[StorePath],
        *,
        on_path: Callable[[StorePath], None],
        on_silence: Callable[[float], None] | None = None,
    ) -> None:
        """Push `paths` and their closures; what the cache has already is not sent again.

        `on_path` gets each path that is sent, when it begins. cachix skips a path that is not valid, and its exit
        code does not show it.

        Raises:
            CommandFailed: one of them was not pushed; others may have been.
        """

        def on_line(line: bytes) -> None:
            match = _PUSHING.search(line)
            if match is not None:
                on_path(parse_store_path(match[1].decode("ascii"), "cachix push"))

        self._call(
            [*self._host_flags(), "push", self._cache.name],
            PUSH_TIMEOUT_S,
            stdin="".join(f"{path}\n" for path in paths).encode(),
            on_stdout=on_line,
            on_stderr=on_line,
            on_silence=on_silence,
        )

    def _host_flags(self) -> list[str]:
        if self._cache.api == CACHIX_API:
            return []
        parts = urlsplit(self._cache.api)
        return ["--hostname", f"{parts.scheme}://{parts.netloc}"]

    def _call(
        self,
        argv: Sequence[str],
        timeout_s: float,
        *,
        stdin: bytes | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
        on_stderr: Callable[[bytes], None] | None = None,
        on_silence: Callable[[float], None] | None = None,
    ) -> process.Completed:
        try:
            return self._run(
                [self._executable, *argv],
                timeout_s=timeout_s,
                env=self._environ,
                stdin=stdin,
                secrets=self._secrets,
                on_stdout=on_stdout,
                on_stderr=on_stderr,
                on_silence=on_silence,
            )
        except ToolMissing as error:
            raise ToolMissing("cachix", error.message.removeprefix(f"{error.tool}: "), hint=_HINT) from error
