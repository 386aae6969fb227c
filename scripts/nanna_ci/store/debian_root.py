"""The Debian root that this runs in, if it does: what it holds, what it lacks, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.foundation.errors import MalformedData, NannaError
from nanna_ci.foundation.finding import Finding, Health
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, as_list, as_object, load_json
from nanna_ci.store.nix import parse_overrides

ROOT_VARIABLE = "NANNA_CI_ROOT"
# nixw's record of what was chosen when the root was made (nix/toolkits/debian/root/plan.py)
RECORD = "etc/nanna-ci-root.json"
FIX = "it is retried automatically after a day; `./nixw --check` says whether the root could have it now"


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """`rust` is the version and where it is from; `passed_over` a line each; `missing` maps names to reasons."""

    rust: str
    passed_over: tuple[str, ...]
    missing: Mapping[str, str]


def load_debian_root(environ: Mapping[str, str]) -> DebianRoot | None:
    """What the root and the toolkit's other inputs say; None outside of a root. Raises MalformedData."""
    folder = environ.get(ROOT_VARIABLE)
    if not folder:
        return None
    path = Path(folder) / RECORD
    try:
        record = as_object(load_json(read_file(path, MEBIBYTE), str(path)), str(path), "the record of the root")
    except OSError as error:
        raise MalformedData(str(path), f"cannot be read ({error.strerror})") from None
    missing = {**_texts(record, "missing", str(path)), **dict(_missing_inputs(environ))}
    passed = as_list(record.get("passedOver"), str(path), "passedOver")
    return DebianRoot(f"{record.get('rust')} ({record.get('candidate')})", tuple(map(str, passed)), missing)


def _texts(record: JsonObject, name: str, source: str) -> dict[str, str]:
    return {key: str(value) for key, value in as_object(record.get(name), source, name).items()}


def _missing_inputs(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Wheels, crates and the model server: each input holds missing/NAME if it could not be had."""
    for name, url in parse_overrides(environ.get("NANNA_CI_OVERRIDES", "")):
        if "nixpkgs/" in name and url.startswith("path:/nix/store/"):
            for path in sorted(Path(url.removeprefix("path:")).glob("missing/*")):
                yield path.name, path.read_text(encoding="utf-8", errors="replace").strip()


def check_debian_root(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Findings for `doctor`; none outside of a root."""
    try:
        root = load_debian_root(environ)
    except NannaError as error:
        yield Finding("toolkit", "debian", Health.UNAVAILABLE, error.message)
        return
    if root is None:
        return
    passed = "".join(f"; skipped: {line}" for line in root.passed_over)
    yield Finding("toolkit", "debian", Health.GOOD, f"Rust {root.rust}{passed}")
    for name, reason in root.missing.items():
        yield Finding("toolkit", name, Health.WARN, f"the Debian toolkit is without it: {reason}", FIX)
