"""Where a report's files are in the source, and whose they are.

A file belongs to the member of the workspace whose manifest's folder is the nearest above it. Left out of the figures,
as cargo-llvm-cov leaves them out by default: files in a folder `tests`, `examples` or `benches` of the workspace, files
called `tests.rs`, `…_tests.rs` or `…-tests.rs`, and what is not in the workspace. Build scripts (a member's `build.rs`)
too, of which cargo-llvm-cov reports none. Tests in a file of the code itself count, as they do there.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonValue, as_list, as_object, as_text, load_json
from nanna_ci.measure.history.records import CrateCoverage
from nanna_ci.pipeline.lcov import LcovReport, Lines

BUILD_FOLDERS: Final = ("/source", "/build/source")  # where a derivation unpacks the source
_TEST_FOLDERS: Final = frozenset({"tests", "examples", "benches"})
_TEST_FILE: Final = re.compile(r"(?:.*[_-])?tests\.rs")
_DRIVE: Final = re.compile(r"[A-Za-z]:[/\\]")


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The workspace in its source tree. Folders are below the source, with `/`; "" is the source itself.

    `crates` are the members by name. `tool` and `rust` (a version) measured, None if unknown. `root` is where the
    source is on this machine, None for a report from elsewhere.
    """

    workspace: str
    crates: Mapping[str, str]
    tool: str | None = None
    rust: str | None = None
    root: Path | None = None

    def crate_of(self, path: str) -> str | None:
        """The member that a file below the source belongs to."""
        by_folder = {folder: name for name, folder in self.crates.items()}
        parts = path.split("/")
        above = ("/".join(parts[:count]) for count in range(len(parts) - 1, -1, -1))
        return next((by_folder[folder] for folder in above if folder in by_folder), None)

    def is_test_code(self, path: str) -> bool:
        """Whether a file below the source is left out of the figures, by the rule at the top of this module."""
        within = path.removeprefix(f"{self.workspace}/") if self.workspace else path
        *folders, name = within.split("/")
        if not _TEST_FOLDERS.isdisjoint(folders) or _TEST_FILE.fullmatch(name):
            return True
        return name == "build.rs" and posixpath.dirname(path) in self.crates.values()


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """A file below the source, and its lines that can be run with how often tests ran them."""

    path: str
    crate: str
    hits: Lines

    @property
    def lines(self) -> int:
        """How many lines can be run."""
        return len(self.hits)

    @property
    def covered_lines(self) -> int:
        """How many of them tests ran."""
        return sum(1 for hits in self.hits.values() if hits)

    @property
    def uncovered(self) -> tuple[int, ...]:
        """The others, sorted."""
        return tuple(sorted(line for line, hits in self.hits.items() if not hits))


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a report says of a workspace: all members, and their files, both sorted by name.

    `test_files` counts those that are left out as tests, `outside` those that no member has.
    """

    tree: SourceTree
    files: tuple[FileCoverage, ...]
    test_files: int = 0
    outside: int = 0
    notes: tuple[str, ...] = ()

    @property
    def crates(self) -> tuple[CrateCoverage, ...]:
        """Every member; one without any line is not known to be covered or not."""
        covered, lines = Counter[str](), Counter[str]()
        for file in self.files:
            covered[file.crate] += file.covered_lines
            lines[file.crate] += file.lines
        return tuple(CrateCoverage(name, covered[name], lines[name]) for name in sorted(self.tree.crates))

    @property
    def lines(self) -> int:
        """How many lines can be run."""
        return sum(file.lines for file in self.files)

    @property
    def covered_lines(self) -> int:
        """How many of them tests ran."""
        return sum(file.covered_lines for file in self.files)

    @property
    def line_rate(self) -> float | None:
        """0 to 1; None if there is no line to run."""
        return self.covered_lines / self.lines if self.lines else None


def place_files(report: LcovReport, tree: SourceTree) -> Coverage:
    """The report's files in the source tree. Paths that differ in form alone are one file, whose hits are summed."""
    prefix = _foreign_prefix(report, tree)
    found: dict[tuple[str, str], dict[int, int]] = {}
    outside, tests = set(), set()
    for given, lines in report.files.items():
        path = _below_source(plain_path(given), tree, prefix)
        crate = None if path is None else tree.crate_of(path)
        if path is None or crate is None:
            outside.add(given)
        elif tree.is_test_code(path):
            tests.add(path)
        else:
            total = found.setdefault((path, crate), {})
            for line, hits in lines.items():
                total[line] = total.get(line, 0) + hits
    files = tuple(FileCoverage(path, crate, found[path, crate]) for path, crate in sorted(found))
    return Coverage(tree, files, len(tests), len(outside), tuple(_notes(report, prefix)))


