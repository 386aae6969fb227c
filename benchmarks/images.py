"""What images cost: seconds to build each again from its contents, and its size beside the closure of these.

    ./nixw develop --command python3 benchmarks/images.py

Built again are the image and all its layers, which Nix compares with what is there: another byte ends the benchmark.
The binaries are built before. A size in a registry is that of all blobs; the closure is `nix path-info --closure-size`
of the first content if that is a package of the flake.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from side_by_side import REPO, judge

sys.path.insert(0, str(REPO / "scripts"))

from nanna_ci.containers.image.oci_layout import load_layout

IMAGES = ("harness-image", "ollama-image", "qwen3-container", "llama3-container")
CONTENTS = {"harness-image": "harness"}
IMAGE_S = 600.0
FLAGS = ["--override-input", "nanna-coder", f"path:{REPO / 'tests/workspace'}"]


def nix(*words: str) -> str:
    """What nix prints; ends the benchmark if it fails."""
    done = subprocess.run([str(REPO / "nixw"), *words], capture_output=True, text=True, check=False, cwd=REPO)
    if done.returncode:
        sys.exit(f"nix {words[0]} exited with {done.returncode}: {done.stderr[-4000:]}")
    return done.stdout


def derivations_of(image: str) -> list[str]:
    """The image's derivation, and those of its layers."""
    shown: dict[str, Any] = json.loads(nix("derivation", "show", f"{REPO}#{image}", *FLAGS))
    ((path, derivation),) = shown.items()
    return [path, *(name for name in derivation["inputDrvs"] if name.endswith("-layer.drv"))]


def main() -> int:
    held = []
    for image in IMAGES:
        output = Path(nix("build", "--no-link", "--print-out-paths", f"{REPO}#{image}", *FLAGS).strip())
        derivations = derivations_of(image)
        started = time.perf_counter()
        nix("build", "--rebuild", "--no-link", *(f"{path}^*" for path in derivations))
        held.append(judge(f"{image}: {len(derivations) - 1} layers", time.perf_counter() - started, IMAGE_S, "s"))
        size = load_layout(output).size_bytes
        if image in CONTENTS:
            words = ("path-info", "--closure-size", "--json", f"{REPO}#{CONTENTS[image]}", *FLAGS)
            (closure,) = json.loads(nix(*words)).values()
            whole = closure["closureSize"]
            print(f"        {size:,} bytes in a registry, {size / whole:.3f} of a closure of {whole:,}")
        else:
            print(f"        {size:,} bytes in a registry")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
