"""The shared libraries that programs need, and the Debian packages that those come from.

A sysroot is a file system laid out as Debian's: the root itself, or packages unpacked into a folder. Paths are absolute
in it. Programs for another machine are read like any other: nothing is run, as ldd would.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path

READELF = ("readelf", "--wide", "--dynamic", "--program-headers")
TRIPLETS = {"x86_64-linux": "x86_64-linux-gnu", "aarch64-linux": "aarch64-linux-gnu"}


@dataclass(frozen=True)
class Sysroot:
    """Where libraries are found: a folder, and the system they are for."""

    folder: Path
    system: str

    def at(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def find(self, library: str, folders: Iterable[str]) -> str | None:
        """The path of a library by the loader's rules: the program's own folders, then the system's."""
        triplet = TRIPLETS[self.system]
        for folder in (*folders, f"/usr/lib/{triplet}", "/usr/lib"):
            if self.at(f"{folder}/{library}").is_file():
                return f"{folder}/{library}"
        return None

    def chain(self, path: str) -> list[str]:
        """A path and what it leads to through symbolic links, the file last."""
        found = [path]
        while self.at(found[-1]).is_symlink():
            found.append(normpath(Path(found[-1]).parent / self.at(found[-1]).readlink()))
        return found


@dataclass(frozen=True)
class Needs:
    """What an ELF file says that it needs: libraries by name, folders to look in, its loader."""

    libraries: tuple[str, ...]
    folders: tuple[str, ...]
    loader: str | None


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def needs_of(path: Path, place: str) -> Needs:
    """Reads an ELF file; `place` is where it will stand, for folders relative to it."""
    done = subprocess.run([*READELF, str(path)], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path}: readelf cannot read it: {done.stderr.strip()}")
    runpath = re.search(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", done.stdout)
    folders = runpath.group(1).split(":") if runpath else []
    loader = re.search(r"Requesting program interpreter: (.*)\]", done.stdout)
    return Needs(
        libraries=tuple(re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout)),
        folders=tuple(normpath(folder.replace("$ORIGIN", str(Path(place).parent))) for folder in folders if folder),
        loader=merged(loader.group(1)) if loader else None,
    )


def merged(path: str) -> str:
    """/lib and /lib64 are links to folders below /usr."""
    return path if path.startswith("/usr/") else f"/usr{path}"


def library_closure(programs: Iterable[tuple[Path, str]], own: frozenset[str], sysroot: Sysroot) -> list[str]:
    """The sysroot's paths that the programs need, links included. A program is (file, its place); `own` are places that
    the programs bring themselves. A library that is nowhere ends the build: the image could not start."""
    found: set[str] = set()
    open_files = list(programs)
    while open_files:
        path, place = open_files.pop()
        if not is_elf(path):
            continue
        needs = needs_of(path, place)
        places = [needs.loader] if needs.loader else []
        for library in needs.libraries:
            if any(f"{folder}/{library}" in own for folder in needs.folders):
                continue
            at = sysroot.find(library, needs.folders)
            if at is None:
                sys.exit(f"{place} needs {library}, which is not in {sysroot.folder} for {sysroot.system}")
            places.append(at)
        for chain in map(sysroot.chain, places):
            if chain[0] not in found:
                found.update(chain)
                open_files.append((sysroot.at(chain[-1]), chain[-1]))
    return sorted(found)


def package_records(paths: Iterable[str], sysroot: Sysroot) -> dict[str, str]:
    """Package name -> its paragraph of dpkg's status, for each package that owns one of the paths."""
    wanted = set(paths)
    # an older list says /lib where the file is in /usr/lib
    wanted |= {path.removeprefix("/usr") for path in wanted}
    database = sysroot.at("/var/lib/dpkg")
    owners = {
        path.stem
        for path in database.joinpath("info").glob("*.list")
        if not wanted.isdisjoint(path.read_text().splitlines())
    }
    records = {}
    for paragraph in (database / "status").read_text().strip().split("\n\n"):
        fields = dict(re.findall(r"(?m)^([A-Za-z-]+): (.*)$", paragraph))
        name, qualified = fields["Package"], f"{fields['Package']}:{fields['Architecture']}"
        if qualified in owners or (name in owners and fields["Architecture"] in {"all", architecture_of(sysroot)}):
            records[name] = paragraph + "\n"
    return records


def architecture_of(sysroot: Sysroot) -> str:
    return {"x86_64-linux": "amd64", "aarch64-linux": "arm64"}[sysroot.system]
