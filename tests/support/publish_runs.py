"""What tests of `publish-images` share: a pipeline, and what one run answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

REVISION = "1" * 40
PIPELINE = """\
[workspace]
name = "w"
[[image]]
name = "app"
contents = ["x"]
architectures = ["x86_64", "aarch64"]
port = 1
[[image]]
name = "lone"
contents = ["x"]
port = 1
"""


@dataclass
class Answer:
    """What one run gave: exit code, JSON, everything that it printed, argv and environment of every program."""

    code: int
    data: dict[str, Any]
    said: str
    argvs: list[tuple[str, ...]] = field(default_factory=list)
    environs: list[Mapping[str, str]] = field(default_factory=list)


Publish = Callable[..., Answer]
