"""Why a path is missing: every reason, and which one counts where several hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from nanna_ci.cache.analysis.baseline import Baseline
from nanna_ci.cache.analysis.derivation_record import DerivationRecords
from nanna_ci.cache.analysis.hits import Holdings, combine
from nanna_ci.cache.analysis.lineage import trace_lineage
from nanna_ci.cache.analysis.misses import Evidence, Hidden, Miss, MissCause, Reason, explain_misses
from nanna_ci.cache.push_filter import PushFilter
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust
from support.fake_derivations import Spec, holdings, instantiate, narinfo, outputs_of, signature, store_path

SPECS = {
    "source": Spec("app-source"),
    "low": Spec("low"),
    "middle": Spec("middle", inputs={"low": ("out",), "source": ("out",)}),
    "top": Spec("top", inputs={"middle": ("out",)}),
}


class Case:
    """A graph, a cache that has nothing of it, and what else is known."""

    def __init__(self, specs: Mapping[str, Spec] = SPECS) -> None:
        self.graph, self.paths = instantiate(specs)
        self.present: set[StorePath] = set()
        self.untrusted: dict[StorePath, Trust] = {}
        self.references: dict[StorePath, tuple[StorePath, ...]] = {}
        self.built_here: set[StorePath] = set()
        self.hidden: dict[StorePath, Hidden] = {}
        self.filter: tuple[str, ...] = ()
        self.before: Mapping[str, Spec] | None = None
        self.present_before: Iterable[str] | None = ()

    def out(self, key: str) -> StorePath:
        path = self.graph[self.paths[key]].outputs["out"].path
        assert path is not None
        return path

    def baseline(self) -> tuple[Baseline | None, dict]:
        if self.before is None:
            return None, {}
        old, old_paths = instantiate(self.before)
        has = None
        if self.present_before is not None:
            has = frozenset(outputs_of({old_paths[key]: old[old_paths[key]] for key in self.present_before}))
        records = DerivationRecords(old)
        baseline = Baseline("before.json", records, {}, has, {})
        roots = [(self.paths["top"], old_paths["top"])]
        return baseline, trace_lineage(DerivationRecords(self.graph), records, roots)

    def cache(self) -> Holdings:
        missing = [path for path in outputs_of(self.graph) if path not in self.present and path not in self.untrusted]
        return holdings(
            self.present, missing, self.untrusted, info=lambda path: narinfo(path, signatures=(signature(),))
        )

    def misses(self) -> tuple[Miss, ...]:
        cache = self.cache()
        baseline, lineage = self.baseline()
        matching = PushFilter(self.filter).matching
        return explain_misses(
            Evidence(
                combine([cache]),
                [cache],
                self.graph,
                self.references,
                self.built_here,
                self.hidden,
                matching,
                baseline,
                lineage,
            )
        )

    def miss(self, key: str) -> Miss:
        return next(miss for miss in self.misses() if miss.store_path == self.out(key))


def test_the_lowest_missing_ones_are_the_roots() -> None:
    case = Case()
    assert [(miss.store_path.name, miss.cause) for miss in case.misses()] == [
        ("app-source", MissCause.ROOT),
        ("low", MissCause.ROOT),
        ("middle", MissCause.CASCADE),
        ("top", MissCause.CASCADE),
    ]
    top = case.miss("top")
    assert (top.reason, top.derivation) == (Reason.INPUT_MISSING, case.paths["top"])
    assert top.because == "missing inputs: middle; below them low, app-source"
    assert set(top.roots) == {case.paths["low"], case.paths["source"]}
    assert case.miss("low").because == "in no cache: never pushed, or collected since"


def test_an_input_that_is_there_is_not_a_reason() -> None:
    case = Case()
    case.present = {case.out("low"), case.out("source")}
    assert (case.miss("middle").cause, case.miss("middle").reason) == (MissCause.ROOT, Reason.NEVER_PUSHED)
    assert case.miss("top").because == "missing inputs: middle"


def test_what_this_machine_built_was_never_pushed() -> None:
    case = Case()
    case.built_here = {case.out("low")}
    assert case.miss("low").because == "never pushed: this machine built it, and no cache has it"


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        (Trust.UNSIGNED, "http://cache has it, without a signature"),
        (Trust.UNKNOWN_KEY, "http://cache has it, signed by key-1, not a trusted key"),
        (Trust.BAD_SIGNATURE, "http://cache has it, with a signature that does not verify"),
    ],
)
def test_an_untrusted_path_says_which_trust_it_lacks(trust: Trust, words: str) -> None:
    case = Case()
    case.untrusted = {case.out("low"): trust}
    assert (case.miss("low").reason, case.miss("low").because) == (Reason.UNTRUSTED, f"untrusted: {words}")


def test_a_hidden_hit_says_for_how_long() -> None:
    case = Case()
    case.present = set(outputs_of(case.graph))
    case.hidden = {case.out("top"): Hidden("http://cache", 41.6)}
    (miss,) = case.misses()
    assert (miss.cause, miss.reason) == (MissCause.ROOT, Reason.HIDDEN)
    assert (
        miss.because == "hidden: http://cache has it, but Nix here has noted that it does not, and asks again in 42 s"
    )


def test_a_filtered_path_names_the_pattern() -> None:
    case = Case()
    case.filter = ("^nixpkgs", "-source$")
    miss = case.miss("source")
    assert (miss.cause, miss.reason) == (MissCause.ROOT, Reason.FILTERED)
    assert miss.because == "filtered: the push filter -source$ keeps it out"


def test_a_filtered_input_is_not_the_cause_of_a_miss_above_unless_it_is_referred_to() -> None:
    case = Case()
    case.filter = ("-source$",)
    assert case.miss("middle").roots == (case.paths["low"],)
    case.present = {case.out("low")}
    maybe = case.miss("middle")
    assert (maybe.cause, maybe.reason) == (MissCause.CASCADE, Reason.DRAGGED)
    assert maybe.because.startswith("dragged, if it refers to its input app-source, which the push filter -source$")
    case.references = {case.out("middle"): ()}
    assert case.miss("middle").reason is Reason.NEVER_PUSHED
    case.references = {case.out("middle"): (case.out("source"),), case.out("top"): (case.out("middle"),)}
    for key in ("middle", "top"):
        miss = case.miss(key)
        assert (miss.cause, miss.reason) == (MissCause.CASCADE, Reason.DRAGGED)
        assert miss.because == "dragged: it needs app-source, which the push filter -source$ keeps out"


def test_a_change_is_named_at_its_root_and_above() -> None:
    case = Case({**SPECS, "low": replace(SPECS["low"], environment={"flags": "-O2"})})
    case.before, case.present_before = SPECS, SPECS
    case.present = {case.out("source")}
    assert case.miss("low").because == "changed: environment value flags"
    assert case.miss("middle").because == "follows low (environment value flags)"
    assert (case.miss("top").cause, case.miss("top").roots) == (MissCause.CASCADE, (case.paths["low"],))


def test_many_changes_are_cut() -> None:
    environment = dict.fromkeys("abcde", "1")
    case = Case({**SPECS, "low": replace(SPECS["low"], environment=environment)})
    case.before = SPECS
    because = "changed: environment value a, environment value b, environment value c, and 2 more"
    assert case.miss("low").because == because
    assert len(case.miss("low").changes) == 5


def test_what_the_baseline_lacks_is_new() -> None:
    case = Case({"extra": Spec("extra"), **SPECS, "top": replace(SPECS["top"], inputs={"extra": ("out",)})})
    case.before = SPECS
    assert (case.miss("extra").cause, case.miss("extra").reason) == (MissCause.ROOT, Reason.NEW)
    assert case.miss("top").because == "changed: input extra added, input middle removed"


def test_what_was_there_and_is_no_more_was_evicted() -> None:
    case = Case()
    case.before, case.present_before = SPECS, ["middle"]
    assert (case.miss("middle").cause, case.miss("middle").reason) == (MissCause.ROOT, Reason.EVICTED)
    assert case.miss("low").because == "never pushed: missing in the baseline too"
    assert case.miss("top").reason is Reason.INPUT_MISSING


def test_of_another_revision_nobody_knows_what_its_caches_had() -> None:
    case = Case()
    case.before, case.present_before = SPECS, None
    assert case.miss("low").because == "in no cache: never pushed, or collected since"


def test_the_filter_is_not_a_reason_if_the_version_before_was_there() -> None:
    changed = {**SPECS, "source": replace(SPECS["source"], environment={"a": "1"})}
    for present, reason in ((["source"], Reason.CHANGED), ([], Reason.FILTERED)):
        case = Case(changed)
        case.filter = ("-source$",)
        case.before, case.present_before = SPECS, present
        assert case.miss("source").reason is reason
        assert case.miss("top").reason is Reason.FOLLOWS


def test_a_plain_list_has_no_derivations() -> None:
    gone, kept = store_path("gone"), store_path("kept-source")
    cache = holdings([], [gone, kept])
    matching = PushFilter(("-source$",)).matching
    misses = explain_misses(Evidence(combine([cache]), [cache], {}, {}, (), {}, matching, None, {}))
    assert [(miss.store_path, miss.derivation, miss.reason) for miss in misses] == [
        (gone, None, Reason.NEVER_PUSHED),
        (kept, None, Reason.FILTERED),
    ]
