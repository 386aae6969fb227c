"""Plain values as TOML text, for tests that make pipelines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def render_toml(document: Mapping[str, Any]) -> str:
    """A TOML document: top-level tables as sections, lists of tables as arrays of tables. None is left out."""
    plain: list[str] = []
    sections: list[str] = []
    for name, value in document.items():
        if isinstance(value, Mapping):
            sections += [f"[{_key(name)}]", *_pairs(value)]
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for item in value:
                sections += [f"[[{_key(name)}]]", *_pairs(item)]
        else:
            plain += _pairs({name: value})
    return "\n".join([*plain, *sections, ""])


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(name)} = {_value(value)}" for name, value in table.items() if value is not None]


def _key(name: str) -> str:
    return _value(name)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML forbids a bare DEL
        case list() | tuple():
            return f"[{', '.join(_value(item) for item in value)}]"
        case Mapping():
            return f"{{ {', '.join(_pairs(value))} }}"
        case int() | float():
            return repr(value)
    raise TypeError(f"{value!r} has no place in TOML")
