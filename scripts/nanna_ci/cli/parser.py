"""The parser of one command: the flags that all commands share, and suggestions for mistyped words.

Start-up is part of the interface: this module imports argparse and nothing costly, and so do the modules of
`nanna_ci.usage`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Final, NoReturn, Protocol, TextIO

from nanna_ci.cli.streams import write_stdout
from nanna_ci.foundation.errors import UsageError

PROGRAM: Final = "nanna-ci"
FORMATS: Final = ("text", "markdown", "json", "html")


class Usage(Protocol):
    """What a module of `nanna_ci.usage` has.

    It may also have EXTRA_FORMATS, more choices for --format, which the command answers in `Outcome.outputs`, and
    DEFAULT_FORMAT, if that is not text.
    """

    DESCRIPTION: str
    DRY_RUN: bool

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The command's own flags."""


def build_parser(name: str, usage: Usage, out: TextIO) -> argparse.ArgumentParser:
    """The parser of a command: its own flags, then the common ones. --help goes to `out`."""
    parser = _Parser(name, usage.DESCRIPTION, out)
    usage.add_arguments(parser)
    common = parser.add_argument_group("common options")
    formats = (*FORMATS, *getattr(usage, "EXTRA_FORMATS", ()))
    default = getattr(usage, "DEFAULT_FORMAT", "text")
    common.add_argument(
        "--format", choices=formats, default=default, help=f"how the result is written (default: {default})"
    )
    if "--output" in parser._option_string_actions:  # the command's own: the folder that it writes
        parser.set_defaults(output=None)
    else:
        common.add_argument("--output", metavar="FILE", help="write the result to FILE, not to stdout")
    common.add_argument("--config", metavar="FILE", help="read FILE instead of the source's pipeline.toml")
    common.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
    if usage.DRY_RUN:
        common.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    loudness = common.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="count", default=0, help="more output; twice for still more")
    loudness.add_argument("-q", "--quiet", action="store_true", help="print only the result and errors")
    common.add_argument("-h", "--help", action="help", help="show this and exit")
    return parser


class _Parser(argparse.ArgumentParser):
    """argparse that raises UsageError, suggests the flag that was meant, and prints help to a given stream."""

    def __init__(self, name: str, description: str, out: TextIO) -> None:
        super().__init__(
            prog=f"{PROGRAM} {name}",
            description=description,
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=_help_width()),
            allow_abbrev=False,
            add_help=False,
        )
        self._out = out

    def error(self, message: str) -> NoReturn:
        """A usage error, with the nearest flag as its hint."""
        hint = f"{self.prog} --help shows what it takes"
        wrong = next((word for word in message.split() if word.startswith("--")), None)
        if wrong is not None and message.startswith("unrecognized") and (near := self._near(wrong)):
            hint = f"did you mean {near}? {hint}"
        raise UsageError(message, hint=hint)

    def _near(self, wrong: str) -> str | None:
        return nearest(wrong.partition("=")[0], self._option_string_actions)

    def _print_message(self, message: str, file: object = None) -> None:  # noqa: ARG002 - argparse's signature
        write_stdout(message, self._out)


def nearest(wrong: str, known: Mapping[str, object]) -> str | None:
    """The known word that was meant, if any is like it."""
    import difflib  # noqa: PLC0415 - only for a mistake

    return next(iter(difflib.get_close_matches(wrong, list(known), n=1)), None)


def _help_width() -> int:
    """argparse would import shutil, and with it three compression libraries, to learn this."""
    try:
        return max(40, min(100, int(os.environ.get("COLUMNS", "")) - 2))
    except ValueError:
        pass
    try:
        return max(40, min(100, os.get_terminal_size().columns - 2))
    except OSError:
        return 98
