"""What tests of `container-test` share: images made for them, a pipeline.toml, and what one run answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support import json_schemas
from support.fake_images import write_layout

MODEL = "qwen3:0.6b"


def require(reason: str | None) -> None:
    """Skip a test for a reason; in the suite's own root, which has both engines, that is a failure."""
    if reason is not None and "NANNA_CI_ROOT" in os.environ:
        pytest.fail(f"the Debian root should have this: {reason}")
    if reason is not None:
        pytest.skip(reason)


@dataclass
class Made:
    """An image for a test, and what pipeline.toml says of it."""

    name: str
    layout: Path
    keys: dict[str, Any]
    models: tuple[str, ...] = ()


@dataclass
class Bakery:
    """Makes images below a folder."""

    folder: Path
    programs: dict[str, bytes]
    made: list[Made] = field(default_factory=list)

    def image(
        self,
        name: str,
        *arguments: str,
        program: str = "amd64",
        architecture: str = "amd64",
        port: int = 8080,
        models: Sequence[str] = (),
        **keys: Any,
    ) -> Made:
        """An image whose container runs the server with these arguments."""
        layout = self._layout(name, ["/bin/server", *arguments], program, architecture, port)
        one = Made(name, layout, {"port": port, "health_timeout_s": 30, **keys}, tuple(models))
        self.made.append(one)
        return one

    def program(
        self, name: str, *commands: str, program: str = "amd64", architecture: str = "amd64", **keys: Any
    ) -> Made:
        """An image without a port, which is tested by these commands."""
        layout = self._layout(name, ["/bin/server"], program, architecture, None)
        one = Made(name, layout, {"probe_commands": list(commands), **keys})
        self.made.append(one)
        return one

    def _layout(self, name: str, entrypoint: Sequence[str], program: str, architecture: str, port: int | None) -> Path:
        return write_layout(
            self.folder / name,
            {"bin/server": self.programs[program]},
            entrypoint=entrypoint,
            command=["this is never run"] if port is None else [],
            architecture=architecture,
            port=port,
            folders={"data": 0o777},
        )


def write_pipeline(folder: Path, images: Sequence[Made]) -> Path:
    """A pipeline.toml with these images."""
    lines = ["[workspace]", 'name = "w"', 'binaries = ["x"]']
    for image in images:
        lines += ["[[image]]", f'name = "{image.name}"', 'contents = ["x"]']
        lines += [f"{key} = {json.dumps(value)}" for key, value in image.keys.items()]
    for image in images:
        for model in image.models:
            lines += ["[[model]]", f'name = "{model}"', f'image = "{image.name}"']
    path = folder / "pipeline.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def command(folder: Path, engine: str, images: Sequence[Made], only: Sequence[str] = ()) -> list[str]:
    """The command line that tests images in a working folder, which answers in JSON."""
    config = write_pipeline(folder, images)
    sources = [word for image in images for word in ("--from", f"{image.name}={image.layout}")]
    words = [sys.executable, "-m", "nanna_ci", "container-test", *only]
    return [*words, "--engine", engine, "--config", str(config), "--format", "json", *sources]


@dataclass
class Answer:
    """What a run gave; `images` by name."""

    code: int
    data: dict[str, Any]
    stderr: str

    @property
    def images(self) -> dict[str, dict[str, Any]]:
        return {image["name"]: image for image in self.data["images"]}


def answer_of(process: subprocess.Popen[bytes], timeout_s: float = 300) -> Answer:
    """Wait for a run; its JSON is held against the schema."""
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    finally:
        process.kill()
    said = stderr.decode(errors="replace")
    assert stdout, said
    return Answer(process.returncode, json_schemas.check(json.loads(stdout)), said)
