"""Runs one step of the Debian toolkit inside Nix's sandbox: the derivation's structured attributes in, outputs out."""

import importlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def main() -> None:
    """Calls the step, `module.function`, with the attributes and the path of `out`."""
    attributes = json.loads(Path(os.environ["NIX_ATTRS_JSON_FILE"]).read_bytes())
    # a plain, fixed environment: what a step sees must not depend on who starts the build
    keep = {name: os.environ[name] for name in ("NIX_BUILD_TOP", "NIX_BUILD_CORES", "TMPDIR") if name in os.environ}
    os.environ.clear()
    os.environ.update(keep, PATH="/usr/bin:/bin", LANG="C.UTF-8", HOME="/homeless-shelter", TERM="dumb")
    os.umask(0o022)
    module, _, function = attributes["step"].partition(".")
    getattr(importlib.import_module(module), function)(attributes, Path(attributes["outputs"]["out"]))


if __name__ == "__main__":
    main()
