"""Advisories against the packages of a bill: by identity, by order of versions, and by what is patched. Pure.

A match by purl or CPE gates. A match by a name that belongs to no ecosystem is possible, and so is one whose versions
cannot be compared. A name in another ecosystem is another package.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from nanna_ci.supply_chain.scanning.osv_records import (
    AffectedPackage,
    EventKind,
    OsvAdvisory,
    RangeKind,
    VersionRange,
)
from nanna_ci.supply_chain.scanning.package_identity import CpeName, component_name
from nanna_ci.supply_chain.scanning.package_versions import key_for, nix_key
from nanna_ci.supply_chain.scanning.scanned_bill import BilledPackage
from nanna_ci.supply_chain.scanning.security_finding import FindingState, ScannerName, SecurityFinding

# packages that take their names from upstream, so that a bare name may mean them
_UPSTREAM_NAMES: Final = frozenset({"nix", "generic"})


class _Identity(enum.Enum):
    SAME = "same"
    BY_NAME = "by name"
    OTHER = "other"


class _Affected(enum.Enum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Match:
    package: BilledPackage
    affected: AffectedPackage
    reason: str | None  # why it is only possible

    @property
    def gates(self) -> bool:
        return self.reason is None


def match_bill(packages: Sequence[BilledPackage], advisories: Iterable[OsvAdvisory]) -> tuple[SecurityFinding, ...]:
    """A finding for every advisory and package in one version; its places are the refs that have it."""
    index = _Index(packages)
    findings = []
    for advisory in advisories:
        groups: dict[str, list[_Match]] = defaultdict(list)
        for match in _matches(advisory, index):
            groups[_component(match.package)].append(match)
        findings += [_finding(advisory, component, group) for component, group in groups.items()]
    return tuple(findings)


class _Index:
    """The packages by all that an advisory may name them by."""

    def __init__(self, packages: Sequence[BilledPackage]) -> None:
        self.by_purl: dict[object, list[BilledPackage]] = defaultdict(list)
        self.by_cpe: dict[tuple[str, str], list[BilledPackage]] = defaultdict(list)
        self.by_name: dict[str, list[BilledPackage]] = defaultdict(list)
        for package in packages:
            for purl in package.purls:
                self.by_purl[purl.package].append(package)
            if package.cpe is not None and package.cpe.is_definite:
                self.by_cpe[package.cpe.vendor, package.cpe.product].append(package)
            if not package.purls or package.purls[0].kind in _UPSTREAM_NAMES:
                self.by_name[package.name.lower()].append(package)

    def candidates(self, affected: AffectedPackage) -> Iterator[tuple[BilledPackage, _Identity]]:
        """The packages that an entry may be about, each once, with how sure that is."""
        seen: set[str] = set()
        same = list(self.by_purl.get(affected.purl.package, ())) if affected.purl is not None else []
        weaker: list[BilledPackage] = []
        for cpe in affected.cpes:
            for package in self.by_cpe.get((cpe.vendor, cpe.product), ()):
                (same if _same_cpe(cpe, package.cpe) else weaker).append(package)
        if affected.is_neutral and affected.name is not None:
            weaker += self.by_name.get(affected.name.lower(), ())
        for packages, identity in ((same, _Identity.SAME), (weaker, _Identity.BY_NAME)):
            for package in packages:
                if package.ref not in seen:
                    seen.add(package.ref)
                    yield package, identity


def _same_cpe(theirs: CpeName, ours: CpeName | None) -> bool:
    """Whether vendor and product, which are equal here, are of the same part and made for the same software."""
    if ours is None or theirs.part not in {ours.part, "*"}:
        return False
    return theirs.target_software in {"*", "-", ours.target_software}


def _matches(advisory: OsvAdvisory, index: _Index) -> Iterator[_Match]:
    best: dict[str, _Match] = {}
    for affected in advisory.affected:
        for package, identity in index.candidates(affected):
            match = _judge(package, affected, identity)
            if match is not None and (package.ref not in best or (match.gates and not best[package.ref].gates)):
                best[package.ref] = match
    yield from best.values()


def _judge(package: BilledPackage, affected: AffectedPackage, identity: _Identity) -> _Match | None:
    by_name = (
        None if identity is _Identity.SAME else "only the name matches: the advisory is not about this very package"
    )
    if package.version is None:
        # the same package, and nobody knows that it is not the affected version
        return _Match(package, affected, by_name)
    kind = package.purls[0].kind if package.purls else "generic"
    match _is_affected(package.version, kind, affected):
        case _Affected.YES:
            return _Match(package, affected, by_name)
        case _Affected.NO:
            return None
        case _Affected.UNKNOWN:
            return _Match(package, affected, by_name or "the advisory's versions cannot be compared with this one")


def _is_affected(version: str, kind: str, affected: AffectedPackage) -> _Affected:
    if version in affected.versions:
        return _Affected.YES
    cpe_versions = {cpe.version for cpe in affected.cpes if cpe.version not in {"*", "-"}}
    if version in cpe_versions:
        return _Affected.YES
    answers = [_in_range(version, kind, one) for one in affected.ranges]
    for answer in (_Affected.YES, _Affected.UNKNOWN):
        if answer in answers:
            # commits beside a list of versions: the list is complete
            return answer if answer is _Affected.YES or not affected.versions else _Affected.NO
    if affected.ranges or affected.versions or cpe_versions:
        return _Affected.NO
    return _Affected.UNKNOWN


def _in_range(version: str, kind: str, one: VersionRange) -> _Affected:
    """OSV's own algorithm: the events in the order of their versions, each turning the answer."""
    if one.kind is RangeKind.GIT:
        return _Affected.UNKNOWN
    key: Callable[[str], Any] = key_for(kind, is_semantic=one.kind is RangeKind.SEMVER)
    mine: Any = key(version)
    if mine is None:
        # a distribution's version of software that counts in another way: the order of Nix holds for any text
        key = nix_key
        mine = key(version)
    is_affected = (EventKind.INTRODUCED, "0") in one.events
    # `0` comes before all versions, and `*` after them
    events: list[tuple[Any, EventKind]] = [(key(text), event) for event, text in one.events if text not in {"0", "*"}]
    if any(place is None for place, _ in events):
        return _Affected.UNKNOWN
    limits = [place for place, event in events if event is EventKind.LIMIT]
    if limits and not any(mine < limit for limit in limits):
        return _Affected.NO
    for place, event in sorted(events, key=itemgetter(0)):
        if event is EventKind.INTRODUCED and mine >= place:
            is_affected = True
        elif (event is EventKind.FIXED and mine >= place) or (event is EventKind.LAST_AFFECTED and mine > place):
            is_affected = False
    return _Affected.YES if is_affected else _Affected.NO


