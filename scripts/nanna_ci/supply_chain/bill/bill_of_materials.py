"""A bill of materials, before it takes a format: components, what depends on what, and how complete that is."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.supply_chain.bill.licence import Licence


class ComponentKind(enum.Enum):
    """What a component is, in CycloneDX's words."""

    APPLICATION = "application"
    CONTAINER = "container"
    FILE = "file"
    LIBRARY = "library"


class Completeness(enum.Enum):
    """Whether all that a component depends on or contains is listed."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


class Phase(enum.Enum):
    """When in its life the subject was looked at, in CycloneDX's words."""

    BUILD = "build"
    POST_BUILD = "post-build"


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch that was applied. `resolves` are the identifiers in its file name, such as CVE-2024-1234."""

    url: str
    resolves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deployable:
    """A component as what lies on a disk: the fields that BSI TR-03183-2 wants of each (5.2.2). None is unknown.

    `url` is where it is, relative to the image or the store path that holds it.
    """

    filename: str
    is_executable: bool | None
    is_archive: bool
    is_structured: bool
    sha512: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """One thing in a bill. `ref` is its name within the bill; hashes are hexadecimal.

    `creator` is an e-mail address or a URL. `source_url` is where its source is, `properties` are ours.
    """

    ref: str
    kind: ComponentKind
    name: str
    version: str | None = None
    purl: str | None = None
    cpe: str | None = None
    description: str | None = None
    creator: str | None = None
    licence: Licence | None = None
    sha256: str | None = None
    source_url: str | None = None
    website: str | None = None
    patches: tuple[Patch, ...] = ()
    deployable: Deployable | None = None
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """A whole bill, in a fixed order, whose graph closes: `make_bill` sees to both.

    `subject` is what it is about, and is not among `components`. `dependencies` has an entry for every ref, `gaps`
    those that are not complete. `created_s` is seconds since 1970, None where nothing reproducible says a time.
    `creator` is the e-mail address or URL of who makes the bill.
    """

    subject: Component
    components: tuple[Component, ...]
    dependencies: Mapping[str, tuple[str, ...]]
    gaps: Mapping[str, Completeness]
    phase: Phase
    created_s: int | None = None
    creator: str | None = None


@dataclass(slots=True)
class BillDraft:
    """Components and edges while they are collected. What is added twice must be the same."""

    components: dict[str, Component] = field(default_factory=dict)
    edges: dict[str, set[str]] = field(default_factory=dict)
    gaps: dict[str, Completeness] = field(default_factory=dict)

    def add(self, component: Component, depends_on: Iterable[str] = ()) -> None:
        """Add a component, or more edges of one that is there.

        Raises:
            MalformedData: another component has the same ref.
        """
        known = self.components.setdefault(component.ref, component)
        if known != component:
            raise MalformedData("bill of materials", f"two components have the bom-ref {shorten(component.ref)}")
        self.edges.setdefault(component.ref, set()).update(depends_on)

    def join(self, other: BillDraft) -> None:
        """Add all of another draft, where a component that is known already stays as it is."""
        for ref, component in other.components.items():
            self.components.setdefault(ref, component)
        for ref, targets in other.edges.items():
            self.edges.setdefault(ref, set()).update(targets)
        self.gaps.update(other.gaps)


def make_bill(
    subject: Component, draft: BillDraft, *, phase: Phase, created_s: int | None, creator: str | None
) -> Bill:
    """The bill of a draft, which holds the subject too; sorted, so that no order of the input shows.

    Raises:
        MalformedData: a dependency on what is not there, or nothing but the subject.
    """
    draft.add(subject)
    refs = set(draft.components)  # not its keys: a set less those takes time in the size of both
    for ref, targets in draft.edges.items():
        absent = sorted(targets - refs)
        if absent:
            raise MalformedData("bill of materials", f"{shorten(ref)} depends on {shorten(absent[0])}, which is absent")
    others = tuple(draft.components[ref] for ref in sorted(refs) if ref != subject.ref)
    if not others:
        raise MalformedData("bill of materials", f"{subject.name} is made of nothing: an empty bill says nothing")
    return Bill(
        subject=subject,
        components=others,
        dependencies={ref: tuple(sorted(draft.edges[ref] - {ref})) for ref in sorted(refs)},
        gaps={ref: draft.gaps[ref] for ref in sorted(draft.gaps) if draft.gaps[ref] is not Completeness.COMPLETE},
        phase=phase,
        created_s=created_s,
        creator=creator,
    )
