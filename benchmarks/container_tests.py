"""Loading an image against `skopeo copy`, and `container-test` of all images, on podman and on docker.

    ./nixw develop --command python3 benchmarks/container_tests.py [ROUNDS]

The images are the pipeline's own, built before. Both engines run in a sandbox (tests/support/engine_sandbox.py) with
nothing else in it. The peer copies the same layout into the same empty store (containers-storage:, docker-daemon:);
before each run the image is removed. Then all images are tested, one after the other, as the command does. Needs root
and the Debian root.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from side_by_side import REPO, judge, seconds

sys.path[:0] = [str(REPO / "tests"), str(REPO / "scripts")]

from support.engine_sandbox import ENGINES, EngineSandbox  # noqa: E402 - only now on the path

PACKAGES = {"harness": "harness-image", "ollama": "ollama-image", "qwen3-container": "qwen3-container",
            "llama3-container": "llama3-container"}  # fmt: skip
LOAD_RATIO = 1.1
ALL_IMAGES_S = 60.0

# beside the engine: loads LAYOUT so many times by our code and by the peer, in turn, and prints the seconds of both
LOADS = """
import json, os, sys, time
from pathlib import Path
from nanna_ci.foundation import process
from nanna_ci.containers.engine.docker import Docker
from nanna_ci.containers.image.oci_layout import load_layout
from nanna_ci.containers.engine.podman import Podman
name, folder, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
engine = {"podman": Podman, "docker": Docker}[name](process.run, environ=os.environ)
layout, tag = load_layout(folder), "localhost/nanna-ci-test:0123456789ab.1.x"
target = {"podman": f"containers-storage:{tag}", "docker": f"docker-daemon:{tag}"}[name]
flags = ["--dest-daemon-host", os.environ["DOCKER_HOST"]] if name == "docker" else []
def peer():
    words = ["skopeo", "--insecure-policy", "copy", "--quiet", *flags, f"oci:{folder}", target]
    process.run(words, timeout_s=600)
def timed(load):
    started = time.perf_counter()
    load()
    taken = time.perf_counter() - started
    engine.remove_tag(tag)
    return taken
pairs = [(timed(peer), timed(lambda: engine.load(layout, tag))) for _ in range(rounds + 1)][1:]
print(json.dumps({"peer": [a for a, _ in pairs], "ours": [b for _, b in pairs]}))
"""


def build() -> dict[str, Path]:
    """The layouts, by their names in pipeline.toml."""
    words = [str(REPO / "nixw"), "build", "--no-link", "--print-out-paths"]
    words += [f"{REPO}#{package}" for package in PACKAGES.values()]
    words += ["--override-input", "nanna-coder", f"path:{REPO / 'tests/workspace'}"]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, cwd=REPO, text=True)
    return dict(zip(PACKAGES, map(Path, done.stdout.split()), strict=True))


def in_room(sandbox: EngineSandbox, argv: list[str], folder: Path) -> str:
    """What a program beside the engine prints; ends the benchmark if it fails."""
    process = sandbox.popen(argv, folder)
    stdout, stderr = process.communicate()
    if process.returncode:
        sys.exit(f"{argv[0]} exited with {process.returncode}: {stderr.decode()[-4000:]}{stdout.decode()[-4000:]}")
    return stdout.decode()


def compare_loads(sandbox: EngineSandbox, name: str, layout: Path, rounds: int, folder: Path) -> bool:
    """Our load against the peer's."""
    argv = [sys.executable, "-c", LOADS, sandbox.engine, str(layout), str(rounds)]
    taken = json.loads(in_room(sandbox, argv, folder))
    print(f"{sandbox.engine} loads {name}: {seconds(taken['ours'])}")
    print(f"skopeo copy: {seconds(taken['peer'])}")
    ratio = statistics.median(taken["ours"]) / statistics.median(taken["peer"])
    return judge(f"{sandbox.engine}, {name}: seconds over skopeo copy", ratio, LOAD_RATIO, "times")


def test_all(sandbox: EngineSandbox, layouts: dict[str, Path], folder: Path) -> bool:
    """All images, one after the other."""
    argv = [sys.executable, "-m", "nanna_ci", "container-test", "--engine", sandbox.engine, "--format", "json"]
    argv += ["--config", str(REPO / "tests/workspace/pipeline.toml")]
    argv += [word for name, path in layouts.items() for word in ("--from", f"{name}={path}")]
    answer = json.loads(in_room(sandbox, argv, folder))
    for image in answer["images"]:
        sizes = f"{image['sizeBytes']:,} bytes in a registry, {image['unpackedBytes']:,} unpacked"
        print(f"{image['name']}: {image['seconds']:.1f} s, ready after {image['startSeconds']:.2f} s; {sizes}")
    return judge(f"{sandbox.engine}: container-test of all images", answer["seconds"], ALL_IMAGES_S, "s")


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    layouts = build()
    held = []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        for engine in ENGINES:
            sandbox = EngineSandbox(engine)
            try:
                held += [
                    compare_loads(sandbox, image, layouts[image], rounds, Path(name)) for image in ("harness", "ollama")
                ]
                held.append(test_all(sandbox, layouts, Path(name)))
            finally:
                sandbox.close()
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
