"""Closures and orders of things that refer to each other."""

from __future__ import annotations

from nanna_ci.cache.collection.reference_graph import closure, order_by_references

GRAPH = {"a": ["b", "c"], "b": ["d"], "c": ["d", "elsewhere"], "d": [], "f": ["d"]}


def test_a_closure_is_what_is_reached_within_the_graph() -> None:
    assert closure(["a"], GRAPH) == {"a", "b", "c", "d"}
    assert closure(["f", "elsewhere"], GRAPH) == {"f", "d"}


def test_a_closure_ends_in_a_circle() -> None:
    assert closure(["a"], {"a": ["b"], "b": ["a"]}) == {"a", "b"}


def test_nothing_comes_before_what_refers_to_it() -> None:
    order = order_by_references(GRAPH)
    assert sorted(order) == sorted(GRAPH)
    assert all(order.index(name) < order.index(needed) for name in GRAPH for needed in GRAPH[name] if needed in GRAPH)


def test_a_circle_has_no_order_nor_has_what_it_refers_to() -> None:
    assert order_by_references({"top": ["a"], "a": ["b"], "b": ["a", "below"], "below": [], "free": []}) == [
        "top",
        "free",
    ]


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = {str(number): [str(number + 1)] for number in range(50_000)}
    assert len(closure(["0"], chain)) == 50_000
    assert order_by_references(chain)[-1] == "49999"
