"""The random-weight model of the Debian toolkit, read back by the format's own description."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from gguf import ALIGNMENT, TOKENS, render_gguf

SIZES = {4: "<I", 5: "<i", 6: "<f"}


class Reader:
    """A reader of GGUF version 3 that knows what this file may hold."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> Any:
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values[0] if len(values) == 1 else values

    def text(self) -> str:
        length = self.take("<Q")
        self.at += length
        return self.data[self.at - length : self.at].decode()

    def value(self, kind: int) -> Any:
        if kind == 8:
            return self.text()
        if kind == 9:
            element, count = self.take("<I"), self.take("<Q")
            return [self.value(element) for _ in range(count)]
        return self.take(SIZES[kind])


def read(data: bytes) -> tuple[dict[str, Any], dict[str, tuple[tuple[int, ...], int]], int]:
    """Metadata, tensors as (shape, offset), and where the data starts."""
    reader = Reader(data)
    assert reader.take("4s") == b"GGUF"
    version, tensors, pairs = reader.take("<IQQ")
    assert version == 3
    metadata = {}
    for _ in range(pairs):
        key = reader.text()
        metadata[key] = reader.value(reader.take("<I"))
    found = {}
    for _ in range(tensors):
        name = reader.text()
        shape = tuple(reader.take("<Q") for _ in range(reader.take("<I")))
        kind, offset = reader.take("<IQ")
        assert kind == 0, "only 32-bit floats are written"
        found[name] = (shape, offset)
    return metadata, found, reader.at + -reader.at % ALIGNMENT


@pytest.fixture(scope="module")
def model() -> bytes:
    return render_gguf("some:model")


def test_the_name_alone_decides_the_weights(model: bytes) -> None:
    other = render_gguf("other:model")
    assert render_gguf("some:model") == model
    assert other[read(other)[2] :] != model[read(model)[2] :]


def test_it_says_of_itself_that_its_weights_are_random(model: bytes) -> None:
    assert read(model)[0]["general.name"] == "some:model, random weights"


def test_tokens_scores_and_kinds_are_as_many_as_the_vocabulary(model: bytes) -> None:
    metadata = read(model)[0]
    lists = [metadata[f"tokenizer.ggml.{part}"] for part in ("tokens", "scores", "token_type")]
    assert [len(values) for values in lists] == [metadata["llama.vocab_size"]] * 3
    assert len(set(lists[0])) == len(TOKENS)


def test_tensors_follow_each_other_aligned_and_fill_the_file(model: bytes) -> None:
    _, tensors, start = read(model)
    end = 0
    for shape, offset in tensors.values():
        assert offset == end
        assert offset % ALIGNMENT == 0
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        end = offset + size + -size % ALIGNMENT
    assert start + end == len(model)
