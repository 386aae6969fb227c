"""What one part of an update found: the files as they shall be, and what moved in them; and how it reads a file."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file

_LIMIT_BYTES: Final = 16 * MEBIBYTE


class PartName(enum.Enum):
    """The parts, each from a source of its own, so that each can fail alone."""

    INPUTS = "inputs"
    MODELS = "models"
    ACTIONS = "actions"


@dataclass(frozen=True, slots=True)
class Moved:
    """What is newer; `before` None: it is added, `after` None: it is dropped. `page` shows the difference."""

    name: str
    before: str | None
    after: str | None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateProblem:
    """What could not be asked or done. `is_refusal`: it must not be done, and somebody has to look at it.

    `is_expected`: this token never can, today as tomorrow. That is said, and fails nothing.
    """

    text: str
    is_refusal: bool = False
    is_expected: bool = False


@dataclass(frozen=True, slots=True)
class UpdatedPart:
    """`files` are whole texts by path from the working folder, in the order in which they are to be written.

    `note` says why there was nothing to look at, None if there was.
    """

    name: PartName
    files: Mapping[str, bytes] = field(default_factory=dict)
    moved: tuple[Moved, ...] = ()
    problems: tuple[UpdateProblem, ...] = ()
    note: str | None = None


def read_present(folder: Path, name: str) -> bytes | None:
    """A file of the work tree, None if there is none. NannaError for one that cannot be read."""
    try:
        return read_file(folder / name, _LIMIT_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NannaError(f"{name}: cannot be read: {error.strerror}") from error
