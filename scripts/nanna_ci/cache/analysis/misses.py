"""Why each missing path is missing: by itself (root), or only because something below it is (cascade)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from nanna_ci.cache.analysis.baseline import Baseline
from nanna_ci.cache.analysis.difference import DerivationChange
from nanna_ci.cache.analysis.hits import HitTally, Holdings
from nanna_ci.cache.analysis.lineage import MOST_CAUSES, Descent, DifferenceOrigin, inputs_first
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust

_NAMED = 3  # changes and causes that a sentence names


class MissCause(enum.Enum):
    """ROOT: fix this one. CASCADE: it misses because of others, which are named."""

    ROOT = "root"
    CASCADE = "cascade"


class Reason(enum.Enum):
    """Why a path is missing."""

    CHANGED = "changed"  # its derivation was changed since the baseline
    NEW = "new"  # the baseline has nothing like it
    FOLLOWS = "follows"  # an input was changed since the baseline
    NEVER_PUSHED = "never-pushed"
    FILTERED = "filtered"  # the push filter keeps it out
    DRAGGED = "dragged"  # it refers to a path that the push filter keeps out
    NO_ARCHIVE = "no-archive"  # a cache has its narinfo alone
    UNTRUSTED = "untrusted"  # a cache has it, without a good signature
    EVICTED = "evicted"  # it was there in the baseline
    HIDDEN = "hidden"  # a cache has it, but Nix here has noted that it does not
    INPUT_MISSING = "input-missing"  # an input is missing too


@dataclass(frozen=True, slots=True)
class Hidden:
    """A path that a cache has, and that Nix on this machine will not query again for `seconds`."""

    url: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Miss:
    """A path that is not a hit, or not one for Nix on this machine. `because` is a sentence.

    `roots` are the derivations that a cascade follows, at most MOST_CAUSES; `changes` are what differs from the
    baseline, for a root.
    """

    store_path: StorePath
    derivation: StorePath | None
    cause: MissCause
    reason: Reason
    because: str
    roots: tuple[StorePath, ...] = ()
    changes: tuple[DerivationChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the misses.

    `graph` are the derivations, empty for a plain list. `references` are those of missing paths, as far as this
    machine or a cache knows them; `built_here` are paths that this machine built. `filtered_by` gives the pattern of
    the push filter that keeps a name out. `lineage` is against the `baseline`.
    """

    tally: HitTally
    holdings: Sequence[Holdings]
    graph: Mapping[StorePath, Derivation]
    references: Mapping[StorePath, Sequence[StorePath]]
    built_here: Collection[StorePath]
    hidden: Mapping[StorePath, Hidden]
    filtered_by: Callable[[str], str | None]
    baseline: Baseline | None
    lineage: Mapping[StorePath, Descent]


def explain_misses(evidence: Evidence) -> tuple[Miss, ...]:
    """Every path that is not a hit, and every hidden one: roots first, by name."""
    explainer = _Explainer(evidence)
    misses = [explainer.explain(path) for path in evidence.tally.absent.union(evidence.hidden)]
    return tuple(
        sorted(misses, key=lambda miss: (miss.cause is MissCause.CASCADE, miss.store_path.name, miss.store_path))
    )


