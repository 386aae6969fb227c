"""Which names a push filter keeps back, and by which pattern."""

from __future__ import annotations

import pytest

from nanna_ci.cache.push_filter import PushFilter
from nanna_ci.foundation.errors import ConfigError
from nanna_ci.pipeline.rules import TABLES
from nanna_ci.store.store_path import parse_base_name

DEFAULT = next(field.default for field in TABLES["cache"] if field.name == "push_filter")


def test_the_first_pattern_that_matches_is_named() -> None:
    push_filter = PushFilter(["^b", "o", "^foo"])
    assert [push_filter.matching(name) for name in ("foo", "bar", "zap")] == ["o", "^b", None]


def test_no_pattern_keeps_nothing_back() -> None:
    assert PushFilter([]).matching("source") is None


def test_the_default_keeps_sources_archives_and_nixpkgs_back_and_only_these() -> None:
    assert isinstance(DEFAULT, list)
    push_filter = PushFilter(DEFAULT)
    kept_back = ["source", "crate-source", "hello-2.12.tar.gz", "nixpkgs", "nixpkgs-24.05"]
    pushed = ["harness-0.1.0", "source-map-1.0", "resources", "tar-1.35", "openssl-3.0-dev"]
    assert [name for name in kept_back + pushed if push_filter.matching(name)] == kept_back


def test_a_filtered_path_does_not_take_those_after_it_along() -> None:
    """cachix-action loses every path after the first one that its filter keeps back."""
    assert isinstance(DEFAULT, list)
    names = [f"{digit * 32}-{name}" for digit, name in (("0", "foo"), ("1", "source"), ("2", "bar"))]
    push_filter = PushFilter(DEFAULT)
    pushed = [path.name for path in map(parse_base_name, names) if push_filter.matching(path.name) is None]
    assert pushed == ["foo", "bar"]


def test_an_invalid_pattern_of_a_flag_is_named_with_a_fix() -> None:
    with pytest.raises(ConfigError, match=r"push filter '\*-source': is not a regular expression at byte 1") as caught:
        PushFilter(["ok", "*-source"])
    assert caught.value.hint is not None
    assert "any text is .*" in caught.value.hint
