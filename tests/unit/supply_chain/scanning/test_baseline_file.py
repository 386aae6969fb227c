from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import ConfigError
from nanna_ci.supply_chain.scanning.baseline_file import parse_baseline

GOOD = (
    'id = "RUSTSEC-2026-0258"\nreason = "no HTTP/2 server here"\nowner = "ops@example.invalid"\nexpires = 2026-12-31\n'
)
FILE = Path("security-baseline.toml")


def parse(text: str):
    return parse_baseline(text.encode(), FILE)


def test_a_decision_is_read_and_holds_until_the_end_of_its_last_day() -> None:
    (found,) = parse(f'[[accepted]]\n{GOOD}component = "pkg:cargo/h2@0.3.27"\nstatus = "affected"\n')
    assert (found.id, found.component, found.status) == ("RUSTSEC-2026-0258", "pkg:cargo/h2@0.3.27", "affected")
    assert not found.is_expired(datetime.date(2026, 12, 31))
    assert found.is_expired(datetime.date(2027, 1, 1))


def test_an_empty_file_accepts_nothing() -> None:
    assert parse("") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[accepted", "not TOML"),
        ("\x00", "not TOML"),
        (f"[accepted]\n{GOOD}", "not an array of tables"),
        (f"[[accept]]\n{GOOD}", "'accept' is not known"),
        ("accepted = [1]", "is not a table"),
        (f"[[accepted]]\n{GOOD}owne = 1\n", "'owne' is not a key"),
        ("[[accepted]]\n" + GOOD.replace("owner", "status"), "owner is missing"),
        ("[[accepted]]\n" + GOOD.replace('reason = "no HTTP/2 server here"\n', ""), "reason is missing"),
        ("[[accepted]]\n" + GOOD.replace("no HTTP/2 server here", " "), "reason is missing"),
        ("[[accepted]]\n" + GOOD.replace("2026-12-31", '"2026-12-31"'), "expires is missing, or no day"),
        ("[[accepted]]\n" + GOOD.replace("2026-12-31", "2026-12-31T00:00:00"), "expires is missing, or no day"),
        (f'[[accepted]]\n{GOOD}status = "fine"\n', "status is 'fine'"),
        (f'[[accepted]]\n{GOOD}justification = "component_not_present"\n', "status not_affected alone"),
        (f'[[accepted]]\n{GOOD}status = "not_affected"\njustification = "odd"\n', "justification is 'odd'"),
        (f"[[accepted]]\n{GOOD}[[accepted]]\n{GOOD}", "2: decides on 'RUSTSEC-2026-0258' a second time"),
    ],
)
def test_anything_else_is_an_error_that_says_where(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse(text)
    assert "security-baseline.toml" in caught.value.message


def test_a_misspelt_key_is_suggested() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"[[accepted]]\n{GOOD}componnt = 1\n")
    assert caught.value.hint == "did you mean component?"
