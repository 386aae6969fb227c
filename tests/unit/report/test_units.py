"""Bytes, seconds and shares for people."""

from __future__ import annotations

import pytest

from nanna_ci.report.units import bytes_text, names_text, seconds_text, share_text


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (50_000_000_000, "50.0 GB"),
        (10**18, "1000.0 PB"),
        (-1500, "-1.5 kB"),
    ],
)
def test_bytes_are_in_units_of_a_thousand(size_bytes, expected):
    assert bytes_text(size_bytes) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (7625.0, "2 h 07 min"),
    ],
)
def test_seconds_grow_into_minutes_and_hours(seconds, expected):
    assert seconds_text(seconds) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, "0.0 %"), (0.5, "50.0 %"), (0.29, "29.0 %"), (0.9999, "99.9 %"), (1, "100.0 %"), (2 / 3, "66.6 %")],
)
def test_a_share_is_cut_so_that_not_quite_all_is_not_all(share, expected):
    assert share_text(share) == expected


def test_a_list_of_names_is_cut_and_says_how_many_are_left_out():
    assert names_text(["a", "b"], 2) == "a, b"
    assert names_text(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert names_text([], 2) == ""
