"""Queries the caches, the local store and Nix's own narinfo cache, and has the answers judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.cache.analysis.baseline import Baseline
from nanna_ci.cache.analysis.derivation_record import DerivationRecords
from nanna_ci.cache.analysis.hits import (
    HitTally,
    Holdings,
    combine,
    combined_view,
    decide_gate,
    judge_holdings,
    measure_hit_rate,
    weigh_seconds,
    weigh_sizes,
)
from nanna_ci.cache.analysis.lineage import Descent, trace_lineage
from nanna_ci.cache.analysis.misses import Evidence, Hidden, explain_misses
from nanna_ci.cache.analysis.substitution import SubstitutionPlan, plan_substitution
from nanna_ci.cache.analysis.values import Analysis, AnalysisSubject, StoreSize
from nanna_ci.cache.client.folder import query_size_bytes
from nanna_ci.cache.client.narinfo_query import Query
from nanna_ci.cache.client.query_result import QueryResult
from nanna_ci.cache.negative_entries import NegativeEntries
from nanna_ci.cache.push_filter import PushFilter
from nanna_ci.cache.substituters import Kind, Substituter
from nanna_ci.foundation.errors import UsageError
from nanna_ci.store.build_times import DEFAULT_FILE, BuildTimes, load_build_times
from nanna_ci.store.local_store import LocalStore
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import TrustedKeys


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """What to find out, and what is known beforehand.

    `keys` None: signatures do not count. `walk`: also all that the subject's paths refer to. `limit_bytes` and
    `target` are shown, `minimum` is a gate.
    """

    subject: AnalysisSubject
    substituters: tuple[Substituter, ...]
    keys: TrustedKeys | None
    walk: bool
    minimum: float | None
    baseline: Baseline | None
    push_filter: PushFilter
    build_times: BuildTimes | None
    negative: NegativeEntries
    always_allow: bool
    limit_bytes: int | None
    target: float | None


def find_build_times(named: str | None, cwd: Path) -> BuildTimes | None:
    """The recorded times of the file that is named, else of the one that `ci` keeps; None if nothing is recorded.

    Raises:
        UsageError: the file that is named is not there.
        MalformedData: it is not such a file.
    """
    file = cwd / (named or DEFAULT_FILE)
    if file.exists():
        return load_build_times(file)
    if named is not None:
        raise UsageError(f"--build-times {named}: there is no such file")
    return None


def analyse(request: SurveyRequest, local: LocalStore, query: Query, clock: Callable[[], float]) -> Analysis:
    """Query, judge, explain."""
    begun_s = clock()
    subject = request.subject
    queried = _queried(subject)
    results = query(request.substituters, queried, walk=request.walk)
    if request.walk:
        queried = list(dict.fromkeys([*queried, *(path for one in results for path in _answered(one))]))
    holdings = tuple(judge_holdings(one, request.keys, queried) for one in results)
    tally = combine(holdings)
    local.load(queried)
    view = combined_view(holdings)
    plan = _plan(request, local, query, view, queried)
    sizes = weigh_sizes(tally, holdings, view, local.valid)
    seconds = weigh_seconds(tally, subject.graph, view, request.build_times)
    rate = measure_hit_rate(tally, sizes, seconds)
    hidden = _hidden(request.negative, holdings, tally)
    evidence = Evidence(
        tally=tally,
        holdings=holdings,
        graph=subject.graph,
        references=_references(tally, view, local),
        built_here=[path for path in tally.absent if path in local.valid and local.valid[path].is_ultimate],
        hidden=hidden,
        filtered_by=request.push_filter.matching,
        baseline=request.baseline,
        lineage=_lineage(request),
    )
    return Analysis(
        subject=subject,
        holdings=holdings,
        tally=tally,
        view=view,
        sizes=sizes,
        seconds_to_build=seconds,
        rate=rate,
        plan=plan,
        gate=None if request.minimum is None else decide_gate(request.minimum, rate, tally),
        misses=explain_misses(evidence),
        baseline=request.baseline,
        store_sizes=tuple(_store_size(one.result.substituter, request.baseline) for one in holdings),
        limit_bytes=request.limit_bytes,
        target=request.target,
        notes=tuple(_notes(request)),
        seconds=clock() - begun_s,
    )


def _queried(subject: AnalysisSubject) -> list[StorePath]:
    """Every output of the graph, or the plain paths."""
    outputs = (output.path for one in subject.graph.values() for output in one.outputs.values())
    return list(dict.fromkeys([*subject.paths, *(path for path in outputs if path is not None)]))


def _notes(request: SurveyRequest) -> Iterator[str]:
    """What the figures do not include."""
    if request.negative.problem is not None:
        yield f"Nix's own narinfo cache is not known in full: {request.negative.problem}"
    graph = request.subject.graph
    floating = sum(output.path is None for one in graph.values() for output in one.outputs.values())
    if floating:
        yield f"{floating:,} outputs are not counted: only their build shows where they are."


def _answered(result: QueryResult) -> Iterable[StorePath]:
    return (*result.found, *result.missing, *result.corrupt, *result.failed)


def _plan(
    request: SurveyRequest,
    local: LocalStore,
    query: Query,
    view: dict[StorePath, NarInfo],
    queried: Iterable[StorePath],
) -> SubstitutionPlan:
    """As Nix's dry run has it. What outputs refer to beyond the graph is queried, and added to `view`."""
    subject, known = request.subject, set(queried)
    while True:
        plan = plan_substitution(
            (*subject.wanted, *subject.paths),
            subject.graph,
            found=view,
            queried=known,
            valid=local.valid,
            always_allow=request.always_allow,
        )
        if not plan.unqueried or not subject.graph:  # of a plain list, only its own paths count
            return plan
        local.load(plan.unqueried)
        known.update(plan.unqueried)
        rest = [path for path in plan.unqueried if path not in local.valid]
        results = query(request.substituters, rest, walk=True) if rest else ()
        known.update(path for one in results for path in _answered(one))
        view.update(combined_view(judge_holdings(one, None, rest) for one in results))


