from __future__ import annotations

from dataclasses import replace

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.hashes import ContentAddress, Method
from nanna_ci.supply_chain.bill.bill_of_materials import ComponentKind
from nanna_ci.supply_chain.bill.closure_components import (
    derivation_roots,
    draft_build_closure,
    draft_closure,
    roots_of,
)
from nanna_ci.supply_chain.bill.nix_identity import head_of
from support.fake_bills import closure_of, derivation
from support.fake_store_paths import nar_hash, path


def test_store_paths_are_components_with_what_the_store_knows() -> None:
    infos = closure_of("harness-0.1.0", "openssl-3.0.14")
    first, second = infos
    made = derivation("openssl-3.0.14", pname="openssl", version="3.0.14")
    draft = draft_closure(infos, {made.path: head_of(made)}, {first: True, second: False})
    one = draft.components[str(second)]
    assert (one.name, one.version, one.purl) == ("openssl", "3.0.14", "pkg:nix/openssl@3.0.14?output=out")
    assert one.cpe is not None
    assert dict(one.properties) == {
        "nanna-ci:nix:deriver": str(path("openssl-3.0.14.drv")),
        "nanna-ci:nix:narHash": str(nar_hash(second)),
        "nanna-ci:nix:narSize": "120",
    }
    assert one.deployable is not None
    assert (one.deployable.filename, one.deployable.is_executable) == (second.base_name, False)
    assert draft.edges[str(first)] == {str(second)}


def test_a_path_whose_files_were_not_looked_at_may_or_may_not_be_executable() -> None:
    (component,) = draft_closure(closure_of("a-1"), {}).components.values()
    assert component.deployable is not None
    assert component.deployable.is_executable is None


def test_a_fetched_source_is_a_file() -> None:
    ((one, info),) = closure_of("source").items()
    fetched = replace(info, ca=ContentAddress(Method.NAR, nar_hash(one)))
    (component,) = draft_closure({one: fetched}, {}).components.values()
    assert component.kind is ComponentKind.FILE


def test_an_empty_closure_and_one_with_a_hole_are_refused() -> None:
    with pytest.raises(MalformedData, match="is empty"):
        draft_closure({}, {})
    infos = closure_of("a-1", "b-1")
    del infos[path("b-1")]
    with pytest.raises(MalformedData, match=r"refers to .*b-1, which is not in it"):
        draft_closure(infos, {})


def test_the_roots_are_what_nothing_else_refers_to() -> None:
    infos = closure_of("a-1", "b-1", "c-1")
    assert roots_of(infos) == (path("a-1"),)
    loop = replace(infos[path("c-1")], references=(path("a-1"), path("c-1")))
    assert len(roots_of({**infos, path("c-1"): loop})) == 3


def test_a_build_closure_has_derivations_sources_and_where_they_were_fetched() -> None:
    fetched = derivation("src", urls="https://h.org/src.tar.gz https://mirror.org/x")
    main = replace(derivation("main-1.0", fetched.path), input_sources=(path("builder.sh"),))
    graph = {main.path: main, fetched.path: fetched}
    draft = draft_build_closure(graph)
    assert draft.components[str(fetched.path)].source_url == "https://h.org/src.tar.gz"
    assert draft.components[str(path("builder.sh"))].kind is ComponentKind.FILE
    assert draft.edges[str(main.path)] == {str(fetched.path), str(path("builder.sh"))}
    assert derivation_roots(graph) == (main.path,)
    with pytest.raises(MalformedData, match="is empty"):
        draft_build_closure({})
    with pytest.raises(MalformedData, match=r"needs .*src.drv, which is not in it"):
        draft_build_closure({main.path: main})
