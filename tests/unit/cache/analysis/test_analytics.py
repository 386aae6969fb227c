"""The whole analysis on a made-up machine: caches with given answers, a local store, Nix's own narinfo cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nanna_ci.cache.analysis.analysis_json import analysis_to_json
from nanna_ci.cache.analysis.baseline import parse_baseline
from nanna_ci.cache.analysis.misses import Reason
from nanna_ci.cache.analysis.substitution import WantedOutputs
from nanna_ci.cache.analysis.survey import SurveyRequest, analyse, find_build_times
from nanna_ci.cache.analysis.values import Analysis, AnalysisSubject
from nanna_ci.cache.negative_entries import NegativeEntries
from nanna_ci.cache.push_filter import PushFilter
from nanna_ci.cache.substituters import Kind
from nanna_ci.foundation.errors import MalformedData, ToolMissing, UsageError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.store.derivation import Output
from nanna_ci.store.hashes import NixHash
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import TrustedKeys
from support import json_schemas
from support.fake_derivations import Spec, instantiate, narinfo, outputs_of, query_result, store_path

SPECS = {"low": Spec("low"), "top": Spec("top", inputs={"low": ("out",)})}


def path_info(path: StorePath, *references: StorePath) -> PathInfo:
    return PathInfo(path, NixHash("sha256", bytes(32)), 70, references, None, None, (), None, is_ultimate=True)


class Machine:
    """Caches by URL, and a local store."""

    def __init__(self) -> None:
        self.caches: dict[str, dict[StorePath, NarInfo]] = {"http://one": {}}
        self.errors: dict[str, Any] = {}
        self.failed: dict[StorePath, str] = {}
        self.corrupt: dict[StorePath, str] = {}
        self.local: dict[StorePath, PathInfo] = {}
        self.valid: dict[StorePath, PathInfo] = {}
        self.queries: list[tuple[list[StorePath], bool]] = []
        self.negative = NegativeEntries({}, 3600, None)
        self.folder: Path | None = None

    def load(self, paths: Sequence[StorePath]) -> None:
        """In place of LocalStore."""
        self.valid |= {path: self.local[path] for path in paths if path in self.local}

    def substituter(self, url: str) -> Any:
        kind = Kind.FOLDER if self.folder is not None else Kind.HTTP
        return SimpleNamespace(url=url, kind=kind, is_trusted=True, folder=self.folder)

    def query(self, substituters: Sequence[Any], paths: Sequence[StorePath], *, walk: bool) -> tuple[Any, ...]:
        self.queries.append((list(paths), walk))
        requested = list(paths)
        for path in requested if walk else ():
            for cache in self.caches.values():
                requested += [one for one in cache[path].references if one not in requested] if path in cache else []
        unknown = self.failed | self.corrupt
        return tuple(
            query_result(
                [cache[path] for path in requested if path in cache and path not in unknown],
                [path for path in requested if path not in cache and path not in unknown],
                url=url,
                substituter=self.substituter(url),
                failed={path: why for path, why in self.failed.items() if path in requested},
                corrupt={path: why for path, why in self.corrupt.items() if path in requested},
                error=self.errors.get(url),
            )
            for url, cache in self.caches.items()
        )

    def analyse(self, subject: AnalysisSubject, **changes: Any) -> Analysis:
        values: dict[str, Any] = {
            "subject": subject,
            "substituters": tuple(map(self.substituter, self.caches)),
            "keys": TrustedKeys([]),
            "walk": False,
            "minimum": None,
            "baseline": None,
            "push_filter": PushFilter(()),
            "build_times": None,
            "negative": self.negative,
            "always_allow": False,
            "limit_bytes": None,
            "target": None,
        }
        return analyse(SurveyRequest(**(values | changes)), self, self.query, lambda: 1.0)  # type: ignore[arg-type]


class Graph:
    def __init__(self, specs: dict[str, Spec] = SPECS) -> None:
        self.graph, self.paths = instantiate(specs)
        self.subject = AnalysisSubject((WantedOutputs("top", self.paths["top"], ("out",)),), (), self.graph)
        self.low, self.top = outputs_of(self.graph)


def test_every_output_of_the_graph_is_requested_once() -> None:
    graph, machine = Graph(), Machine()
    machine.caches["http://one"] = {graph.low: narinfo(graph.low)}
    analysis = machine.analyse(graph.subject)
    assert machine.queries == [([graph.low, graph.top], False)]
    assert analysis.rate.paths == 0.5
    assert analysis.plan.build == {graph.paths["top"]}
    assert analysis.plan.download == {graph.low}
    assert [miss.store_path for miss in analysis.misses] == [graph.top]


def test_what_outputs_refer_to_beyond_the_graph_is_requested_with_all_below_it() -> None:
    graph, machine = Graph(), Machine()
    stranger, deeper, here = store_path("stranger"), store_path("deeper"), store_path("here")
    machine.local[here] = path_info(here)
    machine.caches["http://one"] = {
        graph.top: narinfo(graph.top, [stranger, here]),
        graph.low: narinfo(graph.low),
        stranger: narinfo(stranger, [deeper]),
        deeper: narinfo(deeper),
    }
    analysis = machine.analyse(graph.subject)
    assert machine.queries[1:] == [([stranger], True)]
    assert analysis.plan.download == {graph.top, stranger, deeper}
    assert analysis.tally.paths == 2  # what was not requested for does not count in the rate


def test_a_list_is_not_followed_and_a_walk_is() -> None:
    machine = Machine()
    one, two = store_path("one"), store_path("two")
    machine.caches["http://one"] = {one: narinfo(one, [two])}
    listed = machine.analyse(AnalysisSubject((), (one,), {}))
    assert (listed.tally.paths, listed.plan.download, len(machine.queries)) == (1, {one}, 1)
    walked = machine.analyse(AnalysisSubject((), (one,), {}), walk=True)
    assert (walked.tally.paths, walked.tally.missing, walked.plan.unknown) == (2, {two}, {two})


def test_what_is_valid_here_weighs_and_is_not_downloaded() -> None:
    graph, machine = Graph(), Machine()
    machine.local = {graph.low: path_info(graph.low), graph.top: path_info(graph.top, graph.low)}
    analysis = machine.analyse(graph.subject)
    assert (analysis.plan.build, analysis.plan.download) == (frozenset(), frozenset())
    assert (analysis.sizes.absent, analysis.sizes.unweighed) == (140, 0)
    assert {miss.because for miss in analysis.misses if miss.reason is Reason.NEVER_PUSHED} == {
        "never pushed: this machine built it, and no cache has it"
    }


def test_references_of_the_local_store_tell_what_drags() -> None:
    graph, machine = Graph({"low": Spec("low-source"), "top": SPECS["top"]}), Machine()
    machine.local = {graph.top: path_info(graph.top, graph.low)}
    analysis = machine.analyse(graph.subject, push_filter=PushFilter(("-source$",)))
    assert {miss.store_path: miss.reason for miss in analysis.misses} == {
        graph.low: Reason.FILTERED,
        graph.top: Reason.DRAGGED,
    }


@pytest.mark.parametrize(
    ("ages", "hidden"),
    [
        ({"http://one": 100.0}, False),
        ({"http://one": 100.0, "http://two": 900.0}, True),
        ({"http://two": 100.0}, False),
    ],
)
def test_a_hit_is_hidden_if_nix_has_noted_it_as_absent_for_every_cache_with_it(
    ages: dict[str, float], hidden: bool
) -> None:
    machine, path = Machine(), store_path("one")
    machine.caches = {url: {path: narinfo(path)} for url in ("http://one", "http://two")} | {"http://three": {}}
    machine.negative = NegativeEntries({url: {path.hash: age} for url, age in ages.items()}, 3600, None)
    analysis = machine.analyse(AnalysisSubject((), (path,), {}))
    assert analysis.rate.paths == 1.0
    assert [miss.reason for miss in analysis.misses] == ([Reason.HIDDEN] if hidden else [])
    if hidden:
        assert analysis.misses[0].because.endswith("asks again in 2700 s")


def test_a_hit_beside_a_hidden_one_is_not_hidden() -> None:
    machine, one, two = Machine(), store_path("one"), store_path("two")
    machine.caches["http://one"] = {one: narinfo(one), two: narinfo(two)}
    machine.negative = NegativeEntries({"http://one": {one.hash: 1.0}}, 3600, None)
    assert [miss.store_path for miss in machine.analyse(AnalysisSubject((), (one, two), {})).misses] == [one]


def test_nix_notes_nothing_of_a_folder(tmp_path: Path) -> None:
    machine, path = Machine(), store_path("one")
    machine.folder = tmp_path
    machine.caches = {"file:///x": {path: narinfo(path)}}
    machine.negative = NegativeEntries({"file:///x": {path.hash: 1.0}}, 3600, None)
    assert machine.analyse(AnalysisSubject((), (path,), {})).misses == ()


def test_entries_that_could_not_be_read_are_reported() -> None:
    machine = Machine()
    machine.negative = NegativeEntries({}, 3600, "cache.sqlite: locked")
    (note,) = machine.analyse(AnalysisSubject((), (store_path("one"),), {})).notes
    assert note == "Nix's own narinfo cache is not known in full: cache.sqlite: locked"


def test_outputs_that_only_a_build_shows_are_reported() -> None:
    graph, machine = Graph(), Machine()
    floating = {"out": Output(None, is_fixed=False)}
    graph.graph[graph.paths["low"]] = replace(graph.graph[graph.paths["low"]], outputs=floating)
    analysis = machine.analyse(graph.subject)
    assert analysis.notes == ("1 outputs are not counted: only their build shows where they are.",)
    assert (analysis.tally.paths, analysis.plan.build) == (1, set(graph.graph))


@pytest.mark.parametrize(
    ("set_up", "verdict", "exit_code"),
    [
        ({}, Verdict.PASS, None),
        ({"failed": True}, Verdict.UNAVAILABLE, None),
        ({"corrupt": True}, Verdict.UNAVAILABLE, 4),
        ({"failed": True, "corrupt": True}, Verdict.UNAVAILABLE, None),
        ({"error": ToolMissing("x", "gone")}, Verdict.UNAVAILABLE, None),
        ({"error": MalformedData("x", "another store")}, Verdict.UNAVAILABLE, 4),
    ],
)
def test_the_exit_code_tells_what_was_not_there_from_what_was_refused(
    set_up: dict[str, Any], verdict: Verdict, exit_code: int | None
) -> None:
    machine, one, two = Machine(), store_path("one"), store_path("two")
    machine.failed = {one: "timed out"} if "failed" in set_up else {}
    machine.corrupt = {two: "line 1"} if "corrupt" in set_up else {}
    machine.errors = {"http://one": set_up["error"]} if "error" in set_up else {}
    analysis = machine.analyse(AnalysisSubject((), (one, two), {}))
    assert (analysis.verdict, analysis.exit_code) == (verdict, exit_code)
    gated = machine.analyse(AnalysisSubject((), (one, two), {}), minimum=0.0)
    assert (gated.verdict, gated.exit_code) == (verdict, exit_code)


def test_build_times_are_read_from_their_file(tmp_path: Path) -> None:
    assert find_build_times(None, tmp_path) is None
    with pytest.raises(UsageError, match=r"x\.json"):
        find_build_times("x.json", tmp_path)
    (tmp_path / "x.json").write_text('{"schemaVersion": 1, "builds": {}}')
    assert find_build_times("x.json", tmp_path) is not None
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(MalformedData):
        find_build_times("x.json", tmp_path)


def as_report(analysis: Analysis) -> dict[str, Any]:
    """What the command prints, held against its schema."""
    body = {"schemaVersion": 1, "command": "cache-analytics", "verdict": analysis.verdict.value}
    return json_schemas.check(json.loads(json.dumps({**body, **analysis_to_json(analysis)})))


def test_a_report_is_the_baseline_of_the_next_one() -> None:
    graph, machine = Graph(), Machine()
    machine.caches["http://one"] = {path: narinfo(path) for path in (graph.low, graph.top)}
    before = parse_baseline(json.dumps(as_report(machine.analyse(graph.subject))).encode(), "before.json")
    assert before.present == {graph.low, graph.top}
    assert before.roots == {"top": graph.paths["top"]}

    changed = Graph({**SPECS, "low": replace(SPECS["low"], environment={"flags": "-O2"}, builder="/bin/bash")})
    report = as_report(machine.analyse(changed.subject, baseline=before, minimum=0.5))
    low, top = report["misses"]
    assert (low["derivation"], low["cause"], low["reason"]) == (str(changed.paths["low"]), "root", "changed")
    assert low["because"] == "changed: builder /bin/sh → /bin/bash, environment value flags"
    assert low["changes"] == [
        {"kind": "builder", "name": "/bin/sh → /bin/bash"},
        {"kind": "environment", "name": "flags"},
    ]
    assert (top["cause"], top["roots"], top["changes"]) == ("cascade", [str(changed.paths["low"])], [])
    assert (report["verdict"], report["gate"]["verdict"], report["baseline"]) == ("fail", "fail", "before.json")


def test_what_is_not_known_is_null_in_the_report() -> None:
    machine, one, two = Machine(), store_path("one"), store_path("two")
    machine.caches["http://one"] = {one: narinfo(one, file_size_bytes=None)}
    machine.failed = {two: "timed out"}
    report = as_report(machine.analyse(AnalysisSubject((), (one, two), {})))
    assert report["hitRate"] == {"paths": None, "bytes": None, "buildSeconds": None}
    assert report["closure"] == {"paths": 2, "narBytes": None}
    assert report["substituters"][0]["downloadBytes"] is None
    assert report["store"] == {"sizeBytes": None, "growthBytes": None, "limitBytes": None}
    assert report["unknown"] == [{"storePath": str(two), "problem": "timed out"}]
    assert report["plan"]["guessed"] == 1
    assert report["plan"]["download"]["downloadBytes"] is None
