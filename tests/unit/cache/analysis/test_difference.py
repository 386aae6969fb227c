"""Two versions of a derivation: what was changed of it, apart from what only changed below it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanna_ci.cache.analysis.derivation_record import DerivationRecords
from nanna_ci.cache.analysis.difference import ChangeKind, Comparison, DerivationChange, DerivationDifference
from support.fake_derivations import Spec, instantiate

LOW = Spec("lib-1.0", outputs=("out", "dev"))
TOP = Spec(
    "top",
    inputs={"low": ("dev",)},
    sources=(("main.c", "1"),),
    environment={"flags": "-L@low@", "src": "@main.c@"},
)


def compare(after: dict[str, Spec], before: dict[str, Spec] | None = None, key: str = "top") -> DerivationDifference:
    old, old_paths = instantiate(before or {"low": LOW, "top": TOP})
    new, new_paths = instantiate(after)
    comparison = Comparison(DerivationRecords(new), DerivationRecords(old))
    return comparison.compare(new_paths[key], old_paths[key])


def changed_top(**changes: object) -> dict[str, Spec]:
    return {"low": LOW, "top": replace(TOP, **changes)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "change", "text"),
    [
        (
            {"environment": {**TOP.environment, "flags": "x"}},
            (ChangeKind.ENVIRONMENT, "flags"),
            "environment value flags",
        ),
        ({"environment": {"src": "@main.c@"}}, (ChangeKind.ENVIRONMENT, "flags"), "environment value flags"),
        ({"sources": (("main.c", "2"),)}, (ChangeKind.SOURCE, "main.c"), "source files main.c"),
        ({"sources": (*TOP.sources, ("a.patch", ""))}, (ChangeKind.SOURCE, "a.patch"), "source files a.patch"),
        ({"builder": "/bin/bash"}, (ChangeKind.BUILDER, "/bin/sh → /bin/bash"), "builder /bin/sh → /bin/bash"),
        ({"arguments": ("-c", "false")}, (ChangeKind.ARGUMENT, "2"), "builder argument 2"),
        ({"arguments": ("-c",)}, (ChangeKind.ARGUMENT, "2"), "builder argument 2"),
        ({"system": "riscv64-linux"}, (ChangeKind.SYSTEM, "x86_64-linux → riscv64-linux"), None),
        ({"inputs": {"low": ("dev", "out")}}, (ChangeKind.INPUT_ADDED, "lib-1.0 (output out)"), None),
    ],
)
def test_one_change_is_named_and_nothing_else(after: dict, change: tuple[ChangeKind, str], text: str | None) -> None:
    difference = compare(changed_top(**after))
    assert difference == DerivationDifference((DerivationChange(*change),), (), ())
    assert text is None or str(difference.own[0]) == text


def test_nothing_changed() -> None:
    assert compare({"low": LOW, "top": TOP}) == DerivationDifference((), (), ())


def test_a_new_set_of_outputs_comes_with_its_variable() -> None:
    own = compare(changed_top(outputs=("out", "doc"))).own
    assert DerivationChange(ChangeKind.OUTPUTS, "out → doc out") in own
    assert {change.name for change in own} == {"out → doc out", "doc"}


@pytest.mark.parametrize(
    "low",
    [
        replace(LOW, environment={"x": "1"}),
        replace(LOW, name="lib-1.1"),
        replace(LOW, name="lib-1.1", environment={"x": "1"}, builder="/bin/bash"),
    ],
    ids=["changed", "another version", "much changed"],
)
def test_a_changed_input_is_not_a_change_of_its_own(low: Spec) -> None:
    difference = compare({"low": low, "top": TOP})
    assert difference.own == ()
    assert [path.name for path, _ in difference.inputs] == [f"{low.name}.drv"]
    assert difference.pairs == difference.inputs


def test_an_input_added_removed_or_replaced_is() -> None:
    other = Spec("other")
    before = {"low": LOW, "other": other, "top": replace(TOP, environment={})}
    added = compare({**before, "top": replace(before["top"], inputs={"low": ("dev",), "other": ("out",)})}, before)
    assert added.own == (DerivationChange(ChangeKind.INPUT_ADDED, "other"),)
    removed = compare({**before, "top": replace(before["top"], inputs={})}, before)
    assert removed.own == (DerivationChange(ChangeKind.INPUT_REMOVED, "lib-1.0"),)
    newer = {"newer": replace(LOW, name="lib-2.0"), **before}
    swapped = compare({**newer, "top": replace(before["top"], inputs={"newer": ("dev",)})}, newer)
    assert swapped.own == (DerivationChange(ChangeKind.INPUT_REPLACED, "lib-1.0 → lib-2.0"),)
    assert swapped.inputs == ()


def test_a_fixed_output_that_is_fetched_in_another_way_is_the_same() -> None:
    fetched = Spec("a.tar.gz", fixed="sha256-1", environment={"url": "http://one"})
    top = Spec("top", inputs={"src": ("out",)})
    moved = replace(fetched, environment={"url": "http://two"})
    difference = compare({"src": moved, "top": top}, {"src": fetched, "top": top})
    assert (difference.own, difference.inputs) == ((), ())
    assert len(difference.pairs) == 1
    other = compare({"src": replace(fetched, fixed="sha256-2"), "top": top}, {"src": fetched, "top": top})
    assert len(other.inputs) == 1


def test_inputs_of_one_name_are_distinguished_by_what_they_are() -> None:
    """As in a bootstrapped package set: three of one name, of which one is changed."""
    stages = {f"s{number}": Spec("bash-5.2", environment={"stage": str(number), "a": "1"}) for number in range(3)}
    top = Spec("top", inputs=dict.fromkeys(stages, ("out",)))
    changed = replace(stages["s1"], environment={"stage": "1", "a": "2"})
    before = {**stages, "top": top}
    difference = compare({**stages, "s1": changed, "top": top}, before)
    _, old_paths = instantiate(before)
    assert difference.own == ()
    assert [other for _, other in difference.inputs] == [old_paths["s1"]]