class _Explainer:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._absent = evidence.tally.absent
        self._producers = {
            output.path: (path, name)
            for path, derivation in evidence.graph.items()
            for name, output in derivation.outputs.items()
            if output.path in self._absent or output.path in evidence.hidden
        }
        self._patterns = {path: pattern for path in self._absent if (pattern := self._pattern(path)) is not None}
        self._dragging = self._find_dragging()
        self._missing_inputs: dict[StorePath, list[StorePath]] = {}
        self._roots_below = self._find_roots_below()

    def _before(self, path: StorePath) -> StorePath | None:
        """What an output was in the baseline: itself, or the same output of what its derivation was then."""
        baseline = self._evidence.baseline
        derivation, name = self._producers.get(path, (None, ""))
        descent = None if derivation is None else self._evidence.lineage.get(derivation)
        if baseline is None or descent is None or descent.before is None:
            return path
        return baseline.records[descent.before].outputs.get(name)

    def _was_present(self, path: StorePath) -> bool | None:
        """Whether the baseline's caches had it, or what it was then; None if that is not known."""
        baseline = self._evidence.baseline
        if baseline is None or baseline.present is None:
            return None
        return self._before(path) in baseline.present

    def _pattern(self, path: StorePath) -> str | None:
        """The pattern that keeps a path out; what was there in the baseline is not kept out."""
        return None if self._was_present(path) else self._evidence.filtered_by(path.name)

    def _find_dragging(self) -> dict[StorePath, StorePath]:
        """For each missing path that refers to a filtered one, directly or through others, that one."""
        referrers: dict[StorePath, list[StorePath]] = {}
        for path in self._absent:
            for reference in self._evidence.references.get(path, ()):
                referrers.setdefault(reference, []).append(path)
        dragging: dict[StorePath, StorePath] = {}
        ahead = [(path, path) for path in self._patterns]
        while ahead:
            path, filtered = ahead.pop()
            for referrer in referrers.get(path, ()):
                if referrer not in dragging and referrer not in self._patterns:
                    dragging[referrer] = filtered
                    ahead.append((referrer, filtered))
        return dragging

    def _inputs(self, path: StorePath) -> Iterator[tuple[StorePath, StorePath]]:
        """The inputs of a derivation, and the missing ones of their outputs that it uses."""
        graph = self._evidence.graph
        for other, used in graph[path].input_derivations.items():
            for name in used:
                place = graph[other].outputs[name].path
                if place is not None and place in self._absent:
                    yield other, place

    def _find_roots_below(self) -> dict[StorePath, tuple[StorePath, ...]]:
        """For each derivation with a missing output, the lowest ones below it that have one too.

        What misses by the filter alone does not count. Fills `_missing_inputs`, which are those just below.
        """
        patterns, missing_inputs = self._patterns, self._missing_inputs
        for path, _ in self._producers.values():
            if path not in missing_inputs:
                inputs = dict.fromkeys(other for other, place in self._inputs(path) if place not in patterns)
                missing_inputs[path] = list(inputs)
        below: dict[StorePath, tuple[StorePath, ...]] = {}
        for path in inputs_first(missing_inputs, missing_inputs.__getitem__):
            roots = dict.fromkeys(root for other in missing_inputs[path] for root in below[other] or (other,))
            below[path] = tuple(roots)[:MOST_CAUSES]
        return below

    def explain(self, path: StorePath) -> Miss:
        """The first reason that holds, the surest first."""
        evidence = self._evidence
        derivation, _ = self._producers.get(path, (None, ""))
        root, cascade = MissCause.ROOT, MissCause.CASCADE
        if path in evidence.hidden:
            hidden = evidence.hidden[path]
            said = f"hidden: {hidden.url} has it, but Nix here has noted that it does not"
            return Miss(path, derivation, root, Reason.HIDDEN, f"{said}, and asks again in {hidden.seconds:.0f} s")
        if path in evidence.tally.untrusted:
            return Miss(path, derivation, root, Reason.UNTRUSTED, f"untrusted: {self._distrust(path)}")
        hollow = next((one.result for one in evidence.holdings if path in one.result.hollow), None)
        if hollow is not None:
            because = f"no archive: {hollow.substituter.url} has its narinfo, but {hollow.hollow[path]}"
            return Miss(path, derivation, root, Reason.NO_ARCHIVE, because)
        if self._was_present(path) and self._before(path) == path:
            return Miss(path, derivation, root, Reason.EVICTED, "evicted: the baseline had it")
        if path in self._patterns:
            because = f"filtered: the push filter {self._patterns[path]} keeps it out"
            return Miss(path, derivation, root, Reason.FILTERED, because)
        if path in self._dragging:
            filtered = self._dragging[path]
            because = f"dragged: it needs {filtered.name}, which the push filter {self._patterns[filtered]} keeps out"
            return Miss(path, derivation, cascade, Reason.DRAGGED, because)
        if derivation is not None:
            explained = self._by_lineage(path, derivation) or self._by_inputs(path, derivation)
            if explained is not None:
                return explained
        return Miss(path, derivation, root, Reason.NEVER_PUSHED, self._never_pushed(path))

    def _distrust(self, path: StorePath) -> str:
        one = next(one for one in self._evidence.holdings if path in one.untrusted)
        url, trust = one.result.substituter.url, one.untrusted[path]
        match trust:
            case Trust.UNSIGNED:
                return f"{url} has it, without a signature"
            case Trust.UNKNOWN_KEY:
                names = dict.fromkeys(signature.key_name for signature in one.result.found[path].signatures)
                return f"{url} has it, signed by {', '.join(names)}, not a trusted key"
            case Trust.BAD_SIGNATURE:
                return f"{url} has it, with a signature that does not verify"
            case Trust.SIGNED | Trust.CONTENT_ADDRESSED:
                raise AssertionError(f"{path} is trusted")
            case _:
                assert_never(trust)

    def _by_lineage(self, path: StorePath, derivation: StorePath) -> Miss | None:
        descent = self._evidence.lineage.get(derivation)
        if descent is None or descent.origin is DifferenceOrigin.SAME:
            return None
        if descent.origin is DifferenceOrigin.NEW:
            return Miss(path, derivation, MissCause.ROOT, Reason.NEW, "new: the baseline does not have it")
        if descent.origin is DifferenceOrigin.CHANGED:
            because = f"changed: {_changes_text(descent)}"
            return Miss(path, derivation, MissCause.ROOT, Reason.CHANGED, because, changes=descent.changes)
        first = self._evidence.lineage[descent.causes[0]]
        what = "new" if first.origin is DifferenceOrigin.NEW else _changes_text(first)
        because = f"follows {_names(descent.causes)} ({what})"
        return Miss(path, derivation, MissCause.CASCADE, Reason.FOLLOWS, because, descent.causes)

    def _by_inputs(self, path: StorePath, derivation: StorePath) -> Miss | None:
        roots = self._roots_below[derivation]
        if roots:
            missing = self._missing_inputs[derivation]
            below = "" if set(missing) == set(roots) else f"; below them {_names(roots)}"
            because = f"missing inputs: {_names(missing)}{below}"
            return Miss(path, derivation, MissCause.CASCADE, Reason.INPUT_MISSING, because, roots)
        filtered = [place for _, place in self._inputs(derivation) if place in self._patterns]
        if filtered and path not in self._evidence.references:
            said = f"its input {filtered[0].name}, which the push filter {self._patterns[filtered[0]]} keeps out"
            return Miss(path, derivation, MissCause.CASCADE, Reason.DRAGGED, f"dragged, if it refers to {said}")
        return None

    def _never_pushed(self, path: StorePath) -> str:
        if path in self._evidence.built_here:
            return "never pushed: this machine built it, and no cache has it"
        if self._was_present(path) is False:
            return "never pushed: missing in the baseline too"
        return "in no cache: never pushed, or collected since"


def _changes_text(descent: Descent) -> str:
    if not descent.changes:
        return "in a way that the records do not show"
    more = len(descent.changes) - _NAMED
    return ", ".join(map(str, descent.changes[:_NAMED])) + (f", and {more} more" if more > 0 else "")


def _names(paths: Sequence[StorePath]) -> str:
    more = len(paths) - _NAMED
    names = ", ".join(path.name.removesuffix(".drv") for path in paths[:_NAMED])
    return names + (f" and {more} more" if more > 0 else "")
