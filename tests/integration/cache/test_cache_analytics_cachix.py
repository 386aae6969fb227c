"""`cache-analytics` on a stand-in for a Cachix service: queried in bulk, with the token, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.analytics_without_nix import PATHS, Sandbox
from support.fake_derivations import narinfo
from support.fake_ports import FakePorts
from support.fake_store_paths import render_narinfo
from support.stand_in_cachix import StandInCache, StandInCachix, stand_in_cachix


@pytest.fixture
def sandbox(fake_ports: FakePorts) -> Sandbox:
    return Sandbox(fake_ports)


@pytest.fixture
def service() -> Iterator[StandInCachix]:
    with stand_in_cachix() as server:
        yield server


def cachix_words(sandbox: Sandbox, service: StandInCachix) -> list[str]:
    return ["--paths-from", sandbox.list(*PATHS), "--substituter", f"{service.api}/cache/mine?trusted=true"]


def test_a_cachix_cache_is_queried_in_bulk_and_then_for_what_it_has(sandbox: Sandbox, service: StandInCachix) -> None:
    has = {path.hash: render_narinfo(narinfo(path)) for path in PATHS[:2]}
    service.add(StandInCache("mine", narinfos=has))
    sandbox.ports.environ["CACHIX_AUTH_TOKEN"] = "hunter2hunter2"
    answer = sandbox.analyse(*cachix_words(sandbox, service))
    assert answer["combined"] == {"present": 2, "missing": 3, "untrusted": 0, "unknown": 0}
    posted = [request for request in service.requests if request.method == "POST"]
    assert len(posted) == 1
    assert sorted(json.loads(posted[0].body)) == sorted(path.hash for path in PATHS)
    assert posted[0].authorization == "Bearer hunter2hunter2"
    fetched = {request.path.rpartition("/")[2] for request in service.requests if request.path.endswith(".narinfo")}
    assert fetched == {f"{name}.narinfo" for name in has}


def test_a_private_cache_without_a_token_names_the_variable(sandbox: Sandbox, service: StandInCachix) -> None:
    service.add(StandInCache("mine", is_public=False, token="secret"))
    answer = sandbox.analyse(*cachix_words(sandbox, service), code=3)
    assert answer["verdict"] == "unavailable"
    assert "CACHIX_AUTH_TOKEN" in answer["substituters"][0]["error"]


def test_the_token_is_nowhere_in_the_output(sandbox: Sandbox, service: StandInCachix) -> None:
    service.add(StandInCache("mine", is_public=False, token="other"))
    sandbox.ports.environ["CACHIX_AUTH_TOKEN"] = "hunter2hunter2"
    shown = sandbox.run(*cachix_words(sandbox, service), code=3)
    assert "hunter2" not in shown + sandbox.ports.stderr.getvalue()
