"""The nix program: evaluation, path-info, derivations and builds, with the caller's flake overrides."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanna_ci.foundation import process
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, ConfigError, MalformedData, ToolMissing, shorten
from nanna_ci.foundation.json_data import as_list, as_object, as_text, as_texts, load_json
from nanna_ci.foundation.redact import without_secrets
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_result import BuildOutcome, BuildResult, judge, parse_target, wanted_outputs
from nanna_ci.store.derivation import Derivation, parse_derivations
from nanna_ci.store.internal_json import Event
from nanna_ci.store.path_info import PathInfo, parse_path_info
from nanna_ci.store.store_path import StorePath, parse_store_path

FLAKE_VARIABLE = "NANNA_CI_FLAKE"
OVERRIDES_VARIABLE = "NANNA_CI_OVERRIDES"
QUERY_TIMEOUT_S = 1800.0  # evaluation fetches inputs, which is slow on a first run
_QUICK_S = 60.0
BUILD_TIMEOUT_S = 6 * 3600.0
_ANY_CODE = frozenset(range(-64, 256))
_PATHS_A_CALL = 500  # an argument list has about 2 MB
MISSING_ATTRIBUTE = re.compile(r"does not provide attribute|attribute '[^']*' (?:in selection path '[^']*' )?not found")


@dataclass(frozen=True, slots=True)
class Version:
    """What `nix --version` says; `numbers` is (major, minor, patch) of `implementation`: Nix, Lix, Determinate Nix."""

    implementation: str
    numbers: tuple[int, int, int]
    text: str

    @property
    def has_json_format(self) -> bool:
        """Whether `path-info` takes --json-format: Nix from 2.33 on, and not Lix, which counts its own versions."""
        return "Lix" not in self.implementation and self.numbers >= (2, 33, 0)


def parse_version(text: str) -> Version:
    """Read `nix (NAME) 2.33.1…`.

    Raises:
        MalformedData: for anything else.
    """
    match = re.fullmatch(r"nix \(([^)]*)\) (\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?\S*", text)
    if match is None:
        raise MalformedData("nix --version", f"{shorten(text)} names no version")
    return Version(match[1], (int(match[2]), int(match[3]), int(match[4] or 0)), text)


class Nix:
    """Runs nix. `run` has the signature of `process.run`, `environ` is the environment of every call.

    `NANNA_CI_FLAKE` in `environ` is the flake (default `.`); `NANNA_CI_OVERRIDES` is a JSON array of [input, flake
    reference], handed to every call that reads the flake. No call writes a lock file.

    Raises ConfigError if one of the two is wrong. Every method may raise, besides what it says: ToolMissing (there
    is not a nix), CommandFailed, CommandTimedOut, and MalformedData for output that cannot be what nix writes.
    """

    def __init__(
        self,
        run: Callable[..., process.Completed] = process.run,
        *,
        environ: Mapping[str, str],
        executable: str = "nix",
    ) -> None:
        self._run = run
        self._environ = without_secrets(environ, needed="NIX_CONFIG|AWS_[A-Z0-9_]+")  # s3:// stores need the latter
        self._executable = executable
        self._version: Version | None = None
        self.flake = environ.get(FLAKE_VARIABLE) or "."
        if self.flake.startswith("-"):
            raise ConfigError(FLAKE_VARIABLE, f"{shorten(self.flake)} is not a flake reference")
        self.overrides = parse_overrides(environ.get(OVERRIDES_VARIABLE, ""))

    def version(self) -> Version:
        """What `nix --version` says, queried once."""
        if self._version is None:
            self._version = parse_version(self.call(["--version"], _QUICK_S).text().strip())
        return self._version

    def current_system(self) -> str:
        """The system double of this machine, as nix sees it."""
        argv = ["eval", "--impure", "--raw", "--expr", "builtins.currentSystem"]
        system = self.call(argv, QUERY_TIMEOUT_S).text().strip()
        if re.fullmatch(r"\w+-\w+", system) is None:
            raise MalformedData("builtins.currentSystem", f"{shorten(system)} is not a system double")
        return system

    def settings(self) -> dict[str, Any]:
        """Nix's own settings here, name → value: `system`, `extra-platforms`, `builders` and the others."""
        words = ["config", "show"] if self.version().numbers >= (2, 20, 0) else ["show-config"]
        source = "nix config show"
        shown = as_object(load_json(self.call([*words, "--json"], _QUICK_S).stdout, source), source, "it")
        return {name: as_object(entry, source, name).get("value") for name, entry in shown.items()}

    def evaluate(self, attribute: str, *, apply: str | None = None, timeout_s: float = QUERY_TIMEOUT_S) -> Any:
        """The value of an attribute of the flake, as JSON; `apply` is a Nix function that it goes through first.

        Raises:
            ConfigError: if the flake has no such attribute.
        """
        argv = ["eval", "--json", *self.flake_flags(), f"{self.flake}#{attribute}"]
        if apply is not None:
            argv += ["--apply", apply]
        try:
            completed = self.call(argv, timeout_s)
        except CommandFailed as error:
            if MISSING_ATTRIBUTE.search(error.stderr_tail):
                raise ConfigError(f"flake {self.flake}", f"there is no attribute {attribute}") from error
            raise
        return load_json(completed.stdout, f"nix eval {self.flake}#{attribute}")

    def derivation_of(self, attribute: str) -> StorePath:
        """The derivation behind an attribute of the flake, evaluated and not built. Raises as `evaluate` does."""
        source = f"nix eval {self.flake}#{attribute}"
        value = self.evaluate(attribute, apply="value: value.drvPath")
        return parse_store_path(as_text(value, source, "drvPath"), source)

    def path_info(self, paths: Sequence[StorePath]) -> dict[StorePath, PathInfo | None]:
        """What the local store knows of `paths`; None for one that it lacks."""
        known: dict[StorePath, PathInfo | None] = {}
        flags = ["--offline", *(["--json-format", "2"] if self.version().has_json_format else [])]
        for part in _parts(paths):
            completed = self.call(["path-info", "--json", *flags, *map(str, part)], QUERY_TIMEOUT_S)
            known |= parse_path_info(completed.stdout, "nix path-info")
        _refuse_gaps(paths, known, "nix path-info")
        return known

    def derivation_show(self, derivations: Sequence[StorePath], *, recursive: bool) -> dict[StorePath, Derivation]:
        """The derivations, and with `recursive` all that they need."""
        shown: dict[StorePath, Derivation] = {}
        flags = ["--recursive"] if recursive else []
        for part in _parts(derivations):
            completed = self.call(["derivation", "show", *flags, *map(str, part)], QUERY_TIMEOUT_S)
            shown |= parse_derivations(completed.stdout, "nix derivation show")
        _refuse_gaps(derivations, shown, "nix derivation show")
        return shown

    def build(
        self,
        installables: Sequence[str],
        *,
        keep_going: bool,
        out_link: Path | None = None,
        on_event: Callable[[BuildLog, Event], None] | None = None,
        on_silence: Callable[[float], None] | None = None,
        timeout_s: float = BUILD_TIMEOUT_S,
    ) -> BuildResult:
        """Build derivations, evaluated before: `/nix/store/….drv`, `….drv^*` (the same) or `….drv^out,dev`.

        A failed build is a result, not an exception. `on_event` gets each event, in this thread, once the log has it.
        `on_silence` is as in `process.run`.

        Raises:
            MalformedData: an installable is not a derivation, or lacks the outputs that it names.
            CommandFailed: nix failed without any derivation failing: no such derivation, no daemon, no space.
        """
        targets = [parse_target(installable) for installable in installables]
        shown = self.derivation_show([target.derivation for target in targets], recursive=False)
        outputs = [wanted_outputs(target, shown[target.derivation]) for target in targets]
        log = BuildLog(outputs=_producers(shown))

        def on_stderr(line: bytes) -> None:
            event = log.feed(line)
            if on_event is not None and event is not None:
                on_event(log, event)

        # -v three times: build_log says why. It costs about a hundred short lines a derivation.
        argv = ["build", "--log-format", "internal-json", "-v", "-v", "-v"]
        argv += ["--keep-going"] if keep_going else []
        argv += ["--no-link"] if out_link is None else ["--out-link", str(out_link)]
        argv += [target.installable for target in targets]
        try:
            completed = self.call(argv, timeout_s, accept=_ANY_CODE, on_stderr=on_stderr, on_silence=on_silence)
        except CommandTimedOut as error:
            raise CommandTimedOut(error.argv, timeout_s, _said(log)) from None
        success = completed.returncode == 0
        log.close(success=success)
        valid = None if success else self._valid(path for named in outputs for path in named.values())
        results = tuple(
            judge(installable, target, named, log, valid)
            for installable, target, named in zip(installables, targets, outputs, strict=True)
        )
        idle = all(result.state in (BuildOutcome.UNKNOWN, BuildOutcome.PRESENT) for result in results)
        if not success and idle and not any(heard.reason for heard in log.derivations()):
            raise CommandFailed(completed.argv, completed.returncode, _said(log))
        return BuildResult(success, results, log, completed.seconds)

    def _valid(self, paths: Iterable[StorePath | None]) -> frozenset[StorePath]:
        known = self.path_info(sorted({path for path in paths if path is not None}))
        return frozenset(path for path, info in known.items() if info is not None)

    def flake_flags(self) -> list[str]:
        """What every call that reads a flake takes: the caller's overrides, and no lock file written."""
        overrides = [word for name, url in self.overrides for word in ("--override-input", name, url)]
        return ["--no-write-lock-file", *overrides]

    def call(
        self,
        argv: Sequence[str],
        timeout_s: float,
        *,
        accept: frozenset[int] = frozenset({0}),
        environ: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        secrets: Sequence[str] = (),
        on_stderr: Callable[[bytes], None] | None = None,
        on_silence: Callable[[float], None] | None = None,
    ) -> process.Completed:
        """nix with any words, for the modules beside this one; `environ` is put over the environment of every call."""
        try:
            return self._run(
                [self._executable, "--extra-experimental-features", "nix-command flakes", *argv],
                timeout_s=timeout_s,
                accept=accept,
                env={**self._environ, **(environ or {})},
                on_stderr=on_stderr,
                on_silence=on_silence,
                stdin=stdin,
                secrets=secrets,
            )
        except ToolMissing as error:
            reason = error.message.removeprefix(f"{error.tool}: ")
            raise ToolMissing("nix", reason, hint="`./nixw ARGS…` is `nix ARGS…` for any machine") from error


