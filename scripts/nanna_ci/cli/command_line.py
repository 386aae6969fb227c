"""The command line: `nanna-ci --help`, and from argv to a command and its exit code.

`nanna-ci COMMAND --help` imports argparse and the flags of the command, `nanna_ci.usage.COMMAND`. All else, the
command's own module with its domains too, is imported once the flags are read.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from nanna_ci import __version__
from nanna_ci.cli.parser import PROGRAM, Usage, build_parser, nearest
from nanna_ci.cli.streams import write_stdout
from nanna_ci.foundation.errors import UsageError
from nanna_ci.usage import COMMANDS, GROUPS, module_name

if TYPE_CHECKING:
    import argparse

    from nanna_ci.foundation.context import Ports


def render_help() -> str:
    """The help of `nanna-ci` itself: commands by group, a line each."""
    width = max(map(len, COMMANDS))
    lines = [
        f"usage: {PROGRAM} COMMAND [OPTIONS]",
        "",
        "The CI/CD pipeline of a Rust workspace as one Nix flake: the same jobs on a laptop and in CI.",
    ]
    for title, group in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:{width}}  {summary}" for name, summary in group.items())]
    lines += [
        "",
        f"`{PROGRAM} COMMAND --help` explains a command, with an example. Each is also a flake app: nix run .#COMMAND",
        "exit codes: 0 pass, 1 fail, 2 usage or configuration, 3 a tool or service is missing or failed,",
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
            write_stdout(render_help(), out)
            return 0
        if words[:1] == ["--version"]:
            write_stdout(f"{PROGRAM} {__version__}\n", out)
            return 0
        name, usage = find_usage(words)
        arguments = build_parser(name, usage, out).parse_args(words[1:])

        from nanna_ci.cli import boundary  # noqa: PLC0415 - it imports what --help can do without

        command = importlib.import_module(f"nanna_ci.commands.{module_name(name)}")
        return boundary.run_command(name, command.execute, words, arguments, ports)
    except SystemExit:  # argparse, after --help
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the boundary: every error becomes a message and an exit code
        from nanna_ci.cli import boundary  # noqa: PLC0415 - as above

        return boundary.report_error(error, words, arguments, ports)


def find_usage(words: Sequence[str]) -> tuple[str, Usage]:
    """The command that the words begin with, and its flags. Raises UsageError, with the nearest name."""
    if not words:
        raise UsageError("no command given", hint=f"{PROGRAM} --help lists them")
    name = words[0]
    if name not in COMMANDS:
        near = nearest(name, COMMANDS)
        hint = f"did you mean {near}?" if near else f"{PROGRAM} --help lists the commands"
        raise UsageError(f"{name}: no such {'option' if name.startswith('-') else 'command'}", hint=hint)
    usage: Usage = importlib.import_module(f"nanna_ci.usage.{module_name(name)}")
    return name, usage


def entry() -> NoReturn:
    """The console script: standard streams that never raise over a character, then `main`, then a quiet end."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by our parent process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - open to the end
        getattr(sys, name).reconfigure(errors="backslashreplace")
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader is gone: what is left in the buffer must not complain at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)
