"""A strict reader of the YAML that workflows are written in.

Block mappings and sequences, those in brackets and braces, plain, quoted, literal and folded scalars, comments.
Whatever else YAML has (anchors, tags, several documents, quoted scalars over several lines) is refused by name and
line, and so is what two readers of YAML may take for two things: tabs, repeated keys, odd line breaks.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.workflow.yaml_nodes import (
    ScalarStyle,
    YamlComment,
    YamlDocument,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
)
from nanna_ci.workflow.yaml_scalars import block_text, read_quoted

MAX_DEPTH: Final = 64
_ODD: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_MARKER: Final = re.compile(r"(?:---|\.\.\.)(?: |$)")
_HEADER: Final = re.compile(r"[|>](?:([1-9])([+-]?)|([+-]?)([1-9])?)(?= |$)")
_REFUSED_STARTS: Final = {
    "&": "an anchor",
    "*": "an alias",
    "!": "a tag",
    "@": "a scalar that begins with @",
    "`": "a scalar that begins with `",
    "%": "a scalar that begins with %",
    ",": "a comma where a value should be",
    "]": "a ] without its [",
    "}": "a } without its {",
}


def read_yaml(data: bytes, source: str) -> YamlDocument:
    """The one document of a file. MalformedData names the line of what is not read, and what it is."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MalformedData(source, f"line {line}: not UTF-8") from None
    return _YamlReader(text.replace("\r\n", "\n"), source).document()


