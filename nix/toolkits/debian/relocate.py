"""Makes pip's scripts in FOLDER/bin find the packages in FOLDER/python, wherever FOLDER is moved to."""

import sys
from pathlib import Path

# /proc/self does not help scripts: the script's own resolved path shows where the folder is
HEADER = """#!/usr/bin/python3 -I
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
"""


def main(folder: Path) -> None:
    """Rewrites the first line of every Python script; leaves native programs alone."""
    for script in (folder / "python" / "bin").iterdir():
        first, _, rest = script.read_bytes().partition(b"\n")
        if first.startswith(b"#!") and b"python" in first:
            script.write_bytes(HEADER.encode() + rest)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
