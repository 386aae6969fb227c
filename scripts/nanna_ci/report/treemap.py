"""The geometry of a treemap: rectangles whose areas are to each other as values, as close to squares as they come.

The algorithm is "Squarified Treemaps" by Bruls, Huizing and van Wijk (2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A place in the picture, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    def below(self, band: float) -> Rectangle:
        """What is left when a band is taken off its top; at most the whole of it."""
        taken = min(band, self.height)
        return Rectangle(self.x, self.y + taken, self.width, self.height - taken)


def squarify(values: Sequence[float], place: Rectangle) -> list[Rectangle]:
    """A rectangle for each value, in the order given; of no area where a value is 0.

    `values` are finite, 0 or more, the largest first. Nothing to divide gives rectangles of no area.
    """
    largest = max(values, default=0.0)
    if largest <= 0 or place.width <= 0 or place.height <= 0:
        return [Rectangle(place.x, place.y, 0.0, 0.0) for _ in values]
    shares = [value / largest for value in values]  # the sum of two large numbers may be infinite
    scale = place.width * place.height / sum(shares)
    areas = [share * scale for share in shares]
    done: list[Rectangle] = []
    rest, start = place, 0
    while start < len(areas):
        end = _row_end(areas, start, min(rest.width, rest.height))
        row, rest = _lay(areas[start:end], rest)
        done += row
        start = end
    return done


def _row_end(areas: Sequence[float], start: int, side: float) -> int:
    """Where a row along `side` ends: as long as one more makes its worst rectangle no longer than before."""
    end, total, worst = start + 1, areas[start], _worst(areas[start], areas[start], areas[start], side)
    while end < len(areas):
        longer = _worst(total + areas[end], areas[start], areas[end], side)
        if longer > worst:
            break
        total, worst, end = total + areas[end], longer, end + 1
    return end


def _worst(total: float, largest: float, smallest: float, side: float) -> float:
    """The worst ratio of long to short side in a row of this total area; 0 is as bad as can be."""
    if smallest <= 0 or total <= 0 or side <= 0:
        return float("inf")
    depth = total / side
    return max(largest / depth / depth, depth * depth / smallest)


def _lay(areas: Sequence[float], place: Rectangle) -> tuple[list[Rectangle], Rectangle]:
    """A row along the shorter side, and the place that is left."""
    total = sum(areas)
    row: list[Rectangle] = []
    along = 0.0
    if place.width >= place.height:
        depth = min(place.width, total / place.height) if place.height > 0 else 0.0
        for area in areas:
            length = place.height * area / total if total > 0 else 0.0
            row.append(Rectangle(place.x, place.y + along, depth, length))
            along += length
        return row, Rectangle(place.x + depth, place.y, place.width - depth, place.height)
    depth = min(place.height, total / place.width) if place.width > 0 else 0.0
    for area in areas:
        length = place.width * area / total if total > 0 else 0.0
        row.append(Rectangle(place.x + along, place.y, length, depth))
        along += length
    return row, Rectangle(place.x, place.y + depth, place.width, place.height - depth)
