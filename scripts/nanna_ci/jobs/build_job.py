"""A build job of `ci` and `run-job`: the ladder of `cross-build`, over what the one `nix build` has made already."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nanna_ci.binaries import targets
from nanna_ci.binaries.cargo_settings import cargo_settings
from nanna_ci.binaries.ladder import AttemptOutcome, Built, Failed, LadderResult, Result, attempts_to_json, climb
from nanna_ci.binaries.strategies import Workbench
from nanna_ci.binaries.verification import VerifiedExecutable, executables_to_json, verify_built
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import ConfigError, GateFailed, MalformedData, UsageError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import Pipeline, Target
from nanna_ci.pipeline.faults import JobFault, exit_code, find_fault, start_fault
from nanna_ci.pipeline.local_run import EffectRequest
from nanna_ci.pipeline.log_text import failing_tests, plain_line, useful_lines
from nanna_ci.pipeline.nix_jobs import JOB_STATES, Prebuilt
from nanna_ci.pipeline.reproduce import RunOrigin
from nanna_ci.pipeline.results import JobResult, JobState, no_answer, unavailable
from nanna_ci.pipeline.run_folder import ensure_base
from nanna_ci.pipeline.vocabulary import Strategy
from nanna_ci.store.build_result import BuildOutcome
from nanna_ci.store.nix import Nix


def run_build_job(request: EffectRequest, pipeline: Pipeline, origin: RunOrigin, context: Context) -> JobResult:
    """The target's executables, verified, or why there are none. Raises ConfigError as the ladder does."""
    job, clock = request.job, context.ports.clock
    target = find_target(pipeline, job.system)
    bench = make_workbench(pipeline, target, context)
    ladder = _climb(target.strategies, request.prebuilt, bench, clock)
    for line in _log_lines(ladder, request.prebuilt, bench):
        request.on_line(line)
    result = JobResult(
        id=job.id,
        verdict=Verdict.FAIL,
        seconds=sum(attempt.seconds for attempt in ladder.attempts),
        reason="; ".join(f"{attempt.strategy.value}: {attempt.reason}" for attempt in ladder.attempts),
        evidence=_evidence(ladder, request.prebuilt),
        reproduce=origin.run_command("cross-build", "--system", job.system),
    )
    if ladder.built is None:
        if ladder.only_impossible:
            return unavailable(job.id, result.reason or "no strategies")
        lines = [plain_line(line) for attempt in ladder.attempts for line in attempt.log_tail]
        if (fault := _fault(ladder, request.prebuilt)) is not None:
            report, seconds = str(request.folder.log_path), result.seconds
            tail, evidence = useful_lines(lines), result.evidence
            return no_answer(job.id, fault.reason, report=report, seconds=seconds, log_tail=tail, evidence=evidence)
        return replace(result, failing_tests=failing_tests(lines), log_tail=useful_lines(lines))
    started = clock()
    try:
        verified = _verify(ladder.built, bench)
    except (GateFailed, MalformedData) as error:
        request.on_line(error.message)
        return replace(result, reason=error.message)
    return replace(
        result,
        verdict=Verdict.PASS,
        seconds=(result.seconds or 0.0) + clock() - started,
        state=_state(ladder, request.prebuilt),
        reason=_detour(ladder),
        evidence={**result.evidence, "executables": executables_to_json(verified)},
        reproduce=None,
    )


def _climb(
    strategies: Sequence[Strategy], prebuilt: Prebuilt | None, bench: Workbench, clock: Callable[[], float]
) -> LadderResult:
    """The ladder, in which the rung that the one `nix build` has taken already is neither evaluated nor built again."""
    taken = _taken(bench)

    def attempt(strategy: Strategy) -> Result:
        if prebuilt is None or strategy is not taken:
            return bench.attempt(strategy)
        one = prebuilt.result
        output = one.outputs.get("out")
        if one.state.there and output is not None:
            return Built(Path(str(output)), str(one.derivation))
        return Failed(one.reason or "nix does not say why", one.log_tail)

    ladder = climb(strategies, attempt, clock)
    spent = prebuilt.result.seconds if prebuilt is not None else None
    attempts = tuple(
        replace(one, seconds=spent) if spent is not None and one.strategy is taken else one for one in ladder.attempts
    )
    return replace(ladder, attempts=attempts)


