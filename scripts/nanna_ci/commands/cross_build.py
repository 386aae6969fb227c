"""`cross-build`: build for one target, strategy by strategy, and verify the executables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from nanna_ci.binaries.ladder import AttemptOutcome, LadderResult, Result, attempts_to_json, climb
from nanna_ci.binaries.strategies import Workbench
from nanna_ci.binaries.verification import VerifiedExecutable, executables_to_json, verify_built
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import GateFailed, MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.jobs.build_job import find_target, make_workbench
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.pipeline.vocabulary import Strategy
from nanna_ci.report.blocks import Block, Cell, Code, Document, Facts, Notice, Table, Tone
from nanna_ci.report.outcome import Outcome


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


def _outcome(
    verdict: Verdict,
    bench: Workbench,
    climbed: LadderResult,
    verified: Sequence[VerifiedExecutable] = (),
    *,
    reason: str | None = None,
    exit_code: int | None = None,
) -> Outcome:
    """Chosen, result and executables are named only if all was verified."""
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
        return Document(f"Build for {system}: nothing to deliver", tuple(blocks))
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
