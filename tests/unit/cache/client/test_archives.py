"""A narinfo does not prove that there is an archive behind it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.errors import ToolMissing
from support.bulk_queries import BulkClient, put, target
from support.fake_ports import FakePorts
from support.fake_store_paths import narinfo, path, put_into_folder, render_narinfo
from support.stand_in_cache import Answer, CacheStandIn, says, serving

HOLLOW = Path(__file__).parents[3] / "data/narinfo-without-archive"


@pytest.fixture
def cache() -> Iterator[CacheStandIn]:
    with serving() as one:
        yield one


def analyse(ports: FakePorts, *words: str) -> tuple[int, str]:
    ports.run.script("nix", error=ToolMissing("nix", "not found"))
    code = main(["cache-analytics", *words], ports.ports)
    return code, ports.stdout.getvalue()


def test_a_folder_with_narinfos_alone_has_no_hit_and_names_what_is_not_there(fake_ports: FakePorts) -> None:
    words = ("--paths-from", str(HOLLOW / "paths.txt"), "--substituter", f"file://{HOLLOW}", "--minimum-hit-rate", "1")
    code, said = analyse(fake_ports, *words, "--format", "json")
    answer = json.loads(said)
    assert (code, answer["hitRate"]["paths"], answer["verdict"]) == (1, 0.0, "fail")
    (miss,) = answer["misses"]
    assert (miss["reason"], miss["cause"]) == ("no-archive", "root")
    assert "0rjjy0l8a5z7ajk4zprvnwqbmcgaqlnpsd2v80kdb3frlw9gkgh8.nar.xz" in miss["because"]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (Path.unlink, "No such file"),
        (lambda place: os.truncate(place, 3), "has 3 bytes, 120 are stated"),
        (lambda place: (place.unlink(), place.mkdir()), "is not a file"),
        (lambda place: (place.unlink(), os.mkfifo(place)), "is not a file"),
        (lambda place: (place.unlink(), place.symlink_to("gone")), "No such file"),
    ],
)
def test_an_archive_of_a_folder_that_nix_could_not_take_is_not_a_hit(
    tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    (tmp_path / "nix-cache-info").write_text("StoreDir: /nix/store\n")
    put_into_folder(tmp_path, narinfo(path("here")))
    assert set(BulkClient().query(str(tmp_path), [path("here")]).found) == {path("here")}
    harm(tmp_path / narinfo(path("here")).url)
    result = BulkClient().query(str(tmp_path), [path("here")])
    assert (set(result.found), result.missing) == (set(), {path("here")})
    assert said in result.hollow[path("here")]


def test_over_http_the_report_says_what_a_narinfo_does_not_prove(fake_ports: FakePorts, cache: CacheStandIn) -> None:
    (fake_ports.cwd / "paths").write_text(str(put(cache, "here")))
    words = ("--paths-from", "paths", "--substituter", f"{cache.url}?trusted=true")
    assert "--verify-archives asks" in " ".join(analyse(fake_ports, *words)[1].split())
    assert [one.method for one in cache.requests] == ["GET", "GET"]


ARCHIVE = f"/{narinfo(path('here')).url}"


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        (says(200, content_length="99999999999"), True),
        (says(404), False),
        (says(403), False),
        (says(302, location="https://elsewhere.example.org/x"), True),
        (says(302, location="/moved"), True),
        (says(500), None),
        (says(400), None),
    ],
    ids=["200", "404", "403", "elsewhere", "moved", "500", "400"],
)
def test_archives_are_requested_by_head(cache: CacheStandIn, answer: Answer, there: bool | None) -> None:
    here, other = put(cache, "here"), put(cache, "other")
    cache.answers[ARCHIVE] = [answer]
    cache.files["/moved"] = b""
    cache.files[f"/{narinfo(other).url}"] = b""
    result = BulkClient().query(cache.url, [here, other], verify_archives=True, concurrency=1)
    assert result.has_archives
    assert (here in result.found, here in result.missing) == (there is True, there is False)
    assert (here in result.hollow, here in result.failed) == (there is False, there is None)
    assert other in result.found, "the connection goes on"
    assert {one.method for one in cache.requests if one.target == ARCHIVE} == {"HEAD"}


@pytest.mark.parametrize("url", ["/etc/passwd", "../x", "https://elsewhere.example.org/x"])
def test_an_archive_outside_of_the_cache_is_none(cache: CacheStandIn, tmp_path: Path, url: str) -> None:
    text = render_narinfo(narinfo(path("here"))).decode()
    data = text.replace(f"URL: {narinfo(path('here')).url}", f"URL: {url}").encode()
    cache.files[target(path("here"))] = data
    result = BulkClient().query(cache.url, [path("here")], verify_archives=True)
    assert not result.found
    (tmp_path / "nix-cache-info").write_text("StoreDir: /nix/store\n")
    (tmp_path / f"{path('here').hash}.narinfo").write_bytes(data)
    assert not BulkClient().query(str(tmp_path), [path("here")]).found


def test_a_walk_goes_on_behind_archives_that_are_there(cache: CacheStandIn) -> None:
    here, beyond = put(cache, "here", "beyond"), put(cache, "beyond")
    for one in (here, beyond):
        cache.files[f"/{narinfo(one).url}"] = b""
    result = BulkClient().query(cache.url, [here], walk=True, verify_archives=True)
    assert set(result.found) == {here, beyond}
