"""Runs one step of the Debian toolkit inside Nix's sandbox: the derivation's structured attributes in, outputs out.

How a build ends shows whose fault it is. A program that fails (cargo, nextest, pkg-config) ends the build with its own
exit code; a wrong pipeline.toml ends it with 1 and a sentence. A fault of the builder itself, or of the machine under
it (a full disk), ends it with exit code 70, sysexits.h's EX_SOFTWARE, and this last line, after a traceback:

    nanna-ci builder error: STEP: TYPE: MESSAGE (FILE:LINE)

Only both together say so: any test can print the line, but nothing that a step runs ends with 70.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

BUILDER_ERROR = "nanna-ci builder error"
EXIT_BUILDER_ERROR = 70


def main() -> None:
    """Calls the step, `module.function`, with the attributes and the path of `out`."""
    attributes = json.loads(Path(os.environ["NIX_ATTRS_JSON_FILE"]).read_bytes())
    # a plain, fixed environment: what a step sees must not depend on who starts the build
    keep = {name: os.environ[name] for name in ("NIX_BUILD_TOP", "NIX_BUILD_CORES", "TMPDIR") if name in os.environ}
    os.environ.clear()
    os.environ.update(keep, PATH="/usr/bin:/bin", LANG="C.UTF-8", HOME="/homeless-shelter", TERM="dumb")
    os.umask(0o022)
    step, out = attributes["step"], Path(attributes["outputs"]["out"])
    module, _, function = step.partition(".")
    guarded(step, lambda: getattr(importlib.import_module(module), function)(attributes, out))


def guarded(step: str, work: Callable[[], object]) -> None:
    """Does the work; an exception of it ends the process as a fault of the builder."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - none may pass for the workspace's failure
        traceback.print_exc()
        print(describe(step, error), file=sys.stderr, flush=True)
        sys.exit(EXIT_BUILDER_ERROR)


def describe(step: str, error: Exception) -> str:
    """The one line that says so; a message of several lines becomes one."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = " ".join(str(error).split()) or "no message"
    return f"{BUILDER_ERROR}: {step}: {type(error).__name__}: {message} ({Path(place.filename).name}:{place.lineno})"


if __name__ == "__main__":
    main()