def _component(package: BilledPackage) -> str:
    if package.purl is None:
        return package.ref
    name = component_name(package.purl)
    return name if package.version is None or "@" in name.rpartition("/")[2] else f"{name}@{package.version}"


def _finding(advisory: OsvAdvisory, component: str, group: Sequence[_Match]) -> SecurityFinding:
    """One for all places of a package in one version. A patch counts where every place of it carries one."""
    open_places = [match for match in group if not _patches_for(match.package, advisory)]
    first = next((match for match in open_places if match.gates), (open_places or group)[0])
    state, reason = FindingState.GATING, first.reason
    if not open_places:
        patches = sorted({patch for match in group for patch in _patches_for(match.package, advisory)})
        state, reason = FindingState.SUPPRESSED, f"every derivation of it carries a patch: {', '.join(patches)}"
    elif not first.gates:
        state = FindingState.POSSIBLE
    elif first.package.version is None:
        reason = "the bill does not say its version"
    elif len(open_places) < len(group):
        reason = f"{len(group) - len(open_places)} of {len(group)} store paths carry a patch, the others do not"
    return SecurityFinding(
        id=advisory.id,
        aliases=advisory.aliases,
        severity=first.affected.severity,
        component_ref=component,
        version=first.package.version,
        fixed_versions=first.affected.fixed_versions,
        title=advisory.title,
        url=advisory.url,
        scanner=ScannerName.STORE_PATHS,
        state=state,
        reason=reason,
        places=tuple(sorted(match.package.ref for match in (open_places or group))),
    )


def _patches_for(package: BilledPackage, advisory: OsvAdvisory) -> list[str]:
    names = {advisory.id, *advisory.aliases}
    return [patch.url for patch in package.patches if patch.resolves & names]
