"""How two versions of a derivation differ: changes of its own, and inputs that changed themselves."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from nanna_ci.cache.analysis.derivation_record import DerivationRecord, name_without_version
from nanna_ci.store.store_path import StorePath

Records = Mapping[StorePath, DerivationRecord]
Pair = tuple[StorePath, StorePath]  # now, before


class ChangeKind(enum.Enum):
    """What of a derivation was changed."""

    ENVIRONMENT = "environment"
    SOURCE = "source"
    BUILDER = "builder"
    ARGUMENT = "argument"
    SYSTEM = "system"
    OUTPUTS = "outputs"
    INPUT_ADDED = "input-added"
    INPUT_REMOVED = "input-removed"
    INPUT_REPLACED = "input-replaced"


@dataclass(frozen=True, slots=True)
class DerivationChange:
    """One difference; `name` says which: a variable, a source, an input, the number of an argument."""

    kind: ChangeKind
    name: str

    def __str__(self) -> str:
        match self.kind:
            case ChangeKind.ENVIRONMENT:
                return f"environment value {self.name}"
            case ChangeKind.SOURCE:
                return f"source files {self.name}"
            case ChangeKind.BUILDER:
                return f"builder {self.name}"
            case ChangeKind.ARGUMENT:
                return f"builder argument {self.name}"
            case ChangeKind.SYSTEM:
                return f"system {self.name}"
            case ChangeKind.OUTPUTS:
                return f"outputs {self.name}"
            case ChangeKind.INPUT_ADDED:
                return f"input {self.name} added"
            case ChangeKind.INPUT_REMOVED:
                return f"input {self.name} removed"
            case ChangeKind.INPUT_REPLACED:
                return f"input {self.name}"
            case _:
                assert_never(self.kind)


@dataclass(frozen=True, slots=True)
class DerivationDifference:
    """`own` changes of a derivation, apart from `inputs` that changed themselves.

    `pairs` are all inputs that go together and are not the very same derivation, `inputs` among them.
    """

    own: tuple[DerivationChange, ...]
    inputs: tuple[Pair, ...]
    pairs: tuple[Pair, ...]


class Comparison:
    """Two graphs, to be compared derivation by derivation."""

    def __init__(self, now: Records, before: Records) -> None:
        self.now = now
        self.before = before
        self._producers = {
            place: path for path, one in before.items() for place in one.outputs.values() if place is not None
        }

    def producer(self, path: StorePath) -> StorePath | None:
        """The baseline's derivation that makes an output of `path`, a current derivation."""
        places = self.now[path].outputs.values()
        return next((self._producers[place] for place in places if place in self._producers), None)

    def is_same(self, path: StorePath, before: StorePath, outputs: Iterable[str] | None = None) -> bool:
        """Whether users of these outputs (None: of any) see no difference, whatever it is that makes them."""
        mine, other = self.now[path], self.before[before]
        names = mine.outputs.keys() | other.outputs.keys() if outputs is None else outputs
        return all((mine.outputs.get(name) or path) == (other.outputs.get(name) or before) for name in names)

    def compare(self, path: StorePath, before: StorePath) -> DerivationDifference:
        """How a derivation of now differs from one of before."""
        mine, other = self.now[path], self.before[before]
        pairs, added, removed = self._match(mine.inputs, other.inputs)
        own = [DerivationChange(ChangeKind.INPUT_ADDED, _name(one)) for one in added]
        own += [DerivationChange(ChangeKind.INPUT_REMOVED, _name(one)) for one in removed]
        changed = []
        for input_now, input_before in pairs:
            used, former = mine.inputs[input_now], other.inputs[input_before]
            own += [
                DerivationChange(ChangeKind.INPUT_ADDED, _output(input_now, name))
                for name in used
                if name not in former
            ]
            own += [
                DerivationChange(ChangeKind.INPUT_REMOVED, _output(input_before, n)) for n in former if n not in used
            ]
            if self.is_same(input_now, input_before, [name for name in used if name in former]):
                continue
            if input_now in self.before or self.producer(input_now) is not None:  # it is not new: another one is used
                own.append(DerivationChange(ChangeKind.INPUT_REPLACED, f"{_name(input_before)} → {_name(input_now)}"))
            else:
                changed.append((input_now, input_before))
        own += _changed_sources(mine.sources, other.sources)
        own += _changed_values(mine, other)
        return DerivationDifference(tuple(own), tuple(changed), tuple(pair for pair in pairs if pair[0] != pair[1]))

    def _match(
        self, now: Iterable[StorePath], before: Iterable[StorePath]
    ) -> tuple[list[Pair], list[StorePath], list[StorePath]]:
        """The inputs that go together, those added, those removed.

        First those that share an output, then by name, then by name without version; of several, the most alike.
        """
        rest = dict.fromkeys(before)
        pairs: list[Pair] = []
        left: list[StorePath] = []
        for path in now:
            same = path if path in rest else self.producer(path)
            if same in rest:
                pairs.append((path, same))
                del rest[same]
            else:
                left.append(path)
        for key in (_name, _bare_name):
            alike = self._alike(key, left, rest)
            pairs += alike.items()
            left = [path for path in left if path not in alike]
            for other in alike.values():
                del rest[other]
        return pairs, left, list(rest)

    def _alike(
        self, key: Callable[[StorePath], str], left: Iterable[StorePath], rest: Iterable[StorePath]
    ) -> dict[StorePath, StorePath]:
        """Those that go together, now → before: of the same key, the most alike first."""
        by_key: dict[str, list[StorePath]] = {}
        for other in rest:
            by_key.setdefault(key(other), []).append(other)
        candidates = [(path, other) for path in left for other in by_key.get(key(path), ())]
        candidates.sort(key=lambda pair: _likeness(self.now[pair[0]], self.before[pair[1]]), reverse=True)
        alike: dict[StorePath, StorePath] = {}
        taken: set[StorePath] = set()
        for path, other in candidates:
            if path not in alike and other not in taken:
                alike[path] = other
                taken.add(other)
        return alike


