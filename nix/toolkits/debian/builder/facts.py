"""The step that says which crates a build compiles (crate_facts.py)."""

from pathlib import Path

from cargo import place_of, prepare
from crate_facts import write_facts
from plain import Attributes


def crates(attributes: Attributes, out: Path) -> None:
    """Facts of the release build for one target."""
    place = place_of(attributes, prepare(attributes))
    write_facts(place, attributes["target"], attributes["binaries"], out)
