"""An apt of our own beside the machine's: it knows one mirror's suites and no installed package.

The mirror, proxy and certificates that this machine's apt is configured with count; nothing else of it does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from failures import CHANGED, FETCH, explain_apt, explain_fetch, fetched_name
from recipe import Candidate

# enough for the slowest mirror that still answers
TIMEOUT_S = 1800
ESSENTIAL = ("apt", "?narrow(?architecture(amd64),?essential)")
RELEASES = ("bullseye", "bookworm", "trixie")
DEBIAN_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
CONFIGURATION = """\
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "{folder}/preferences";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "{folder}/keys";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
APT::Architecture "{architectures[0]}";
APT::Architectures {{ {listed} }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::GzipIndexes "false";
"""


class AptError(Exception):
    """apt failed; the message is the reason in one line, `log` all that it printed."""

    def __init__(self, log: str) -> None:
        super().__init__(explain_apt(log))
        self.log = log


@dataclass(frozen=True)
class Failure:
    """A package's file that could not be fetched. `refused`: this version of it is unusable, another may work."""

    file: str
    reason: str
    refused: bool

    @property
    def package(self) -> str:
        """`name` or `name:arm64`, of name_version_architecture.deb."""
        name, _, rest = self.file.partition("_")
        return f"{name}:arm64" if rest.endswith("_arm64.deb") else name

    @property
    def version(self) -> str:
        """Its version, of name_version_architecture.deb."""
        return self.file.split("_")[1]


def find_mirror() -> str | None:
    """The address that this machine's apt gets Debian from."""
    for address, label in _index_targets("$(REPO_URI) $(LABEL)"):
        if label == "Debian":
            return address
    # without indices, as on a new machine, apt knows what its sources say and nothing else
    release = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE)
    codenames = {release[1] if release else "", "stable", *RELEASES}
    for address, suite in _index_targets("$(REPO_URI) $(RELEASE)", "--no-release-info"):
        if suite in codenames and "security" not in address:
            return address
    return None


def _index_targets(form: str, *options: str) -> Iterator[tuple[str, str]]:
    listed = _run(["apt-get", "indextargets", *options, "--format", form, "Created-By: Packages"]).stdout
    for line in listed.splitlines():
        address, _, rest = line.partition(" ")
        yield address, rest


def parse_files(listed: str) -> dict[str, int]:
    """The files that `apt-get --print-uris` lists, with their sizes in bytes."""
    return {name: int(size) for name, size in re.findall(r"^'\S+' (\S+) (\d+) ", listed, re.MULTILINE)}


def network_settings() -> list[str]:
    """How this machine's apt reaches mirrors: lines of apt.conf."""
    lines = _run(["apt-config", "dump", "Acquire"]).stdout.splitlines()
    return [line for line in lines if not re.search(r'::(Languages|IndexTargets|GzipIndexes)|:: |""', line)]


