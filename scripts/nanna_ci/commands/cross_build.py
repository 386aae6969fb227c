"""`cross-build`: build for one target, strategy by strategy, and verify the executables."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from nanna_ci.binaries import targets
from nanna_ci.binaries.cargo_settings import cargo_settings
from nanna_ci.binaries.ladder import AttemptOutcome, LadderResult, Result, climb
from nanna_ci.binaries.manifest import facts_to_json
from nanna_ci.binaries.strategies import Workbench
from nanna_ci.binaries.verification import VerifiedExecutable, verify_built
from nanna_ci.errors import ConfigError, GateFailed, MalformedData, UsageError
from nanna_ci.outcome import Context, Outcome, Verdict
from nanna_ci.pipeline.definition import Pipeline, Target, find_pipeline, load_pipeline
from nanna_ci.pipeline.run_folder import ensure_base
from nanna_ci.pipeline.vocabulary import Strategy
from nanna_ci.report.blocks import Block, Cell, Code, Document, Facts, Notice, Table, Tone
from nanna_ci.store.nix import Nix


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Climb the ladder, then verify."""
    ports = context.ports
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    target = find_target(pipeline, arguments.system)
    bench = make_workbench(pipeline, target, context)

    def attempt(strategy: Strategy) -> Result:
        context.say(f"{target.system}: trying {strategy.value}")
        return bench.attempt(strategy)

    climbed = climb(target.strategies, attempt, ports.clock)
    if climbed.built is None:
        verdict = Verdict.UNAVAILABLE if climbed.only_impossible else Verdict.FAIL
        return _outcome(verdict, bench, climbed, reason="no strategy made an executable")
    try:
        verified = verify_built(
            climbed.built.folder,
            bench.target,
            bench.binaries,
            host=bench.host,
            run=bench.run,
            environ=bench.environ,
            which=bench.which,
        )
    except (GateFailed, MalformedData) as error:
        return _outcome(Verdict.FAIL, bench, climbed, reason=error.message, exit_code=error.exit_code)
    return _outcome(Verdict.PASS, bench, climbed, verified)


def find_target(pipeline: Pipeline, system: str) -> Target:
    """The target of a system. UsageError where pipeline.toml has none, ConfigError where there is nothing to build."""
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


def _outcome(
    verdict: Verdict,
    bench: Workbench,
    climbed: LadderResult,
    verified: Sequence[VerifiedExecutable] = (),
    *,
    reason: str | None = None,
    exit_code: int | None = None,
) -> Outcome:
    """Chosen, result and executables are named only where all was verified."""
    built, chosen = (climbed.built, climbed.chosen) if verified else (None, None)
    result = None if built is None else str(built.folder)
    data = {
        "system": bench.target.system.value,
        "triple": bench.target.triple,
        "attempts": attempts_to_json(climbed),
        "chosen": None if chosen is None else chosen.value,
        "result": result,
        "derivation": None if built is None else built.derivation,
        "executables": executables_to_json(verified),
        "reason": reason,
    }
    outputs = {} if result is None or chosen is None else {"result": result, "strategy": chosen.value}
    return Outcome(verdict, _document(bench, climbed, verified, reason), data, exit_code, outputs)


def attempts_to_json(climbed: LadderResult) -> list[dict[str, Any]]:
    """The rungs, in the order they were tried."""
    return [
        {
            "strategy": attempt.strategy.value,
            "outcome": attempt.outcome.value,
            "seconds": round(attempt.seconds, 3),
            "reason": attempt.reason,
        }
        for attempt in climbed.attempts
    ]


def executables_to_json(verified: Sequence[VerifiedExecutable]) -> list[dict[str, Any]]:
    """What was built, with the header's facts."""
    return [
        {
            "name": item.name,
            "path": str(item.path),
            "sizeBytes": item.size_bytes,
            "sha256": item.sha256,
            **facts_to_json(item.facts),
            "ran": item.trial.ran,
            "ranReason": item.trial.reason,
        }
        for item in verified
    ]


def _document(
    bench: Workbench, climbed: LadderResult, verified: Sequence[VerifiedExecutable], reason: str | None
) -> Document:
    system = bench.target.system.value
    tones = {
        AttemptOutcome.BUILT: Tone.GOOD,
        AttemptOutcome.FAILED: Tone.BAD,
        AttemptOutcome.IMPOSSIBLE: Tone.NEUTRAL,
    }
    attempts = Table(
        ("Strategy", "Outcome", "Seconds", "Why"),
        tuple(
            (
                Cell(attempt.strategy.value),
                Cell(attempt.outcome.value, tones[attempt.outcome]),
                Cell(f"{attempt.seconds:.1f}"),
                Cell(attempt.reason or ""),
            )
            for attempt in climbed.attempts
        ),
        frozenset({2}),
    )
    if reason is not None:
        blocks: list[Block] = [Notice(Tone.BAD, reason), attempts]
        blocks += [Code("\n".join(attempt.log_tail)) for attempt in climbed.attempts if attempt.log_tail]
        return Document(f"Build for {system}: nothing to hand out", tuple(blocks))
    described = [
        Facts(
            (
                (item.name, str(item.path)),
                ("Machine", f"{item.facts.format.value} {item.facts.machine}"),
                *item.facts.loader_facts,
                ("Ran", f"yes: {item.trial.reason}" if item.trial.ran else f"not tried: {item.trial.reason}"),
            )
        )
        for item in verified
    ]
    return Document(f"Build for {system}: {climbed.chosen.value if climbed.chosen else ''}", (*described, attempts))
