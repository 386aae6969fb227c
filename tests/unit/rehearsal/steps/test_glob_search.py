"""Files by patterns, as @actions/glob finds them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nanna_ci.rehearsal.steps.glob_search import PatternRefused, find_files, hash_files, parse_patterns, search_paths

TREE = ("a.txt", "b.md", "sub/a.txt", "sub/deep/c.txt", ".hidden/d.txt", "sub/.e", ".nanna/jobs/x/result.json")


@pytest.fixture
def tree(tmp_path):
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def found(tree: Path, text: str, *, include_hidden: bool = True) -> set[str]:
    patterns = parse_patterns(text, tree, tree / "home")
    return {str(Path(path).relative_to(tree)) for path in find_files(patterns, include_hidden=include_hidden)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.txt", {"a.txt"}),
        ("./a.txt", {"a.txt"}),
        ("*.txt", {"a.txt"}),
        ("**/*.txt", {"a.txt", "sub/a.txt", "sub/deep/c.txt", ".hidden/d.txt"}),
        ("**/a.txt", {"a.txt", "sub/a.txt"}),
        ("sub", {"sub/a.txt", "sub/deep/c.txt", "sub/.e"}),
        ("sub/", {"sub/a.txt", "sub/deep/c.txt", "sub/.e"}),
        ("sub/*", {"sub/a.txt", "sub/deep/c.txt", "sub/.e"}),
        ("sub/**", {"sub/a.txt", "sub/deep/c.txt", "sub/.e"}),
        ("s?b/*.txt", {"sub/a.txt"}),
        ("[ab].txt", {"a.txt"}),
        ("[!b].txt", {"a.txt"}),
        ("a.txt/", set()),
        ("nothing", set()),
        ("a.txt\n# b.md\n\n  b.md", {"a.txt", "b.md"}),
        ("sub\n!sub/deep", {"sub/a.txt", "sub/.e"}),
        ("sub\n!sub/deep/", {"sub/a.txt", "sub/.e"}),
        ("sub\n!**/*.txt", {"sub/.e"}),
        ("!sub/deep\nsub", {"sub/a.txt", "sub/deep/c.txt", "sub/.e"}),
        ("!a.txt", set()),
        ("**/deep/**", {"sub/deep/c.txt"}),
        ("{a,b}.*", set()),
        ("a.txt/**/**", {"a.txt"}),
    ],
)
def test_patterns_find_files(tree, text, expected):
    assert found(tree, text) == expected


def test_hidden_files_and_folders_are_left_out_but_not_those_above_the_search(tree):
    assert found(tree, "**", include_hidden=False) == {"a.txt", "b.md", "sub/a.txt", "sub/deep/c.txt"}
    assert found(tree, ".nanna/jobs/", include_hidden=False) == {".nanna/jobs/x/result.json"}
    assert found(tree, ".nanna/", include_hidden=False) == set()
    assert found(tree, ".hidden/d.txt", include_hidden=False) == {".hidden/d.txt"}


def test_home_and_absolute_paths_are_read(tree):
    (tree / "home").mkdir()
    (tree / "home" / "f").write_text("")
    assert found(tree, "~/f") == {"home/f"}
    assert found(tree, f"{tree}/a.txt") == {"a.txt"}


@pytest.mark.parametrize("text", ["../x", "a/../b", "a/./b", "!", "a.txt/below"])
def test_a_pattern_with_a_relative_part_or_below_a_file_is_refused(tree, text):
    with pytest.raises(PatternRefused):
        found(tree, text)


def test_a_folder_with_special_characters_is_searched_as_it_is_called(tmp_path):
    place = tmp_path / "[x]*?"
    place.mkdir()
    (place / "f").write_text("")
    assert found(place, "*") == {"f"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.txt", ["a.txt"]),
        ("sub/*.txt", ["sub"]),
        ("sub/*\nsub/deep/*", ["sub"]),
        ("a.txt\nsub/", ["a.txt", "sub"]),
        ("*\n!sub", ["."]),
        ("s[u]b/x[ab]", ["sub"]),
    ],
)
def test_the_search_begins_before_the_first_wildcard(tree, text, expected):
    paths = search_paths(parse_patterns(text, tree, tree))
    assert paths == [str(tree / name) for name in expected]


def test_links_are_followed_and_circles_and_broken_ones_left_out(tree):
    (tree / "sub" / "circle").symlink_to(".")
    (tree / "sub" / "broken").symlink_to("nowhere")
    (tree / "sub" / "linked").symlink_to("../b.md")
    assert found(tree, "sub") == {"sub/a.txt", "sub/deep/c.txt", "sub/.e", "sub/linked"}


def test_hash_files_is_a_hash_of_hashes_and_empty_without_files(tree):
    both = hashlib.sha256(b"a.txt").digest() + hashlib.sha256(b"b.md").digest()
    assert hash_files(["a.txt", "b.md"], tree, tree) == hashlib.sha256(both).hexdigest()
    assert hash_files(["nothing"], tree, tree) == ""
    assert hash_files(["/etc/passwd"], tree, tree) == ""
