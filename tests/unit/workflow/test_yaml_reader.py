"""The YAML of workflows: places and comments are kept, and whatever is not read is named with its line."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.workflow.yaml_nodes import ScalarStyle, YamlComment, YamlMapping, YamlScalar, YamlSequence, scalars_in
from nanna_ci.workflow.yaml_reader import read_yaml

TEXT = """\
--- # the one document
on:
  push:   # always
    branches: [main, "re leases"]
  pull_request:
steps:
- run: |  # a script
    echo a # no comment
      b

- uses: a/b@c # v1
  with: { 'x': 1 , y: "two", }
# at the end
"""


def test_every_value_has_its_place_and_its_style() -> None:
    document = read_yaml(TEXT.replace("--- # the one document", "---").encode(), "w")
    assert [(one.text, one.style.value, one.line, one.column) for one in scalars_in(document.root)] == [
        ("main", "plain", 4, 16),
        ("re leases", "double-quoted", 4, 22),
        ("", "empty", 5, 16),
        ("echo a # no comment\n  b\n", "literal", 7, 8),
        ("a/b@c", "plain", 11, 9),
        ("1", "plain", 12, 16),
        ("two", "double-quoted", 12, 23),
    ]
    assert document.comments == {
        3: YamlComment("always", 11, stands_alone=False),
        7: YamlComment("a script", 11, stands_alone=False),
        11: YamlComment("v1", 15, stands_alone=False),
        13: YamlComment("at the end", 1, stands_alone=True),
    }


def test_a_key_is_found_with_its_place_and_only_by_its_own_kind() -> None:
    root = read_yaml(b"a: 1\nb:\n  c: [2]\n", "w").root
    assert isinstance(root, YamlMapping)
    assert (root.text("a"), root.text("b"), root.mapping("a"), root.get("x"), root.key("x")) == ("1",) + (None,) * 4
    inner = root.mapping("b")
    assert inner is not None
    assert isinstance(inner.get("c"), YamlSequence)
    assert inner.key("c") == YamlScalar("c", ScalarStyle.PLAIN, 3, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: b\n  c\n\n  d\n", "b c\nd"),
        ("a:\n  b\n  c # d\n", "b c"),
        ("a: >\n  b\n  c\n\n  d\n   e\n  f\n", "b c\nd\n e\nf\n"),
        ("a: |-\n  b\n\n", "b"),
        ("a: |+\n  b\n\n", "b\n\n"),
        ("a: |2\n   b\n", " b\n"),
        ("a: |\n  b", "b"),
        ("a: 'it''s'", "it's"),
        (r'a: "\x41\u00e9\U0001F600\t\"\\"', 'Aé😀\t"\\'),
        ("a: b#c:d", "b#c:d"),
        ("a: ${{ x && 'y:z' }}", "${{ x && 'y:z' }}"),
        ("a: b\r\nc: d\r\n", "b"),
    ],
)
def test_a_scalar_means_what_yaml_says(text: str, value: str) -> None:
    assert next(scalars_in(read_yaml(text.encode(), "w").root)).text == value


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: &x 2\n", 2, "an anchor"),
        ("a: 1\nb: *x\n", 2, "an alias"),
        ("a: !!str 1\n", 1, "a tag"),
        ("a: [!t 1]\n", 1, "a tag"),
        ("a: 1\n<<: {}\n", 2, "a merge key"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: 1\n...\n", 2, "a second document, or the end of one"),
        ("%YAML 1.2\n---\na: 1\n", 2, "a second document"),
        ("%YAML 1.2\na: 1\n", 1, "a directive"),
        ("a:\n\tb: 1\n", 2, "a tab"),
        ("a: 1\rb: 2\n", 1, "a lone carriage return"),
        ("\ufeffa: 1\n", 1, "a byte order mark"),
        ("a: 1\u2028b: 2\n", 1, "the character U+2028"),
        ("a: \x00\n", 1, "the character U+0000"),
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a', which is on line 1 already,"),
        ("a: {b: 1, b: 2}\n", 1, "the key 'b', which is on line 1 already,"),
        ("? a\n: b\n", 1, "a key behind a question mark"),
        ("a: 1\n: b\n", 2, "an empty key"),
        ('a: "b\n  c"\n', 1, "a quoted scalar that does not end on its line"),
        ('a: "\\q"\n', 1, "the escape"),
        ('a: "\\ud800"\n', 1, "the escape"),
        ("a: 'b' c\n", 1, "'c' behind a value"),
        ("a: b: c\n", 1, "a mapping or a list on the line of its key"),
        ("a: - b\n", 1, "a mapping or a list on the line of its key"),
        ("a: b\n  c: d\n", 2, "a colon inside of a plain scalar"),
        ("a:\n    b: 1\n  c: 2\n", 3, "an indentation that fits nothing above it"),
        ("a: 1\nb\n", 2, "'b' without a colon among keys"),
        ("a: [1\n", 1, "a bracket that is never closed"),
        ("a:\n  b: [1,\n  2]\n", 3, "a line inside of brackets that is not indented"),
        ("a: [1 2, {b}]\n", 1, "the key 'b' without a colon"),
        ("a: [b: 1]\n", 1, "where a comma or ] should be"),
        ("a: [1, , 2]\n", 1, "a comma where a value should be"),
        ("a: {[b]: 1}\n", 1, "a key in brackets"),
        ("a: @b\n", 1, "a scalar that begins with @"),
        ("a: |x\n  b\n", 1, "at the head of a block"),
        ("a: |\n    \n  b\n", 3, "an empty line longer than the indentation of its block"),
        ("a: b\n- c\n", 2, "after the end of what it belongs to"),
    ],
)
def test_what_is_not_read_is_named_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(MalformedData) as caught:
        read_yaml(text.encode(), "w.yml")
    assert caught.value.message.startswith(f"w.yml: line {line}: ")
    assert what in caught.value.message


@pytest.mark.parametrize("data", [b"", b"\n# only this\n", b"a: \xff\n"])
def test_a_file_without_yaml_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedData, match="line 1: "):
        read_yaml(data, "w.yml")