def _changed_values(now: DerivationRecord, before: DerivationRecord) -> Iterator[DerivationChange]:
    if now.system != before.system:
        yield DerivationChange(ChangeKind.SYSTEM, f"{before.system} → {now.system}")
    if now.builder != before.builder:
        yield DerivationChange(ChangeKind.BUILDER, f"{before.builder} → {now.builder}")
    if now.outputs.keys() != before.outputs.keys():
        yield DerivationChange(
            ChangeKind.OUTPUTS, f"{' '.join(sorted(before.outputs))} → {' '.join(sorted(now.outputs))}"
        )
    for index in range(max(len(now.arguments), len(before.arguments))):
        if now.arguments[index : index + 1] != before.arguments[index : index + 1]:
            yield DerivationChange(ChangeKind.ARGUMENT, str(index + 1))
    for name in sorted(now.environment.keys() | before.environment.keys()):
        if now.environment.get(name) != before.environment.get(name):
            yield DerivationChange(ChangeKind.ENVIRONMENT, name)


def _changed_sources(now: Iterable[StorePath], before: Iterable[StorePath]) -> Iterator[DerivationChange]:
    """By name: one that is there on both sides with another hash has changed, once."""
    differing = set(now).symmetric_difference(before)
    return (DerivationChange(ChangeKind.SOURCE, name) for name in sorted({path.name for path in differing}))


def _name(path: StorePath) -> str:
    return path.name.removesuffix(".drv")


def _bare_name(path: StorePath) -> str:
    return name_without_version(_name(path))


def _output(path: StorePath, name: str) -> str:
    return f"{_name(path)} (output {name})"


def _likeness(one: DerivationRecord, other: DerivationRecord) -> int:
    """How much two derivations of one name have in common: equal values, less inputs that only one of them has."""
    shared = sum(other.environment.get(name) == digest for name, digest in one.environment.items())
    return shared - len(set(map(_name, one.inputs)).symmetric_difference(map(_name, other.inputs)))
