"""Which paths are meant by the words of a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cache.push.selection import WantedPaths, parse_wanted, select_paths
from nanna_ci.foundation.errors import CommandFailed, UsageError
from nanna_ci.store.nix import Nix
from support.fake_store_paths import path
from support.stand_in_nix import StandInNix

A, C = path("a-foo"), path("c-bar")


def test_words_are_sorted_into_paths_and_installables(tmp_path: Path) -> None:
    words = [str(A), f"{C}/bin/c-bar", ".#default", "nixpkgs#hello^out,man", str(path("x.drv")), str(A)]
    assert parse_wanted(words, tmp_path) == WantedPaths(
        (A, C), (".#default", "nixpkgs#hello^out,man", str(path("x.drv")))
    )


def test_a_link_is_followed_to_the_store_and_no_further(tmp_path: Path) -> None:
    (tmp_path / "result").symlink_to(f"{A}")
    (tmp_path / "again").symlink_to("result")
    (tmp_path / "below").symlink_to(f"{C}/bin")
    words = ["result", "./again", str(tmp_path / "below")]
    assert parse_wanted(words, tmp_path) == WantedPaths((A, C), ())


def test_a_link_in_a_circle_or_to_elsewhere_is_left_to_nix(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "away").symlink_to("/usr/share")
    assert parse_wanted(["./circle", "./away", "nixpkgs"], tmp_path).installables == ("./circle", "./away", "nixpkgs")


@pytest.mark.parametrize("word", ["", "--all", "-x", "a b", "a\nb", "a\0b", "/nix/store/x", "/nix/store/../etc"])
def test_what_can_be_neither_is_refused(word: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        parse_wanted([word], tmp_path)


@pytest.fixture
def store() -> StandInNix:
    """top (out here, doc not) needs base (here) and lost (not here); other is of no derivation."""
    nix = StandInNix()
    base, top = nix.add("base", deriver=path("base.drv")), nix.add("top", deriver=path("top.drv"))
    nix.add("other")
    base_drv = nix.add_derivation("base", outputs={"out": base})
    lost_drv = nix.add_derivation("lost", outputs={"out": path("lost")})
    top_drv = nix.add_derivation("top", base_drv, lost_drv, outputs={"out": top, "doc": path("doc"), "late": None})
    nix.attributes["top"] = top_drv
    nix.attributes["lost"] = lost_drv
    return nix


def choose(store: StandInNix, *words: str, with_builds: bool = False) -> tuple[set[str], set[str], set[str]]:
    wanted = parse_wanted(words, Path("/"))
    selection = select_paths(Nix(store, environ={}), wanted, with_builds=with_builds)
    return tuple(
        {path.name for path in paths} for paths in (selection.paths, selection.unbuilt, selection.unknown_builds)
    )  # type: ignore[return-value]


def test_an_installable_is_its_outputs_that_are_here(store: StandInNix) -> None:
    assert choose(store, ".#top") == ({"top"}, set(), set())
    assert choose(store, str(path("top.drv"))) == ({"top"}, set(), set())


def test_an_installable_without_an_output_here_is_named(store: StandInNix) -> None:
    assert choose(store, ".#lost", ".#top") == ({"top"}, {"lost.drv"}, set())


def test_a_store_path_is_taken_at_its_word(store: StandInNix) -> None:
    assert choose(store, str(path("nowhere"))) == ({"nowhere"}, set(), set())


def test_the_build_closure_has_every_output_of_the_graph_that_is_here(store: StandInNix) -> None:
    expected: tuple[set[str], set[str], set[str]] = ({"top", "base"}, set(), set())
    assert choose(store, ".#top", with_builds=True) == expected
    assert choose(store, str(path("top")), with_builds=True) == expected


def test_a_path_without_a_known_derivation_has_no_build_closure(store: StandInNix) -> None:
    assert choose(store, str(path("other")), with_builds=True) == ({"other"}, set(), {"other"})
    del store.infos[path("top.drv")]
    assert choose(store, str(path("top")), with_builds=True) == ({"top"}, set(), {"top"})


def test_what_nix_cannot_evaluate_is_its_error(store: StandInNix) -> None:
    with pytest.raises(CommandFailed):
        choose(store, str(path("gone.drv")))
