"""Derivation files as they lie in the store: `Derive([outputs],[inputs],[sources],system,builder,[args],[env])`.

Reading the files of a whole graph takes a quarter of the time of `nix derivation show --recursive` and reading its
JSON. The format is Nix's ATerm (nix: src/libstore/derivations.cc), read strictly.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, ToolMissing, shorten
from nanna_ci.store.derivation import Derivation, DerivationHead, Output
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_store_path

_MAX_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024

# Possessive throughout: no text makes them go back and try again.
_INSIDE = r'[^"\\]*+(?:\\.[^"\\]*+)*+'
_TEXT = f'"{_INSIDE}"'
_TEXTS = rf"\[(?:{_TEXT}(?:,{_TEXT})*+)?+\]"


def _list_of(item: str) -> str:
    return rf"\[((?:{item}(?:,{item})*+)?+)\]"


_OUTPUT = rf"\({_TEXT},{_TEXT},{_TEXT},{_TEXT}\)"
_INPUT = rf"\({_TEXT},{_TEXTS}\)"
_PAIR = rf"\({_TEXT},{_TEXT}\)"
_FILE: Final = re.compile(
    rf'Derive\({_list_of(_OUTPUT)},{_list_of(_INPUT)},{_list_of(_TEXT)},"({_INSIDE})","({_INSIDE})",'
    rf"{_list_of(_TEXT)},{_list_of(_PAIR)}\)",
    re.DOTALL,
)
_HEAD: Final = re.compile(rf"Derive\({_list_of(_OUTPUT)},", re.DOTALL)
_ONE_OUTPUT: Final = re.compile(rf'\("({_INSIDE})","({_INSIDE})",{_TEXT},"({_INSIDE})"\)', re.DOTALL)
_ONE_INPUT: Final = re.compile(rf'\("({_INSIDE})",({_TEXTS})\)', re.DOTALL)
_ONE_PAIR: Final = re.compile(rf'\("({_INSIDE})","({_INSIDE})"\)', re.DOTALL)
_ONE_TEXT: Final = re.compile(f'"({_INSIDE})"', re.DOTALL)
_ESCAPED: Final = {"\\n": "\n", "\\r": "\r", "\\t": "\t"}


class DerivationFiles:
    """The derivation files of a store whose folder is on this machine: `folder` holds what Nix calls /nix/store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, StorePath] = {}

    def holds(self, derivation: StorePath) -> bool:
        """Whether the file is there."""
        return (self._folder / derivation.base_name).is_file()

    def read_one(self, derivation: StorePath) -> Derivation:
        """One derivation, without what it needs. Raises as `read_closure` does."""
        return parse_drv_file(self._read(derivation), derivation, known=self._known)

    def read_head(self, derivation: StorePath, names: Iterable[str]) -> DerivationHead:
        """Outputs and some variables of one derivation, in a tenth of the time. Raises as `read_closure` does."""
        return parse_drv_head(self._read(derivation), derivation, names)

    def read_closure(self, roots: Iterable[StorePath]) -> dict[StorePath, Derivation]:
        """The derivations, and all that they need.

        Raises:
            ToolMissing: a file is not there or cannot be read.
            MalformedData: a file is not a derivation.
        """
        graph: dict[StorePath, Derivation] = {}
        ahead = list(roots)
        while ahead:
            path = ahead.pop()
            if path not in graph:
                graph[path] = self.read_one(path)
                ahead.extend(graph[path].input_derivations)
        return graph

    def _read(self, path: StorePath) -> bytes:
        place = f"{self._folder}/{path.base_name}"
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                data = b""
                while chunk := os.read(descriptor, _CHUNK_BYTES):
                    data += chunk
                    if len(data) > _MAX_BYTES:
                        raise MalformedData(str(path), f"more than the {_MAX_BYTES} bytes that are read")
                return data
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ToolMissing(
                str(path), f"cannot be read: {error.strerror}", hint="evaluate it again: it may have been collected"
            ) from error


