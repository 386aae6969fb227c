"""What `nixw` asks about the Debian root, before there is one. Runs on this machine's own Python.

usage: python3 root check [RUST-VERSION]           could it be made today, and of what? exit code 0 yes, 3 no
       python3 root make CACHE KEY [RUST-VERSION]  makes it; prints the folder, Rust's version and the groups it lacks
       python3 root server FOLDER                  in the root: unpacks the model server into FOLDER/SYSTEM
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from make import CannotMakeError, check, make, say
from mirror import AptError
from model_server import unpack_server


def main(argv: list[str]) -> int:
    """One question, answered on stdout; the exit code says whether it could be."""
    # a shell's background job is started with INT ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    try:
        match argv:
            case ["check", *minimum]:
                with tempfile.TemporaryDirectory() as folder:
                    print(check(Path(folder), minimum[0] if minimum else None))
            case ["make", cache, key, *minimum]:
                made = make(Path(cache), key, minimum[0] if minimum else None)
                print(made.folder.name, made.plan.rust, *made.plan.missing, sep="\n")
            case ["server", folder]:
                unpack_server(Path(folder))
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except CannotMakeError as error:
        say(f"error: {error}")
        say(f"hint: {error.hint}")
        if error.log is not None:
            say(f"the full log: {error.log}")
        return 3
    except (AptError, ValueError) as error:
        say(f"error: {error}")
        return 3
    except KeyboardInterrupt:
        say("stopped; nothing is left half made")
        return 130
    return 0


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