def _references(
    tally: HitTally, view: Mapping[StorePath, NarInfo], local: LocalStore
) -> dict[StorePath, tuple[StorePath, ...]]:
    """What misses refer to, as an untrusted answer or the local store says."""
    known = {path: local.valid[path].references for path in tally.absent if path in local.valid}
    return known | {path: view[path].references for path in tally.absent if path in view}


def _hidden(negative: NegativeEntries, holdings: Sequence[Holdings], tally: HitTally) -> dict[StorePath, Hidden]:
    """Hits that Nix here does not see: noted as absent for every cache that has them."""
    hidden: dict[StorePath, Hidden] = {}
    seen: set[StorePath] = set()
    for one in holdings:
        url, is_noted = one.result.substituter.url, one.result.substituter.kind is Kind.HTTP
        ages = negative.for_(url, [path.hash for path in one.present]) if is_noted else {}
        if not ages:
            seen.update(one.present)
            continue
        for path in one.present:
            if path.hash not in ages:
                seen.add(path)
                continue
            left_s = max(0.0, negative.ttl_s - ages[path.hash])
            if path not in hidden or left_s < hidden[path].seconds:
                hidden[path] = Hidden(url, left_s)
    return {path: one for path, one in hidden.items() if path not in seen and path in tally.present}


def _lineage(request: SurveyRequest) -> dict[StorePath, Descent]:
    baseline, graph = request.baseline, request.subject.graph
    if baseline is None or not graph:
        return {}

    roots = [(one.derivation, baseline.roots.get(one.label)) for one in request.subject.wanted]
    return trace_lineage(DerivationRecords(graph), baseline.records, roots)


def _store_size(substituter: Substituter, baseline: Baseline | None) -> StoreSize:
    folder = substituter.folder
    size = None if folder is None else query_size_bytes(folder)
    before = None if baseline is None else baseline.sizes.get(substituter.url)
    return StoreSize(size, None if size is None or before is None else size - before)