def _fault(ladder: LadderResult, prebuilt: Prebuilt | None) -> JobFault | None:
    """The fault, ours or the machine's, of the last rung that was tried."""
    tried = [attempt for attempt in ladder.attempts if attempt.outcome is AttemptOutcome.FAILED]
    if not tried:
        return None
    if prebuilt is not None and prebuilt.result.state is BuildOutcome.UNKNOWN and len(tried) == 1:
        return start_fault(tried[-1].reason or "")
    says = tried[-1].reason or ""
    return find_fault([plain_line(line) for line in tried[-1].log_tail], nix_says=says, code=exit_code(says))


def _verify(built: Built, bench: Workbench) -> tuple[VerifiedExecutable, ...]:
    return verify_built(
        built.folder,
        bench.target,
        bench.binaries,
        host=bench.host,
        run=bench.run,
        environ=bench.environ,
        which=bench.which,
    )


def _taken(bench: Workbench) -> Strategy:
    """The rung behind a build job's attribute."""
    return Strategy.NIX if bench.host is bench.target.system else Strategy.NIX_CROSS


def _log_lines(ladder: LadderResult, prebuilt: Prebuilt | None, bench: Workbench) -> Iterator[str]:
    """The attempts for the job's log, with their last lines if these are not in it from the one `nix build`."""
    for attempt in ladder.attempts:
        why = f": {attempt.reason}" if attempt.reason else ""
        yield f"{attempt.strategy.value}: {attempt.outcome.value}{why}"
        if prebuilt is None or attempt.strategy is not _taken(bench):
            yield from map(plain_line, attempt.log_tail)


def _detour(ladder: LadderResult) -> str | None:
    """What failed before something was built: a pass must not hide it."""
    failed = [f"{one.strategy.value}: {one.reason}" for one in ladder.attempts if one.outcome is AttemptOutcome.FAILED]
    return f"built by {ladder.chosen.value}, after {'; '.join(failed)}" if failed and ladder.chosen else None


def _state(ladder: LadderResult, prebuilt: Prebuilt | None) -> JobState:
    used = _used(ladder, prebuilt)
    return JobState.RAN if used is None else JOB_STATES[used.result.state]


def _used(ladder: LadderResult, prebuilt: Prebuilt | None) -> Prebuilt | None:
    """`prebuilt` if it is what the ladder ended on."""
    if prebuilt is None or ladder.built is None or ladder.built.derivation != str(prebuilt.result.derivation):
        return None
    return prebuilt


def _evidence(ladder: LadderResult, prebuilt: Prebuilt | None) -> dict[str, Any]:
    evidence: dict[str, Any] = {"attempts": attempts_to_json(ladder)}
    if ladder.built is not None and ladder.chosen is not None:
        evidence |= {"strategy": ladder.chosen.value, "result": str(ladder.built.folder)}
        if ladder.built.derivation is not None:
            evidence["derivation"] = ladder.built.derivation
    if used := _used(ladder, prebuilt):
        evidence |= used.evidence
    return evidence


def find_target(pipeline: Pipeline, system: str) -> Target:
    """The target of a system. UsageError if pipeline.toml has none, ConfigError if there is nothing to build."""
    target = next((target for target in pipeline.targets if target.system == system), None)
    if target is None:
        known = ", ".join(target.system for target in pipeline.targets) or "none"
        raise UsageError(f"no [[target]] for the system `{system}`", hint=f"pipeline.toml has: {known}")
    if not pipeline.workspace.binaries:
        raise ConfigError("[workspace] binaries", "is empty: there is nothing to build")
    return target


def make_workbench(pipeline: Pipeline, target: Target, context: Context) -> Workbench:
    """What the ladder works with, for `ci` and `run-job` too."""
    ports = context.ports
    return Workbench(
        target=targets.BuildTarget(targets.System(target.system), target.triple),
        host=targets.host_system(sys.platform, platform.machine()),
        workspace=pipeline.workspace.name,
        binaries=pipeline.workspace.binaries,
        settings=cargo_settings(pipeline),
        nix=Nix(ports.run, environ=ports.environ),
        run=ports.run,
        environ=ports.environ,
        cwd=ports.cwd / pipeline.workspace.folder,
        folder=ensure_base(ports.cwd) / "cross-build" / target.system,
        which=lambda name: shutil.which(name, path=ports.environ.get("PATH")),
        on_silence=lambda seconds: context.say(f"{target.system}: still building, silent for {seconds:.0f} s"),
    )
