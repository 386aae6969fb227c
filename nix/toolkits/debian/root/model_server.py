"""llama.cpp's server and its libraries for both Linux systems, from Debian's next release.

Only that release has it, so it is unpacked beside the root and not installed in it: no suite is mixed with another.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from mirror import Apt

SUITE = "forky"
# the mirror that the root was made from
MIRROR = Path("/etc/nanna-ci-mirror")
PACKAGES = ("base-files", "ca-certificates", "llama.cpp-tools")
SYSTEMS = {"amd64": "x86_64-linux", "arm64": "aarch64-linux"}
# what an image may need; the rest are pages, scripts and other programs
PARTS = ("bin/llama-server", "lib", "lib64", "share/ca-certificates")


def open_suite(folder: Path, address: str, *architectures: str) -> Apt:
    """The next release's indices, fetched; packages are of the first architecture. Raises AptError."""
    # a mirror may hold an older state of the suite; its signature is checked anyway
    apt = Apt(folder, address, (SUITE,), architectures, settings=('Acquire::Check-Valid-Until "false";',))
    apt.update()
    return apt


def unpack_server(target: Path) -> None:
    """TARGET/SYSTEM gets usr/, and var/lib/dpkg of what is in there. Raises AptError, ValueError."""
    address = MIRROR.read_text(encoding="utf-8")
    for architecture, system in SYSTEMS.items():
        with tempfile.TemporaryDirectory() as name:
            apt = open_suite(Path(name), address, architecture)
            for failure in apt.download(PACKAGES):
                raise ValueError(failure.reason)
            _unpack(sorted((apt.folder / "archives").glob("*.deb")), Path(name) / "all", target / system)


def _unpack(packages: list[Path], scratch: Path, tree: Path) -> None:
    records = tree / "var/lib/dpkg"
    (records / "info").mkdir(parents=True)
    status = []
    for package in packages:
        name = _output("dpkg-deb", "--field", package, "Package").strip()
        status.append(_output("dpkg-deb", "--field", package))
        listed = [
            line.split(None, 5)[5].partition(" -> ")[0]
            for line in _output("dpkg-deb", "--contents", package).splitlines()
        ]
        (records / "info" / f"{name}.list").write_text(
            "".join(f"{path.removeprefix('.').rstrip('/')}\n" for path in listed)
        )
        _output("dpkg-deb", "--extract", package, scratch)
    (records / "status").write_text("\n".join(status))
    for part in PARTS:
        source = scratch / "usr" / part
        if source.exists():
            (tree / "usr" / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source, tree / "usr" / part)
    for tables in tree.glob("usr/lib/*-linux-gnu/gconv"):
        shutil.rmtree(tables)


def _output(*argv: str | Path) -> str:
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE).stdout
