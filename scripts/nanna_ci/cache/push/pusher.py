"""A push to one store: by cachix or `nix copy`, and the questions afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nanna_ci.cache.client import bulk
from nanna_ci.cache.push.cachix import CachixProgram
from nanna_ci.cache.push.destination import Destination
from nanna_ci.cache.push.push_plan import PushPlan
from nanna_ci.cache.push.receipt import WAITS_S, Receipt, Remote, StoreAnswer, StoreQuery, query_receipt
from nanna_ci.cache.push.sending import Sent, send_paths
from nanna_ci.cache.substituters import Kind, Substituter, choose_keys, parse_substituter, setting_words
from nanna_ci.foundation import process
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, Interrupted, MalformedData, UsageError
from nanna_ci.foundation.redact import known_secrets
from nanna_ci.store.nix import Nix
from nanna_ci.store.nix_copy import copy_paths, query_store
from nanna_ci.store.store_path import StorePath

_NEWS_S: Final = 5.0  # between two lines of progress


class Pusher:
    """Sends to `destination` and queries it again. `run` has the signature of `process.run`, `say` takes progress.

    `verbose` reports every path that is sent, else there is one line every few seconds.
    """

    def __init__(
        self,
        destination: Destination,
        nix: Nix,
        *,
        run: Callable[..., process.Completed],
        environ: Mapping[str, str],
        say: Callable[[str], None],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        verbose: bool,
    ) -> None:
        self._destination = destination
        self._nix = nix
        self._environ = dict(environ)
        self._say = say
        self._clock = clock
        self._sleep = sleep
        self._verbose = verbose
        self._cachix = (
            None if destination.cachix is None else CachixProgram(destination.cachix, run, environ=self._environ)
        )
        self._begun = 0
        self._said_s = clock()

    def check_program(self) -> None:
        """Whether the sending program is there, before anything takes time. Raises ToolMissing if it is not."""
        if self._cachix is None:
            self._nix.version()
        else:
            self._cachix.version()

    def send(self, plan: PushPlan) -> Sent:
        """Send what is planned. After a signal what was sent stays; the signal goes on."""

        def on_path(path: StorePath) -> None:
            self._begun += 1
            if self._verbose or self._clock() - self._said_s >= _NEWS_S:
                self._said_s = self._clock()
                self._say(f"pushing {path.name}, number {self._begun} of at most {len(plan.closure)}")

        def send(paths: Sequence[StorePath]) -> None:
            if self._cachix is not None:
                self._cachix.push(paths, on_path=on_path, on_silence=self._on_silence)
            else:
                secrets = known_secrets(self._environ)
                url = self._destination.url
                copy_paths(self._nix, url, paths, secrets=secrets, on_path=on_path, on_silence=self._on_silence)

        try:
            return send_paths(plan.push, send, self._find_absent, self._say)
        except Interrupted:
            self._say(f"interrupted: {self._begun} paths were begun; the next push goes on from there")
            raise

    def verify(self, plan: PushPlan, sent: Sent, *, public_keys: Sequence[str], others: Iterable[str]) -> Receipt:
        """Query the closure of the plan, with retries for what was sent.

        `others` are the URLs of the other caches that users of this one have: what a Cachix cache leaves to
        cache.nixos.org is there. `public_keys` are trusted besides those of Nix's settings.
        """
        settings = self._nix.settings()
        netrc = _readable(settings.get("netrc-file"))
        substituter, cachix = self._destination.substituter, self._destination.cachix
        if substituter is None:
            query = make_nix_query(self._nix, self._destination.url)
            judge = None
        else:
            query = make_cache_query([substituter], environ=self._environ, netrc=netrc, log=self._say)
            judge = None if substituter.is_trusted else choose_keys((), settings, public_keys).judge
        around = [] if cachix is None else _queryable([*setting_words(settings, "substituters"), *others], substituter)
        return query_receipt(
            plan.closure,
            query,
            roots=plan.push,
            unsent=plan.closure.keys() - plan.needed_by(sent.accepted),
            query_others=(
                make_cache_query(around, environ=self._environ, netrc=netrc, log=self._say) if around else None
            ),
            judge=judge,
            waits_s=WAITS_S if substituter is not None and substituter.kind is Kind.HTTP else (),
            sleep=self._sleep,
            clock=self._clock,
            log=self._say,
        )

    def _find_absent(self, paths: Sequence[StorePath]) -> Collection[StorePath]:
        return {path for path, info in self._nix.path_info(paths).items() if info is None}

    def _on_silence(self, seconds: float) -> None:
        self._say(f"still pushing, silent for {seconds:.0f} s")


def _readable(file: Any) -> Path | None:
    """The netrc file, if this user may read it: often only the daemon may."""
    return Path(file) if isinstance(file, str) and os.access(file, os.R_OK) else None


def _queryable(urls: Iterable[str], but: Substituter | None) -> list[Substituter]:
    """Those of the caches that can be queried from here, each once."""
    found: dict[str, Substituter] = {}
    for url in urls:
        try:
            one = parse_substituter(url)
        except UsageError:  # ssh:// and the like
            continue
        if but is None or one.url != but.url:
            found.setdefault(one.url, one)
    return list(found.values())


def make_cache_query(
    substituters: Sequence[Substituter],
    *,
    environ: Mapping[str, str],
    netrc: Path | None,
    log: Callable[[str], None],
) -> StoreQuery:
    """Query binary caches; the first that knows a path answers. In a folder a path's archive must be there too.

    `environ` names the token of a Cachix cache, `netrc` users and passwords of other ones.
    """

    def query(paths: Sequence[StorePath]) -> StoreAnswer:
        found: dict[StorePath, Remote] = {}
        wrong: dict[StorePath, str] = {}
        failed: dict[StorePath, str] = {}
        for result in bulk.query(substituters, paths, environ=environ, netrc=netrc, log=log):
            if result.error is not None:
                failed |= dict.fromkeys(paths, _not_queried(result.error.message))
            failed |= {path: _not_queried(problem) for path, problem in result.failed.items()}
            wrong |= {path: f"has a narinfo that is refused: {problem}" for path, problem in result.corrupt.items()}
            wrong |= {path: f"has no archive that Nix could take: {problem}" for path, problem in result.hollow.items()}
            for path, info in result.found.items():
                found.setdefault(path, info)
        return StoreAnswer(found, {path: problem for path, problem in wrong.items() if path not in found}, failed)

    return query


def _not_queried(problem: str) -> str:
    return f"could not be queried: {problem}"


def make_nix_query(nix: Nix, url: str) -> StoreQuery:
    """Query a store that only nix can reach (s3://, ssh://), with an empty cache of nix's own."""

    def query(paths: Sequence[StorePath]) -> StoreAnswer:
        with tempfile.TemporaryDirectory(prefix="nanna-ci-") as folder:
            try:
                known = query_store(nix, url, paths, cache_home=Path(folder))
            except (CommandFailed, CommandTimedOut) as error:
                return StoreAnswer({}, failed=dict.fromkeys(paths, _not_queried(error.message)))
            except MalformedData as error:
                return StoreAnswer({}, wrong=dict.fromkeys(paths, _not_queried(error.message)))
        return StoreAnswer({path: info for path, info in known.items() if info is not None})

    return query
