"""CVSS: the base score of a version 3 vector, and the severity that a score stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nanna_ci.pipeline.vocabulary import Severity

_VECTOR_3: Final = re.compile(r"CVSS:3\.[01]((?:/[A-Z]{1,3}:[A-Z])+)/?")
_VALUES: Final = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
# privileges weigh less where the scope changes
_PRIVILEGES: Final = {
    "U": {"N": 0.85, "L": 0.62, "H": 0.27},
    "C": {"N": 0.85, "L": 0.68, "H": 0.5},
}
_WORDS: Final = {
    "low": Severity.LOW,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "critical": Severity.CRITICAL,
}
_ORDER: Final = tuple(Severity)


def base_score(vector: str) -> float | None:
    """The base score (0..10) of a CVSS 3.0 or 3.1 vector; None for what is none, or lacks a base metric."""
    match = _VECTOR_3.fullmatch(vector.strip())
    if match is None:
        return None
    pairs = [part.split(":") for part in match[1].split("/")[1:]]
    metrics = dict(pairs)
    if len(metrics) != len(pairs):  # a metric that is given twice
        return None
    try:
        value = {name: table[metrics[name]] for name, table in _VALUES.items()}
        privileges = _PRIVILEGES[metrics["S"]][metrics["PR"]]
    except KeyError:
        return None
    is_changed = metrics["S"] == "C"
    sub_score = 1 - (1 - value["C"]) * (1 - value["I"]) * (1 - value["A"])
    impact = 7.52 * (sub_score - 0.029) - 3.25 * (sub_score - 0.02) ** 15 if is_changed else 6.42 * sub_score
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * value["AV"] * value["AC"] * privileges * value["UI"]
    return _round_up(min((1.08 if is_changed else 1.0) * (impact + exploitability), 10.0))


def _round_up(score: float) -> float:
    """The least number with one decimal that is not below (CVSS 3.1, appendix A: without binary fractions' errors)."""
    scaled = round(score * 100_000)
    return scaled / 100_000 if scaled % 10_000 == 0 else (scaled // 10_000 + 1) / 10


def severity_of_score(score: float) -> Severity | None:
    """The rating of a base score; None where it is no score. A score of 0 counts as low: somebody reported it."""
    if not 0 <= score <= 10:
        return None
    if score < 4:
        return Severity.LOW
    if score < 7:
        return Severity.MEDIUM
    return Severity.HIGH if score < 9 else Severity.CRITICAL


def severity_of(text: str) -> Severity | None:
    """The severity that a version 3 vector, a number or a word says; None for all else.

    A version 4 vector alone says none: its score comes from a table of experts' judgements, not from a formula.
    """
    word = _WORDS.get(text.strip().lower())
    if word is not None:
        return word
    score = base_score(text)
    if score is None and re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})?", text.strip()):
        score = float(text)
    return None if score is None else severity_of_score(score)


def worst(severities: Iterable[Severity | None]) -> Severity | None:
    """The worst of those that are known; None where none is."""
    return max((one for one in severities if one is not None), key=rank, default=None)


def rank(severity: Severity | None) -> int:
    """A number that grows with the severity; unknown is above all, for nobody knows that it is not the worst."""
    return len(_ORDER) if severity is None else _ORDER.index(severity)
