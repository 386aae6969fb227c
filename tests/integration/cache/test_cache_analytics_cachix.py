"""`cache-analytics` on a stand-in for a Cachix service: asked in bulk, with the token, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from analytics_lists import PATHS, Ground
from derivation_graphs import narinfo
from fakes import FakePorts
from nanna_ci.store.narinfo import render_narinfo
from stand_in_cachix import StandInCache, StandInCachix, stand_in_cachix


@pytest.fixture
def ground(fake_ports: FakePorts) -> Ground:
    return Ground(fake_ports)


@pytest.fixture
def service() -> Iterator[StandInCachix]:
    with stand_in_cachix() as server:
        yield server


def cachix_words(ground: Ground, service: StandInCachix) -> list[str]:
    return ["--paths-from", ground.list(*PATHS), "--substituter", f"{service.api}/cache/mine?trusted=true"]


def test_a_cachix_cache_is_asked_in_bulk_and_then_for_what_it_has(ground: Ground, service: StandInCachix) -> None:
    has = {path.hash: render_narinfo(narinfo(path)) for path in PATHS[:2]}
    service.add(StandInCache("mine", narinfos=has))
    ground.ports.environ["CACHIX_AUTH_TOKEN"] = "hunter2hunter2"
    answer = ground.analyse(*cachix_words(ground, service))
    assert answer["combined"] == {"present": 2, "missing": 3, "untrusted": 0, "unknown": 0}
    posted = [asked for asked in service.requests if asked.method == "POST"]
    assert len(posted) == 1
    assert sorted(json.loads(posted[0].body)) == sorted(path.hash for path in PATHS)
    assert posted[0].authorization == "Bearer hunter2hunter2"
    fetched = {asked.path.rpartition("/")[2] for asked in service.requests if asked.path.endswith(".narinfo")}
    assert fetched == {f"{name}.narinfo" for name in has}


def test_a_private_cache_without_a_token_names_the_variable(ground: Ground, service: StandInCachix) -> None:
    service.add(StandInCache("mine", is_public=False, token="secret"))
    answer = ground.analyse(*cachix_words(ground, service), code=3)
    assert answer["verdict"] == "unavailable"
    assert "CACHIX_AUTH_TOKEN" in answer["substituters"][0]["error"]


def test_the_token_is_nowhere_in_the_output(ground: Ground, service: StandInCachix) -> None:
    service.add(StandInCache("mine", is_public=False, token="other"))
    ground.ports.environ["CACHIX_AUTH_TOKEN"] = "hunter2hunter2"
    shown = ground.run(*cachix_words(ground, service), code=3)
    assert "hunter2" not in shown + ground.ports.stderr.getvalue()
