"""The drawn pictures of docs/: current, complete, and readable on any background."""

from __future__ import annotations

import importlib.util
import itertools
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

from nanna_ci.usage import COMMANDS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "scripts/nanna_ci"
SVG = "{http://www.w3.org/2000/svg}"
PICTURES = [ROOT / "docs/architecture.svg", ROOT / "docs/pipeline.svg"]
# of a sans-serif face, in parts of its size; a monospaced one has 0.6 for each
WIDE, MONOSPACE = 0.55, 0.61

every_picture = pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_architecture", ROOT / "docs/draw_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_folders_is_what_the_imports_say() -> None:
    drawn = load_generator().draw()
    assert (ROOT / "docs/architecture.svg").read_text() == drawn, "run: python3 docs/draw_architecture.py"


def test_the_generator_draws_an_import_wherever_it_stands(tmp_path: Path) -> None:
    for name, text in {
        "cli.py": 'import importlib\nimportlib.import_module(f"nanna_ci.commands.{1}")\n',
        "errors.py": "",
        "commands/__init__.py": '"""Commands."""\n',
        "commands/one.py": "def execute():\n    from nanna_ci.store.nix import Nix\n",
        "store/__init__.py": '"""The store."""\n',
        "store/nix.py": "import nanna_ci.errors\n",
        "schemas/one.json": "{}",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    imports, _ = load_generator().read_imports(tmp_path)
    assert {name: sorted(others) for name, others in imports.items()} == {
        "command line": ["commands"],
        "commands": ["store"],
        "shared modules": [],
        "store": ["shared modules"],
    }
    assert ET.fromstring(load_generator().draw(tmp_path)).tag == f"{SVG}svg"


def test_the_picture_of_the_pipeline_has_every_command() -> None:
    texts = [element.text for element in ET.parse(ROOT / "docs/pipeline.svg").iter(f"{SVG}text")]
    commands = [e.text for e in ET.parse(ROOT / "docs/pipeline.svg").iter(f"{SVG}text") if e.get("class") == "command"]
    assert set(commands) == set(COMMANDS)
    workflows = [(ROOT / f".github/workflows/{name}.yml").read_text() for name in ("pipeline", "post")]
    jobs = [name for text in workflows for name in re.findall(r"(?m)^    name: ([\w-]+)$", text)]
    assert {*jobs} <= {*texts}


@every_picture
def test_a_picture_has_a_background_and_words_of_its_own(path: Path) -> None:
    root = ET.parse(path).getroot()
    first = root.find(f"{SVG}rect")
    assert first is not None
    assert (first.get("fill"), first.get("width")) == ("#ffffff", root.get("width"))
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    assert not [element.tag for element in root.iter() if element.tag in {f"{SVG}script", f"{SVG}image"}]


@every_picture
def test_the_words_of_a_picture_stay_inside_of_their_boxes(path: Path) -> None:
    root = ET.parse(path).getroot()
    style = root.findtext(f"{SVG}style") or ""
    boxes = [
        [float(rect.get(key, 0)) for key in ("x", "y", "width", "height")]
        for rect in root.iter(f"{SVG}rect")
        if rect.get("class") in {"box", "group"}
    ]
    inside = [text for text in root.iter(f"{SVG}text") if text.get("class") != "label"]
    for text in inside:
        words, kind = text.text or "", text.get("class", "text")
        own = re.findall(rf"\.{kind}(?:,\.\w+)*{{[^}}]*font-size:(\d+)px", style)
        size = int((own or re.findall(r"font-size:(\d+)px", style))[0])
        width = len(words) * size * (MONOSPACE if kind == "command" else WIDE)
        x, y = float(text.get("x", 0)), float(text.get("y", 0))
        around = [box for box in boxes if box[0] <= x <= box[0] + box[2] and box[1] < y < box[1] + box[3]]
        assert around, words
        inner = min(around, key=lambda box: box[2] * box[3])
        assert x + width <= inner[0] + inner[2], f"{words!r} leaves its box"
        assert y + 4 <= inner[1] + inner[3], f"{words!r} leaves its box"


def test_every_module_of_the_walk_exists() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"(?m)^\| `([\w/]+\.py)` \| \S", text.partition("\n| module | what it does |\n")[2])
    assert len(rows) > 10
    assert [name for name in rows if not (PACKAGE / name).is_file()] == []


@every_picture
def test_no_two_boxes_of_a_picture_overlap(path: Path) -> None:
    boxes = [
        [float(rect.get(key, 0)) for key in ("x", "y", "width", "height")]
        for rect in ET.parse(path).iter(f"{SVG}rect")
        if rect.get("class") == "box"
    ]
    for (x, y, width, height), (left, top, across, down) in itertools.combinations(boxes, 2):
        apart = x + width <= left or left + across <= x or y + height <= top or top + down <= y
        assert apart, (x, y, left, top)
