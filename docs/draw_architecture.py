"""Draws docs/architecture.svg: the folders of scripts/nanna_ci and which imports which, read from the source by `ast`.

    python3 docs/draw_architecture.py [--check]

An arrow points from the importer to what it imports, and from top to bottom. An import that other arrows imply has no
arrow of its own: the last line of each box names all of them. Where two folders import each other, the direction with
fewer imports is drawn dashed. Modules outside any folder are two boxes: those that a folder imports, and the others.
--check writes nothing, and exits with 1 where the file is not what would be drawn. Standard library only.
"""

from __future__ import annotations

import ast
import itertools
import math
import sys
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PACKAGE = REPO / "scripts/nanna_ci"
PICTURE = REPO / "docs/architecture.svg"
FRONT = "command line"
SHARED = "shared modules"
PURPOSE = {FRONT: "Finds the command, runs it, turns errors into exit codes.", SHARED: "What every folder may import."}

WIDTH, GAP, MARGIN = 300, 34, 24
PASSAGE = 16  # the width that a line takes in a row that it only passes
LINE, TITLE, PAD, BETWEEN = 16, 19, 12, 52
CHARACTERS = 42  # a line of text in a box: 12 px of a sans-serif face, about 6.4 px each

Imports = Mapping[str, Counter[str]]


@dataclass(slots=True)
class Box:
    """A folder as it is drawn; or, with no lines, a place where an arrow passes through a row."""

    name: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    x: float = 0
    y: float = 0

    @property
    def width(self) -> int:
        """Pixels."""
        return WIDTH if self.lines else PASSAGE

    @property
    def height(self) -> int:
        """Pixels."""
        return 2 * PAD + TITLE + LINE * (len(self.lines) - 1) if self.lines else 0


def imported_modules(source: str) -> Iterable[str]:
    """Every module of the package that a source text imports, at the top, inside a function, or by its name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("nanna_ci."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nanna_ci":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and str(part.value).startswith("nanna_ci."):
                    yield str(part.value)


def read_imports(package: Path) -> tuple[Imports, dict[str, list[str]]]:
    """Box -> what it imports and how often; and the names in each box: subfolders, or modules outside any folder."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    folders = {path.parent.name for path in package.glob("*/__init__.py") if has_code(path.parent)}
    loose = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        mine = parts[0]
        if mine not in folders | loose:  # the package's own __init__ and __main__
            continue
        for module in imported_modules(path.read_text(encoding="utf-8")):
            other = module.split(".")[1]
            if other != mine and other in folders | loose:
                found[mine][other] += 1
    reached = {name for folder in folders - {"commands"} for name in found[folder] if name in loose}
    while more := {name for one in reached for name in found[one] if name in loose} - reached:
        reached |= more
    reached |= {name for name in found["commands"] if name in loose and name != "cli"}
    box_of = {name: SHARED if name in reached else FRONT for name in loose} | {name: name for name in folders}
    joined: dict[str, Counter[str]] = {name: Counter() for name in sorted({*box_of.values()})}
    for mine, others in found.items():
        for other, count in others.items():
            if box_of.get(mine, mine) != box_of[other]:
                joined[box_of[mine]][box_of[other]] += count
    inside = {name: sorted(one for one in loose if box_of[one] == name) for name in (FRONT, SHARED)}
    inside |= {
        name: sorted(path.parent.name for path in (package / name).glob("*/__init__.py") if has_code(path.parent))
        for name in folders
    }
    return joined, inside


def has_code(folder: Path) -> bool:
    """A folder that holds data alone, such as schemas, is not drawn."""
    return any(path.name != "__init__.py" for path in folder.rglob("*.py"))


def without_returns(imports: Imports) -> tuple[dict[str, set[str]], set[tuple[str, str]]]:
    """The arrows without circles, and those that close one: the arrows with fewer imports."""
    down: dict[str, set[str]] = {name: set() for name in imports}
    back: set[tuple[str, str]] = set()
    edges = sorted(((count, mine, other) for mine in imports for other, count in imports[mine].items()), reverse=True)
    for _, mine, other in edges:
        if mine in reachable(down, other):
            back.add((mine, other))
        else:
            down[mine].add(other)
    return down, back


def reachable(down: Mapping[str, set[str]], start: str) -> set[str]:
    """What a name leads to, itself included."""
    seen = {start}
    rest = [start]
    while rest:
        for other in down[rest.pop()] - seen:
            seen.add(other)
            rest.append(other)
    return seen


