"""A language model with random weights, as a GGUF file: small enough to be made anywhere, real enough to answer.

The format is llama.cpp's, version 3 (docs/gguf.md there): a header, typed metadata, the list of tensors, their data.
"""

from __future__ import annotations

import random
import struct
from array import array
from pathlib import Path
from typing import Any

from plain import Attributes

ALIGNMENT = 32
UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9
# the types of tokens, as the tokenizer has them
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6

BLOCKS, EMBEDDING, HEADS, FEED_FORWARD, CONTEXT = 2, 64, 4, 128, 2048
# with them and the control tokens, answers are words without sense
WORDS = (
    *("and", "the", "of", "to", "in", "that", "it", "is", "was", "for", "on", "with", "as", "at", "by", "be", "this"),
    *("have", "from", "or", "not", "are", "but", "what", "all", "were", "when", "we", "there", "can", "an", "your"),
    *("which", "their", "if", "do", "will", "each", "about", "how", "some"),
)
TOKENS = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
TOKENS += [(f"<0x{byte:02X}>", BYTE) for byte in range(256)]
TOKENS += [(f"\N{LOWER ONE EIGHTH BLOCK}{word}", NORMAL) for word in WORDS]


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(kind: int, value: Any) -> bytes:
    """A value without its type; an array is (type of its elements, elements)."""
    if kind == STRING:
        return text(value)
    if kind == ARRAY:
        element, values = value
        return struct.pack("<IQ", element, len(values)) + b"".join(typed(element, item) for item in values)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f"}[kind], value)


def metadata(name: str) -> list[tuple[str, int, Any]]:
    """What a loader must know of the model and its tokenizer: key, type, value."""
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, f"{name}, random weights"),
        ("general.alignment", UINT32, ALIGNMENT),
        ("llama.context_length", UINT32, CONTEXT),
        ("llama.embedding_length", UINT32, EMBEDDING),
        ("llama.block_count", UINT32, BLOCKS),
        ("llama.feed_forward_length", UINT32, FEED_FORWARD),
        ("llama.attention.head_count", UINT32, HEADS),
        ("llama.attention.head_count_kv", UINT32, HEADS),
        ("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
        ("llama.rope.dimension_count", UINT32, EMBEDDING // HEADS),
        ("llama.vocab_size", UINT32, len(TOKENS)),
        ("tokenizer.ggml.model", STRING, "llama"),
        ("tokenizer.ggml.tokens", ARRAY, (STRING, [token for token, _ in TOKENS])),
        ("tokenizer.ggml.scores", ARRAY, (FLOAT32, [-float(index) for index in range(len(TOKENS))])),
        ("tokenizer.ggml.token_type", ARRAY, (INT32, [kind for _, kind in TOKENS])),
        ("tokenizer.ggml.unknown_token_id", UINT32, 0),
        ("tokenizer.ggml.bos_token_id", UINT32, 1),
        ("tokenizer.ggml.eos_token_id", UINT32, 2),
    ]


def tensors(source: random.Random) -> list[tuple[str, tuple[int, ...], array[float]]]:
    """Name, dimensions (the innermost first) and numbers of every tensor."""

    def weights(*shape: int, spread: float = 0.5) -> tuple[tuple[int, ...], array[float]]:
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        return shape, array("f", (source.uniform(-spread, spread) for _ in range(count)))

    def ones() -> tuple[tuple[int, ...], array[float]]:
        return (EMBEDDING,), array("f", [1.0] * EMBEDDING)

    shape, output = weights(EMBEDDING, len(TOKENS), spread=2.0)
    # control tokens and bytes get no weight: an answer goes on, and it is text
    for index, (_, kind) in enumerate(TOKENS):
        if kind != NORMAL:
            output[index * EMBEDDING : (index + 1) * EMBEDDING] = array("f", [0.0] * EMBEDDING)
    found = [
        ("token_embd.weight", *weights(EMBEDDING, len(TOKENS))),
        ("output_norm.weight", *ones()),
        ("output.weight", shape, output),
    ]
    for block in range(BLOCKS):
        prefix = f"blk.{block}."
        found += [(f"{prefix}{part}_norm.weight", *ones()) for part in ("attn", "ffn")]
        found += [(f"{prefix}attn_{part}.weight", *weights(EMBEDDING, EMBEDDING)) for part in ("q", "k", "v", "output")]
        found += [(f"{prefix}ffn_{part}.weight", *weights(EMBEDDING, FEED_FORWARD)) for part in ("gate", "up")]
        found.append((f"{prefix}ffn_down.weight", *weights(FEED_FORWARD, EMBEDDING)))
    return found


def padding(size: int) -> bytes:
    return bytes(-size % ALIGNMENT)


def render_gguf(name: str) -> bytes:
    """The file's bytes; the name alone decides the weights. Numbers are little-endian, as on both architectures."""
    pairs, layers = metadata(name), tensors(random.Random(name))  # noqa: S311 -- weights are not secrets
    head = b"GGUF" + struct.pack("<IQQ", 3, len(layers), len(pairs))
    head += b"".join(text(key) + struct.pack("<I", kind) + typed(kind, value) for key, kind, value in pairs)
    data = b""
    for key, shape, numbers in layers:
        head += text(key) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += numbers.tobytes()
        data += padding(len(data))
    return head + padding(len(head)) + data


def random_model(attributes: Attributes, out: Path) -> None:
    """models/NAME.gguf below out."""
    (out / "models").mkdir(parents=True)
    (out / "models" / attributes["file"]).write_bytes(render_gguf(attributes["model"]))
