"""Programs and their crates in a bill, and whether a program's own list agrees with what cargo says was built."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nanna_ci.supply_chain.bill.bill_of_materials import BillDraft, Completeness, Component, ComponentKind
from nanna_ci.supply_chain.bill.crate_components import draft_crates, purl_of_package
from nanna_ci.supply_chain.bill.crate_facts import BuiltBinary, CrateFacts
from nanna_ci.supply_chain.bill.embedded_crates import EmbeddedCrate, EmbeddedCrates
from nanna_ci.supply_chain.bill.package_url import render_package_url
from nanna_ci.supply_chain.bill.program import Program

_ELSEWHERE: Final = frozenset({"local", "git", "registry"})  # all else is the main registry's name


class Agreement(enum.Enum):
    """What a program's own list says beside ours."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NO_LIST = "no list"
    UNREADABLE = "unreadable"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True)
class ProgramView:
    """A program and how its list compares. The crates that only one of the two has are `NAME VERSION`."""

    program: Program
    agreement: Agreement
    only_in_program: tuple[str, ...] = ()
    only_in_facts: tuple[str, ...] = ()


def compare_lists(program: Program, facts: CrateFacts | None) -> ProgramView:
    """Whether a program's list is what cargo compiled for the program of that name."""
    if program.problem is not None:
        return ProgramView(program, Agreement.UNREADABLE)
    if program.crates is None:
        return ProgramView(program, Agreement.NO_LIST)
    built = None if facts is None else _built(program, facts)
    if built is None or facts is None:
        return ProgramView(program, Agreement.NOT_COMPARED)
    own = {f"{crate.name} {crate.version}" for crate in program.crates}
    ours = {f"{facts.crates[key].package.name} {facts.crates[key].package.version}" for key in built.reached}
    agreement = Agreement.AGREES if own == ours else Agreement.DIFFERS
    return ProgramView(program, agreement, tuple(sorted(own - ours)), tuple(sorted(ours - own)))


def _built(program: Program, facts: CrateFacts) -> BuiltBinary | None:
    """The program among those that cargo made: by its name, and by its root crate where it names one."""
    name = program.name.removesuffix(".exe")
    for built in facts.binaries:
        package = facts.crates[built.package].package
        root = next((crate for crate in program.crates or () if crate.is_root), None)
        if built.name == name and (root is None or root.name == package.name):
            return built
    return None


def draft_programs(programs: Sequence[Program], facts: CrateFacts | None) -> BillDraft:
    """The programs, with the crates in each.

    Where cargo's facts know a program, its crates are theirs, with licences and features, and what only its own list
    has comes on top. A Rust program of which neither says anything is of unknown completeness.
    """
    draft = BillDraft()
    from_facts = BillDraft() if facts is None else draft_crates(facts)
    known = _refs_by_name(facts)
    kinds = _embedded_kinds(programs)
    for program in sorted(set(programs), key=lambda one: one.ref):
        built = None if facts is None else _built(program, facts)
        local = known if built is not None else {}
        roots = [] if built is None or facts is None else [purl_of_package(facts.crates[built.package].package, facts)]
        if facts is not None and built is not None:
            for key in built.reached:
                ref = purl_of_package(facts.crates[key].package, facts)
                draft.add(from_facts.components[ref], from_facts.edges[ref])
                _add_missing(draft, from_facts, from_facts.edges[ref])
        if program.crates is not None:
            roots += _add_embedded(draft, program.crates, local, kinds)
        draft.add(program.component(), roots)
        if program.is_rust and (program.crates is None or not roots):
            draft.gaps[program.ref] = Completeness.UNKNOWN
    return draft


def _add_missing(draft: BillDraft, from_facts: BillDraft, refs: Iterable[str]) -> None:
    """What a crate needs elsewhere in the workspace: its edges must end somewhere."""
    ahead = list(refs)
    while ahead:
        ref = ahead.pop()
        if ref not in draft.components:
            draft.add(from_facts.components[ref], from_facts.edges[ref])
            ahead.extend(from_facts.edges[ref])


def _refs_by_name(facts: CrateFacts | None) -> dict[tuple[str, str], str]:
    if facts is None:
        return {}
    every = ((crate.package, purl_of_package(crate.package, facts)) for crate in facts.crates.values())
    return {(package.name, package.version): ref for package, ref in every}


def _embedded_kinds(programs: Iterable[Program]) -> set[str]:
    """Refs of crates that are linked into any of the programs: what one builds with, another may hold."""
    return {embedded_ref(crate) for program in programs for crate in program.crates or () if not crate.is_build}


def _add_embedded(
    draft: BillDraft, crates: EmbeddedCrates, known: dict[tuple[str, str], str], linked: set[str]
) -> list[str]:
    refs = [known.get((crate.name, crate.version)) or embedded_ref(crate) for crate in crates]
    for ref, crate in zip(refs, crates, strict=True):
        edges = {refs[number] for number in crate.dependencies}
        if ref in draft.components:
            draft.edges[ref].update(edges)
        else:
            draft.add(_embedded_component(crate, ref, is_build=ref not in linked), edges)
    return [ref for ref, crate in zip(refs, crates, strict=True) if crate.is_root]


def embedded_ref(crate: EmbeddedCrate) -> str:
    """A purl where the crate is of the main registry. Of others the list does not say which they are: no purl then, so
    that no advisory for a crate of that name is taken for theirs."""
    if crate.source in _ELSEWHERE:
        return f"crate:{crate.source}:{crate.name}@{crate.version}"
    return render_package_url("cargo", crate.name, crate.version)


def _embedded_component(crate: EmbeddedCrate, ref: str, *, is_build: bool) -> Component:
    kind = "build" if is_build else "normal"
    source = crate.source if crate.source in _ELSEWHERE else "registry"
    component = Component(
        ref=ref,
        kind=ComponentKind.LIBRARY,
        name=crate.name,
        version=crate.version,
        properties=(("nanna-ci:crate:kind", kind), ("nanna-ci:crate:source", source)),
    )
    return replace(component, purl=ref) if ref.startswith("pkg:") else component
