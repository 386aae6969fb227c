"""A stand-in for nextest among scripted programs: it writes the JUnit file that its tool configuration asks for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nanna_ci.foundation.process import Completed
from support.fake_ports import FakeRun

GREEN = b'<testsuites><testsuite name="demo"><testcase name="t" time="0.1"/></testsuite></testsuites>'


class Nextest(FakeRun):
    """Programs by script. `junit` is what a run of nextest leaves, None: it leaves nothing."""

    def __init__(self, junit: bytes | None = GREEN) -> None:
        super().__init__()
        self.junit = junit
        self.profiles: list[str] = []

    def __call__(self, argv: Sequence[str], **options: Any) -> Completed:
        if "--tool-config-file" in argv:
            words = list(argv)
            config = Path(words[words.index("--tool-config-file") + 1].partition(":")[2])
            profile = words[words.index("--profile") + 1]
            self.profiles.append(profile)
            if self.junit is not None:
                place = tomllib.loads(config.read_text())["profile"][profile]["junit"]["path"]
                Path(place).write_bytes(self.junit)
        return super().__call__(argv, **options)


def as_typed(argv: Sequence[str]) -> str:
    """A command line without the words that are another at every run."""
    return re.sub(r" --profile \S+ --tool-config-file \S+", "", " ".join(argv))
