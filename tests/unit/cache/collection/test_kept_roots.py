"""What a collection must keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cache.collection.folder_index import read_inventory
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.collection.inventory import CachedPath
from nanna_ci.cache.collection.kept_roots import Pin, Root, choose_roots, read_pin
from nanna_ci.cache.gc_roots import RootKind, RootRecord
from nanna_ci.foundation.errors import UsageError
from support.fake_cache_folder import GcFolder, path_of


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, CachedPath]:
    """Paths 1 to 3; 2 and 3 have the same name."""
    cache = GcFolder(tmp_path / "cache")
    cache.add(1)
    cache.add(2, name="tool")
    cache.add(3, name="tool")
    with GuardedFolder(cache.path) as folder:
        return dict(read_inventory(folder).paths)


def commit(name: str, recorded_s: int, *numbers: int) -> RootRecord:
    return RootRecord(RootKind.COMMIT, name, recorded_s, tuple(map(path_of, numbers)))


def test_every_release_and_pin_counts_and_the_newest_commits(paths: dict[str, CachedPath]) -> None:
    records = [
        commit("aaaaaaa", 10, 1),
        commit("bbbbbbb", 30, 1),
        commit("ccccccc", 20, 1),
        RootRecord(RootKind.PIN, "p", 0, (path_of(2),)),
        RootRecord(RootKind.RELEASE, "v1", 0, (path_of(1), path_of(9))),
    ]
    roots = choose_roots(records, 2, [], paths)
    assert [(root.kind.value, root.name) for root in roots] == [
        ("release", "v1"),
        ("pin", "p"),
        ("commit", "bbbbbbb"),
        ("commit", "ccccccc"),
    ]
    assert roots[0] == Root(RootKind.RELEASE, "v1", 0, (path_of(1).hash,), absent=1)


def test_no_commits_can_be_requested(paths: dict[str, CachedPath]) -> None:
    assert choose_roots([commit("aaaaaaa", 10, 1)], 0, [], paths) == ()


def test_a_name_pins_every_path_of_that_name(paths: dict[str, CachedPath]) -> None:
    (root,) = choose_roots([], 10, [Pin("tool", (), ("tool",))], paths)
    assert sorted(root.present) == [path_of(2).hash, path_of(3).hash]
    assert (root.kind, root.recorded_s, root.absent) == (RootKind.PIN, None, 0)


def test_what_a_pin_names_and_is_not_there_is_counted(paths: dict[str, CachedPath]) -> None:
    (root,) = choose_roots([], 10, [Pin("x", (path_of(9), path_of(1)), ("nothing-so", "tool"))], paths)
    assert (len(root.present), root.absent) == (3, 2)


@pytest.mark.parametrize("text", [str(path_of(1)), path_of(1).base_name])
def test_a_store_path_is_read_with_or_without_its_folder(tmp_path: Path, text: str) -> None:
    assert read_pin(text, tmp_path) == Pin(text, (path_of(1),), ())


def test_a_word_is_a_name_even_if_a_file_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "tool-1.0").write_text("other\n")
    assert read_pin("tool-1.0", tmp_path) == Pin("tool-1.0", (), ("tool-1.0",))


def test_a_file_has_paths_and_names_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "pins").write_text(f"# what we ship\n{path_of(1)}\n\n  tool-1.0  # by name\n{path_of(2).base_name}\n")
    assert read_pin("./pins", tmp_path) == Pin("./pins", (path_of(1), path_of(2)), ("tool-1.0",))


def test_a_link_into_the_store_is_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "result").symlink_to(str(path_of(1)))
    (tmp_path / "deep").symlink_to(f"{path_of(2)}/bin/tool")
    (tmp_path / "linked").symlink_to("result")
    (tmp_path / "round").symlink_to("round")
    assert read_pin("./result", tmp_path).paths == (path_of(1),)
    assert read_pin("./deep", tmp_path).paths == (path_of(2),)
    assert read_pin("./linked", tmp_path).paths == (path_of(1),)
    with pytest.raises(UsageError, match="symbolic links"):
        read_pin("./round", tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("./nothing", "No such file"),
        ("", "neither a store path nor the name"),
        ("a b", "neither a store path nor the name"),
        ("/nix/store/short-x", "neither a store path"),
        (f"{path_of(1)}/bin/x", "neither a store path"),
        ("./latin", "is not UTF-8"),
        ("./bad", "'not a name' is neither"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "latin").write_bytes(b"\xe9\n")
    (tmp_path / "bad").write_text("not a name\n")
    with pytest.raises(UsageError, match=problem):
        read_pin(text, tmp_path)
