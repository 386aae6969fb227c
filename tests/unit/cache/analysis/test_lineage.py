"""What became of each derivation since the baseline."""

from __future__ import annotations

from dataclasses import replace

from nanna_ci.cache.analysis.derivation_record import DerivationRecords
from nanna_ci.cache.analysis.lineage import MOST_CAUSES, Descent, DifferenceOrigin, inputs_first, trace_lineage
from support.fake_derivations import Spec, instantiate

SPECS = {
    "low": Spec("low"),
    "side": Spec("side"),
    "middle": Spec("middle", inputs={"low": ("out",)}),
    "top": Spec("top", inputs={"middle": ("out",), "side": ("out",)}),
}


def trace(after: dict[str, Spec], before: dict[str, Spec] = SPECS, root: str = "top") -> dict[str, Descent]:
    old, old_paths = instantiate(before)
    new, new_paths = instantiate(after)
    descents = trace_lineage(DerivationRecords(new), DerivationRecords(old), [(new_paths[root], old_paths.get(root))])
    keys = {path: key for key, path in new_paths.items()}
    return {keys[path]: descent for path, descent in descents.items()}


def origins(descents: dict[str, Descent]) -> dict[str, DifferenceOrigin]:
    return {key: descent.origin for key, descent in descents.items()}


def test_the_same_graph_has_no_lineage() -> None:
    assert trace(SPECS) == {}


def test_what_is_above_a_change_follows_it() -> None:
    descents = trace({**SPECS, "low": replace(SPECS["low"], environment={"a": "1"})})
    assert origins(descents) == {
        "low": DifferenceOrigin.CHANGED,
        "middle": DifferenceOrigin.FOLLOWS,
        "top": DifferenceOrigin.FOLLOWS,
    }
    assert {path.name for path in descents["top"].causes} == {"low.drv"}


def test_a_change_of_its_own_is_a_cause_even_above_another() -> None:
    changed = {key: replace(SPECS[key], environment={"a": "1"}) for key in ("low", "middle")}
    descents = trace({**SPECS, **changed})
    assert origins(descents) == {
        "low": DifferenceOrigin.CHANGED,
        "middle": DifferenceOrigin.CHANGED,
        "top": DifferenceOrigin.FOLLOWS,
    }
    assert [path.name for path in descents["top"].causes] == ["middle.drv"]


def test_two_changes_are_two_causes() -> None:
    changed = {key: replace(SPECS[key], environment={"a": "1"}) for key in ("low", "side")}
    assert {path.name for path in trace({**SPECS, **changed})["top"].causes} == {"low.drv", "side.drv"}


def test_what_the_baseline_has_nothing_like_is_new() -> None:
    new = {**SPECS, "new": Spec("new", inputs={"low": ("out",)}), "other": Spec("other", inputs={"new": ("out",)})}
    assert origins(trace(new, root="other")) == {"other": DifferenceOrigin.NEW, "new": DifferenceOrigin.NEW}


def test_a_root_is_what_was_requested_whatever_its_name_was() -> None:
    renamed = {**SPECS, "top": replace(SPECS["top"], name="newtop")}
    descent = trace(renamed)["top"]
    assert (descent.origin, descent.before and descent.before.name) == (DifferenceOrigin.CHANGED, "top.drv")


def test_another_way_to_fetch_changes_nothing_above() -> None:
    before = {"src": Spec("src", fixed="1", environment={"url": "a"}), "top": Spec("top", inputs={"src": ("out",)})}
    descents = trace({**before, "src": replace(before["src"], environment={"url": "b"})}, before)
    assert origins(descents) == {"src": DifferenceOrigin.SAME, "top": DifferenceOrigin.SAME}


def test_very_many_causes_are_cut() -> None:
    count = 3 * MOST_CAUSES
    before = {f"n{number}": Spec(f"n{number}") for number in range(count)}
    before["top"] = Spec("top", inputs=dict.fromkeys(before, ("out",)))
    after = {key: replace(spec, environment={"a": "1"}) if key != "top" else spec for key, spec in before.items()}
    assert len(trace(after, before)["top"].causes) == MOST_CAUSES


def test_inputs_come_first_and_each_once() -> None:
    graph, paths = instantiate(SPECS)
    order = list(inputs_first(graph, lambda path: graph[path].input_derivations))
    assert len(order) == len(set(order)) == len(graph)
    assert order.index(paths["low"]) < order.index(paths["middle"]) < order.index(paths["top"])
    some = [paths["top"], paths["low"]]
    assert set(inputs_first(some, lambda path: graph[path].input_derivations)) == set(some)
