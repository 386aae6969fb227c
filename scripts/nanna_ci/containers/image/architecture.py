"""The machines that images are for, by pipeline.toml's names and by Go's, which images have."""

from __future__ import annotations

import enum


class Architecture(enum.Enum):
    """By its name in pipeline.toml; the order is that of an index. `go` is its name in images."""

    X86_64 = "x86_64"
    AARCH64 = "aarch64"

    @property
    def go(self) -> str:
        """amd64 or arm64."""
        return {"x86_64": "amd64", "aarch64": "arm64"}[self.value]

    @property
    def suffix(self) -> str:
        """What its own tags end with; nothing for x86_64, whose tag is the plain one."""
        return "" if self is Architecture.X86_64 else f"-{self.go}"
