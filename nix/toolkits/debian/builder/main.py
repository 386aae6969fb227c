"""Runs one step of the Debian toolkit inside Nix's sandbox: the derivation's structured attributes in, outputs out."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cargo
import plain

STEPS = {
    "binary": plain.binary,
    "cargo_build": cargo.build,
    "cargo_check": cargo.check,
    "cargo_deps": cargo.deps,
    "command": plain.command,
    "python_application": plain.python_application,
    "python_tests": plain.python_tests,
}


def main() -> None:
    """Calls the step with the attributes and the path of `out`."""
    attributes = json.loads(Path(os.environ["NIX_ATTRS_JSON_FILE"]).read_bytes())
    # a plain, fixed environment: what a step sees must not depend on who starts the build
    keep = {name: os.environ[name] for name in ("NIX_BUILD_TOP", "NIX_BUILD_CORES", "TMPDIR") if name in os.environ}
    os.environ.clear()
    os.environ.update(keep, PATH="/usr/bin:/bin", LANG="C.UTF-8", HOME="/homeless-shelter", TERM="dumb")
    os.umask(0o022)
    STEPS[attributes["step"]](attributes, Path(attributes["outputs"]["out"]))


if __name__ == "__main__":
    main()
