"""Reads what a failed test run left at the end of its build's log: nextest's exit code and its JUnit.

The writer, nix/toolkits/debian/builder/junit_trailer.py, says why nobody else can have written it. What holds here:
only a section that ends the log counts, each line bears the number of the first, and length and digest must agree.
Anything else is not a section: then the words of the log are all there is.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.pipeline.junit import MAXIMUM_BYTES

_MARK = r"nanna-ci test results (?P<nonce>[0-9a-f]{32}) "
_END = re.compile(_MARK + r"end exit=(?P<code>\d{1,3}) bytes=(?P<bytes>\d{1,9}) sha256=(?P<digest>[0-9a-f]{64})")
_ANY = re.compile(_MARK + r"(?P<rest>begin|[A-Za-z0-9+/=]+)")
_LINES = 2000


@dataclass(frozen=True, slots=True)
class Section:
    """What the section says. `junit` is None if the run left none; `start` is the number of its first line."""

    exit_code: int
    junit: bytes | None
    start: int


def read_section(lines: Sequence[str]) -> Section | None:
    """The section that ends a log; None if none does. Lines are plain.

    Raises MalformedData if one ends it whose content is not what it says: what came on the way spoiled it.
    """
    last = next((number for number in range(len(lines) - 1, -1, -1) if lines[number].strip()), None)
    end = _END.fullmatch(lines[last].strip()) if last is not None else None
    if last is None or end is None:
        return None
    packed: list[str] = []
    for number in range(last - 1, max(last - _LINES, -1), -1):
        line = _ANY.fullmatch(lines[number].strip())
        if line is None or line["nonce"] != end["nonce"]:
            break
        if line["rest"] == "begin":
            content = _unpack("".join(reversed(packed)), int(end["bytes"]), end["digest"])
            return Section(int(end["code"]), content or None, number)
        packed.append(line["rest"])
    raise MalformedData("the test results at the log's end", "they have no beginning")


def _unpack(packed: str, size_bytes: int, digest: str) -> bytes:
    source = "the test results at the log's end"
    if size_bytes > MAXIMUM_BYTES:
        raise MalformedData(source, f"over {MAXIMUM_BYTES} bytes")
    try:
        data = base64.b64decode(packed, validate=True)
        content = zlib.decompressobj().decompress(data, size_bytes + 1) if data else b""
    except (ValueError, zlib.error) as error:
        raise MalformedData(source, f"they cannot be unpacked: {error}") from None
    if len(content) != size_bytes or hashlib.sha256(content).hexdigest() != digest:
        raise MalformedData(source, "length and digest do not agree with the content")
    return content
