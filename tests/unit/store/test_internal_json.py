"""Lines of Nix's internal-json log: events, plain lines, and errors that name a derivation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.internal_json import (
    ActivityType,
    Message,
    Result,
    ResultType,
    Start,
    Stop,
    parse_failure,
    parse_line,
    plain_text,
)

A = "/nix/store/lcnawycjx8z1ic3spfdbvcw7phncnjhq-a.drv"
B = "/nix/store/yipiawg8bm9bk5lhrplidv8pbrqavi11-b.drv"


def line(**event: Any) -> bytes:
    return b"@nix " + json.dumps(event).encode()


def test_each_kind_of_event_is_read() -> None:
    start = line(action="start", id=7, level=3, parent=0, text="building", type=105, fields=[A, "", 1, 1])
    assert parse_line(start) == Start(7, ActivityType.BUILD, "building", (A, "", 1, 1))
    assert parse_line(line(action="stop", id=7)) == Stop(7)
    result = line(action="result", id=7, type=101, fields=["a line"])
    assert parse_line(result) == Result(7, ResultType.BUILD_LOG_LINE, ("a line",))
    message = line(action="msg", level=0, msg="\x1b[31;1merror:\x1b[0m no", raw_msg="no", file=None)
    assert parse_line(message) == Message(0, "error: no")


def test_types_that_are_new_to_us_are_kept_as_numbers() -> None:
    assert parse_line(line(action="start", id=1, text="", type=999)) == Start(1, 999, "", ())
    assert parse_line(line(action="result", id=1, type=999, fields=[1])) == Result(1, 999, (1,))


@pytest.mark.parametrize("talk", [b"", b"warning: dirty", b"@nix", b"@nixos {}", b' @nix {"action":"stop","id":1}'])
def test_what_does_not_begin_as_an_event_is_talk(talk: bytes) -> None:
    assert parse_line(talk) is None


@pytest.mark.parametrize(
    "data",
    [
        b"@nix ",
        b"@nix {",
        b"@nix []",
        b"@nix {}",
        b'@nix {"action":"stop"}',
        b'@nix {"action":"stop","id":-1}',
        b'@nix {"action":"stop","id":true}',
        b'@nix {"action":"start","id":1,"type":105}',
        b'@nix {"action":"result","id":1,"type":"105"}',
        b'@nix {"action":"result","id":1,"type":105,"fields":[null]}',
        b'@nix {"action":"result","id":1,"type":105,"fields":[1.5]}',
        b'@nix {"action":"result","id":1,"type":105,"fields":{}}',
        b'@nix {"action":"msg","level":0}',
        b'@nix {"action":"dance","id":1,"type":1}',
        b'@nix {"action":"stop","id":1}\xff',
        b"@nix " + b"[" * 100_000,
    ],
)
def test_what_only_looks_like_an_event_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedData, match=r"^nix internal-json: "):
        parse_line(data)


@pytest.mark.parametrize("name", ["keep-going.log", "success.log", "downloaded.log", "missing-attribute.log"])
def test_every_line_that_nix_wrote_is_an_event(name: str, samples: Path) -> None:
    lines = (samples / "internal-json" / name).read_bytes().splitlines()
    assert all(parse_line(one) is not None for one in lines)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07shown", "shown"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("a\rb\0c\x9bd\x7f", "abcd"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("half \x1b", "half "),
        ("\x1bcreset", "reset"),
        ("ünïcödé ✓", "ünïcödé ✓"),
    ],
)
def test_escapes_and_control_characters_go(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    "message",
    [
        f"error: builder for '{A}' failed with exit code 7",
        f"error: hash mismatch in fixed-output derivation '{A}':\n  specified: sha256-AAAA\n     got: sha256-BBBB",
        f"error: building of '{A}^*' from .drv file timed out after 1 seconds",
        f"error: a 'riscv64-linux' with features {{}} is required to build '{A}', but I am a 'x86_64-linux'",
        f"error: builder for '{A}' failed to produce output path for output 'out' at '{A}.chroot/root/nix/store/x'",
        f"error: some substitutes for the outputs of derivation '{A}' failed",
        f"error: build of '{A}' on 'ssh://agent' failed: builder for '{A}' failed with exit code 1",
        f"error: Cannot build '{A}'.\n       Reason: builder failed with exit code 1.\n       Output paths:\n",
    ],
)
def test_an_error_that_names_one_derivation_is_its_failure(message: str) -> None:
    failure = parse_failure(message)
    assert failure is not None
    assert (str(failure.derivation), failure.dependency) == (A, False)
    assert failure.reason == message.removeprefix("error:").strip()


@pytest.mark.parametrize(
    "message",
    [
        f"error: 1 dependencies of derivation '{A}' failed to build",
        f"error: Cannot build '{A}'.\n       Reason: 1 dependency failed.\n       Output paths:\n         /nix/store/x",
        f"error: Cannot build '{A}'.\n       Reason: 12 dependencies failed.",
    ],
)
def test_a_failed_dependency_is_distinguished(message: str) -> None:
    failure = parse_failure(message)
    assert failure is not None
    assert (str(failure.derivation), failure.dependency) == (A, True)


@pytest.mark.parametrize(
    "message",
    [
        "error: input compression not recognized",
        f"error: build of '{A}^*', '{B}^*' failed",
        f"error: {A} without quotes",
        "error: attribute 'nothere' in selection path 'nothere' not found",
        f"error: '{A.replace('-a.drv', '-..drv')}'".replace("..drv", "..-x.drv"),
    ],
)
def test_an_error_that_names_no_derivation_or_several_is_not_assigned(message: str) -> None:
    assert parse_failure(message) is None


def test_a_reason_is_bounded() -> None:
    failure = parse_failure(f"error: builder for '{A}' " + "x" * 1_000_000)
    assert failure is not None
    assert len(failure.reason) == 2000
