"""One mutation of a random graph: exactly that derivation is named as the cause, and all above it follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.cache.analysis.baseline import Baseline
from nanna_ci.cache.analysis.derivation_record import DerivationRecords
from nanna_ci.cache.analysis.difference import ChangeKind, DerivationChange
from nanna_ci.cache.analysis.hits import combine
from nanna_ci.cache.analysis.lineage import trace_lineage
from nanna_ci.cache.analysis.misses import Evidence, Miss, MissCause, Reason, explain_misses
from support.fake_derivations import Spec, holdings, instantiate, outputs_of

Specs = dict[str, Spec]
Mutation = tuple[str, Spec, ChangeKind]


@st.composite
def graphs(draw: st.DrawFn) -> Specs:
    """Up to 14 derivations, each with inputs among those before it; names may be shared, as in bootstrapped sets."""
    specs: Specs = {}
    for number in range(draw(st.integers(2, 14))):
        key = f"k{number}"
        chosen = draw(st.lists(st.sampled_from(sorted(specs)), unique=True, max_size=4)) if specs else []
        inputs = {other: draw(st.sampled_from([("out",), ("dev",), ("dev", "out")])) for other in chosen}
        references = " ".join(f"@{other}!{output}@" for other, used in inputs.items() for output in used)
        specs[key] = Spec(
            name=draw(st.sampled_from([f"pkg-{number}", f"lib{key}-1.{number}", "bash-5.2", f"plain{key}"])),
            inputs=inputs,
            sources=tuple((f"source-{key}-{index}", "a") for index in range(draw(st.integers(0, 2)))),
            environment={"buildInputs": references, "flags": draw(st.text("ab ", max_size=3)), "id": key},
            arguments=("-e", draw(st.sampled_from(["build", "@!out@/build", references]))),
            outputs=("out", "dev"),
        )
    top = dict.fromkeys(specs, ("out",))
    return {**specs, "top": Spec("top", inputs=top, environment={"all": " ".join(f"@{key}@" for key in top)})}


def mutations(specs: Specs, key: str) -> dict[str, Mutation]:
    """Every way in which one derivation can be changed."""
    spec = specs[key]
    earlier = list(specs)[: list(specs).index(key)]
    changed = {
        "value": (key, replace(spec, environment={**spec.environment, "flags": "new"}), ChangeKind.ENVIRONMENT),
        "variable": (key, replace(spec, environment={**spec.environment, "more": "1"}), ChangeKind.ENVIRONMENT),
        "builder": (key, replace(spec, builder="/bin/bash"), ChangeKind.BUILDER),
        "argument": (key, replace(spec, arguments=(*spec.arguments, "-x")), ChangeKind.ARGUMENT),
        "system": (key, replace(spec, system="aarch64-linux"), ChangeKind.SYSTEM),
        "outputs": (key, replace(spec, outputs=(*spec.outputs, "doc")), ChangeKind.OUTPUTS),
        "new source": (key, replace(spec, sources=(*spec.sources, ("patch", "a"))), ChangeKind.SOURCE),
    }
    if spec.sources:
        name, _ = spec.sources[0]
        other = replace(spec, sources=((name, "b"), *spec.sources[1:]))
        changed["source"] = (key, other, ChangeKind.SOURCE)
    if unused := [other for other in earlier if other not in spec.inputs]:
        more = replace(spec, inputs={**spec.inputs, unused[0]: ("out",)})
        changed["added input"] = (key, more, ChangeKind.INPUT_ADDED)
    if spec.inputs and key != "top":
        gone = next(iter(spec.inputs))
        less = {other: used for other, used in spec.inputs.items() if other != gone}
        environment = {name: text.replace(f"@{gone}!", "@gone!") for name, text in spec.environment.items()}
        left = replace(spec, inputs=less, environment=environment, arguments=("-e",))
        changed["removed input"] = (key, left, ChangeKind.INPUT_REMOVED)
    return changed


def explain(before: Specs, after: Specs) -> tuple[tuple[Miss, ...], dict[str, object]]:
    """The misses of `after` in a cache that has all of `before`, held against a report of `before`."""
    old, old_paths = instantiate(before)
    new, new_paths = instantiate(after)
    has = frozenset(outputs_of(old))
    records = DerivationRecords(old)
    baseline = Baseline("before.json", records, {"top": old_paths["top"]}, has, {})
    lineage = trace_lineage(DerivationRecords(new), records, [(new_paths["top"], old_paths["top"])])
    requested = outputs_of(new)
    cache = holdings([path for path in requested if path in has], [path for path in requested if path not in has])
    evidence = Evidence(combine([cache]), [cache], new, {}, (), {}, lambda name: None, baseline, lineage)
    return explain_misses(evidence), dict(new_paths)


def above(specs: Specs, key: str) -> set[str]:
    """All that need `key`."""
    found = {key}
    for other, spec in specs.items():
        if found & spec.inputs.keys():
            found.add(other)
    return found - {key}


@given(graphs(), st.data())
def test_one_mutation_is_named_as_the_only_cause(specs: Specs, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(specs)))
    what = data.draw(st.sampled_from(sorted(mutations(specs, key))))
    _, spec, kind = mutations(specs, key)[what]
    after = {**specs, key: spec}
    misses, paths = explain(specs, after)
    roots = {miss.derivation for miss in misses if miss.cause is MissCause.ROOT}
    cascade = {miss.derivation for miss in misses if miss.cause is MissCause.CASCADE}
    assert roots == {paths[key]}
    assert cascade == {paths[other] for other in above(after, key)}
    assert all(miss.roots == (paths[key],) for miss in misses if miss.cause is MissCause.CASCADE)
    assert {miss.reason for miss in misses} <= {Reason.CHANGED, Reason.FOLLOWS}
    changes = next(miss.changes for miss in misses if miss.cause is MissCause.ROOT)
    assert kind in {change.kind for change in changes}


@given(graphs(), st.data())
def test_what_was_not_touched_is_not_named(specs: Specs, data: st.DataObject) -> None:
    """A change of a value, a source, the builder or an argument is the only difference that is reported."""
    key = data.draw(st.sampled_from(sorted(specs)))
    choices: dict[str, Callable[[DerivationChange], bool]] = {
        "value": lambda change: change == DerivationChange(ChangeKind.ENVIRONMENT, "flags"),
        "variable": lambda change: change == DerivationChange(ChangeKind.ENVIRONMENT, "more"),
        "builder": lambda change: change.kind is ChangeKind.BUILDER,
        "argument": lambda change: change.kind is ChangeKind.ARGUMENT,
        "new source": lambda change: change == DerivationChange(ChangeKind.SOURCE, "patch"),
    }
    what = data.draw(st.sampled_from(sorted(choices)))
    _, spec, _ = mutations(specs, key)[what]
    misses, _ = explain(specs, {**specs, key: spec})
    changes = next(miss.changes for miss in misses if miss.cause is MissCause.ROOT)
    assert len(changes) == 1
    assert choices[what](changes[0])


@given(graphs())
def test_nothing_changed_nothing_missed(specs: Specs) -> None:
    assert explain(specs, specs)[0] == ()
