"""Derivation files: what is written as Nix writes it is read back; no bytes raise anything but MalformedData."""

from __future__ import annotations

import contextlib
import string
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.derivation import Derivation, Output
from nanna_ci.store.drv_file import parse_drv_file, parse_drv_head
from nanna_ci.store.store_path import NIX32_DIGITS, StorePath

NAMES = st.text(string.ascii_letters + "-.1", min_size=1, max_size=12).filter(lambda name: not name.startswith("."))
PATHS = st.builds(StorePath, st.text(NIX32_DIGITS, min_size=32, max_size=32), NAMES)
DERIVATIONS = PATHS.map(lambda path: StorePath(path.hash, f"{path.name}.drv"))
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12) | st.text(
    '"\\\n\t\r[](),nrt', max_size=8
)
OUTPUTS = st.builds(Output, PATHS, st.booleans())
FILES = st.builds(
    Derivation,
    path=st.just(StorePath("0" * 32, "it.drv")),
    name=st.just("it"),
    system=TEXTS,
    builder=TEXTS,
    arguments=st.lists(TEXTS, max_size=3).map(tuple),
    environment=st.dictionaries(TEXTS, TEXTS, max_size=4),
    outputs=st.dictionaries(NAMES, OUTPUTS, min_size=1, max_size=3),
    input_derivations=st.dictionaries(DERIVATIONS, st.lists(NAMES, max_size=2).map(tuple), max_size=3),
    input_sources=st.lists(PATHS, max_size=3).map(tuple),
)


def quoted(text: str) -> str:
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def listed(items: list[str]) -> str:
    return f"[{','.join(items)}]"


def written(one: Derivation) -> str:
    """As Nix's Derivation::unparse."""
    outputs = [
        f'({quoted(name)},"{output.path}",{quoted("sha256" if output.is_fixed else "")},'
        f"{quoted('00' if output.is_fixed else '')})"
        for name, output in one.outputs.items()
    ]
    inputs = [f'("{path}",{listed(list(map(quoted, used)))})' for path, used in one.input_derivations.items()]
    parts = (
        listed(outputs),
        listed(inputs),
        listed([quoted(str(path)) for path in one.input_sources]),
        quoted(one.system),
        quoted(one.builder),
        listed(list(map(quoted, one.arguments))),
        listed([f"({quoted(name)},{quoted(value)})" for name, value in one.environment.items()]),
    )
    return f"Derive({','.join(parts)})"


@given(FILES)
def test_what_is_written_is_read_back(derivation: Derivation) -> None:
    assert parse_drv_file(written(derivation).encode(), derivation.path) == derivation


@given(FILES, st.dictionaries(st.sampled_from(("pname", "version", "out")), TEXTS, max_size=3), TEXTS)
def test_the_head_says_what_the_whole_file_says(derivation: Derivation, more: dict[str, str], argument: str) -> None:
    changed = replace(
        derivation,
        environment={**derivation.environment, **more},
        arguments=(*derivation.arguments, argument, '("pname","no")', "(", "pname", "no"),
    )
    wanted = ("pname", "version", "out", "absent")
    head = parse_drv_head(written(changed).encode(), derivation.path, wanted)
    assert head.outputs == derivation.outputs
    assert head.environment == {name: changed.environment[name] for name in wanted if name in changed.environment}


@given(FILES, st.data())
def test_a_file_cut_short_is_refused(derivation: Derivation, data: st.DataObject) -> None:
    whole = written(derivation).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(MalformedData):
        parse_drv_file(whole[:cut], derivation.path)


@given(st.binary(max_size=60))
@example(b'Derive([("out","\xff","","")],[],[],"","",[],[])')
def test_no_bytes_raise_anything_but_malformed_data(data: bytes) -> None:
    with contextlib.suppress(MalformedData):
        parse_drv_file(data, StorePath("0" * 32, "it.drv"))
    with contextlib.suppress(MalformedData):
        parse_drv_head(data, StorePath("0" * 32, "it.drv"), ["x"])