def parse_drv_head(data: bytes, path: StorePath, names: Iterable[str]) -> DerivationHead:
    """Read the outputs and those variables of the environment that are there; of all else nothing is looked at.

    A quote inside of a string has a backslash before it, so `("NAME","` is found nowhere but where the variable is.

    Raises:
        MalformedData: for what does not begin like a derivation.
    """
    source = str(path)
    text = data.decode("utf-8", "surrogateescape")
    match = _HEAD.match(text)
    if match is None:
        raise MalformedData(source, "is not a derivation as Nix writes it")
    environment = {}
    for name in names:
        at = text.find(f'("{name}","', match.end())
        found = None if at < 0 else _ONE_PAIR.match(text, at)
        if found is not None:
            environment[name] = _plain(found[2])
    return DerivationHead(_outputs(match[1], source, {}), environment)


def parse_drv_file(data: bytes, path: StorePath, *, known: dict[str, StorePath] | None = None) -> Derivation:
    """Read one file; bytes that are not UTF-8 are kept as lone surrogates.

    `known` holds store paths by their text, and gets the new ones, so that the files of a graph share them.

    Raises:
        MalformedData: for anything that Nix would not write, a derivation with dynamic inputs (`DrvWithVersion`)
            included.
    """
    source = str(path)
    match = _FILE.fullmatch(data.decode("utf-8", "surrogateescape"))
    if match is None:
        if data.startswith(b"DrvWithVersion("):
            raise MalformedData(source, "has dynamic inputs, an experiment of Nix's that is not read here")
        raise MalformedData(source, "is not a derivation as Nix writes it: cut short?")
    outputs, inputs, sources, system, builder, arguments, environment = match.groups()
    paths = {} if known is None else known

    def look_up(text: str) -> StorePath:
        found = paths.get(text)
        if found is None:
            found = paths[text] = parse_store_path(text, source)
        return found

    parsed = Derivation(
        path=path,
        name=path.name.removesuffix(".drv"),
        system=_plain(system),
        builder=_plain(builder),
        arguments=_texts(arguments),
        environment=_pairs(environment),
        outputs=_outputs(outputs, source, paths),
        input_derivations={look_up(place): _texts(used) for place, used in _ONE_INPUT.findall(inputs)},
        input_sources=tuple([look_up(place) for place in _ONE_TEXT.findall(sources)]),
    )
    if not parsed.outputs:
        raise MalformedData(source, f"has no outputs, and nothing under {STORE_DIR} comes of it")
    for needed in parsed.input_derivations:
        if not needed.is_derivation:
            raise MalformedData(source, f"{shorten(str(needed))} is not a derivation, but an input that is built")
    return parsed


def _outputs(listed: str, source: str, known: dict[str, StorePath]) -> dict[str, Output]:
    found = {}
    for name, place, digest in _ONE_OUTPUT.findall(listed):
        if place and place not in known:
            known[place] = parse_store_path(place, source)
        found[_plain(name)] = Output(known[place] if place else None, digest not in {"", "impure"})
    return found


def _texts(listed: str) -> tuple[str, ...]:
    found = _ONE_TEXT.findall(listed)
    return tuple(map(_plain, found)) if "\\" in listed else tuple(found)


def _pairs(listed: str) -> dict[str, str]:
    found = _ONE_PAIR.findall(listed)
    return {_plain(name): _plain(value) for name, value in found} if "\\" in listed else dict(found)


def _plain(inside: str) -> str:
    """A string without its escapes; Nix takes any other escaped character for itself."""
    if "\\" not in inside:
        return inside
    # An escaped backslash is two of them from the left, so what is between those has each other backslash as an escape.
    return "\\".join(map(_without_escapes, inside.split("\\\\")))


def _without_escapes(part: str) -> str:
    """A part without escaped backslashes. Replacing beats a pattern: scripts have thousands of escapes."""
    if "\\" not in part:
        return part
    for escaped, plain in _ESCAPED.items():
        part = part.replace(escaped, plain)
    return part.replace("\\", "")
