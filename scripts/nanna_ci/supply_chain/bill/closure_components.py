"""The store paths of a closure, or the derivations of its build, as components with what they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.derivation import Derivation, DerivationHead
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.bill.bill_of_materials import BillDraft, Component, ComponentKind, Deployable
from nanna_ci.supply_chain.bill.nix_identity import NixIdentity, identify, identify_derivation
from nanna_ci.supply_chain.bill.package_url import render_package_url

_FETCHED: Final = "urls", "url"


def draft_closure(
    infos: Mapping[StorePath, PathInfo],
    derivations: Mapping[StorePath, DerivationHead],
    executables: Mapping[StorePath, bool] | None = None,
) -> BillDraft:
    """All paths of a closure. `derivations` are those at hand, by their paths; `executables` says which paths hold
    programs, where that was looked at.

    Raises:
        MalformedData: there is no path, or one refers to a path that is not in the closure.
    """
    if not infos:
        raise MalformedData("closure", "is empty: nix named no store path")
    looked = executables or {}
    texts = {path: str(path) for path in infos}
    draft = BillDraft()
    for path, info in infos.items():
        references = [texts.get(one) for one in info.references]
        if None in references:
            raise MalformedData(
                "closure", f"{path} refers to {info.references[references.index(None)]}, which is not in it"
            )
        derivation = None if info.deriver is None else derivations.get(info.deriver)
        component = _path_component(info, texts[path], derivation, looked.get(path))
        draft.add(component, [one for one in references if one is not None])
    return draft


def _path_component(
    info: PathInfo, ref: str, derivation: DerivationHead | None, is_executable: bool | None
) -> Component:
    identity = identify(info.path, info.deriver, derivation)
    properties = [("nanna-ci:nix:narHash", str(info.nar_hash))]
    if info.nar_size_bytes is not None:
        properties.append(("nanna-ci:nix:narSize", str(info.nar_size_bytes)))
    if info.deriver is not None:
        properties.append(("nanna-ci:nix:deriver", str(info.deriver)))
    return _component(
        ref,
        identity,
        kind=ComponentKind.FILE if identity.version is None and info.ca is not None else ComponentKind.LIBRARY,
        # a path in the store is a tree of files, shipped as one NAR, whose entries keep their names
        deployable=Deployable(info.path.base_name, is_executable, is_archive=True, is_structured=True),
        properties=tuple(sorted(properties)),
    )


def draft_build_closure(graph: Mapping[StorePath, Derivation]) -> BillDraft:
    """All derivations that a build needs. Sources that are no derivation's are components too.

    Raises:
        MalformedData: there is no derivation, or one needs a derivation that is not there.
    """
    if not graph:
        raise MalformedData("build closure", "is empty: nix named no derivation")
    draft = BillDraft()
    for path, derivation in graph.items():
        absent = next((one for one in derivation.input_derivations if one not in graph), None)
        if absent is not None:
            raise MalformedData("build closure", f"{path} needs {absent}, which is not in it")
        for source in derivation.input_sources:
            draft.add(_source_component(source))
        needed = (*derivation.input_derivations, *derivation.input_sources)
        draft.add(_derivation_component(derivation), map(str, needed))
    return draft


def _derivation_component(derivation: Derivation) -> Component:
    outputs = [
        (f"nanna-ci:nix:output:{name}", str(output.path)) for name, output in derivation.outputs.items() if output.path
    ]
    fetched = next((derivation.environment[name] for name in _FETCHED if derivation.environment.get(name)), "").split()
    return _component(
        str(derivation.path),
        identify_derivation(derivation),
        kind=ComponentKind.LIBRARY,
        properties=(*sorted(outputs), ("nanna-ci:nix:system", derivation.system)),
        source_url=fetched[0] if fetched and fetched[0].startswith("https://") else None,
    )


def _source_component(path: StorePath) -> Component:
    return _component(str(path), identify(path, None, None), kind=ComponentKind.FILE, properties=())


def _component(
    ref: str,
    identity: NixIdentity,
    *,
    kind: ComponentKind,
    properties: tuple[tuple[str, str], ...],
    deployable: Deployable | None = None,
    source_url: str | None = None,
) -> Component:
    return Component(
        ref=ref,
        kind=kind,
        name=identity.pname,
        version=identity.version,
        purl=render_package_url("nix", identity.pname, identity.version, qualifiers={"output": identity.output}),
        cpe=identity.cpe,
        source_url=source_url,
        website=identity.website,
        patches=identity.patches,
        deployable=deployable,
        properties=properties,
    )


def roots_of(infos: Mapping[StorePath, PathInfo]) -> tuple[StorePath, ...]:
    """The paths that no other path refers to; all of them where they refer to one another in a circle."""
    referred = {one for path, info in infos.items() for one in info.references if one != path}
    return tuple(sorted(path for path in infos if path not in referred)) or tuple(sorted(infos))


def derivation_roots(graph: Mapping[StorePath, Derivation]) -> tuple[StorePath, ...]:
    """The derivations that no other one needs."""
    needed = {one for derivation in graph.values() for one in derivation.input_derivations}
    return tuple(sorted(path for path in graph if path not in needed))