def reduced(down: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """The arrows that no others imply."""
    return sorted(
        (mine, other)
        for mine, others in down.items()
        for other in others
        if not any(other in reachable(down, third) for third in others - {other})
    )


def rows_of(down: Mapping[str, set[str]]) -> dict[str, int]:
    """Each name's row: one below the lowest of those that import it."""
    row = dict.fromkeys(down, 0)
    for _ in down:
        for mine in sorted(down):
            for other in down[mine]:
                row[other] = max(row[other], row[mine] + 1)
    return row


def purpose(package: Path, name: str) -> str:
    """The first line of a folder's docstring."""
    if name in PURPOSE:
        return PURPOSE[name]
    text = ast.get_docstring(ast.parse((package / name / "__init__.py").read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].replace("`", "") if text else ""


def text_of(name: str, about: str, inside: Sequence[str], imports: Sequence[str]) -> list[tuple[str, str]]:
    """The lines of a box, each with its style."""
    title = name if name in PURPOSE else f"{name}/"
    lines = [("title", title), *(("text", line) for line in textwrap.wrap(about, CHARACTERS))]
    if inside:
        words = ", ".join(inside if name in PURPOSE else [f"{one}/" for one in inside])
        lines += [("names", line) for line in textwrap.wrap(words, CHARACTERS, break_on_hyphens=False)]
    says = f"imports: {', '.join(imports)}" if imports else "imports nothing of the package"
    return [*lines, *(("imports", line) for line in textwrap.wrap(says, CHARACTERS))]


def arrange(boxes: Mapping[str, Box], row: Mapping[str, int], edges: Sequence[tuple[str, str]]) -> list[list[Box]]:
    """Places the boxes in rows; gives, for each edge, the boxes that its line goes through."""
    rows: list[list[Box]] = [[] for _ in range(max(row.values()) + 1)]
    for name in sorted(boxes):
        rows[row[name]].append(boxes[name])
    lines = []
    for mine, other in edges:
        passed = [Box(f"{mine} {other} {number}") for number in range(row[mine] + 1, row[other])]
        for number, place in enumerate(passed, row[mine] + 1):
            rows[number].append(place)
        lines.append([boxes[mine], *passed, boxes[other]])
    above: dict[str, list[Box]] = defaultdict(list)
    below: dict[str, list[Box]] = defaultdict(list)
    for line in lines:
        for upper, lower in itertools.pairwise(line):
            above[lower.name].append(upper)
            below[upper.name].append(lower)
    for members in rows:
        pack(members)
    for number in range(24):
        towards = above if number % 2 == 0 else below
        for members in rows if number % 2 == 0 else reversed(rows):
            wish = {
                box.name: math.fsum(map(center, near)) / len(near) if (near := towards[box.name]) else center(box)
                for box in members
            }
            members.sort(key=lambda box: (wish[box.name], box.name))
            pack(members, wish)
    left = min(box.x for members in rows for box in members)
    y: float = MARGIN
    for members in rows:
        tallest = max(box.height for box in members)
        for box in members:
            box.x, box.y = round(box.x - left + MARGIN), round(y + (tallest - box.height) / 2)
        y += tallest + BETWEEN
    return lines


def center(box: Box) -> float:
    """Of its width."""
    return box.x + box.width / 2


def pack(members: Sequence[Box], wish: Mapping[str, float] | None = None) -> None:
    """Side by side, none over another, as near as may be to where each wants its centre."""
    at = 0.0
    for box in members:
        wanted = at if wish is None else wish[box.name] - box.width / 2
        box.x = max(at, wanted) if wish is not None and box is not members[0] else wanted
        at = box.x + box.width + GAP
    if wish is not None:
        # fsum: sum rounds otherwise from Python 3.12 on, and a tie would be decided otherwise too
        shift = math.fsum(wish[box.name] - center(box) for box in members) / len(members)
        for box in members:
            box.x += shift


def draw(package: Path = PACKAGE) -> str:
    """The picture as SVG."""
    imports, inside = read_imports(package)
    down, back = without_returns(imports)
    row = rows_of(down)
    boxes = {
        name: Box(name, text_of(name, purpose(package, name), inside[name], sorted(imports[name]))) for name in imports
    }
    lines = arrange(boxes, row, reduced(down))
    width = max(box.x + box.width for box in boxes.values()) + MARGIN
    for line in lines:
        width = max(width, *(place.x + place.width + MARGIN for place in line))
    loops = []
    for number, (mine, other) in enumerate(sorted(back)):
        right = beside(boxes[mine], boxes[other], boxes.values()) + 20 + 10 * number
        loops.append(loop(boxes[mine], boxes[other], right))
        width = max(width, right + MARGIN)
    height = max(box.y + box.height for box in boxes.values()) + MARGIN
    said = "; ".join(f"{name} imports {', '.join(sorted(imports[name])) or 'nothing'}" for name in sorted(imports))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-labelledby="title desc">',
        "<!-- Drawn by docs/draw_architecture.py: change the source, then run it. -->",
        '<title id="title">The folders of scripts/nanna_ci, and which imports which</title>',
        f'<desc id="desc">{escape(said)}.</desc>',
        "<style>",
        "text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif}",
        "text{font-size:12px;fill:#1f2328}",
        ".title{font-size:15px;font-weight:600}.names{fill:#0a5a8c}.imports{fill:#59636e;font-style:italic}",
        ".box{fill:#f6f8fa;stroke:#8c959f}.line{fill:none;stroke:#57606a;stroke-width:1.5}",
        ".back{fill:none;stroke:#9a6700;stroke-width:1.5;stroke-dasharray:5 4}.tip{fill:#57606a}.backtip{fill:#9a6700}",
        "</style>",
        f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#ffffff"/>',
    ]
    parts += [curve(line) for line in lines]
    parts += loops
    for name in sorted(boxes):
        parts += render(boxes[name])
    return "\n".join([*parts, "</svg>"]) + "\n"


def curve(line: Sequence[Box]) -> str:
    """An arrow from the bottom of its first box, through the places on its way, to the top of the last."""
    x, y = center(line[0]), line[0].y + line[0].height
    path = [f"M{x:g} {y:g}"]
    for place in line[1:]:
        tall = 0 if place is line[-1] else BETWEEN / 2
        end = place.y - (7 if place is line[-1] else tall)
        path.append(f"C{x:g} {(y + end) / 2:g} {center(place):g} {(y + end) / 2:g} {center(place):g} {end:g}")
        x, y = center(place), place.y + tall
        if place is not line[-1]:
            path.append(f"V{y:g}")
    tip = f"{x - 4:g},{y - 8:g} {x + 4:g},{y - 8:g} {x:g},{y:g}"
    return f'<path class="line" d="{"".join(path)}"/><polygon class="tip" points="{tip}"/>'


def beside(first: Box, second: Box, boxes: Iterable[Box]) -> float:
    """Where a line from one to the other passes to the right of every box at their height and between."""
    top, bottom = min(first.y, second.y), max(first.y + first.height, second.y + second.height)
    return max(box.x + box.width for box in boxes if box.y < bottom and box.y + box.height > top)


def loop(mine: Box, other: Box, right: float) -> str:
    """A dashed arrow around the right-hand side, from the side of one box to that of another."""
    start, end = mine.y + mine.height / 2, other.y + other.height / 2
    x, to = mine.x + mine.width, other.x + other.width
    tip = f"{to + 8:g},{end - 4:g} {to + 8:g},{end + 4:g} {to:g},{end:g}"
    path = f"M{x:g} {start:g}H{right:g}V{end:g}H{to + 8:g}"
    return f'<path class="back" d="{path}"/><polygon class="backtip" points="{tip}"/>'


def render(box: Box) -> list[str]:
    """A box and its lines of text."""
    parts = [f'<rect class="box" x="{box.x:g}" y="{box.y:g}" width="{box.width}" height="{box.height}" rx="6"/>']
    y = box.y + PAD + 13
    for number, (style, text) in enumerate(box.lines):
        parts.append(f'<text class="{style}" x="{box.x + PAD:g}" y="{y:g}">{escape(text)}</text>')
        y += TITLE if number == 0 else LINE
    return parts


def main(arguments: Sequence[str]) -> int:
    """Writes the picture, or compares it."""
    text = draw()
    if arguments == ["--check"]:
        return 0 if PICTURE.is_file() and PICTURE.read_text(encoding="utf-8") == text else 1
    if arguments:
        sys.exit(__doc__)
    PICTURE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
