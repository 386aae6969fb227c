"""What is written as YAML comes back as it was; anything else is read whole or refused with its line."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlNode, YamlScalar
from nanna_ci.workflow.yaml_reader import read_yaml

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff\ufffe\uffff"), max_size=12)
KEYS = st.text("abc-_. :#'\"", min_size=1, max_size=5)
TREES = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(KEYS, inner, min_size=1, max_size=3),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(KEYS, TREES, min_size=1, max_size=4)
LINES = st.lists(st.text("ab: -#'\"${}", max_size=6).map(str.rstrip), min_size=1, max_size=5)
PIECES = st.sampled_from(
    [
        "a",
        "b: ",
        "- ",
        "  ",
        "\n",
        "\n  ",
        "\n    ",
        ":",
        " #",
        "'",
        '"',
        "[",
        "]",
        "{",
        "}",
        ",",
        "|",
        ">",
        "&x",
        "? ",
        "-",
    ]
)


def plain(node: YamlNode) -> Any:
    if isinstance(node, YamlScalar):
        return node.text
    if isinstance(node, YamlMapping):
        return {key.text: plain(value) for key, value in node.entries}
    return [plain(item) for item in node.items]


def quoted(text: str, style: int) -> str:
    """A scalar on one line: double-quoted as JSON does it, single-quoted where it can be, or without quotes."""
    if style == 1 and re.fullmatch(r"[ -~]*", text):
        return "'" + text.replace("'", "''") + "'"
    if style == 2 and re.fullmatch(r"[a-z][a-z-]*", text):
        return text
    return json.dumps(text)


def written(value: Any, indent: int, style: int) -> str:
    """A tree as a block, behind the colon or the dash of what has it."""
    pad = "\n" + " " * indent
    if isinstance(value, str):
        return " " + quoted(value, style)
    if isinstance(value, list):
        return "".join(f"{pad}-{written(item, indent + 2, style)}" for item in value)
    return "".join(f"{pad}{quoted(key, style)}:{written(item, indent + 2, style)}" for key, item in value.items())


def flowing(value: Any, style: int) -> str:
    if isinstance(value, str):
        return quoted(value, style)
    if isinstance(value, list):
        return f"[{', '.join(flowing(item, style) for item in value)}]"
    return "{ " + ", ".join(f"{quoted(key, style)}: {flowing(item, style)}" for key, item in value.items()) + " }"


def refusal(data: bytes) -> str:
    """Why a text is not read, "" if it is."""
    try:
        read_yaml(data, "w")
    except MalformedData as error:
        return error.message
    return ""


def is_bmp(value: Any) -> bool:
    """JSON writes what is beyond as two escapes, which YAML has no word for."""
    return all(ord(one) < 0x10000 for one in json.dumps(value, ensure_ascii=False))


@given(MAPPINGS.filter(is_bmp), st.integers(0, 2))
def test_blocks_come_back_as_they_were(tree: dict[str, Any], style: int) -> None:
    assert plain(read_yaml(written(tree, 0, style).encode(), "w").root) == tree


@given(MAPPINGS.filter(is_bmp), st.integers(0, 2))
def test_brackets_and_braces_come_back_as_they_were(tree: dict[str, Any], style: int) -> None:
    text = "key: " + flowing(tree, style) + " # a comment\n"
    assert plain(read_yaml(text.encode(), "w").root) == {"key": tree}


@given(LINES.filter(lambda lines: lines[0] != "" and lines[0][0] != " " and lines[-1] != ""), st.integers(1, 4))
def test_literal_blocks_keep_every_line(lines: list[str], indent: int) -> None:
    block = "".join(f"{' ' * indent}{line}\n" if line else "\n" for line in lines)
    document = read_yaml(f"a: |\n{block}\n# c\nb: |-\n{block}c: d\n".encode(), "w")
    text = "\n".join(lines)
    assert plain(document.root) == {"a": text + "\n", "b": text, "c": "d"}


@given(st.lists(PIECES, max_size=14).map("".join))
def test_any_text_is_read_or_refused_by_its_line(text: str) -> None:
    message = refusal(text.encode())
    found = re.match(r"w: line (\d+): ", message)
    assert not message or (found is not None and 1 <= int(found[1]) <= text.count("\n") + 1)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    message = refusal(data)
    assert not message or message.startswith("w: line ")


@pytest.mark.parametrize("depth", [70, 5000])
def test_what_is_nested_too_deeply_is_refused(depth: int) -> None:
    for text in ("a: " + "[" * depth, "- " * depth + "a", "".join(f"{' ' * n}a:\n" for n in range(depth))):
        with pytest.raises(MalformedData, match="deeper than 64 levels"):
            read_yaml(text.encode(), "w")
