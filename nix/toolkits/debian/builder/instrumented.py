"""Which lines of a workspace its tests run, by cargo-llvm-cov, for both toolkits.

Only the workspace's own crates are instrumented: their dependencies are those that the other checks share.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from plain import say_command
from warm import Place
from watched import run_or_end

# what llvm-cov's summary says of a version of LLVM, and rustc of its own
_LLVM = re.compile(r"LLVM version:? (\d+)\.([\d.]+)")


class LlvmMismatchError(Exception):
    """What the tests write can only be read by the LLVM that the compiler has."""


@dataclass(frozen=True)
class CoverageTools:
    """The programs cargo-llvm-cov and cargo-nextest, and the folder that has llvm-cov and llvm-profdata; None: the
    toolchain's own."""

    llvm_cov: str
    nextest: str
    llvm: Path | None = None


def instrumented(place: Place, tools: CoverageTools) -> Place:
    """The place with the variables under which cargo builds instrumented crates. Raises LlvmMismatchError."""
    own = (
        {"LLVM_COV": str(tools.llvm / "llvm-cov"), "LLVM_PROFDATA": str(tools.llvm / "llvm-profdata")}
        if tools.llvm
        else {}
    )
    environment = {**place.environment, **own}
    if (profdata := find_profdata(environ=environment, place=place)) is not None:
        same_llvm(_output(["rustc", "-vV"], place), _output([profdata, "--version"], place))
    shown = _output([tools.llvm_cov, "llvm-cov", "show-env"], replace(place, environment=environment))
    return replace(place, environment={**environment, **read_environment(shown)})


def find_profdata(environ: Mapping[str, str], place: Place) -> str | None:
    """The llvm-profdata that cargo-llvm-cov will take: the one of LLVM_PROFDATA, else the toolchain's own."""
    if named := environ.get("LLVM_PROFDATA"):
        return named
    libraries = Path(_output(["rustc", "--print=target-libdir"], place).strip())
    own = libraries.parent / "bin" / "llvm-profdata"
    return str(own) if own.is_file() else None


def same_llvm(compiler: str, tools: str) -> None:
    """Raises LlvmMismatchError where `rustc -vV` and `llvm-profdata --version` have not the same LLVM."""
    ours, theirs = (_LLVM.search(text) for text in (compiler, tools))
    if ours is None or theirs is None or ours[1] != theirs[1]:
        names = [f"{found[1]}.{found[2]}" if found else "an unknown version" for found in (ours, theirs)]
        raise LlvmMismatchError(
            f"rustc has LLVM {names[0]}, and llvm-profdata is of LLVM {names[1]}: it cannot read that"
        )


def read_environment(text: str) -> dict[str, str]:
    """NAME='value' a line, quoted as a shell would want it."""
    words = [word for line in text.splitlines() for word in shlex.split(line)]
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def write_reports(place: Place, tools: CoverageTools, out: Path) -> None:
    """out/lcov.info, out/coverage.json (llvm-cov's summary) and out/crates.json: files are named below the source.

    Without any test there is nothing to report, and nothing is written.
    """
    if not any(place.target.glob("*.profraw")):
        return
    for name, words in {"lcov.info": ["--lcov"], "coverage.json": ["--json", "--summary-only"]}.items():
        path = out / name
        argv = [tools.llvm_cov, "llvm-cov", "report", *words, f"--output-path={path}"]
        run_or_end(argv, cwd=place.folder, env=place.environment)
        path.write_text(below(path.read_text(encoding="utf-8"), name, str(place.source)), encoding="utf-8")
    metadata = _output(["cargo", "metadata", "--no-deps", "--offline", "--format-version=1"], place)
    versions = [_output(argv, place) for argv in ([tools.llvm_cov, "llvm-cov", "--version"], ["rustc", "--version"])]
    crates = describe_crates(json.loads(metadata), place.source, *versions)
    (out / "crates.json").write_text(json.dumps(crates, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def describe_crates(metadata: Mapping[str, Any], source: Path, tool: str, rust: str) -> dict[str, Any]:
    """Whose the files of the reports are: the members and their folders below the source, "" for the source itself.

    `tool` and `rust` are what the programs say their versions are.
    """

    def folder(path: str) -> str:
        below_source = Path(path).relative_to(source).as_posix()
        return "" if below_source == "." else below_source

    crates = [
        {"name": package["name"], "folder": folder(str(Path(package["manifest_path"]).parent))}
        for package in metadata["packages"]
    ]
    return {
        "schemaVersion": 1,
        "workspace": folder(metadata["workspace_root"]),
        "crates": sorted(crates, key=lambda crate: crate["name"]),
        "tool": tool.partition("\n")[0].strip(),
        "rust": rust.split()[1],
    }


def below(text: str, name: str, source: str) -> str:
    """A report that names files below the source, and no folder of the build."""
    if name.endswith(".info"):
        return re.sub(f"(?m)^SF:{re.escape(source)}/", "SF:", text)
    report = json.loads(text)
    report.pop("cargo_llvm_cov", None)
    for export in report["data"]:
        export["files"] = [_below(entry, source) for entry in export["files"]]
    return json.dumps(report, indent=1, sort_keys=True) + "\n"


def _below(entry: Mapping[str, Any], source: str) -> dict[str, Any]:
    return {**entry, "filename": str(entry["filename"]).removeprefix(f"{source}/")}


def _output(argv: list[str], place: Place) -> str:
    say_command(argv)
    done = subprocess.run(argv, cwd=place.folder, env=place.environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout
