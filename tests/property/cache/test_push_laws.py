"""Laws of a push: every path is accounted for, once, and no closure is broken by the filter."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.cache.gc_roots import RootKind, RootRecord, parse_root_record, write_root_record
from nanna_ci.cache.push.push_plan import plan_push
from nanna_ci.cache.push.sending import GIVE_UP_AFTER, send_paths
from nanna_ci.foundation.errors import CommandFailed
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath
from support.fake_store_paths import info, path

PATHS = [path(f"p{number}{'-source' if number % 3 == 0 else ''}") for number in range(12)]
MANY = [path(f"m{number}") for number in range(450)]
Graph = dict[StorePath, PathInfo | None]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A store: each path refers to itself or later ones; one whose closure is not whole is not valid, as in Nix."""
    graph: Graph = {}
    for number in reversed(range(len(PATHS))):
        references = draw(st.lists(st.sampled_from(PATHS[number:]), unique=True, max_size=4))
        whole = all(one == PATHS[number] or graph[one] is not None for one in references)
        is_valid = whole and draw(st.integers(0, 4)) > 0
        graph[PATHS[number]] = info(PATHS[number], *references) if is_valid else None
    return graph


def matching(name: str) -> str | None:
    return "-source$" if name.endswith("-source") else None


@given(graphs(), st.lists(st.sampled_from(PATHS)))
def test_every_candidate_is_pushed_filtered_dragged_or_absent_and_only_one_of_these(
    graph: Graph, candidates: list[StorePath]
) -> None:
    plan = plan_push(candidates, graph, matching)
    sets = [set(plan.push), set(plan.filtered), set(plan.filtered_but_required), set(plan.absent)]
    for one in set(candidates):
        assert sum(one in group for group in sets) == 1, one
    assert all(graph[one] is not None for one in plan.push)
    assert not any(matching(one.name) for one in plan.push)


@given(graphs(), st.lists(st.sampled_from(PATHS)))
def test_the_closure_is_whole_and_what_is_filtered_in_it_says_who_needs_it(
    graph: Graph, candidates: list[StorePath]
) -> None:
    plan = plan_push(candidates, graph, matching)
    for known in plan.closure.values():
        assert set(known.references) <= plan.closure.keys()
    assert set(plan.filtered_but_required) == {one for one in plan.closure if matching(one.name)}
    assert plan.closure.keys().isdisjoint(plan.filtered)
    for one, filtered_but_required in plan.filtered_but_required.items():
        assert filtered_but_required.needed_by
        assert one not in filtered_but_required.needed_by
        assert all(one in plan.closure[other].references for other in filtered_but_required.needed_by)


@given(graphs(), st.lists(st.sampled_from(PATHS)), st.sets(st.sampled_from(PATHS)))
def test_who_needs_a_bad_path_is_who_reaches_it(graph: Graph, candidates: list[StorePath], bad: set[StorePath]) -> None:
    plan = plan_push(candidates, graph, matching)
    broken = plan.needing(bad)
    for one in plan.push:
        assert (one in broken) == bool(plan.needed_by([one]) & bad)


@given(st.integers(0, 450), st.sets(st.sampled_from(MANY), max_size=GIVE_UP_AFTER - 1), st.sets(st.sampled_from(MANY)))
def test_all_but_the_bad_paths_are_sent_and_every_path_is_accounted_for(
    count: int, bad: set[StorePath], collected: set[StorePath]
) -> None:
    paths, refused = MANY[:count], bad | collected

    def send(batch: Sequence[StorePath]) -> None:
        assert batch
        if refused.intersection(batch):
            raise CommandFailed(["nix"], 1, "no")

    sent = send_paths(paths, send, collected.intersection, lambda _: None)
    assert set(sent.accepted) == set(paths) - refused
    assert sent.failed.keys() == refused & set(paths)
    assert len(sent.accepted) == len(set(sent.accepted))


@given(
    st.sampled_from(RootKind),
    st.from_regex("[0-9a-f]{7,40}", fullmatch=True),
    st.integers(0, 2**53),
    st.sets(st.sampled_from(PATHS)),
)
def test_a_record_is_read_as_it_was_written(kind: RootKind, name: str, when: int, paths: set[StorePath]) -> None:
    import tempfile  # noqa: PLC0415 - hypothesis has no fixtures
    from pathlib import Path  # noqa: PLC0415

    record = RootRecord(kind, name, when, tuple(sorted(paths)))
    with tempfile.TemporaryDirectory() as folder:
        file = write_root_record(Path(folder), record)
        assert parse_root_record(file.read_bytes(), "x") == record
        assert file.name == record.file_name
