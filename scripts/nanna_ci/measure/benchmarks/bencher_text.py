"""Reads what `cargo bench` prints: libtest's lines, which Criterion prints too with `--output-format bencher`.

    test sums ... bench:       1,664.24 ns/iter (+/- 16.51) = 2461 MB/s

libtest's value is a median and its ± the largest measurement less the smallest, in whole numbers by older versions of
Rust; Criterion's are the median and the standard deviation. The rate after them says nothing new.
"""

from __future__ import annotations

import math
import re
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.measure.history.records import BenchmarkValue, Metric
from nanna_ci.pipeline.log_text import plain_line

_NUMBER: Final = r"[0-9][0-9,]*(?:\.[0-9]+)?"
_BENCH: Final = re.compile(
    rf"test (?P<name>\S.*?)\s+\.\.\. bench:\s+(?P<value>{_NUMBER}) (?P<unit>[^\s/]+)/iter"
    rf" \(\+/- (?P<range>{_NUMBER})\)(?: = [0-9][0-9,.]* \S+/s)?"
)
_TORN: Final = re.compile(r"\s*bench:\s+[0-9]")
_MEANT: Final = re.compile(r"test \S.* \.\.\. bench:")


def parse_bencher_text(text: str, source: str) -> tuple[BenchmarkValue, ...]:
    """The benchmarks in their order, with `low` and `high` as far from the value as the text says.

    The unit is what stands before `/iter`: `ns`, or that of a measurement of the user's own. A name can occur more
    than once, if several programs have it. Tests, ignored benchmarks and whatever else was printed are passed over;
    `source` names the text in errors.

    Raises:
        MalformedData: a line that is a benchmark's but cannot be read, also one whose name was torn off by something
            printed in between; a benchmark must not vanish unnoticed.
    """
    values = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = plain_line(raw)
        if match := _BENCH.fullmatch(line):
            value, spread = (float(match[group].replace(",", "")) for group in ("value", "range"))
            if math.isinf(value + spread):
                raise MalformedData(source, f"line {number}: {shorten(line)} is larger than a number can be")
            low, high = max(value - spread, 0.0), value + spread
            values.append(BenchmarkValue(match["name"], Metric.TIME, match["unit"], value, low, high))
        elif _MEANT.match(line):
            raise MalformedData(
                source,
                f"line {number}: {shorten(line)} does not give a time",
                hint="a line reads `test NAME ... bench: 1,234 ns/iter (+/- 56)`; rates, of which more is better, "
                "are not compared",
            )
        elif _TORN.match(line):
            raise MalformedData(
                source,
                f"line {number}: {shorten(line)} has no name before it: something was printed between the two",
                hint="keep standard error out of the text, and do not use --nocapture",
            )
    return tuple(values)
