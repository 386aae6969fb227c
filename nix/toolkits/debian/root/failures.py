"""What a program printed when it failed, as one line for a person."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

UNREACHABLE = "the mirror cannot be reached"
STALE = "has expired"
FULL = "the disk is full"
UNSIGNED = "cannot be verified with the keys of this machine"

FETCH = re.compile(r"^E: Failed to fetch (?P<url>\S+)\s+(?P<why>.*)", re.MULTILINE)
SILENT = re.compile(
    r"Could not resolve|Temporary failure|Unable to connect|[Cc]ould not connect|Cannot initiate the connection|"
    r"Connection (refused|timed out)|Data (socket|connection) timed out"
)
BROKEN = re.compile(r"Connection (failed|reset)|Error reading from server|Undetermined Error")
CHANGED = re.compile(
    r"Hash Sum mismatch|unexpected size|Hashsum|\b404\b|File not found|Package files have been shuffled|Size mismatch"
)


# what apt prints -> what it means, with the pattern's own words
REASONS = (
    (
        r"^E: Release file for (?P<url>\S+) is expired \((?P<since>[^)]*)\)",
        "the Release file of {suite} has expired ({since})",
    ),
    (
        r"^E: Release file for (?P<url>\S+) is not valid yet",
        "the Release file of {suite} is of a later time than this machine's clock",
    ),
    (r"repository '\S+ (?P<suite>\S+) Release' (does not|no longer)", "the mirror has no {suite}"),
    (
        r"NO_PUBKEY|EXPKEYSIG|BADSIG|REVKEYSIG|is not signed|signatures? (was|were|couldn't|could not|invalid)",
        f"the mirror's signature {UNSIGNED}",
    ),
    (r"^E: Unable to locate package (?P<name>\S+)", "{name}: the mirror does not have it"),
    (r"^E: Package '(?P<name>\S+)' has no installation candidate", "{name}: the mirror does not have it"),
)


def fetched_name(url: str) -> str:
    """The last part of a URL, as people write it."""
    return unquote(urlsplit(url).path.rpartition("/")[2])


def suite_of(url: str) -> str:
    """The suite that an index's URL is of."""
    found = re.search(r"/dists/([^/ ]+)", url)
    return found[1] if found else url


def explain_apt(log: str) -> str:
    """Why apt failed: the first thing that it says which a person can act on."""
    if "No space left on device" in log:
        return FULL
    for pattern, text in REASONS:
        found = re.search(pattern, log, re.MULTILINE)
        if found:
            facts = found.groupdict()
            return text.format(**{"suite": suite_of(facts.get("url", "")), **facts})
    fetch = FETCH.search(log)
    if fetch:
        return explain_fetch(fetch["url"], fetch["why"])
    # " libssl-dev:arm64 : Breaks: libssl-dev (!= 3.5.8) but 3.5.9 is to be installed"
    unmet = re.search(r"^ (?P<package>\S+) : (?P<what>(?:Pre-?)?(?:Depends|Breaks|Conflicts): .+)", log, re.MULTILINE)
    if unmet:
        kind, _, rest = unmet["what"].partition(": ")
        verb = {"Breaks": "breaks", "Conflicts": "conflicts with"}.get(kind, "depends on")
        return f"{unmet['package']} {verb} {rest.strip()}"
    if SILENT.search(log) or BROKEN.search(log):
        return UNREACHABLE
    errors = re.findall(r"^E: (.+)", log, re.MULTILINE)
    return errors[-1] if errors else "apt ended without a reason"


def explain_fetch(url: str, why: str) -> str:
    """Why one file could not be fetched."""
    name = fetched_name(url)
    if re.search(r"\b404\b|File not found", why):
        return f"{name}: its index names it, and the mirror does not have it"
    if CHANGED.search(why):
        return f"{name}: what the mirror sends is not what its index promises"
    if SILENT.search(why):
        return f"{UNREACHABLE} ({urlsplit(url).netloc.rpartition('@')[2]})"
    if BROKEN.search(why):
        return f"{name}: the mirror stopped while it was fetched"
    plain = re.sub(r" *\[IP:.*", "", why)
    return f"{name}: {plain}"
