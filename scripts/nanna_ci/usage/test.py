"""The flags of `test`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Runs pytest over the source tree of Nanna CI itself: unit, property, integration, contract, e2e, the fast ones first,
on two processes where pytest-xdist is there. Paths, and whatever follows `--`, go to pytest; a path replaces the usual
folders. pytest's output passes straight through, so its closing line is the last on standard output.

The source tree is the working folder, or one above it, or NANNA_CI_SOURCE.

example: nanna-ci test -k junit tests/unit -- --durations 5
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("pytest_arguments", nargs="*", metavar="PYTEST_ARG", help="for pytest; flags after `--`")
    parser.add_argument("-k", dest="expression", metavar="EXPRESSION", help="only tests whose names match")
    parser.add_argument("-x", dest="exit_first", action="store_true", help="stop at the first failure")
