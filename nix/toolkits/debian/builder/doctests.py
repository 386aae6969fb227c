"""The examples in a workspace's documentation, which nextest does not run."""

import json
import subprocess
import sys

from plain import end_like
from warm import Place
from watched import run_or_end

METADATA = ("cargo", "metadata", "--no-deps", "--format-version=1", "--offline")


def run_doctests(place: Place) -> None:
    """`cargo test --doc`; its failure is the build's. Nothing if there is no library: cargo calls that an error."""
    if not has_doctests(place):
        print("nanna-ci: no library of the workspace has examples to test", file=sys.stderr, flush=True)
        return
    flags, environment = place.for_tests()
    run_or_end(["cargo", "test", "--doc", "--no-fail-fast", *flags], cwd=place.folder, env=environment)


def has_doctests(place: Place) -> bool:
    """Whether a member has a target of which cargo tests the examples."""
    done = subprocess.run(METADATA, cwd=place.folder, env=place.environment, check=False, stdout=subprocess.PIPE)
    end_like(done.returncode)
    return any(target["doctest"] for package in json.loads(done.stdout)["packages"] for target in package["targets"])
