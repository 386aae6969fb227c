"""What cargo-audit and cargo-deny print as JSON, as findings of one line each. Pure.

Exit codes say too little: cargo-audit ends with 1 for a hole and for a database that is not there.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# what cargo-deny sums up when it finishes
DENY_CHECKS = frozenset({"advisories", "bans", "licenses", "sources"})
# keys of deny.toml that say where advisories come from
DENY_DATABASE = ("db-path", "db-url", "db-urls", "git-fetch-with-cli")
NOT_LOOKED_UP = "index-failure"


@dataclass(frozen=True, slots=True)
class Audit:
    """A report of cargo-audit: what it read, and `id: crate version: title; patched: versions` by kind of finding."""

    advisories: int
    crates: int
    ignored: tuple[str, ...]
    vulnerabilities: tuple[str, ...]
    warnings: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Deny:
    """What cargo-deny printed. `errors` counts them by check, and is None if it did not finish.

    `failures` are log lines that say why. `not_looked_up` is the number of crates that it queried the registry's
    index for in vain.
    """

    errors: Mapping[str, int] | None
    findings: Mapping[str, tuple[str, ...]]
    failures: tuple[str, ...]
    not_looked_up: int


def parse_audit(text: str) -> Audit:
    """Reads cargo-audit's JSON; ValueError if the text is something else."""
    try:
        report = json.loads(text)
        warnings = {kind: tuple(map(_advisory, found)) for kind, found in sorted(report["warnings"].items())}
        return Audit(
            report["database"]["advisory-count"],
            report["lockfile"]["dependency-count"],
            tuple(report["settings"]["ignore"]),
            tuple(map(_advisory, report["vulnerabilities"]["list"])),
            warnings,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a report of cargo-audit: {type(error).__name__}: {error}") from error


def _advisory(finding: dict[str, Any]) -> str:
    crate = f"{finding['package']['name']} {finding['package']['version']}"
    # a yanked crate has none
    advisory = finding["advisory"] or {"id": "no advisory", "title": finding.get("kind", "no title")}
    patched = " or ".join((finding["versions"] or {}).get("patched", ())) or "none"
    return _line(f"{advisory['id']}: {crate}: {advisory['title']}; patched: {patched}")


def denied_kinds(configuration: str, kinds: Sequence[str]) -> set[str]:
    """The kinds of warnings that the workspace's audit.toml wants to fail; TOMLDecodeError if that is not TOML."""
    output = tomllib.loads(configuration).get("output", {})
    denied = set(output.get("deny", ()) if isinstance(output, dict) else ())
    return set(kinds) if "warnings" in denied else denied & set(kinds)


def parse_deny(text: str) -> Deny:
    """Reads what `cargo deny --format json` printed to stderr; any other line counts as a failure."""
    errors: dict[str, int] | None = None
    findings: dict[str, list[str]] = {}
    failures: list[str] = []
    not_looked_up = 0
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            kind, fields = entry["type"], entry["fields"]
            if kind == "summary":
                errors = {check: fields[check]["errors"] for check in sorted(fields)}
            elif kind == "log" and fields["level"] == "ERROR":
                failures.append(_line(fields["message"]))
            elif kind == "diagnostic" and fields["code"] == NOT_LOOKED_UP:
                not_looked_up += 1
            elif kind == "diagnostic":
                findings.setdefault(fields["severity"], []).append(_diagnostic(fields))
        except (ValueError, KeyError, TypeError):
            if line.strip():
                failures.append(_line(line))
    if errors is not None and not errors.keys() >= DENY_CHECKS:
        errors = None
    return Deny(errors, {name: tuple(found) for name, found in findings.items()}, tuple(failures), not_looked_up)


def _diagnostic(fields: dict[str, Any]) -> str:
    crates = [f"{graph['Krate']['name']} {graph['Krate']['version']}" for graph in fields.get("graphs") or ()]
    if advisory := fields.get("advisory"):
        solutions = [note for note in fields.get("notes", ()) if note.startswith("Solution: ")]
        why = [advisory["title"], *solutions]
        return _line(f"{advisory['id']}: {', '.join(crates)}: {'; '.join(why)}")
    # a span of several lines is a piece of Cargo.lock, whose crates stand here already
    labels = [
        f"{label['message']} ({label['span']})"
        for label in fields.get("labels", ())
        if label["message"] and "\n" not in label["span"]
    ]
    # many crates in several versions: the message counts them
    where = [*crates[:3], f"{len(crates) - 3} more"] if len(crates) > 4 else crates
    return _line(": ".join(filter(None, [fields.get("code"), ", ".join(where), fields["message"], ", ".join(labels)])))


def without_database(policy: str) -> str | None:
    """A deny.toml that says nothing of where advisories come from, in one line a table; None if it does not anyway.

    TOMLDecodeError if it is not TOML.
    """
    tables = tomllib.loads(policy)
    advisories = tables.get("advisories")
    if not isinstance(advisories, dict) or not any(key in advisories for key in DENY_DATABASE):
        return None
    tables["advisories"] = {key: value for key, value in advisories.items() if key not in DENY_DATABASE}
    return "".join(f"{_quoted(key)} = {_toml(value)}\n" for key, value in tables.items())


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case dict():
            return "{ " + ", ".join(f"{_quoted(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case int() | float():
            return str(value)
        case _:
            return str(value.isoformat())


def _quoted(text: str) -> str:
    # JSON's strings are TOML's, but for the one control character that JSON leaves bare
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _line(text: str) -> str:
    return " ".join(str(text).split())
