"""Builds in an environment as bare as stdenv's: nix/toolkits/nixpkgs over stand-in packages, Debian's programs.

Nix's sandbox is the real one. Neither /usr/bin nor /etc is in it: a program is found where a package of that name was
requested, and nowhere else. What programs read below /usr/lib and /usr/share is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parents[2]
STAND_IN: Final = SOURCE / "tests" / "stand_in_nixpkgs"
# package of nixpkgs -> its programs; one that Debian has under another name as DEBIAN:NAME
PROGRAMS: Final = {
    "bash": "bash bash:sh",
    "check-jsonschema": "check-jsonschema",
    "coreutils": "cat chmod cp cut date dd dirname basename echo env expr false head id install kill ln ls mkdir"
    " mkfifo mktemp mv nproc paste printenv printf pwd readlink realpath rm rmdir seq sha256sum sleep sort stat tail"
    " tee test timeout touch tr true uname uniq wc yes",
    "diffutils": "cmp diff",
    "findutils": "find xargs",
    "gawk": "awk",
    "git": "git",
    "gnugrep": "grep",
    "gnumake": "make",
    "gnused": "sed",
    "gnutar": "tar",
    "gzip": "gzip",
    "mypy": "mypy",
    "openssl": "openssl",
    "python3": "python3",
    "ruff": "ruff",
    "shellcheck": "shellcheck",
    "xz": "xz",
    "zizmor": "zizmor",
}


class BareEnvironment:
    """Packages as folders of links below `folder`, and `build`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.borrowed: set[str] = set()
        for package, names in PROGRAMS.items():
            (folder / package / "bin").mkdir(parents=True)
            for name in names.split():
                self._lend(package, *name.partition(":")[::2])
        certificates = folder / "cacert" / "etc/ssl/certs/ca-bundle.crt"
        certificates.parent.mkdir(parents=True)
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", certificates)

    def _lend(self, package: str, debian: str, name: str) -> None:
        found = shutil.which(debian)
        assert found is not None, f"{debian} is not on PATH: these tests run in `./nixw run .#test`"
        # without /etc/alternatives; but Python's own name must not become python3.13
        place = Path(found) if debian == "python3" else Path(found).resolve()
        if place.is_relative_to("/nix/store"):
            self.borrowed.add(str(Path(*place.parts[:4])))
        elif place.is_relative_to("/usr/bin"):
            place = Path("/debian-bin", place.relative_to("/usr/bin"))
        link = self.folder / package / "bin" / (name or debian)
        if Path(found).read_bytes().startswith(b"#!/usr/bin/python3"):
            link.write_text(f'#!/bin/sh\nexec /debian-bin/python3 {place} "$@"\n')
            link.chmod(0o755)
        else:
            link.symlink_to(place)

    def build(self, file: str, **arguments: str) -> subprocess.CompletedProcess[str]:
        """`nix build` of a file of the stand-in nixpkgs; the output path is on stdout, the log on stderr."""
        seen = {
            "/debian-bin": "/usr/bin",
            "/packages": str(self.folder),
            "/bin/sh": "/usr/bin/dash",
            "/lib": "/usr/lib",
            "/lib64": "/usr/lib64",
        }
        paths = [f"{inside}={outside}" for inside, outside in seen.items()]
        paths += ["/usr/lib", "/usr/share", *sorted(self.borrowed)]
        # the versions of the root's packages are in its name: another root builds anew
        given = {"root": os.environ.get("NANNA_CI_ROOT", ""), **arguments}
        argv = ["nix", "build", "--file", str(STAND_IN / file), "--no-link", "--print-out-paths", "--print-build-logs"]
        argv += ["--option", "sandbox-paths", " ".join(paths)]
        argv += [word for name, value in given.items() for word in ("--argstr", name, value)]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
