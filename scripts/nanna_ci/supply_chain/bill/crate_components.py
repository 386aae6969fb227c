"""Crates as components: their purls, licences and checksums, from cargo's facts or from a binary's own list."""

from __future__ import annotations

import re
from typing import Final

from nanna_ci.supply_chain.bill.bill_of_materials import BillDraft, Component, ComponentKind
from nanna_ci.supply_chain.bill.crate_facts import CompiledCrate, CrateFacts, CratePackage
from nanna_ci.supply_chain.bill.licence import parse_licence
from nanna_ci.supply_chain.bill.package_url import render_package_url

_MAIN_REGISTRY: Final = "registry+https://github.com/rust-lang/"  # its id in Cargo.lock, whatever serves it
_MAIL: Final = re.compile(r"<([^<>\s@]+@[^<>\s@]+\.[^<>\s@]+)>")
_LONGEST: Final = 1000


def crate_purl(name: str, version: str, source: str | None, folder: str, workspace_folder: str) -> str:
    """A crate's purl. What is not of the main registry says where it is from, so that no crate there is meant."""
    qualifiers: dict[str, str | None] = {}
    if source is None:
        qualifiers["download_url"] = f"file://{relative_folder(folder, workspace_folder)}"
    elif source.startswith("git+"):
        url, _, commit = source.partition("#")
        qualifiers["vcs_url"] = url.partition("?")[0] + (f"@{commit}" if commit else "")
    elif not source.startswith(_MAIN_REGISTRY):
        qualifiers["repository_url"] = source.partition("+")[2] or source
    return render_package_url("cargo", name, version, qualifiers=qualifiers)


def relative_folder(folder: str, workspace_folder: str) -> str:
    """A package's folder within the workspace, `.` for the workspace's own; its last part where it lies elsewhere."""
    if folder == workspace_folder:
        return "."
    inside = folder.removeprefix(f"{workspace_folder}/")
    return inside if inside != folder else folder.rpartition("/")[2]


def purl_of_package(package: CratePackage, facts: CrateFacts) -> str:
    """The purl, and so the bom-ref, of a package of a build."""
    return crate_purl(package.name, package.version, package.source, package.folder, facts.workspace_folder)


def draft_crates(facts: CrateFacts) -> BillDraft:
    """All crates of a build with their dependencies."""
    draft = BillDraft()
    refs = {key: purl_of_package(crate.package, facts) for key, crate in facts.crates.items()}
    for key, crate in facts.crates.items():
        draft.add(_component(crate, refs[key]), (refs[one] for one in crate.dependencies))
    return draft


def _component(crate: CompiledCrate, ref: str) -> Component:
    package = crate.package
    is_member = package.source is None
    return Component(
        ref=ref,
        kind=ComponentKind.APPLICATION if is_member and package.has_binaries else ComponentKind.LIBRARY,
        name=package.name,
        version=package.version,
        purl=ref,
        description=" ".join(package.description.split())[:_LONGEST] if package.description else None,
        creator=creator_of(package),
        licence=parse_licence(package.licence) if package.licence else None,
        sha256=crate.sha256,
        source_url=_web(package.repository),
        website=_web(package.homepage),
        properties=tuple(_properties(crate)),
    )


def _properties(crate: CompiledCrate) -> list[tuple[str, str]]:
    pairs = [("nanna-ci:crate:kind", "build" if crate.features is None else "normal")]
    features = crate.build_features if crate.features is None else crate.features
    pairs.append(("nanna-ci:crate:features", ",".join(features or ())))
    if crate.features is not None and crate.build_features is not None and crate.build_features != crate.features:
        pairs.append(("nanna-ci:crate:build-features", ",".join(crate.build_features)))
    pairs.append(("nanna-ci:crate:source", crate.package.source or "workspace"))
    return sorted(pairs)


def creator_of(package: CratePackage) -> str | None:
    """An author's e-mail address, or else the repository or the home page: what BSI TR-03183-2 calls the creator."""
    for author in package.authors:
        match = _MAIL.search(author)
        if match is not None:
            return match[1]
    return _web(package.repository) or _web(package.homepage)


def _web(url: str | None) -> str | None:
    """A URL that is one; a manifest may hold any text."""
    return url if url and re.fullmatch(r"https?://[!-~]+", url) and not re.search(r'[<>"{}|\\^`]', url) else None
