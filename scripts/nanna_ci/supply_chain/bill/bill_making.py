"""From what was read to a bill: of a workspace's crates, of a closure, of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nanna_ci.containers.image.oci_layout import Layout
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.bill.bill_of_materials import (
    Bill,
    BillDraft,
    Completeness,
    Component,
    ComponentKind,
    Phase,
    make_bill,
)
from nanna_ci.supply_chain.bill.bill_sources import NixClosure
from nanna_ci.supply_chain.bill.closure_components import draft_build_closure, draft_closure
from nanna_ci.supply_chain.bill.crate_components import creator_of, draft_crates, purl_of_package
from nanna_ci.supply_chain.bill.crate_facts import CrateFacts
from nanna_ci.supply_chain.bill.image_bill import draft_image, image_subject
from nanna_ci.supply_chain.bill.image_contents import LayerShare, image_contents
from nanna_ci.supply_chain.bill.layer_contents import LayerContents
from nanna_ci.supply_chain.bill.program import Program
from nanna_ci.supply_chain.bill.program_crates import ProgramView, compare_lists, draft_programs

_TITLE: Final = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True)
class MadeBill:
    """A bill, how its programs' own lists compare, and what an image's layers hold (None for all else)."""

    bill: Bill
    views: tuple[ProgramView, ...] = ()
    contents: tuple[LayerShare, ...] | None = None


@dataclass(frozen=True, slots=True)
class BillHead:
    """What a bill says of itself: how its subject is called, the time in seconds since 1970, and who makes it. None is
    unknown; what the subject says of itself is taken then."""

    name: str | None = None
    created_s: int | None = None
    creator: str | None = None


def crates_bill(facts: CrateFacts, head: BillHead) -> MadeBill:
    """The crates of a workspace as they are built for one target. Without a name the
    workspace is called as its only member is."""
    draft = draft_crates(facts)
    members = [facts.crates[key].package for key in facts.members]
    if not members:
        raise MalformedData("crate facts", "no member of the workspace is built")
    versions = {member.version for member in members}
    called = head.name or (members[0].name if len(members) == 1 else "workspace")
    subject = Component(
        ref=f"workspace:{called}",
        kind=ComponentKind.APPLICATION,
        name=called,
        version=versions.pop() if len(versions) == 1 else None,
        creator=next((found for found in map(creator_of, members) if found is not None), None),
        properties=(
            ("nanna-ci:build:profile", facts.profile),
            ("nanna-ci:build:system", facts.system),
            ("nanna-ci:build:target", facts.triple),
        ),
    )
    draft.add(subject, (purl_of_package(member, facts) for member in members))
    return MadeBill(_finish(subject, draft, Phase.BUILD, head))


def closure_bill(closure: NixClosure, facts: CrateFacts | None, head: BillHead) -> MadeBill:
    """The runtime closure of store paths, with the crates in their programs."""
    draft = draft_closure(closure.infos, closure.derivations, closure.executables)
    roots = [str(root) for root in closure.roots]
    for root in closure.roots:
        if root not in closure.infos:
            raise MalformedData("closure", f"does not hold {root}, which it should be of")
    draft.join(draft_programs(closure.programs, facts))
    for program in closure.programs:
        draft.edges[str(program.store_path)].add(program.ref)
    views = tuple(compare_lists(program, facts) for program in closure.programs)
    subject = _root(draft, roots, head.name)
    versions = {program.version for program in closure.programs if str(program.store_path) == subject.ref}
    if subject.version is None and len(versions) == 1:  # the name of a workspace's package has none: its crate does
        subject = draft.components[subject.ref] = replace(subject, version=versions.pop())
    return MadeBill(_finish(subject, draft, Phase.POST_BUILD, head), views)


def build_closure_bill(graph: Mapping[StorePath, Derivation], roots: Sequence[StorePath], head: BillHead) -> MadeBill:
    """All derivations and sources that a build needs."""
    draft = draft_build_closure(graph)
    return MadeBill(_finish(_root(draft, [str(root) for root in roots], head.name), draft, Phase.BUILD, head))


def image_bill(
    layout: Layout, layers: Sequence[LayerContents], known: NixClosure, facts: CrateFacts | None, head: BillHead
) -> MadeBill:
    """An image, by its layout and what was read in its layers. `known` is what the store says of the paths in them."""
    name = head.name or layout.config.labels.get(_TITLE) or layout.path.name
    subject = image_subject(layout, name)
    draft, refs = draft_image(layout, layers, known.infos, known.derivations, facts)
    draft.add(subject, refs)
    if any(layer.unread for layer in layers):
        draft.gaps[subject.ref] = Completeness.INCOMPLETE
    programs: list[Program] = [program for layer in layers for program in layer.programs]
    views = tuple(compare_lists(program, facts) for program in programs)
    return MadeBill(_finish(subject, draft, Phase.POST_BUILD, head), views, image_contents(layers))


def _root(draft: BillDraft, roots: Sequence[str], name: str | None) -> Component:
    """What a closure is of: its only root, or all of them under one name."""
    if len(roots) == 1:
        found = draft.components[roots[0]]
        subject = replace(found, kind=ComponentKind.APPLICATION)
        draft.components[roots[0]] = subject
        return subject
    subject = Component(ref=f"closure:{name or 'closure'}", kind=ComponentKind.APPLICATION, name=name or "closure")
    draft.add(subject, roots)
    return subject


def _finish(subject: Component, draft: BillDraft, phase: Phase, head: BillHead) -> Bill:
    """The bill, and nothing in it that the subject does not lead to."""
    reached: set[str] = set()
    ahead = [subject.ref]
    while ahead:
        ref = ahead.pop()
        if ref not in reached and ref in draft.components:
            reached.add(ref)
            ahead.extend(draft.edges[ref])
    kept = BillDraft(
        {ref: component for ref, component in draft.components.items() if ref in reached},
        {ref: edges for ref, edges in draft.edges.items() if ref in reached},
        {ref: how for ref, how in draft.gaps.items() if ref in reached},
    )
    return make_bill(subject, kept, phase=phase, created_s=head.created_s, creator=head.creator)
