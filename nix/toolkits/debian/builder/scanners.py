"""The steps that ask what is known of a workspace's crates (scanning.py)."""

import os
from pathlib import Path

import scanning
from archive import LONG_AGO, copy_source
from cargo import SOURCE, TOP, folder_of, person, prepare
from plain import Attributes


def audit(attributes: Attributes, out: Path) -> None:
    """Known holes. Reads Cargo.lock, and needs no crates."""
    copy_source(Path(attributes["src"]), SOURCE, [], changed_s=LONG_AGO)
    scanning.audit(scan_of(attributes, {**os.environ, **person()}), out)


def deny(attributes: Attributes, out: Path) -> None:
    """Known holes, licences, sources, doubles, by a policy."""
    scanning.deny(scan_of(attributes, prepare(attributes)), out)


def scan_of(attributes: Attributes, environment: dict[str, str]) -> scanning.Scan:
    policy = attributes.get("policy")
    return scanning.Scan(
        folder=folder_of(attributes),
        home=TOP / "cargo",
        environment=environment,
        database=Path(attributes["database"]),
        modified_s=attributes["modified"],
        audit=attributes["audit"],
        deny=attributes.get("deny", ""),
        policy=None if policy is None else (Path(policy["file"]), policy["arguments"]),
    )
