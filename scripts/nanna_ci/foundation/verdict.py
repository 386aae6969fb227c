"""The answer of a command or a job."""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """A command's or a job's answer; only PASS is green.

    UNAVAILABLE: it could not run, for a stated reason. ERROR: it ran, and our own code, a tool or the machine got in
    the way, or the evidence is missing: that says nothing about the job itself and is not blamed on it.
    """

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNAVAILABLE = "unavailable"
    ERROR = "error"