def parse_overrides(text: str) -> tuple[tuple[str, str], ...]:
    if not text:
        return ()
    where = OVERRIDES_VARIABLE
    try:
        listed = as_list(load_json(text.encode("utf-8", "surrogateescape"), where), where, "the value")
        pairs = [as_texts(pair, where, f"pair {number}") for number, pair in enumerate(listed, start=1)]
    except MalformedData as error:
        raise ConfigError(where, error.message.removeprefix(f"{where}: ")) from error
    for number, pair in enumerate(pairs, start=1):
        if len(pair) != 2 or not all(pair) or any(word.startswith("-") for word in pair):
            raise ConfigError(where, f"pair {number} is not [input, flake reference]")
    return tuple((pair[0], pair[1]) for pair in pairs)


def _parts(paths: Sequence[StorePath]) -> Iterator[Sequence[StorePath]]:
    return (paths[start : start + _PATHS_A_CALL] for start in range(0, len(paths), _PATHS_A_CALL))


def _refuse_gaps(queried: Iterable[StorePath], answered: Collection[StorePath], source: str) -> None:
    absent = next((path for path in queried if path not in answered), None)
    if absent is not None:
        raise MalformedData(source, f"says nothing of {absent}")


def _producers(derivations: Mapping[StorePath, Derivation]) -> dict[StorePath, StorePath]:
    return {
        output.path: path
        for path, derivation in derivations.items()
        for output in derivation.outputs.values()
        if output.path is not None
    }


def _said(log: BuildLog) -> str:
    """What nix had to say, for an exception: its notes, then its errors."""
    return "\n".join((*log.notes, *log.errors))


def query_is_trusted(nix: Nix) -> bool | None:
    """Whether substituters and keys that this user sets count; None if the store does not say, or is not there.

    Raises ToolMissing, CommandTimedOut and MalformedData as every call of nix does.
    """
    word = "info" if nix.version().numbers >= (2, 20, 0) else "ping"
    try:
        completed = nix.call(["store", word, "--json"], _QUICK_S)
    except CommandFailed:  # no daemon, or a nix too old to know the flag
        return None
    source = f"nix store {word}"
    trusted = as_object(load_json(completed.stdout, source), source, "it").get("trusted")
    return bool(trusted) if isinstance(trusted, bool | int) else None
