"""What the cache commands look at by default: the results of the planned jobs on this system."""

from __future__ import annotations

from dataclasses import dataclass

from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.evaluation import Evaluation, parse_evaluation, pipeline_attribute
from nanna_ci.pipeline.job_plan import Event, plan_jobs
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import StorePath


@dataclass(frozen=True, slots=True)
class HostEvaluation:
    """What the flake says of the attributes of this system, as nix names it."""

    system: str
    evaluation: Evaluation

    def planned(self, pipeline: Pipeline) -> dict[str, StorePath]:
        """Attribute → derivation, for the jobs of a push that the flake has on this system."""
        planned = {job.attribute for job in plan_jobs(pipeline, Event.PUSH)}
        return {name: path for name, path in self.evaluation.derivations.items() if name in planned}


def query_evaluation(nix: Nix) -> HostEvaluation:
    """Evaluate the flake for this system."""
    system = nix.current_system()
    attribute = pipeline_attribute(system)
    return HostEvaluation(system, parse_evaluation(nix.evaluate(attribute), attribute))


def planned_derivations(nix: Nix, pipeline: Pipeline) -> dict[str, StorePath]:
    """Attribute → derivation, for the jobs of a push that the flake has on this system; the flake is evaluated."""
    return query_evaluation(nix).planned(pipeline)
