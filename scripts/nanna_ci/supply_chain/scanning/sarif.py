"""SARIF 2.1.0 for GitHub's code scanning: within its limits, with places below the source alone.

A run for each target, of a category of its own. What is open is in it; what is accepted or suppressed is not, for code
scanning has no word for that, and would show it as open. A target with a scanner that gave no answer has no run: its
alerts would be closed by results that say nothing.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from nanna_ci import __version__
from nanna_ci.foundation.visible_text import visible
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.scan_verdict import TargetResult, finding_order
from nanna_ci.supply_chain.scanning.security_finding import (
    AnswerState,
    FindingState,
    ScanTarget,
    SecurityFinding,
    TargetKind,
)

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
# of GitHub; it shows the first 5,000 results, and takes 10 MB when compressed
MOST_RUNS: Final = 20
MOST_RESULTS: Final = 25_000
MOST_LOCATIONS: Final = 1_000
SHOWN_RESULTS: Final = 5_000
_LONGEST_MESSAGE: Final = 1_000
_OPEN: Final = frozenset({FindingState.GATING, FindingState.WARNING, FindingState.POSSIBLE})
_SCORES: Final = {Severity.LOW: "3.9", Severity.MEDIUM: "6.9", Severity.HIGH: "8.9", Severity.CRITICAL: "10.0"}
_UNKNOWN_SCORE: Final = "8.9"  # GitHub shows high; without a number it would show no severity at all
_INFORMATION: Final = "https://github.com/DominicBurkart/nanna-coder"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class SarifReport:
    """The document, None where no target is complete; `notes` say what was left out of it, and why."""

    data: bytes | None
    runs: int
    results: int
    notes: tuple[str, ...]


def render_sarif(results: Sequence[TargetResult], *, most_results: int = MOST_RESULTS) -> SarifReport:
    """The open findings of the complete targets. `most_results` is for each run."""
    notes = [
        f"{one.target.category} has no run in the SARIF file: a scanner gave no answer"
        for one in results
        if not one.is_complete
    ]
    complete = sorted((one for one in results if one.is_complete), key=_run_order)
    if len(complete) > MOST_RUNS:
        names = ", ".join(one.target.category for one in complete[MOST_RUNS:])
        notes.append(f"a SARIF file takes {MOST_RUNS} runs: without findings of {names}")
        complete = complete[:MOST_RUNS]
    categories: set[str] = set()
    runs = [_run(one, _unique(one.target.category, categories), most_results, notes) for one in complete]
    if not runs:
        return SarifReport(None, 0, 0, tuple(notes))
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": runs}
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return SarifReport(f"{text}\n".encode(), len(runs), sum(len(run["results"]) for run in runs), tuple(notes))


def _run_order(result: TargetResult) -> tuple[int, int, str, str]:
    """The targets with the worst findings first."""
    first = min(map(finding_order, result.findings), default=(99, 0, "", ""))
    return first[0], first[1], result.target.category, result.target.place


def _unique(category: str, taken: set[str]) -> str:
    name, number = category, 2
    while name in taken:
        name, number = f"{category}-{number}", number + 1
    taken.add(name)
    return name


def _run(result: TargetResult, category: str, most_results: int, notes: list[str]) -> dict[str, Any]:
    target = result.target
    found = sorted((one for one in result.findings if one.state in _OPEN), key=finding_order)
    kept = found[:most_results]
    if len(found) > len(kept):
        worst = f"the {len(kept):,} worst of {len(found):,}"
        notes.append(f"{category}: a run takes {most_results:,} results: it has {worst}")
    elif len(kept) > SHOWN_RESULTS:
        notes.append(f"{category}: GitHub shows {SHOWN_RESULTS:,} of the {len(kept):,} results, the worst first")
    rules: dict[str, int] = {}
    entries: list[dict[str, Any]] = []
    for finding in kept:
        if finding.id not in rules:
            rules[finding.id] = len(rules)
            entries.append(_rule(finding))
    properties: dict[str, Any] = {"findings": len(found), "leftOut": len(found) - len(kept)}
    if target.digest is not None:
        properties["imageDigest"] = target.digest
    driver = {
        "name": "nanna-ci scan",
        "semanticVersion": _semantic(__version__),
        "informationUri": _INFORMATION,
        "rules": entries,
    }
    scanners = [answer for answer in result.answers if answer.state is AnswerState.ANSWERED]
    extensions = [
        {"name": answer.scanner.value, **({"version": visible(answer.version)} if answer.version else {})}
        for answer in {answer.scanner: answer for answer in scanners}.values()
    ]
    return {
        "tool": {"driver": driver, "extensions": extensions},
        "automationDetails": {"id": f"{_category(category)}/"},
        "columnKind": "unicodeCodePoints",
        "properties": properties,
        "results": [_result(finding, rules[finding.id], target, category) for finding in kept],
    }


def _category(text: str) -> str:
    return "/".join(re.sub(r"[^A-Za-z0-9._-]", "-", part) for part in text.split("/"))


def _semantic(version: str) -> str:
    return version if re.fullmatch(r"\d+\.\d+\.\d+([-+].+)?", version) else f"{version}.0"


def _rule(finding: SecurityFinding) -> dict[str, Any]:
    title = _text(finding.title)
    rule: dict[str, Any] = {
        "id": finding.id,
        "name": "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", finding.id)) or "Finding",
        "shortDescription": {"text": _sentence(title)},
        "fullDescription": {"text": _sentence(title)},
        "help": {"text": _help(finding)},
        "defaultConfiguration": {"level": _level(finding)},
        "properties": {
            "tags": ["security", finding.scanner.value],
            "precision": "low" if finding.state is FindingState.POSSIBLE else "very-high",
        },
    }
    if not finding.by_policy:
        score = _UNKNOWN_SCORE if finding.severity is None else _SCORES[finding.severity]
        rule["properties"]["security-severity"] = score
    if finding.url is not None and re.fullmatch(r"https://[!-~]+", finding.url):
        rule["helpUri"] = finding.url
    return rule


def _help(finding: SecurityFinding) -> str:
    fixed = ", ".join(map(visible, finding.fixed_versions)) or "none is known"
    names = f" Also known as {', '.join(finding.aliases)}." if finding.aliases else ""
    return f"Fixed versions: {fixed}.{names}"


def _level(finding: SecurityFinding) -> str:
    if finding.state is FindingState.GATING:
        return "error"
    return "warning" if finding.state is FindingState.WARNING else "note"


def _result(finding: SecurityFinding, rule: int, target: ScanTarget, category: str) -> dict[str, Any]:
    fixed = f"; fixed in {', '.join(finding.fixed_versions)}" if finding.fixed_versions else ""
    why = f" ({finding.reason})" if finding.reason else ""
    message = _text(f"{finding.component_ref}: {finding.title}{fixed}{why}")
    print_of = hashlib.sha256("\0".join((category, finding.id, finding.component_ref)).encode()).hexdigest()
    return {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": _level(finding),
        "message": {"text": _sentence(message)},
        "locations": [_location(finding, target)],
        "partialFingerprints": {"primaryLocationLineHash": f"{print_of[:32]}:1", "findingHash/v1": print_of},
    }


def _location(finding: SecurityFinding, target: ScanTarget) -> dict[str, Any]:
    """One place: GitHub shows the first, and several places of one component are one finding."""
    if finding.line is not None:
        uri, line = finding.line.uri, finding.line.line
    else:
        place = finding.places[0] if finding.places else finding.component_ref
        root = target.name if target.kind is TargetKind.IMAGE else target.place
        uri, line = f"{root}/{place}", None
    places = [{"name": visible(one)[:_LONGEST_MESSAGE]} for one in finding.places[: MOST_LOCATIONS - 1]]
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": inner_uri(uri)},
            "region": {"startLine": line or 1},
        }
    }
    if places:
        location["logicalLocations"] = places[:10]
    return location


def inner_uri(text: str) -> str:
    """A relative URI below the source: nothing above it, no scheme, no host, no query, however it was written."""
    plain = unquote(unquote(text)).replace("\\", "/")
    plain = _SCHEME.sub("", plain) if _SCHEME.match(plain) else plain
    kept = [part for part in posixpath.normpath(f"/{plain}").split("/") if part not in {"", ".", ".."}]
    return quote("/".join(visible(part) for part in kept), safe="/@+,=~") or "unknown"


def _text(text: str) -> str:
    line = " ".join(visible(text).split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 1]}…"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
