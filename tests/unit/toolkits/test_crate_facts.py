"""Crate facts say the same wherever cargo was asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from crate_facts import feature_words, folders_of, portable

CRATE = "/nix/store/abc-vendor/serde-1.0.1"
METADATA = {
    "packages": [
        {"name": "serde", "version": "1.0.1", "source": "registry+https://x", "manifest_path": f"{CRATE}/Cargo.toml"},
        {"name": "own", "version": "0.1.0", "source": None, "manifest_path": "/build/source/own/Cargo.toml"},
    ]
}
FOLDERS = folders_of(METADATA, Path("/build/source"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{CRATE}/src/lib.rs", "/vendor/serde-1.0.1/src/lib.rs"),
        (CRATE, "/vendor/serde-1.0.1"),
        (f"{CRATE}-more/src/lib.rs", f"{CRATE}-more/src/lib.rs"),
        ("/build/source/own/src/main.rs", "/source/own/src/main.rs"),
        ("/build/source", "/source"),
        ("/build/sources/x", "/build/sources/x"),
        ("path+file:///build/source/own#0.1.0", "path+file:///source/own#0.1.0"),
        ("path+file:///build/source#own@0.1.0", "path+file:///source#own@0.1.0"),
        ("registry+https://x#serde@1.0.1", "registry+https://x#serde@1.0.1"),
        ("see file:///build/source/own", "see file:///source/own"),
        ("src/build/source", "src/build/source"),
    ],
)
def test_a_folder_is_called_the_same_in_every_build(text: str, expected: str) -> None:
    assert portable({"a": [text, None, 1]}, FOLDERS) == {"a": [expected, None, 1]}


def test_metadata_is_asked_with_the_features_of_the_build_and_none_of_its_other_words() -> None:
    flags = [
        "--workspace",
        "--locked",
        "--exclude=x",
        "--all-features",
        "--features=a,b",
        "-F",
        "c",
        "--config",
        "x.y=1",
    ]
    wanted = ["--all-features", "--features=a,b", "-F", "c", "--config", "x.y=1"]
    assert feature_words(flags) == wanted
    assert feature_words(["--keep-going", "--jobs=3", "--featuresque"]) == []