def _notes(report: LcovReport, prefix: str | None) -> list[str]:
    notes = []
    if count := len(report.disagreeing):
        whose = f"{count:,} file{' has' if count == 1 else 's have'} other totals (LF, LH) than lines (DA)"
        notes.append(f"{whose}, such as {report.disagreeing[0]}: the lines count")
    if prefix is not None:
        notes.append(f"files below {prefix} are taken as those of this source")
    return notes


def plain_path(path: str) -> str:
    """A path with `/` only and without `.`, `..` and doubled slashes, whatever system wrote it."""
    if _DRIVE.match(path) or ("\\" in path and "/" not in path):
        path = path.replace("\\", "/")
    plain = posixpath.normpath(path)
    return plain.removeprefix("/") if plain.startswith("//") else plain


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or _DRIVE.match(path) is not None


def _known_roots(tree: SourceTree) -> list[str]:
    own = [] if tree.root is None else [str(tree.root), str(tree.root.resolve())]
    return [*own, *BUILD_FOLDERS]


def _below_source(path: str, tree: SourceTree, prefix: str | None) -> str | None:
    """A plain path, below the source; None outside of it."""
    if not _is_absolute(path):
        within = f"{tree.workspace}/{path}"
        if path.startswith("../"):
            return None
        return within if tree.workspace and _exists(tree, within) and not _exists(tree, path) else path
    for root in [*_known_roots(tree), *([] if prefix is None else [prefix])]:
        if path.startswith(f"{root}/"):
            return path.removeprefix(f"{root}/")
    return None


def _exists(tree: SourceTree, path: str) -> bool:
    return tree.root is not None and (tree.root / path).is_file()


def _foreign_prefix(report: LcovReport, tree: SourceTree) -> str | None:
    """Where the source was on the machine that measured: the folder below which most files are files of ours.

    None if no absolute path is of another place, if nothing of ours is below one, or if two folders have as many.
    """
    if tree.root is None:
        return None
    votes = Counter[str]()
    for path in map(plain_path, report.files):
        if _is_absolute(path) and _below_source(path, tree, None) is None:
            parts = path.split("/")
            for at in range(1, len(parts)):
                if _exists(tree, "/".join(parts[at:])):
                    votes["/".join(parts[:at])] += 1
                    break
    best = votes.most_common(2)
    if not best or not best[0][0] or (len(best) > 1 and best[0][1] == best[1][1]):
        return None
    return best[0][0]


def parse_crates_file(data: bytes, source: str) -> SourceTree:
    """Read crates.json of a coverage output (nix/toolkits/debian/builder/instrumented.py). Raises MalformedData."""
    value = as_object(load_json(data, source), source, "the file")
    if value.get("schemaVersion") != 1:
        raise MalformedData(source, f"schemaVersion {value.get('schemaVersion')!r}, only 1 is known")
    crates = {}
    for item in as_list(value.get("crates"), source, "crates"):
        crate = as_object(item, source, "a crate")
        crates[as_text(crate.get("name"), source, "name")] = as_text(crate.get("folder"), source, "folder")

    def known(key: str) -> str | None:
        given = value.get(key)
        return None if given is None else as_text(given, source, key)

    return SourceTree(as_text(value.get("workspace"), source, "workspace"), crates, known("tool"), known("rust"))


def parse_members(data: bytes, root: Path, source: str) -> SourceTree:
    """The workspace by `cargo metadata --no-deps`, in the source tree at `root`. Raises MalformedData."""
    value = as_object(load_json(data, source), source, "the answer")

    def below(text: JsonValue, what: str) -> str:
        path = Path(as_text(text, source, what))
        if not path.is_relative_to(root):
            raise MalformedData(source, f"{what} {path} is not below {root}")
        folder = path.relative_to(root).as_posix()
        return "" if folder == "." else folder

    crates = {}
    for item in as_list(value.get("packages"), source, "packages"):
        package = as_object(item, source, "a package")
        manifest = below(package.get("manifest_path"), "manifest_path")
        crates[as_text(package.get("name"), source, "name")] = posixpath.dirname(manifest)
    return SourceTree(below(value.get("workspace_root"), "workspace_root"), crates, root=root)
