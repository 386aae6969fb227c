"""What `cache-analytics` finds out, as values; the report and the JSON are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nanna_ci.cache.analysis.baseline import Baseline
from nanna_ci.cache.analysis.hits import Gate, HitRate, HitTally, Holdings, Weights
from nanna_ci.cache.analysis.misses import Miss
from nanna_ci.cache.analysis.substitution import SubstitutionPlan, WantedOutputs
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath


@dataclass(frozen=True, slots=True)
class AnalysisSubject:
    """What is looked at: outputs of derivations with the graph behind them, or plain paths."""

    wanted: tuple[WantedOutputs, ...]
    paths: tuple[StorePath, ...]
    graph: Mapping[StorePath, Derivation]


@dataclass(frozen=True, slots=True)
class StoreSize:
    """What a cache weighs, and how much more than in the baseline. None is unknown: only folders can be weighed."""

    size_bytes: int | None
    growth_bytes: int | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """The whole answer.

    `plan` is what Nix's dry run says, which checks no signatures. `view` are all paths that were found, trusted or not.
    `sizes` weigh NARs in bytes, `seconds_to_build` derivations in seconds. `store_sizes` are in the order of
    `holdings`. `limit_bytes` and `target` are what pipeline.toml requires.
    """

    subject: AnalysisSubject
    holdings: tuple[Holdings, ...]
    tally: HitTally
    view: Mapping[StorePath, NarInfo]
    sizes: Weights
    seconds_to_build: Weights
    rate: HitRate
    plan: SubstitutionPlan
    gate: Gate | None
    misses: tuple[Miss, ...]
    baseline: Baseline | None
    store_sizes: tuple[StoreSize, ...]
    limit_bytes: int | None
    target: float | None
    notes: tuple[str, ...]
    seconds: float

    @property
    def refused(self) -> int:
        """How many paths of the plan Nix will not take when it comes to it, for lack of a trusted signature."""
        return len(self.plan.download.intersection(self.tally.untrusted))

    @property
    def verdict(self) -> Verdict:
        """The gate's if there is one; unavailable if an answer is unknown, or nothing was requested."""
        if self.gate is not None:
            return self.gate.verdict
        return Verdict.UNAVAILABLE if self.tally.unknown or not self.tally.paths else Verdict.PASS

    @property
    def exit_code(self) -> int | None:
        """4 if answers are unknown only because they were refused as malformed; None leaves it to the verdict."""
        results = [one.result for one in self.holdings]
        errors = {error.exit_code for one in results if (error := one.error) is not None}
        malformed = MalformedData.exit_code
        if self.verdict is not Verdict.UNAVAILABLE or not self.tally.unknown:
            return None
        return malformed if errors <= {malformed} and not any(one.failed for one in results) else None
