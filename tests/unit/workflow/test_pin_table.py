"""The table of actions: what it says, and what is wrong in it."""

from __future__ import annotations

import datetime

import pytest

from nanna_ci.foundation.errors import ConfigError
from nanna_ci.workflow.pin_table import ActionPin, parse_policy

PIN = f"""\
[pins]
minimum_age_days = 3
[pipeline]
workflow = "o/r/w.yml"
apps = ["mine"]
[summary]
reports = ["a"]
[[pin]]
action = "a/b/c"
version = "v1"
commit = "{"a" * 40}"
seen = 2026-01-02
using = "node24"
"""


def test_a_table_is_read_with_the_line_of_each_pin() -> None:
    policy = parse_policy(PIN.encode(), "w.toml")
    assert (policy.minimum_age_days, policy.reports) == (3, ("a",))
    assert (policy.pipeline, policy.apps) == ("o/r/w.yml", ("mine",))
    pin = ActionPin("a/b/c", "v1", "a" * 40, datetime.date(2026, 1, 2), "node24", 8)
    assert policy.pins == {"a/b/c": pin}


def test_an_empty_table_has_its_defaults() -> None:
    policy = parse_policy(b"", "w.toml")
    assert (policy.minimum_age_days, policy.reports, policy.pins) == (7, (), {})


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("[pins]", "[pin_s]", "unknown key 'pin_s'"),
        ("minimum_age_days", "age", "unknown key 'age'"),
        ("reports =", "report =", "unknown key 'report'"),
        ('using = "node24"', 'using = "node24"\nlicense = "x"', "unknown key 'license'"),
        ("= 3", "= -1", "0 or more"),
        ("= 3", "= true", "0 or more"),
        ('["a"]', '"a"', "list of names"),
        ('["a"]', "[1]", "list of names"),
        ('["mine"]', '"mine"', "pipeline.apps: must be a list of names"),
        ('"o/r/w.yml"', '"w.yml"', "pipeline.workflow: must be OWNER/REPOSITORY"),
        ("apps", "app", "unknown key 'app'"),
        ("[[pin]]", "[pin]", "[[pin]]"),
        ('"a/b/c"', '"abc"', "OWNER/REPOSITORY"),
        ('"v1"', "1", "version is missing, or no text"),
        ('version = "v1"\n', "", "version is missing, or no text"),
        ("a" * 40, "a" * 39, "40 hexadecimal digits"),
        ("2026-01-02", '"2026-01-02"', "must be a date"),
        ("2026-01-02", "2026-01-02T00:00:00Z", "must be a date"),
        ("[pins]", "[pins", "is not TOML"),
        (PIN, PIN + PIN.partition("[[pin]]")[2].join(["[[pin]]", ""]), "is there twice"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(right: str, wrong: str, problem: str) -> None:
    assert right in PIN
    with pytest.raises(ConfigError) as caught:
        parse_policy(PIN.replace(right, wrong).encode(), "w.toml")
    assert problem in caught.value.message
