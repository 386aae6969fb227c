from __future__ import annotations

import pytest

from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.cvss import base_score, rank, severity_of, severity_of_score, worst


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        # from FIRST's own examples (cvss-v31-examples) and its calculator
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
        ("CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5),
        ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L/E:P/RL:O", 4.7),
    ],
)
def test_the_base_score_of_a_vector_is_that_of_the_standard(vector: str, score: float) -> None:
    assert base_score(vector) == score


@pytest.mark.parametrize(
    "vector",
    [
        "",
        "CVSS:3.1/AV:N",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:X",
        "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
        "AV:N/AC:L/Au:N/C:P/I:N/A:N",
    ],
)
def test_what_is_no_whole_version_3_vector_has_no_score(vector: str) -> None:
    assert base_score(vector) is None
    assert severity_of(vector) is None


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        (0.0, Severity.LOW),
        (3.9, Severity.LOW),
        (4.0, Severity.MEDIUM),
        (6.9, Severity.MEDIUM),
        (7.0, Severity.HIGH),
        (8.9, Severity.HIGH),
        (9.0, Severity.CRITICAL),
        (10.0, Severity.CRITICAL),
        (10.1, None),
        (-1.0, None),
    ],
)
def test_a_score_is_rated_as_the_standard_rates_it(score: float, severity: Severity | None) -> None:
    assert severity_of_score(score) is severity


def test_words_and_numbers_are_read_too_and_others_are_unknown() -> None:
    assert [severity_of(text) for text in ("MODERATE", "Critical", "8.7", "none", "85", "nan")] == [
        Severity.MEDIUM,
        Severity.CRITICAL,
        Severity.HIGH,
        None,
        None,
        None,
    ]


def test_unknown_ranks_above_all_and_is_never_the_worst_of_what_is_known() -> None:
    assert worst([Severity.LOW, None, Severity.HIGH]) is Severity.HIGH
    assert worst([None]) is None
    assert rank(None) > rank(Severity.CRITICAL) > rank(Severity.LOW)
