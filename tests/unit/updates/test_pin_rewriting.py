"""New pins in tables and workflows of every shape: nothing else in the text changes."""

from __future__ import annotations

import datetime

import pytest

from nanna_ci.foundation.errors import NannaError
from nanna_ci.updates.pin_rewriting import rewrite_table, rewrite_workflow
from nanna_ci.workflow.pin_table import ActionPin

OLD, NEW = "a" * 40, "b" * 40
PINS = {"o/a": ActionPin("o/a", "v2.0.0", NEW, datetime.date(2026, 11, 1), "node24", 1)}
HEAD = "on: push\njobs:\n  j:\n    runs-on: x\n    steps:\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"      - uses: o/a@{OLD} # v1.0.0\n", f"      - uses: o/a@{NEW} # v2.0.0\n"),
        (f"      - uses: o/a@{OLD}\n", f"      - uses: o/a@{NEW} # v2.0.0\n"),
        (f"      - uses: o/a@{OLD} # v1 and why\n", f"      - uses: o/a@{NEW} # v2.0.0 and why\n"),
        (f"      - uses: o/a@{OLD} # see #12\n", f"      - uses: o/a@{NEW} # v2.0.0 see #12\n"),
        (f"      - uses: 'o/a@{OLD}'   # v1.0.0\n", f"      - uses: 'o/a@{NEW}' # v2.0.0\n"),
        (f"      - {{uses: o/a@{OLD}, id: x}} # v1.0.0\n", f"      - {{uses: o/a@{NEW}, id: x}} # v2.0.0\n"),
        ("      - uses: o/a@v1\n", f"      - uses: o/a@{NEW} # v2.0.0\n"),
        (f"      - uses: o/a@{OLD} # v1.0.0\r\n", f"      - uses: o/a@{NEW} # v2.0.0\r\n"),
        (f"      - uses: o/a@{OLD} # v1.0.0", f"      - uses: o/a@{NEW} # v2.0.0"),
    ],
)
def test_a_use_gets_the_commit_and_the_version_behind_it(before, after):
    assert rewrite_workflow(HEAD + before, "ci.yml", PINS) == HEAD + after


@pytest.mark.parametrize(
    "line",
    [
        f"      - uses: o/b@{OLD} # v1.0.0\n",
        f"      - uses: o/a/sub@{OLD} # v1.0.0\n",
        "      - uses: ./local\n",
        f"      - run: echo o/a@{OLD}\n",
    ],
)
def test_what_is_not_that_action_stays(line):
    assert rewrite_workflow(HEAD + line, "ci.yml", PINS) == HEAD + line


def test_a_use_whose_value_is_on_another_line_is_refused():
    text = f"{HEAD}      - uses: >-\n          o/a@{OLD}\n"
    with pytest.raises(NannaError, match="cannot be rewritten"):
        rewrite_workflow(text, "ci.yml", PINS)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_pin_of_the_table_keeps_its_order_quotes_and_comments(end):
    lines = [
        "[[pin]] # first",
        "using = 'node20' # once",
        f'commit   = "{OLD}"',
        'action = "o/a"',
        "seen = 2025-01-01 # a day",
        "",
        'version="v1.0.0"',
        "[[pin]]",
        'action = "o/b"',
        'version = "v1.0.0"',
        f'commit = "{OLD}"',
        "seen = 2025-01-01",
        'using = "node24"',
        "",
    ]
    wanted = [*lines]
    wanted[1:7] = [
        'using = "node24" # once',
        f'commit   = "{NEW}"',
        'action = "o/a"',
        "seen = 2026-11-01 # a day",
        "",
        'version="v2.0.0"',
    ]
    assert rewrite_table(end.join(lines), "t", PINS) == end.join(wanted)


def test_a_table_written_in_one_line_is_refused_and_not_spoiled():
    entry = f'{{action = "o/a", version = "v1.0.0", commit = "{OLD}", seen = 2025-01-01, using = "node24"}}'
    with pytest.raises(NannaError, match="cannot be rewritten"):
        rewrite_table(f"pin = [{entry}]\n", "t", PINS)