def _run(argv: Sequence[str], **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", **extra}
    return subprocess.run(
        argv, check=False, text=True, capture_output=True, timeout=TIMEOUT_S, errors="replace", env=environment
    )


class Apt:
    """Suites of one mirror, the main one first, below a folder that may be kept: indices are fetched again if changed.

    `problems` names each suite that could not be had, with the reason; `files` the packages' files that the last
    resolution asks for, with their sizes in bytes.
    """

    def __init__(
        self,
        folder: Path,
        address: str,
        suites: Sequence[str],
        architectures: Sequence[str],
        settings: Sequence[str] = (),
    ) -> None:
        self.folder, self.address, self.suites = folder, address, tuple(suites)
        self.problems: dict[str, str] = {}
        self.files: dict[str, int] = {}
        self._refused: list[Failure] = []
        self._versions: list[tuple[str, str, str, str]] = []
        for name in ("lists/partial", "archives/partial", "keys"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").write_text("")
        (folder / "mirror").write_text(address)
        (folder / "preferences").write_text("")
        self._copy_keys()
        configuration = CONFIGURATION.format(
            folder=folder, architectures=architectures, listed=" ".join(f'"{name}";' for name in architectures)
        )
        (folder / "apt.conf").write_text(configuration + "\n".join((*network_settings(), *settings)) + "\n")

    def _copy_keys(self) -> None:
        """What this machine's apt trusts, and Debian's own keys if it keeps them elsewhere."""
        shown = re.search(r"'(.*)'", _run(["apt-config", "shell", "folder", "Dir::Etc::trustedparts/d"]).stdout)
        trusted = Path(shown[1]) if shown else Path("/etc/apt/trusted.gpg.d")
        for path in (*sorted(trusted.glob("*.gpg")), *sorted(trusted.glob("*.asc")), DEBIAN_KEYS):
            if path.is_file():
                shutil.copyfile(path, self.folder / "keys" / path.name)

    def run(self, program: str, *arguments: str) -> str:
        """What an apt program prints. Raises AptError."""
        done = _run([program, *arguments], APT_CONFIG=str(self.folder / "apt.conf"))
        log = done.stdout + done.stderr
        (self.folder / "log").write_text(log)
        if done.returncode:
            raise AptError(log)
        return log

    def update(self) -> None:
        """Fetch the indices. A suite that cannot be had is left out, but for the first. Raises AptError."""
        self.problems.clear()
        self._sources(self.suites)
        try:
            self.run("apt-get", "update", "-q")
        except AptError:
            for suite in self.suites:
                self._sources([suite])
                try:
                    self.run("apt-get", "update", "-q")
                except AptError as error:
                    if suite == self.suites[0]:
                        raise
                    self.problems[suite] = str(error)
            # each of these dropped what the others fetched
            self._sources([suite for suite in self.suites if suite not in self.problems])
            self.run("apt-get", "update", "-q")

    def _sources(self, suites: Sequence[str]) -> None:
        (self.folder / "sources.list").write_text("".join(f"deb {self.address} {suite} main\n" for suite in suites))

    def look_up(self, packages: Sequence[str]) -> None:
        """Read which versions of these there are: what `version` answers from."""
        self._versions = []
        for line in self.run("apt-cache", "madison", *packages).splitlines():
            fields = [part.strip() for part in line.split("|")]
            # "libstd-rust-dev:arm64 | 1.97.1-1 | http://… trixie/main arm64 Packages"
            if len(fields) == 3 and fields[2].endswith(" Packages"):
                _, place, architecture, _ = fields[2].rsplit(" ", 3)
                self._versions.append(
                    (fields[0].removesuffix(":arm64"), fields[1], place.partition("/")[0], architecture)
                )

    def refuse(self, failures: Sequence[Failure]) -> None:
        """Never take these versions again."""
        self._refused += failures

    def version(self, package: str, suite: str) -> str | None:
        """The newest version of `name` or `name:arm64` in a suite and its updates."""
        name, _, architecture = package.partition(":")
        refused = {failed.version for failed in self._refused if failed.package == package}
        found = (
            version
            for found, version, place, of in self._versions
            if (found, of) == (name, architecture or "amd64") and place in {suite, f"{suite}-updates"}
        )
        return next((version for version in found if version not in refused), None)

    def conflict(self, packages: Sequence[str], rust: Candidate) -> str | None:
        """Why these cannot be installed together; None if they can, and `files` then has what is to be fetched."""
        self._prefer(rust)
        try:
            listed = self.run("apt-get", "install", "-q", "--print-uris", *ESSENTIAL, *packages)
        except AptError as error:
            return str(error)
        self.files = parse_files(listed)
        return None

    def _prefer(self, rust: Candidate) -> None:
        """Rust of another suite than the main one counts if it was chosen; what was refused never does."""
        wanted = []
        if rust.suite != self.suites[0]:
            wanted.append(f"Package: src:{rust.package}:any\nPin: release n={rust.suite}\nPin-Priority: 600\n")
        wanted += [
            f"Package: {failed.package}\nPin: version {failed.version}\nPin-Priority: -1\n" for failed in self._refused
        ]
        (self.folder / "preferences").write_text("\n".join(wanted))

    def download(self, packages: Sequence[str]) -> Iterator[Failure]:
        """Fetch these packages and all that they need; what was fetched before is not fetched again.

        Raises AptError if something else failed than single files.
        """
        try:
            self.run("apt-get", "install", "-qy", "--download-only", *packages)
        except AptError as error:
            failures = [
                Failure(
                    fetched_name(found["url"]),
                    explain_fetch(found["url"], found["why"]),
                    bool(CHANGED.search(found["why"])),
                )
                for found in FETCH.finditer(error.log)
            ]
            if not failures or not all(failure.file.endswith(".deb") for failure in failures):
                raise
            yield from failures

    @property
    def fetched_bytes(self) -> int:
        """What has arrived so far."""
        paths = [*(self.folder / "archives").glob("*.deb"), *(self.folder / "archives/partial").glob("*")]
        sizes = []
        for path in paths:
            try:
                sizes.append(path.stat().st_size)
            except OSError:  # apt has moved it
                continue
        return sum(sizes)
