"""Hand-picked expressions: corners that the package and GitHub's runner agree on, and those on which they do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[1] / "data/expressions"
CORNERS = (
    *(line for line in (DATA / "corners.txt").read_text("utf-8").split("\n") if line and not line.startswith("# ")),
    *("'\n'", "", " ", "\t\n", "toJSON('\t\n\r\b\f')", "fromJSON('\"\n\"')"),
    # depth and length
    *("(" * 49 + "1" + ")" * 49, "(" * 50 + "1" + ")" * 50, "!" * 49 + "1", "!" * 50 + "1", "github" + ".a" * 49),
    *("github" + ".a" * 50, "format(" * 49 + "'a'" + ")" * 49, "format(" * 50 + "'a'" + ")" * 50, "1" + " || 0" * 500),
    *("'" + "a" * 20998 + "'", "'" + "a" * 20999 + "'", "(" * 300),
    *("(1 || " * 24 + "1" + ")" * 24, "(1 || " * 25 + "1" + ")" * 25, "github[" * 25 + "0" + "]" * 25, "1 == 1" * 2),
)


@dataclass(frozen=True, slots=True)
class ExpectedOtherwise:
    """An expression for which our answer is another than the package's; REFUSED stands for MalformedData."""

    expression: str
    ours: Any
    reason: str


REFUSED = object()
_QUOTES = "the package takes only the first '' of a text for a quote"
_G15 = "GitHub's runner writes numbers with 15 digits, as .NET's G15; the package as JavaScript does"
_LAZY = "GitHub's runner evaluates an argument or an index only when it is needed"
_NUMBERS = "GitHub's runner knows 0x… and 0o… in small letters and of 32 signed bits, and nothing else"
_FORMATS = "GitHub's runner refuses a format specifier, and anything else after the number"
_KEYS = "the package loses keys that every JavaScript object has, and puts those that are whole numbers first"
_TWINS = "of keys that differ only in case the package keeps the first value, GitHub's runner the last"
_STRICT = "our reader of JSON is stricter than both: a mistake in a workflow is better seen"
EXPECTED_OTHERWISE = (
    ExpectedOtherwise("'a''b''c'", "a'b'c", _QUOTES),
    ExpectedOtherwise("''''''", "''", _QUOTES),
    ExpectedOtherwise("format('{0}', 1e15)", "1E+15", _G15),
    ExpectedOtherwise("format('{0}', 1e21)", "1E+21", _G15),
    ExpectedOtherwise("format('{0}', 1234567890123456789)", "1.23456789012346E+18", _G15),
    ExpectedOtherwise("format('{0}', -0.00001)", "-1E-05", _G15),
    ExpectedOtherwise("format('{0}', 3.333333333333333333)", "3.33333333333333", _G15),
    ExpectedOtherwise("toJSON(1e300)", "1E+300", _G15),
    ExpectedOtherwise("toJSON(NaN)", "NaN", _G15),
    ExpectedOtherwise("toJSON(fromJSON('0.30000000000000004'))", "0.3", _G15),
    ExpectedOtherwise(
        "toJSON('\u0085\u2028\u2029')", '"\\u0085\\u2028\\u2029"', "GitHub's runner escapes line ends of Unicode"
    ),
    ExpectedOtherwise("format('a', fromJSON('{'))", "a", _LAZY),
    ExpectedOtherwise("case(true, 'a', fromJSON('{'))", "a", _LAZY),
    ExpectedOtherwise("contains(github, fromJSON('{'))", False, _LAZY),
    ExpectedOtherwise("startsWith(github, fromJSON('{'))", False, _LAZY),
    ExpectedOtherwise("join('a', fromJSON('{'))", "a", _LAZY),
    ExpectedOtherwise("join(fromJSON('[1]'), fromJSON('{'))", "1", _LAZY),
    ExpectedOtherwise("contains(fromJSON('[]'), fromJSON('{'))", False, _LAZY),
    ExpectedOtherwise("(null)[fromJSON('{')]", None, _LAZY),
    ExpectedOtherwise("0b101", REFUSED, _NUMBERS),
    ExpectedOtherwise("0X1F", REFUSED, _NUMBERS),
    ExpectedOtherwise("'0b1' == 1", False, _NUMBERS),
    ExpectedOtherwise("0xFFFFFFFF", -1.0, _NUMBERS),
    ExpectedOtherwise("0x100000000", REFUSED, _NUMBERS),
    ExpectedOtherwise("0o37777777777", -1.0, _NUMBERS),
    ExpectedOtherwise("format('{0:x}', 1)", REFUSED, _FORMATS),
    ExpectedOtherwise("format('{0 }', 1)", REFUSED, _FORMATS),
    ExpectedOtherwise("toJSON(fromJSON('{\"constructor\":1}'))", '{\n  "constructor": 1\n}', _KEYS),
    ExpectedOtherwise('join(fromJSON(\'{"b":1,"2":2}\').*)', "1,2", _KEYS),
    ExpectedOtherwise('fromJSON(\'{"a":1,"A":2}\').a', 2.0, _TWINS),
    ExpectedOtherwise('fromJSON(\'{"a":1,"a":2}\').a', REFUSED, _STRICT),
    ExpectedOtherwise("fromJSON('1e999')", REFUSED, _STRICT),
    ExpectedOtherwise("fromJSON('\"\\ud800\"')", REFUSED, _STRICT),
    ExpectedOtherwise(f"fromJSON('{'[' * 65}{']' * 65}')[0][1]", REFUSED, _STRICT),
    ExpectedOtherwise(
        "format('a',)", REFUSED, "the package takes a comma after the last argument; GitHub's runner does not"
    ),
    ExpectedOtherwise(
        "1" + " == 1" * 50, REFUSED, "GitHub's runner counts each comparison as a level; the package does not"
    ),
    ExpectedOtherwise(f"case(true, 1{', 1' * 255})", REFUSED, "GitHub's runner takes 255 arguments"),
)