class _YamlReader:
    """A cursor over the lines: `row` and `column` count from 0 and stand at the next thing to read."""

    def __init__(self, text: str, source: str) -> None:
        self.lines = text.split("\n")
        self.source = source
        self.row = self.column = self.depth = 0
        self.comments: dict[int, YamlComment] = {}

    def refuse(self, what: str, row: int | None = None) -> NoReturn:
        raise MalformedData(
            self.source,
            f"line {(self.row if row is None else row) + 1}: {what} is not read",
            hint="workflow check reads plain YAML: mappings, lists, strings; write it without this",
        )

    def document(self) -> YamlDocument:
        for row, line in enumerate(self.lines):
            if odd := _ODD.search(line):
                names = {"\t": "a tab", "\r": "a lone carriage return", "\ufeff": "a byte order mark"}
                self.refuse(names.get(odd[0], f"the character U+{ord(odd[0]):04X}"), row)
        start = next((row for row, line in enumerate(self.lines) if line.strip() and line.lstrip()[0] != "#"), 0)
        for row, line in enumerate(self.lines):
            if _MARKER.match(line) and (row != start or line.rstrip() != "---"):
                self.refuse("a second document, or the end of one", row)
        if self.lines[start].startswith("%"):
            self.refuse("a directive", start)
        if self.lines[start].rstrip() == "---":
            self.lines[start] = ""
        if not self._skip():
            raise MalformedData(self.source, "line 1: there is nothing in it")
        root = self._node(-1)
        if self._skip():
            self.refuse(f"{shorten(self._rest())} after the end of what it belongs to")
        return YamlDocument(root, self.comments)

    def _rest(self) -> str:
        return self.lines[self.row][self.column :]

    def _skip(self) -> bool:
        """Go to the next thing that is no space, line break or comment; whether there is any."""
        while self.row < len(self.lines):
            line = self.lines[self.row]
            while self.column < len(line) and line[self.column] == " ":
                self.column += 1
            if self.column < len(line):
                if line[self.column] != "#":
                    return True
                if self.column and line[self.column - 1] != " ":
                    self.refuse("a # right behind something else")
                alone = not line[: self.column].strip()
                comment = YamlComment(line[self.column :].strip("# "), self.column + 1, alone)
                self.comments[self.row + 1] = comment
            self.row, self.column = self.row + 1, 0
        return False

    def _end_of_line(self) -> None:
        """After a value: nothing but a comment may follow."""
        row = self.row
        if self._skip() and self.row == row:
            self.refuse(f"{shorten(self._rest())} behind a value")

    def _first_on_line(self) -> bool:
        return not self.lines[self.row][: self.column].strip()

    def _is_item(self) -> bool:
        return self._rest() == "-" or self._rest().startswith("- ")

    def _empty(self, row: int, column: int) -> YamlScalar:
        return YamlScalar("", ScalarStyle.EMPTY, row + 1, column + 1)

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse(f"a nesting deeper than {MAX_DEPTH} levels")

    def _node(self, parent: int) -> YamlNode:
        """What begins at the cursor, where a block may begin; `parent` is the column of what it belongs to."""
        self._deeper()
        if self._is_item():
            node: YamlNode = self._sequence()
        elif self._at_key():
            node = self._mapping()
        else:
            node = self._value(parent)
        self.depth -= 1
        return node

    def _below(self, parent: int, *, item_at_parent: bool) -> YamlNode:
        """The value of a key or an item with nothing behind it on its line."""
        row, column = self.row, self.column
        if not self._skip():
            return self._empty(row, column)
        if self.row == row:
            self.refuse(f"{shorten(self._rest())} here")
        if self.column > parent or (item_at_parent and self.column == parent and self._is_item()):
            return self._node(parent)
        return self._empty(row, column)

    def _nothing_behind(self) -> bool:
        rest = self._rest().lstrip(" ")
        return not rest or (rest.startswith("#") and self._rest().startswith(" "))

    def _sequence(self) -> YamlSequence:
        indent, line = self.column, self.row + 1
        items = []
        while True:
            self.column += 1
            if self._nothing_behind():
                items.append(self._below(indent, item_at_parent=False))
            else:
                self._skip()
                items.append(self._node(indent))
            if not (self._skip() and self._first_on_line() and self.column == indent and self._is_item()):
                break
        self._check_indent(indent)
        return YamlSequence(tuple(items), is_flow=False, line=line, column=indent + 1)

    def _mapping(self) -> YamlMapping:
        indent, line = self.column, self.row + 1
        entries: dict[str, tuple[YamlScalar, YamlNode]] = {}
        while True:
            key = self._key(entries)
            if self._nothing_behind():
                value = self._below(indent, item_at_parent=True)
            else:
                self._skip()
                if self._is_item() or self._at_key():
                    self.refuse("a mapping or a list on the line of its key")
                value = self._value(indent)
            entries[key.text] = (key, value)
            if not (self._skip() and self._first_on_line() and self.column == indent) or self._is_item():
                break
            if not self._at_key():
                self.refuse(f"{shorten(self._rest())} without a colon among keys")
        self._check_indent(indent)
        return YamlMapping(tuple(entries.values()), is_flow=False, line=line, column=indent + 1)

    def _check_indent(self, indent: int) -> None:
        if self.row < len(self.lines) and self._skip() and self.column > indent:
            self.refuse("an indentation that fits nothing above it")

    def _at_key(self) -> bool:
        """Whether a key begins at the cursor: something on this line, then a colon, then a space or the line's end."""
        row, column, rest = self.row, self.column, self._rest()
        if rest == "?" or rest.startswith("? "):
            self.refuse("a key behind a question mark")
        if rest[0] in "\"'":
            self._quoted()
            behind = self._rest().lstrip(" ")
            self.row, self.column = row, column
            return behind == ":" or behind.startswith(": ")
        plain = re.match(r"[^#]*?(?:(?<! )#[^#]*?)*?:(?: |$)", rest)
        return rest[0] not in "[{|>#" and plain is not None

    def _key(self, known: dict[str, tuple[YamlScalar, YamlNode]]) -> YamlScalar:
        """The key at the cursor, and its colon."""
        row, column = self.row, self.column
        if self._rest()[0] in "\"'":
            key = self._quoted()
            self.column += len(self._rest()) - len(self._rest().lstrip(" "))
        else:
            self._refuse_start(self._rest())
            text = re.split(r" *:(?: |$)", self._rest(), maxsplit=1)[0]
            key = YamlScalar(text, ScalarStyle.PLAIN, row + 1, column + 1)
            self.column += self._rest().index(":", len(text)) if text else 0
        self.column += 1
        self._check_key(key, known)
        return key

    def _check_key(self, key: YamlScalar, known: dict[str, tuple[YamlScalar, YamlNode]]) -> None:
        if key.text == "<<":
            self.refuse("a merge key", key.line - 1)
        if not key.text:
            self.refuse("an empty key", key.line - 1)
        if key.text in known:
            self.refuse(
                f"the key {shorten(key.text)}, which is on line {known[key.text][0].line} already,", key.line - 1
            )

    def _refuse_start(self, rest: str) -> None:
        if rest[0] in _REFUSED_STARTS:
            self.refuse(_REFUSED_STARTS[rest[0]])

    def _value(self, parent: int) -> YamlNode:
        """A scalar, or a list or mapping in brackets, up to the end of its last line."""
        rest = self._rest()
        self._refuse_start(rest)
        if rest[0] in "|>":
            return self._block_scalar(parent)
        if rest[0] in "\"'":
            node: YamlNode = self._quoted()
        elif rest[0] in "[{":
            node = self._flow(parent)
        else:
            return self._plain(parent)
        self._end_of_line()
        return node

    def _plain(self, parent: int) -> YamlScalar:
        """Lines that are deeper than `parent` go on with it: one break is a space, n breaks are n - 1."""
        row, column = self.row, self.column
        text = self._plain_line()
        while self.row < len(self.lines) and self._nothing_behind() and not self._rest().lstrip(" "):
            ended = self.row
            self.row, self.column = self.row + 1, 0
            while self.row < len(self.lines) and not self.lines[self.row].strip(" "):
                self.row += 1
            line = self.lines[self.row] if self.row < len(self.lines) else ""
            self.column = len(line) - len(line.lstrip(" "))
            if not line or self.column <= parent or line[self.column] == "#":
                break
            text += ("\n" * (self.row - ended - 1) or " ") + self._plain_line()
        else:
            self._end_of_line()
        return YamlScalar(text, ScalarStyle.PLAIN, row + 1, column + 1)

    def _plain_line(self) -> str:
        text = re.split(r" +#", self._rest(), maxsplit=1)[0].rstrip(" ")
        if re.search(r":(?: |$)", text):
            self.refuse("a colon inside of a plain scalar")
        self.column += len(text)
        return text

    def _quoted(self) -> YamlScalar:
        row, column = self.row, self.column
        try:
            text, style, length = read_quoted(self._rest())
        except ValueError as error:
            self.refuse(str(error))
        self.column += length
        return YamlScalar(text, style, row + 1, column + 1)

    def _flow(self, parent: int) -> YamlNode:
        """A value inside of brackets or braces, or those themselves."""
        rest, row, column = self._rest(), self.row, self.column
        self._refuse_start(rest)
        if rest[0] in "\"'":
            return self._quoted()
        if rest[0] not in "[{":
            text = re.split(r" +#|:(?=[ ,\[\]{}]|$)|[,\[\]{}]", rest, maxsplit=1)[0].rstrip(" ")
            if not text or text == "-" or text.startswith(("- ", "? ", "| ", "> ")) or text in {"?", "|", ">"}:
                self.refuse(f"{shorten(rest)} inside of brackets")
            self.column += len(text)
            return YamlScalar(text, ScalarStyle.PLAIN, row + 1, column + 1)
        self._deeper()
        self.column += 1
        items: list[YamlNode] = []
        entries: dict[str, tuple[YamlScalar, YamlNode]] = {}
        closing = "]" if rest[0] == "[" else "}"
        while self._inside(parent) != closing:
            item = self._flow(parent)
            if closing == "]":
                items.append(item)
            elif isinstance(item, YamlScalar):
                self._check_key(item, entries)
                entries[item.text] = (item, self._flow_value(item, parent))
            else:
                self.refuse("a key in brackets")
            if self._inside(parent) == ",":
                self.column += 1
            elif self._inside(parent) != closing:
                self.refuse(f"{shorten(self._rest())} where a comma or {closing} should be")
        self.column += 1
        self.depth -= 1
        if closing == "]":
            return YamlSequence(tuple(items), is_flow=True, line=row + 1, column=column + 1)
        return YamlMapping(tuple(entries.values()), is_flow=True, line=row + 1, column=column + 1)

    def _inside(self, parent: int) -> str:
        """The next character inside of brackets, which may be lines further down, but deeper than their `parent`."""
        row = self.row
        if not self._skip():
            self.refuse("a bracket that is never closed", row)
        if self.row != row and self.column <= parent:
            self.refuse("a line inside of brackets that is not indented")
        return self._rest()[0]

    def _flow_value(self, key: YamlScalar, parent: int) -> YamlNode:
        if self._inside(parent) != ":":
            self.refuse(f"the key {shorten(key.text)} without a colon")
        self.column += 1
        if key.style is ScalarStyle.PLAIN and self._rest()[:1] not in {"", " "}:
            self.refuse("a colon without a space behind it inside of braces")
        row, column = self.row, self.column
        return self._empty(row, column) if self._inside(parent) in ",}" else self._flow(parent)

    def _block_scalar(self, parent: int) -> YamlScalar:
        row, column, rest = self.row, self.column, self._rest()
        found = _HEADER.match(rest)
        if found is None:
            self.refuse(f"{shorten(rest)} at the head of a block")
        self.column += found.end()
        if not self._nothing_behind():
            self.refuse(f"{shorten(self._rest())} at the head of a block")
        digit, chomping = found[1] or found[4], found[2] or found[3]
        if "#" in self._rest():
            at = self.lines[row].index("#", self.column)
            self.comments[row + 1] = YamlComment(self.lines[row][at:].strip("# "), at + 1, stands_alone=False)
        self.row, self.column = row + 1, 0
        indent = max(parent, 0) + int(digit) if digit else self._detect_indent(parent)
        taken = []
        while self.row < len(self.lines):
            line = self.lines[self.row]
            if line[:indent].strip(" "):
                break
            taken.append(line[indent:])
            self.row += 1
        at_end = self.row >= len(self.lines)
        text = block_text(taken, chomping, folded=rest[0] == ">", at_end=at_end)
        return YamlScalar(text, ScalarStyle.FOLDED if rest[0] == ">" else ScalarStyle.LITERAL, row + 1, column + 1)

    def _detect_indent(self, parent: int) -> int:
        """The indentation of the first line with text."""
        longest = 0
        for row in range(self.row, len(self.lines)):
            line = self.lines[row]
            indent = len(line) - len(line.lstrip(" "))
            if indent < len(line):
                if indent > parent and longest > indent:
                    self.refuse("an empty line longer than the indentation of its block", row)
                return max(indent, parent + 1)
            longest = max(longest, indent)
        return max(longest, parent + 1)
