"""What the cache commands look at where nobody names anything: the results of the planned jobs on this system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanna_ci.pipeline.evaluation import parse_evaluation, pipeline_attribute
from nanna_ci.pipeline.plan import Event, plan_jobs

if TYPE_CHECKING:
    from nanna_ci.pipeline.definition import Pipeline
    from nanna_ci.store.nix import Nix
    from nanna_ci.store.store_path import StorePath


def planned_derivations(nix: Nix, pipeline: Pipeline) -> dict[str, StorePath]:
    """Attribute → derivation, for the jobs of a push that the flake has on this system; the flake is evaluated."""
    attribute = pipeline_attribute(nix.current_system())
    evaluated = parse_evaluation(nix.evaluate(attribute), attribute).derivations
    planned = {job.attribute for job in plan_jobs(pipeline, Event.PUSH)}
    return {name: path for name, path in evaluated.items() if name in planned}
