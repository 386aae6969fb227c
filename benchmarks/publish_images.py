"""What `publish-images` sends to a registry: everything once, nothing if nothing changed, and then one layer.

    python3 benchmarks/publish_images.py [BEFORE AFTER]

BEFORE and AFTER are OCI layouts of one image before and after a line of its source changed; left out, two are made up:
a runtime of 40 MB, a model of 100 MB as a plain tar, an application of 2 MB that differs. They go to a real registry
on loopback through a counting proxy of ours (tests/support/local_registry.py): bytes are those of blob uploads,
requests those that name a layer. Needs docker-registry and skopeo on PATH. Signatures are left out: their requests name
no layer.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from side_by_side import REPO, judge, timed

sys.path[:0] = [str(REPO / "tests"), str(REPO / "scripts")]

from nanna_ci.containers.image.oci_layout import Layout, load_layout  # noqa: E402
from support.fake_layered_images import content, write_layered  # noqa: E402 - only now on the path
from support.local_registry import counting, running  # noqa: E402

PIPELINE = '[workspace]\nname = "w"\n[[image]]\nname = "app"\ncontents = ["x"]\nport = 1\n'
REQUESTS_A_LAYER = 2


def made_up(folder: Path) -> tuple[Path, Path]:
    """Two layouts that share all but the application."""
    runtime, model = content(1, 40_000_000), content(2, 100_000_000)
    return tuple(  # type: ignore[return-value]
        write_layered(folder / name, [runtime, model, content(seed, 2_000_000)], compress=False)
        for name, seed in (("before", 3), ("after", 4))
    )


def blob_bytes(layout: Layout, shared: set[str]) -> int:
    """What cannot be there yet: the layers that are not `shared`, and the configuration."""
    config = layout.path / "blobs/sha256" / layout.config_digest.removeprefix("sha256:")
    return sum(layer.size_bytes for layer in layout.layers if layer.digest not in shared) + config.stat().st_size


def main() -> int:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        (folder / "pipeline.toml").write_text(PIPELINE)
        before, after = (Path(word) for word in sys.argv[1:3]) if len(sys.argv) > 2 else made_up(folder)
        old, new = load_layout(before), load_layout(after)
        environment = {**os.environ, "PYTHONPATH": str(REPO / "scripts"), "HOME": str(folder)}

        with running(folder / "registry") as registry, counting(registry) as counts:

            def publish(layout: Layout, revision: str) -> str:
                counts.clear()
                words = ["publish-images", "--config", str(folder / "pipeline.toml"), "--from", f"app={layout.path}"]
                words += ["--to", f"http://{counts.address}/owner", "--revision", revision * 40, "--unsigned", "-q"]
                took = timed([sys.executable, "-m", "nanna_ci", *words], env=environment)
                return f"{took:.2f} s, {counts.blob_bytes:,} bytes, {len(counts.requests)} requests"

            def worst(layout: Layout) -> int:
                return max(len(counts.of_blob(layer.digest)) for layer in layout.layers)

            print(f"first: {publish(old, '1')}; the image has {old.size_bytes:,} bytes in {len(old.layers)} layers")
            held = judge("first, bytes over the blobs'", counts.blob_bytes - blob_bytes(old, set()), 0, "bytes")
            print(f"the same again: {publish(old, '1')}")
            held &= judge("the same again, blob bytes sent", counts.blob_bytes, 0, "bytes")
            held &= judge("the same again, requests a layer", worst(old), REQUESTS_A_LAYER, "requests")
            print(f"the same under another commit: {publish(old, '2')}")
            held &= judge("another commit, blob bytes sent", counts.blob_bytes, 0, "bytes")
            held &= judge("another commit, requests a layer", worst(old), REQUESTS_A_LAYER, "requests")
            print(f"one layer changed: {publish(new, '3')}")
            shared = {layer.digest for layer in old.layers}
            expected = blob_bytes(new, shared)
            held &= judge(
                "one layer changed, bytes beyond that layer and the configuration",
                counts.blob_bytes - expected,
                0,
                "bytes",
            )
            changed = [layer for layer in new.layers if layer.digest not in shared]
            held &= judge("layers that changed", len(changed), 1, "layers")
            kept = [len(counts.of_blob(layer.digest)) for layer in new.layers if layer.digest in shared]
            held &= judge("one layer changed, requests a kept layer", max(kept), REQUESTS_A_LAYER, "requests")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
