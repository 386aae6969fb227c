"""What a run is held against: the workflow's own jobs, and the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, as_texts, load_json
from nanna_ci.pipeline.job_plan import Stage

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class PlannedMachine:
    """An entry of the matrix: a machine, named after its main job, that must account for all of `jobs`.

    `skips` are those of them that may turn out not to be able to run. Their results are in the machine's own artifact,
    or, where `is_anywhere`, wherever results are: on one machine there are no artifacts. `stage` is the workflow's job
    that runs it, None if the plan does not say.
    """

    id: str
    jobs: tuple[str, ...]
    skips: frozenset[str]
    is_anywhere: bool = False
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectedRun:
    """All machines of a plan. `event` is the one that was planned for, None if the plan does not say."""

    machines: tuple[PlannedMachine, ...]
    event: str | None = None

    def has_nothing_for(self, need: str) -> bool:
        """Whether `need` is a stage for which this plan has no job: then GitHub skips it, and must."""
        stages = {machine.stage for machine in self.machines}
        return bool(stages) and None not in stages and need in list(Stage) and need not in stages


def parse_needs(data: bytes, source: str) -> dict[str, str]:
    """GitHub's `toJSON(needs)`: each job with its result. One without a result is as good as absent.

    Raises:
        MalformedData: this is no object of objects.
    """
    needs = as_object(load_json(data, source), source, "the file")
    return {name: _result(as_object(need, source, f"{name}")) for name, need in needs.items()}


def _result(need: JsonObject) -> str:
    result = need.get("result", ABSENT)
    return result if isinstance(result, str) else "unknown"


def parse_plan(data: bytes, source: str) -> ExpectedRun:
    """A plan: the matrix of `plan --format github`, or `plan --format json`. Nothing at all is a plan without jobs.

    Raises:
        MalformedData: it is neither.
    """
    if not data.strip():
        return ExpectedRun(())
    plan = as_object(load_json(data, source), source, "the file")
    if "include" in plan:
        return ExpectedRun(tuple(_machines(plan["include"], source)))
    if plan.get("command") == "plan":
        return ExpectedRun(tuple(_jobs(plan.get("jobs"), source)), as_text(plan.get("event"), source, "event"))
    raise MalformedData(source, "neither a matrix (`include`) nor what `plan --format json` prints")


def _machines(include: JsonValue, source: str) -> Iterator[PlannedMachine]:
    for number, entry in _objects(include, source, "include"):
        jobs, skips = (as_texts(entry.get(key), source, f"include[{number}].{key}") for key in ("jobs", "skips"))
        name = as_text(entry.get("id"), source, f"include[{number}].id")
        stage = None if "stage" not in entry else as_text(entry["stage"], source, f"include[{number}].stage")
        yield PlannedMachine(name, jobs, frozenset(skips), stage=stage)


def _jobs(jobs: JsonValue, source: str) -> Iterator[PlannedMachine]:
    for number, job in _objects(jobs, source, "jobs"):
        name, skippable = as_text(job.get("id"), source, f"jobs[{number}].id"), job.get("skippable")
        if not isinstance(skippable, bool):
            raise MalformedData(source, f"jobs[{number}].skippable is neither true nor false")
        yield PlannedMachine(name, (name,), frozenset({name} if skippable else ()), is_anywhere=True)


def _objects(value: JsonValue, source: str, what: str) -> Iterator[tuple[int, Mapping[str, JsonValue]]]:
    for number, item in enumerate(as_list(value, source, what)):
        yield number, as_object(item, source, f"{what}[{number}]")
