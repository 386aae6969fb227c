"""Bills of materials and what they are made of, made up; and the crate facts that were recorded."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import Any

from nanna_ci.store.derivation import Derivation, Output
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.bill.bill_making import BillHead
from nanna_ci.supply_chain.bill.bill_of_materials import Bill, BillDraft, Component, ComponentKind, Phase, make_bill
from nanna_ci.supply_chain.bill.crate_facts import CrateFacts, load_crate_facts
from nanna_ci.supply_chain.bill.embedded_crates import parse_embedded_crates
from nanna_ci.supply_chain.bill.program import Program
from support.fake_store_paths import info, path

DATA = Path(__file__).parents[1] / "data" / "crate-facts"
SYSTEMS = ("x86_64-linux", "aarch64-linux")
HEAD = BillHead("thing", 1_790_000_000, "https://example.org/team")


@functools.cache
def recorded_facts(system: str = "x86_64-linux") -> CrateFacts:
    return load_crate_facts(DATA / system)


def facts_folder(folder: Path, **changes: Any) -> Path:
    """The recorded facts in a folder of the test's; `changes` by file, with its text or a function of its JSON."""
    shutil.copytree(DATA / "x86_64-linux", folder)
    for name, change in changes.items():
        file = folder / {"lock": "Cargo.lock"}.get(name, f"{name}.json")
        if callable(change):
            document = json.loads(file.read_text())
            change(document)
            file.write_text(json.dumps(document))
        else:
            file.write_text(change)
    return folder


def component(ref: str, **more: Any) -> Component:
    return Component(ref=ref, kind=ComponentKind.LIBRARY, name=more.pop("name", ref), **more)


def bill_of(*components: Component, edges: dict[str, set[str]] | None = None, **more: Any) -> Bill:
    """A bill whose subject depends on all components."""
    draft = BillDraft()
    for one in components:
        draft.add(one, (edges or {}).get(one.ref, ()))
    subject = Component(ref="subject", kind=ComponentKind.APPLICATION, name="thing", version="1.0")
    draft.add(subject, [one.ref for one in components])
    draft.gaps.update(more.pop("gaps", {}))
    options = {"phase": Phase.BUILD, "created_s": HEAD.created_s, "creator": HEAD.creator, **more}
    return make_bill(subject, draft, **options)


def closure_of(*names: str) -> dict[StorePath, PathInfo]:
    """Paths of which each refers to the next; the first is the root."""
    paths = [path(name) for name in names]
    return {
        one: info(one, *paths[number + 1 : number + 2], deriver=path(f"{one.name}.drv"))
        for number, one in enumerate(paths)
    }


def derivation(
    name: str, *inputs: StorePath, outputs: dict[str, StorePath] | None = None, **environment: str
) -> Derivation:
    return Derivation(
        path=path(f"{name}.drv"),
        name=name,
        system="x86_64-linux",
        builder="/bin/sh",
        arguments=(),
        environment=environment,
        outputs={key: Output(place, False) for key, place in (outputs or {"out": path(name)}).items()},
        input_derivations=dict.fromkeys(inputs, ("out",)),
        input_sources=(),
    )


def program(
    packages: list[dict[str, Any]] | None, *, name: str = "harness", store_path: StorePath | None = None, **more: Any
) -> Program:
    """A Rust program with a list of crates, or without."""
    listed = None if packages is None else parse_embedded_crates(json.dumps({"packages": packages}).encode(), "list")
    options = {"architecture": "x86_64", "is_rust": True, "size_bytes": 10, "sha512": "ab" * 64, **more}
    return Program(path=f"bin/{name}", store_path=store_path, crates=listed, **options)
