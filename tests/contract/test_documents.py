"""README's table of commands and the schemas of their answers say what is so, and leave nothing open."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nanna_ci
from nanna_ci.cli import main
from nanna_ci.usage import COMMANDS
from support.fake_ports import FakePorts

ROOT = Path(__file__).parents[2]
SCHEMAS = sorted((Path(nanna_ci.__file__).parent / "schemas").glob("*.json"))
ROW = re.compile(r"^\| `([a-z-]+)((?: [^`]+)?)` \| (.+) \|$")
TABLE = (ROOT / "README.md").read_text().partition("| command | what it does |\n|---|---|\n")[2].partition("\n\n")[0]
ROWS = [ROW.fullmatch(line) for line in TABLE.splitlines()]
FREE = {"ci.json", "dev-check.json", "run-job.json"}  # a job's `evidence` is of its kind


def test_the_table_of_commands_has_a_row_for_each_command_and_no_other() -> None:
    assert all(ROWS), "a row is not `| `COMMAND ARGUMENTS` | what it does |`"
    names = [row[1] for row in ROWS if row is not None]
    assert sorted(names) == sorted(COMMANDS)


@pytest.mark.parametrize("row", [row for row in ROWS if row is not None], ids=lambda row: row[1])
def test_every_flag_of_a_row_is_one_of_the_command(row: re.Match[str], fake_ports: FakePorts) -> None:
    assert main([row[1], "--help"], fake_ports.ports) == 0
    text = fake_ports.stdout.getvalue()
    flags = re.findall(r"--[a-z][a-z-]+", row[2] + row[3])
    assert [flag for flag in flags if not re.search(rf"{flag}\b(?!-)", text)] == []


def nodes(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside of a schema, with its place."""
    if isinstance(schema, dict):
        yield where, schema
        for key, value in schema.items():
            if key in {"properties", "$defs", "patternProperties"}:
                for name, inner in value.items():
                    yield from nodes(inner, f"{where}/{key}/{name}")
            elif key not in {"enum", "const", "required", "description", "examples"}:
                yield from nodes(value, f"{where}/{key}")
    elif isinstance(schema, list):
        for number, inner in enumerate(schema):
            yield from nodes(inner, f"{where}/{number}")


def is_object(node: dict[str, Any]) -> bool:
    kinds = node.get("type", [])
    return "properties" in node or kinds == "object" or "object" in kinds


def looseness(schema: dict[str, Any]) -> Iterator[str]:
    """Where an answer could hold more, or less, than the schema names."""
    for where, node in nodes(schema):
        if "additionalProperties" in node and node["additionalProperties"] is True:
            yield f"{where}: anything more is allowed"
        if is_object(node) and "additionalProperties" not in node and "$ref" not in node:
            yield f"{where}: says nothing of other keys"
        if "array" in (node.get("type") or []) and "items" not in node:
            yield f"{where}: says nothing of its items"
        if not set(node.get("required", [])) <= set(node.get("properties", node.get("required", []))):
            yield f"{where}: requires what it does not describe"


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_schema_leaves_nothing_open(path: Path) -> None:
    found = [one for one in looseness(json.loads(path.read_text())) if not is_free(path, one)]
    assert found == []


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_schema_requires_all_that_an_answer_always_has(path: Path) -> None:
    """A key that may be absent would be unreliable: absent values are null."""
    schema = json.loads(path.read_text())
    assert set(schema["required"]) >= {"schemaVersion", "command", "verdict"}
    optional = {
        f"{where}/{name}"
        for where, node in nodes(schema)
        for name in node.get("properties", {})
        if name not in node.get("required", [])
    }
    assert {one for one in optional if not is_free(path, one)} == set()


def is_free(path: Path, place: str) -> bool:
    return path.name in FREE and "/evidence" in place


def test_the_reader_of_looseness_finds_it() -> None:
    tight = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
    }
    assert list(looseness(tight)) == []
    for loose in (
        {**tight, "additionalProperties": True},
        {key: value for key, value in tight.items() if key != "additionalProperties"},
        {**tight, "properties": {"a": {"type": "array"}}},
        {**tight, "properties": {"a": {"type": ["object", "null"]}}},
        {**tight, "required": ["a", "b"]},
        {**tight, "$defs": {"x": {"type": "object"}}},
    ):
        assert list(looseness(loose)), loose
