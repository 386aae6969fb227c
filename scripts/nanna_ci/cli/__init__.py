"""The command line: argv in, a result and an exit code out."""

from nanna_ci.cli.command_line import entry, main

__all__ = ["entry", "main"]
