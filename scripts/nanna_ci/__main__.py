"""`python -m nanna_ci`."""

from nanna_ci.cli import entry

entry()
