"""For the nixpkgs toolkit: what checks share, built and used within crane's derivations, in the unpacked source.

crane.py FOLDER dependencies OUT TARGETS WARMS FLAG…
crane.py FOLDER tests OUT FLAG…             builds a layer
crane.py FOLDER benchmarks OUT SOURCE FLAG…
                                            builds the benchmarks' programs; SOURCE: the source's store path
crane.py FOLDER facts OUT SYSTEM TRIPLE BINARIES FLAG…
                                            says which crates a build compiles; BINARIES: names apart by commas
crane.py FOLDER audit OUT CARGO-AUDIT DATABASE TIME
crane.py FOLDER deny OUT CARGO-AUDIT DATABASE TIME CARGO-DENY [POLICY WORD…]
                                            asks what is known of the crates (scanning.py); TIME: of DATABASE's commit,
                                            or 0; POLICY: for a workspace without deny.toml, and words for cargo-deny
crane.py FOLDER coverage OUT JUNIT CARGO-LLVM-COV CARGO-NEXTEST SETTINGS FLAG… -- ARGUMENT…
                                            measures which lines tests run (instrumented.py); JUNIT: where failed tests
                                            stand; SETTINGS: lines of nextest's profile; ARGUMENT: for nextest
crane.py FOLDER doctests FLAG…              tests the examples in the documentation
crane.py FOLDER inherit LAYER…              puts layers under the source, before cargo runs
crane.py FOLDER refuse-alias COMMAND        ends the build if an alias replaces cargo COMMAND

FOLDER is where the workspace is below the source, and the working folder; flags are those of every command that
compiles.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import scanning
import warm
from archive import source_time, unpack
from bench_programs import write_bench_programs
from crate_facts import write_facts
from doctests import run_doctests
from instrumented import CoverageTools, instrumented, write_reports
from junit_trailer import finish_nextest, run_nextest
from main import guarded
from plain import end_like


def run(words: list[str]) -> None:
    here = Path.cwd()
    target = here / os.environ.get("CARGO_TARGET_DIR", "target")
    source = here if words[0] == "." else here.parents[len(Path(words[0]).parts) - 1]

    def place(flags: list[str]) -> warm.Place:
        return warm.Place(source, here, target, dict(os.environ), flags)

    match words[1:]:
        case ["dependencies", out, targets, warms, *flags]:
            warm.dependencies(place(flags), Path(targets), warms, Path(out))
        case ["tests", out, *flags]:
            warm.tests(place(flags), Path(out))
        case ["benchmarks", out, origin, *flags]:
            write_bench_programs(place(flags), origin, Path(out))
        case ["facts", out, system, triple, binaries, *flags]:
            names = [name for name in binaries.split(",") if name]
            write_facts(place(flags), {"system": system, "triple": triple}, names, Path(out))
        case ["coverage", out, *words]:
            at = words.index("--")
            junit, llvm_cov, nextest, settings, *flags = words[:at]
            tools = CoverageTools(llvm_cov, nextest)
            measured = instrumented(place(flags), tools)
            code, report = run_tests(measured, nextest, settings, words[at + 1 :])
            finish(code, report, Path(junit), Path(out))
            write_reports(measured, tools, Path(out))
        case ["audit", out, *tools]:
            scanning.audit(scan(here, tools), Path(out))
        case ["deny", out, *tools]:
            scanning.deny(scan(here, tools), Path(out))
        case ["inherit", *layers]:
            change_all(source, source_time(layers))
            unpack(layers, target)
        case ["doctests", *flags]:
            run_doctests(place(flags))
        case ["refuse-alias", command]:
            refuse_alias(command)
        case _:
            sys.exit(f"crane.py: {' '.join(words)}?")


def run_tests(place: warm.Place, nextest: str, settings: str, arguments: list[str]) -> tuple[int, Path]:
    """Every test, as in the Debian toolkit: nextest's exit code, and where its JUnit is if it wrote one."""
    flags, environment = place.for_tests()
    for name in ("HOME", "XDG_RUNTIME_DIR"):
        environment[name] = tempfile.mkdtemp()
    environment |= {"USER": "nixbld", "LOGNAME": "nixbld", "TZ": "UTC", "TERM": "dumb", "NEXTEST_SHOW_PROGRESS": "none"}
    options = [*flags, "--no-fail-fast", "--no-tests=pass", *arguments]
    scratch = Path(tempfile.mkdtemp())
    return run_nextest(nextest, options, settings=settings, folder=place.folder, env=environment, scratch=scratch)


def finish(code: int, report: Path, junit: Path, out: Path) -> None:
    """Ends the build where tests failed: stdenv's failure hook takes their report from `junit`."""
    if code and report.is_file():
        junit.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(report, junit)
    end_like(code)
    out.mkdir(exist_ok=True)
    finish_nextest(code, report, out)


def scan(here: Path, words: list[str]) -> scanning.Scan:
    audit, database, time, *more = words
    deny, *policy = more or [""]
    ours = (Path(policy[0]), policy[1:]) if policy else None
    home = Path(os.environ.setdefault("CARGO_HOME", str(here.parent / "cargo-home")))
    return scanning.Scan(here, home, dict(os.environ), Path(database), int(time), audit, deny, ours)


def refuse_alias(command: str) -> None:
    """Ends the build where the workspace's configuration has an alias in the place of a check, which would answer."""
    done = subprocess.run(["cargo", command, "--version"], check=False, capture_output=True, text=True)
    if f"user-defined alias `{command}` is shadowing" in done.stderr:
        sys.exit(f"an alias of cargo's configuration replaces cargo {command}: it would answer")


def change_all(folder: Path, seconds: int) -> None:
    """Every file below a folder changed at this time."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.utime(Path(parent, name), (seconds, seconds), follow_symlinks=False)


if __name__ == "__main__":
    guarded(f"crane.{sys.argv[2]}", lambda: run(sys.argv[1:]))
