"""Expressions of workflows, made from their grammar by a seeded generator, and the contexts that they are about."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

CONTEXTS: dict[str, Any] = {
    "github": {
        "sha": "f00dfeed",
        "ref": "refs/heads/main",
        "Event_Name": "pull_request",
        "run_id": "6000000123",
        "run_attempt": 1,
        "event": {
            "number": 17,
            "action": "labeled",
            "forced": False,
            "pull_request": {
                "draft": True,
                "title": 'It\'s {0} \u00e9\u00df\u0130 "quoted" \\ \n',
                "body": None,
                "labels": [
                    {"name": "Bug", "color": "ff0000", "votes": [1, 2]},
                    {"name": "ci", "description": None},
                    {"name": "", "votes": []},
                    "not an object",
                    [{"name": "inside of an array"}, 5],
                ],
            },
        },
    },
    "env": {
        "EMPTY": "",
        "NUMBER": "42",
        "SPACED": " 7 ",
        "HEX": "0xFF",
        "TRUE": "true",
        "JSON": '{"a": [1, 2.5, null]}',
    },
    "matrix": {"os": "ubuntu-24.04", "rust": 1.75, "flag": True, "nothing": None, "list": [1, "two", False, None, 2.5]},
    "needs": {
        "plan": {"result": "success", "outputs": {"matrix": '{"include":[{"id":"test","n":1}]}', "any": "true"}},
        "build": {"result": "failure", "outputs": {}},
        "test-matrix": {"result": "skipped", "outputs": {"any": "false"}},
    },
    "steps": {},
    "inputs": {"dry-run": False, "level": 3, "_name": "x-y_z"},
}
# Only what the package and GitHub's runner agree on: at most one '' in a text, numbers of at most 15 digits, and no NaN
# or Infinity, which toJSON writes differently. EXPECTED_OTHERWISE has the rest.
TEXTS = (
    "",
    "a",
    "A",
    "abc",
    "ABC",
    "true",
    "0",
    "1",
    " 1 ",
    "0x10",
    "1e3",
    "-1",
    "Infinity",
    "NaN",
    "f00d",
    "refs/heads/",
)
UNUSUAL_TEXTS = (
    "it''s",
    "\u00c9",
    "\u00df",
    "ss",
    "\u0131",
    "I",
    "\U0001f600",
    "\uff21",
    "{0}",
    "a b",
    "success",
    "BUG",
)
NUMBERS = ("0", "1", "-1", "+2", "3", "17", "1.5", ".5", "-.25", "1e3", "1E-2", "0xff", "0o17", "1.75")
PLACES = (
    *("github", "github.sha", "GitHub.SHA", "github.event_name", "github.run_attempt", "github['ref']", "github.nope"),
    *(
        "github.event.number",
        "github.event.pull_request.title",
        "github.event.pull_request.draft",
        "github.event.x.y.z",
    ),
    *("github.event.pull_request.labels", "github.event.pull_request.labels.*.name", "github.event.pull_request.body"),
    *("github.event.pull_request.labels[0]", "github.event.pull_request.labels.*.votes", "github.event['ACTION']"),
    *("github.event.pull_request.labels.*.votes.*", "github.event.pull_request.labels.*", "github.event.*.draft"),
    *(
        "env.EMPTY",
        "env.number",
        "env.SPACED",
        "env.HEX",
        "env.TRUE",
        "env['json']",
        "env.absent",
        "matrix",
        "matrix.OS",
    ),
    *(
        "matrix.rust",
        "matrix.flag",
        "matrix.nothing",
        "matrix.list",
        "matrix.list[1]",
        "matrix.list.*",
        "matrix.list[-1]",
    ),
    *("matrix.list['0']", "matrix.list[true]", "matrix.list[1.9]", "matrix.list[99]", "matrix['os']", "matrix.*"),
    *("needs", "needs.plan.result", "needs.build.outputs.any", "needs.*.result", "needs.test-matrix.outputs.any"),
    *(
        "needs['plan'].outputs['matrix']",
        "needs.*.outputs.*",
        "needs.plan.*",
        "needs[*].result",
        "steps",
        "steps.x.outputs",
    ),
    *("inputs.dry-run", "inputs.level", "inputs._name", "(github).sha", "(matrix.list)[0]", "inputs['level']"),
)
VALID_JSON = (
    *("null", "true", "1", "-0.5", "1e2", '"text"', "[]", "{}", "[1,[2,[3]],{}]", '{"a":{"B":[true,null]},"c":"d"}'),
    *(' [ 1 , "x" ] ', '{"include":[{"os":"a","n":1},{"os":"b"}]}', '"\\u00e9\\n\\ud83d\\ude00"', '{"k":"v","K2":{}}'),
)
JSON_PLACES = ("env.JSON", "needs.plan.outputs.matrix", "needs.plan.outputs.any", "env.NUMBER")
OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "&&", "||")
PIECES = (
    *"()[].,*!<>=&|'{}-+ \n\t0x9",
    "&&",
    "||",
    "==",
    "github",
    "null",
    "contains(",
    "\u00e9",
    "$",
    '"',
    "%",
    "~",
    "@",
)


def generated_expressions(count: int, seed: int) -> list[str]:
    """So many different expressions; about one of six was changed somewhere, which makes most of those invalid."""
    chance = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        text = _valid(chance, chance.randint(0, 4))
        if chance.random() < 0.17 and not any(word in text.lower() for word in ("json", "format", "case(")):
            text = _changed(chance, text)
        made.setdefault(text)
    return list(made)


def _valid(chance: random.Random, depth: int) -> str:
    if depth == 0:
        return chance.choice((_literal, _literal, _place, _place, _place))(chance)
    kinds: tuple[Callable[[random.Random, int], str], ...] = (_operation, _operation, _call, _call, _unary, _indexed)
    return chance.choice(kinds)(chance, depth - 1)


def _literal(chance: random.Random) -> str:
    choice = chance.random()
    if choice < 0.45:
        return f"'{chance.choice(TEXTS if choice < 0.3 else UNUSUAL_TEXTS)}'"
    return chance.choice(NUMBERS) if choice < 0.75 else chance.choice(("true", "false", "null"))


def _place(chance: random.Random) -> str:
    return chance.choice(PLACES)


def _operation(chance: random.Random, depth: int) -> str:
    space = chance.choice((" ", " ", "", "\n  "))
    parts = [_valid(chance, chance.randint(0, depth))]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        parts += [chance.choice(OPERATORS), _valid(chance, chance.randint(0, depth))]
    text = space.join(parts)
    return f"({text})" if chance.random() < 0.4 else text


def _unary(chance: random.Random, depth: int) -> str:
    return chance.choice(("!", "!!", "! ")) + _grouped(chance, depth)


def _grouped(chance: random.Random, depth: int) -> str:
    return f"({_valid(chance, depth)})"


def _indexed(chance: random.Random, depth: int) -> str:
    whole = chance.choice((_place(chance), f"fromJSON({_json_text(chance)})", _grouped(chance, depth)))
    for _ in range(chance.choice((1, 1, 2))):
        inside = f"[{_valid(chance, chance.randint(0, depth))}]"
        whole += chance.choice((".a", ".*", "[*]", ".include", ".name", ".true", "['B']", "[0]", inside))
    return whole


def _json_text(chance: random.Random) -> str:
    if chance.random() < 0.4:
        return chance.choice(JSON_PLACES)
    return f"'{chance.choice(VALID_JSON)}'"


def _call(chance: random.Random, depth: int) -> str:
    def some() -> str:
        return _valid(chance, chance.randint(0, depth))

    name = chance.choice(
        ("contains", "startsWith", "endsWith", "format", "join", "toJSON", "fromJSON", "case", "status")
    )
    match name:
        case "format":
            forms = ("{0}", "{0}{1}{0}", "x{1}", "{{{0}}}", "a{{b}}c", "", "{00}-{1} {0}")
            arguments = [f"'{chance.choice(forms)}'", some(), some()]
        case "join":
            arguments = [some()] if chance.random() < 0.5 else [some(), some()]
        case "toJSON":
            arguments = [some()]
        case "fromJSON":
            arguments = [_json_text(chance)]
        case "case":
            arguments = [f"!{_grouped(chance, depth)}", some(), f"({some()}) == ({some()})", some(), some()]
        case "status":
            name, arguments = chance.choice((("success", []), ("FAILURE", []), ("always", []), ("hashFiles", [some()])))
        case _:
            arguments = [some(), some()]
    return f"{name}({chance.choice((', ', ',')).join(arguments)})"


def _changed(chance: random.Random, text: str) -> str:
    at = chance.randrange(len(text) + 1)
    cut = at if chance.random() < 0.5 else min(len(text), at + chance.choice((1, 1, 2, 5)))
    return text[:at] + chance.choice(PIECES) + text[cut:] if chance.random() < 0.7 else text[:at] + text[cut:]
