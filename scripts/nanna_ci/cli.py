"""The command line: which commands there are, the flags they share, and the one place where errors become exit codes.

Start-up is part of the interface: `nanna-ci COMMAND --help` imports argparse, this module and the command's own, so a
command module imports its domain (and nanna_ci.outcome, for more than types) inside `execute`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, TextIO

from nanna_ci import __version__
from nanna_ci.errors import NannaError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from nanna_ci.outcome import Context, Outcome, Ports

PROGRAM: Final = "nanna-ci"
FORMATS: Final = ("text", "markdown", "json", "html")

# group -> command -> (module under nanna_ci.commands, the module's SUMMARY)
_COMMANDS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "The pipeline": {
        "plan": ("plan", "show the jobs for an event: needs, runner, installable"),
        "run-job": ("run_job", "run one job, the same here and in CI"),
        "ci": ("ci", "plan and run everything this machine can, in parallel"),
    },
    "The work tree": {
        "dev-check": ("dev_check", "the quick loop: fmt, clippy, nextest, audit, deny"),
        "test": ("test", "run this project's own tests"),
    },
    "Binaries": {
        "cross-build": ("cross_build", "build for one target, strategy by strategy, and verify the executable"),
        "prepare-artifacts": ("prepare_artifacts", "verified, named, hashed, reproducible release artifacts"),
    },
    "Images": {
        "container-test": ("container_tests", "run images with podman or docker: probes, models, stop and restart"),
        "publish-images": ("publish_images", "push images by digest, sign and attest them; never on a pull request"),
        "lock-models": ("lock_models", "resolve model tags to digests and sizes, and write the lock"),
    },
    "Binary caches": {
        "cache-setup": ("cache_setup", "give Nix the caches, keys and limits of pipeline.toml"),
        "cache-analytics": ("cache_analytics", "hit rate by paths, bytes and build time; why each miss missed; a gate"),
        "cache-push": ("cache_push", "filter and push to a cache, then ask for every path again"),
        "cache-gc": ("cache_gc", "collect a cache folder to a size, never breaking a closure"),
        "doctor": ("doctor", "check the setup of caches and containers; each finding with its fix"),
    },
}
REGISTRY: Final[Mapping[str, str]] = {
    name: module for group in _COMMANDS.values() for name, (module, _) in group.items()
}
SUMMARIES: Final[Mapping[str, str]] = {
    name: summary for group in _COMMANDS.values() for name, (_, summary) in group.items()
}


class Command(Protocol):
    """What a module under nanna_ci.commands offers.

    It may also have EXTRA_FORMATS, more choices for --format, which its `execute` answers in `Outcome.outputs`.
    """

    NAME: str
    SUMMARY: str
    DESCRIPTION: str
    DRY_RUN: bool

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The command's own flags."""

    def execute(self, arguments: argparse.Namespace, context: Context) -> Outcome:
        """Do it. Never prints; talk goes through the context."""


class _Parser(argparse.ArgumentParser):
    """argparse that raises UsageError, suggests the flag that was meant, and prints help where it is told to."""

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
        return _nearest(wrong.partition("=")[0], self._option_string_actions)

    def _print_message(self, message: str, file: object = None) -> None:  # noqa: ARG002 - argparse's signature
        _print(message, self._out)


def _print(text: str, out: TextIO) -> None:
    """A reader who goes away has seen enough. Raises NannaError where it cannot be written."""
    try:
        out.write(text)
        out.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        raise NannaError(f"stdout: cannot be written: {error.strerror}") from None


def _nearest(wrong: str, known: Mapping[str, object]) -> str | None:
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


def _path(text: str) -> Path:
    from pathlib import Path  # noqa: PLC0415 - not for --help

    return Path(text)


def build_parser(module: Command, out: TextIO) -> argparse.ArgumentParser:
    """The parser of one command: its own flags, then the common ones."""
    parser = _Parser(module.NAME, module.DESCRIPTION, out)
    module.add_arguments(parser)
    common = parser.add_argument_group("common options")
    formats = (*FORMATS, *getattr(module, "EXTRA_FORMATS", ()))
    common.add_argument("--format", choices=formats, default="text", help="how the result is written (default: text)")
    if "--output" in parser._option_string_actions:  # the command's own: the folder that it writes
        parser.set_defaults(output=None)
    else:
        common.add_argument("--output", type=_path, metavar="FILE", help="write the result to FILE, not to stdout")
    common.add_argument("--config", type=_path, metavar="FILE", help="read FILE instead of the source's pipeline.toml")
    common.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
    if module.DRY_RUN:
        common.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    loudness = common.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for still more")
    loudness.add_argument("-q", "--quiet", action="store_true", help="say nothing but the result and errors")
    common.add_argument("-h", "--help", action="help", help="show this and exit")
    return parser


def render_help() -> str:
    """The help of `nanna-ci` itself: commands by group, a line each."""
    width = max(map(len, REGISTRY))
    lines = [
        f"usage: {PROGRAM} COMMAND [OPTIONS]",
        "",
        "The CI/CD pipeline of a Rust workspace as one Nix flake: the same jobs on a laptop and in CI.",
    ]
    for title, group in _COMMANDS.items():
        lines += ["", f"{title}:", *(f"  {name:{width}}  {summary}" for name, (_, summary) in group.items())]
    lines += [
        "",
        f"`{PROGRAM} COMMAND --help` explains a command, with an example. Each is also a flake app: nix run .#COMMAND",
        "exit codes: 0 yes, 1 the answer is no, 2 usage or configuration, 3 a tool or service is missing or failed,",
        "            4 malformed data refused, 130 and 143 interrupted",
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None, ports: Ports | None = None) -> int:
    """Run a command line and give its exit code. With `ports` None it is the real process: signals are handled too."""
    words = list(sys.argv[1:] if argv is None else argv)
    out = sys.stdout if ports is None else ports.stdout
    arguments: argparse.Namespace | None = None
    try:
        if words[:1] in (["-h"], ["--help"], ["help"]):
            _print(render_help(), out)
            return 0
        if words[:1] == ["--version"]:
            _print(f"{PROGRAM} {__version__}\n", out)
            return 0
        module = find_command(words)
        arguments = build_parser(module, out).parse_args(words[1:])

        from nanna_ci import boundary  # noqa: PLC0415 - not for --help

        return boundary.run_command(module, arguments, ports)
    except SystemExit:  # argparse, after --help
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the boundary: every error becomes a message and an exit code
        from nanna_ci import boundary  # noqa: PLC0415 - only for an error

        return boundary.report_error(error, words, arguments, ports)


def find_command(words: Sequence[str]) -> Command:
    """The module of the command that the words begin with. Raises UsageError, with the nearest name."""
    if not words:
        raise UsageError("no command given", hint=f"{PROGRAM} --help lists them")
    name = words[0]
    if name not in REGISTRY:
        near = _nearest(name, REGISTRY)
        hint = f"did you mean {near}?" if near else f"{PROGRAM} --help lists the commands"
        raise UsageError(f"{name}: no such {'option' if name.startswith('-') else 'command'}", hint=hint)
    module: Command = importlib.import_module(f"nanna_ci.commands.{REGISTRY[name]}")
    return module


def entry() -> NoReturn:
    """The console script: standard streams that never raise over a character, then `main`, then a quiet end."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - open to the end
        getattr(sys, name).reconfigure(errors="backslashreplace")
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader is gone: what is left in the buffer must not complain at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)
