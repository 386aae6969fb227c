"""The steps that build what checks share (warm.py)."""

from pathlib import Path

import warm
from cargo import place_of, prepare
from plain import Attributes


def dependencies(attributes: Attributes, out: Path) -> None:
    """The dependencies that one kind of job needs."""
    place = place_of(attributes, prepare(attributes))
    warm.dependencies(place, Path(attributes["targets"]), attributes["warms"], out)


def tests(attributes: Attributes, out: Path) -> None:
    """The tests' executables, over the dependencies."""
    warm.tests(place_of(attributes, prepare(attributes)), out)
