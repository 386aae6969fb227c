"""The result of a `nix build`, for each derivation that was requested; from log, exit code and store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_state import BuildState, DerivationLog
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.store_path import StorePath, parse_store_path


class BuildOutcome(Enum):
    """The outcome of a derivation. The first three: its outputs are in the store, and how they came there."""

    BUILT = "built"
    SUBSTITUTED = "substituted"
    PRESENT = "present"
    FAILED = "failed"
    DEPENDENCY_FAILED = "dependency-failed"
    UNKNOWN = "unknown"  # not there, and nothing says that it failed: never begun, or ended from outside

    @property
    def there(self) -> bool:
        """Whether the outputs are in the store."""
        return self in (BuildOutcome.BUILT, BuildOutcome.SUBSTITUTED, BuildOutcome.PRESENT)


@dataclass(frozen=True, slots=True)
class DerivationResult:
    """One derivation that was requested.

    `outputs` are those requested, with None for a path that only the build shows. `seconds` is None if nothing ran.
    `reason` says what went wrong, None if nothing did. `log_tail` is plain text, at most 200 lines.
    """

    installable: str
    derivation: StorePath
    outputs: Mapping[str, StorePath | None]
    state: BuildOutcome
    seconds: float | None
    reason: str | None
    log_tail: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What one `nix build` did. `success` is true if nix said so; then all results are `there`.

    `results` are in the order of the installables; `log` also knows the dependencies. `seconds` is nix's whole run.
    """

    success: bool
    results: tuple[DerivationResult, ...]
    log: BuildLog
    seconds: float

    @property
    def first_reason(self) -> str:
        """Why the first of those that failed did."""
        return next((one.reason for one in self.results if one.reason), "nix does not say why")

    @property
    def first_log_tail(self) -> str:
        """The last lines of the first build that left some, "" if none did."""
        return next(("\n".join(one.log_tail) for one in self.results if one.log_tail), "")


@dataclass(frozen=True, slots=True)
class DerivationTarget:
    """A derivation to build; `outputs` None means all of them."""

    derivation: StorePath
    outputs: tuple[str, ...] | None

    @property
    def installable(self) -> str:
        """As nix takes it: a bare `….drv` would be the file itself, not what it builds."""
        return f"{self.derivation}^{'*' if self.outputs is None else ','.join(self.outputs)}"


_FAILURES = {
    BuildState.FAILED: BuildOutcome.FAILED,
    BuildState.DEPENDENCY_FAILED: BuildOutcome.DEPENDENCY_FAILED,
}


def parse_target(installable: str) -> DerivationTarget:
    """Read `/nix/store/….drv`, `….drv^*` or `….drv^out,dev`.

    Raises:
        MalformedData: for any other installable; attributes are evaluated first.
    """
    path_text, caret, outputs = installable.partition("^")
    path = parse_store_path(path_text, "installable")
    if not path.is_derivation:
        raise MalformedData("installable", f"{shorten(installable)} is not a derivation")
    if not caret or outputs == "*":
        return DerivationTarget(path, None)
    names = tuple(outputs.split(","))
    if not all(names):
        raise MalformedData("installable", f"{shorten(installable)} has an output without a name")
    return DerivationTarget(path, names)


def wanted_outputs(target: DerivationTarget, derivation: Derivation) -> dict[str, StorePath | None]:
    """The outputs that `target` asks for, with their paths.

    Raises:
        MalformedData: if the derivation lacks one.
    """
    missing = [name for name in target.outputs or () if name not in derivation.outputs]
    if missing:
        raise MalformedData("installable", f"{target.derivation} has no output {shorten(missing[0])}")
    return {name: derivation.outputs[name].path for name in target.outputs or derivation.outputs}


def judge(
    installable: str,
    target: DerivationTarget,
    outputs: Mapping[str, StorePath | None],
    log: BuildLog,
    valid: Collection[StorePath] | None,
) -> DerivationResult:
    """Decide one result. `valid` are the paths that are in the store now; None if nix ended well, so that all are.

    The log alone never makes a success: only outputs that are there do.
    """
    heard = log.derivation(target.derivation)
    if valid is not None and heard is not None and heard.state in _FAILURES:
        state = _FAILURES[heard.state]
    elif valid is None or all(path is not None and path in valid for path in outputs.values()):
        state = _how_it_came(heard)
    else:
        state = BuildOutcome.UNKNOWN
    return DerivationResult(
        installable=installable,
        derivation=target.derivation,
        outputs=outputs,
        state=state,
        seconds=None if heard is None else heard.seconds,
        reason=None if state.there else _reason(state, heard, log.errors),
        log_tail=() if heard is None else heard.log_tail,
    )


def _how_it_came(heard: DerivationLog | None) -> BuildOutcome:
    if heard is None or heard.started_s is None:
        return BuildOutcome.PRESENT
    if heard.state in (BuildState.SUBSTITUTED, BuildState.SUBSTITUTING):
        return BuildOutcome.SUBSTITUTED
    return BuildOutcome.BUILT


def _reason(state: BuildOutcome, heard: DerivationLog | None, errors: Sequence[str]) -> str:
    if heard is not None and heard.reason is not None:
        return heard.reason
    if state is BuildOutcome.UNKNOWN and errors:
        return errors[-1]
    return "nix does not say why"
