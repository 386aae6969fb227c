"""Which libraries an image gets: programs made by the real compilers, in file systems as small as they can be.

Needs gcc, aarch64-linux-gnu-gcc and readelf.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from libraries import Sysroot, library_closure, package_records

COMPILERS = {"x86_64-linux": "gcc", "aarch64-linux": "aarch64-linux-gnu-gcc"}
TRIPLETS = {"x86_64-linux": "x86_64-linux-gnu", "aarch64-linux": "aarch64-linux-gnu"}


class World:
    """A sysroot with libouter, which needs libinner; and a program that needs libouter, a loader, and nothing else."""

    def __init__(self, folder: Path, system: str) -> None:
        self.folder, self.system = folder / "root", system
        self.libraries = self.folder / "usr/lib" / TRIPLETS[system]
        self.libraries.mkdir(parents=True)
        self.program = folder / "program"
        inner = self.compile("int inner(void) { return 1; }", "libinner.so.1.2", "-shared", "-Wl,-soname,libinner.so.1")
        (self.libraries / "libinner.so.1").symlink_to("libinner.so.1.2")
        outer = self.compile(
            "int inner(void); int outer(void) { return inner(); }",
            "libouter.so",
            "-shared",
            "-Wl,-soname,libouter.so",
            str(inner),
        )
        loader = self.libraries / "loader.so"
        loader.write_bytes(outer.read_bytes())
        (self.folder / "usr/lib/ld.so").symlink_to(f"{TRIPLETS[system]}/loader.so")
        self.link_program(str(outer))

    def compile(self, text: str, name: str, *words: str) -> Path:
        out = self.libraries / name
        argv = [COMPILERS[self.system], "-nostdlib", "-fPIC", "-x", "c", "-", "-x", "none", *words, "-o", str(out)]
        subprocess.run(argv, input=text.encode(), check=True)
        return out

    def link_program(self, *words: str) -> None:
        text = "int outer(void); int _start(void) { return outer(); }"
        argv = [COMPILERS[self.system], "-nostdlib", "-x", "c", "-", "-x", "none", "-Wl,--dynamic-linker=/lib/ld.so"]
        argv += ["-Wl,--allow-shlib-undefined", *words, "-o", str(self.program)]
        subprocess.run(argv, input=text.encode(), check=True)

    def closure(self, own: frozenset[str] = frozenset()) -> list[str]:
        return library_closure([(self.program, "/bin/program")], own, Sysroot(self.folder, self.system))


@pytest.fixture(params=COMPILERS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(tmp_path, request.param)


def test_everything_needed_comes_along_with_the_links_to_it(world: World) -> None:
    folder = f"/usr/lib/{TRIPLETS[world.system]}"
    files = ["libinner.so.1", "libinner.so.1.2", "libouter.so", "loader.so"]
    assert world.closure() == sorted([*(f"{folder}/{name}" for name in files), "/usr/lib/ld.so"])


def test_a_missing_library_ends_the_build_and_is_named(world: World) -> None:
    (world.libraries / "libinner.so.1").unlink()
    with pytest.raises(SystemExit, match=r"libouter\.so needs libinner\.so\.1, which is not in"):
        world.closure()


def test_a_library_of_the_package_itself_is_not_required_of_the_sysroot(world: World) -> None:
    own = world.libraries / "libouter.so"
    world.link_program(str(own), "-Wl,-rpath,$ORIGIN/../private")
    own.unlink()
    found = world.closure(frozenset({"/private/libouter.so"}))
    assert not any("libouter" in path for path in found)


def test_the_packages_that_own_the_files_are_recorded_and_no_others(world: World) -> None:
    architecture = {"x86_64-linux": "amd64", "aarch64-linux": "arm64"}[world.system]
    other = {"amd64": "arm64", "arm64": "amd64"}[architecture]
    database = world.folder / "var/lib/dpkg"
    (database / "info").mkdir(parents=True)
    owned = f"/lib/{TRIPLETS[world.system]}/libinner.so.1.2"
    (database / f"info/inner:{architecture}.list").write_text(f"/.\n/lib\n{owned}\n")
    (database / f"info/inner:{other}.list").write_text("/.\n/lib\n")
    (database / "info/data.list").write_text("/.\n/usr/share/data\n")
    paragraphs = [
        f"Package: inner\nArchitecture: {architecture}\nVersion: 1\n",
        f"Package: inner\nArchitecture: {other}\nVersion: 2\n",
        "Package: data\nArchitecture: all\nVersion: 3\n",
    ]
    (database / "status").write_text("\n".join(paragraphs))
    assert package_records(world.closure(), Sysroot(world.folder, world.system)) == {"inner": paragraphs[0]}
