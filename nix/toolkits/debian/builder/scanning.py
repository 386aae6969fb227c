"""What is known of a workspace's crates, for both toolkits: cargo-audit, cargo-deny. No network, no registry.

A verdict comes from what they print. A tool that gives none for a reason of its own, and a database that cannot be
read, are faults of the builder (main.py): neither green nor the workspace's.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from advisories import describe_database, make_repository, policy_of, words_for, write_scan
from archive import LONG_AGO, copy_source
from plain import say_command
from scans import Audit, denied_kinds, parse_audit, parse_deny, without_database

# cargo-deny calls a database's folder after its URL's hash: RustSec's, the default
DATABASE = "advisory-dbs/advisory-db-3157b0e258782691"
OUR_POLICY = "this workspace has no deny.toml: it is held to the default policy of Nanna CI (nix/deny.toml)"
NOT_YANKED = "yanked crates were not looked for: only the registry knows them, and there is no network here"
OLD = (
    "how old the database may be says advisories.maximum-db-staleness of deny.toml; "
    "a newer one is given with --override-input advisory-db path:FOLDER"
)
# a Rust program that panicked
EXIT_PANIC = 101


@dataclass(frozen=True)
class Scan:
    """A workspace and what is asked of it.

    `audit` and `deny` are the programs, `database` a checkout of RustSec's, `modified_s` its commit's time or 0. `home`
    is CARGO_HOME. `policy` is a file and more words for cargo-deny, for a workspace that has no policy of its own.
    """

    folder: Path
    home: Path
    environment: Mapping[str, str]
    database: Path
    modified_s: int
    audit: str
    deny: str = ""
    policy: tuple[Path, Sequence[str]] | None = None

    @property
    def place(self) -> Path:
        """Where both tools find the advisories."""
        return self.home / DATABASE


def audit(scan: Scan, out: Path) -> None:
    """cargo-audit over Cargo.lock, by the workspace's .cargo/audit.toml: out/audit.json."""
    database = open_database(scan)
    done = run_audit(scan, scan.folder)
    report = report_of(done)
    if report is None:
        # the same tool has just read this database
        blame_workspace(done)
    say(NOT_YANKED)
    if report.ignored:
        say(f"ignored, as .cargo/audit.toml says: {', '.join(report.ignored)}")
    denied = denied_kinds(read(scan.folder / ".cargo" / "audit.toml"), list(report.warnings))
    by_kind = {kind: [f"{kind}: {line}" for line in lines] for kind, lines in report.warnings.items()}
    tell("warning", (line for kind, lines in by_kind.items() if kind not in denied for line in lines))
    errors = [*report.vulnerabilities, *(line for kind in sorted(denied) for line in by_kind[kind])]
    tell("error", errors)
    conclude("cargo-audit", errors, done)
    write_scan(out, database, None, not_looked_up=True)
    (out / "audit.json").write_text(done.stdout, encoding="utf-8")
    say(f"cargo-audit: no known hole in the {report.crates} crates of Cargo.lock")


def deny(scan: Scan, out: Path) -> None:
    """cargo-deny by the workspace's policy, or ours: out/deny.json, a JSON value a line as cargo-deny prints it."""
    database = open_database(scan)
    words: Sequence[str] = ()
    if scan.policy is not None:
        say(OUR_POLICY)
        file, words = scan.policy
        shutil.copyfile(file, scan.folder / "deny.toml")
    policy = policy_of(scan.folder)
    if policy is None:
        raise ValueError("there is no policy, and none was given")
    make_repository(scan.place, database, read(policy), scan.environment)
    use_our_database(policy, scan.folder)
    done = ask([scan.deny, "--offline", "--locked", "--format", "json", "check", *words], scan.folder, scan.environment)
    report = parse_deny(done.stderr)
    if report.not_looked_up:
        say(f"{NOT_YANKED} ({report.not_looked_up} crates)")
    tell("warning", report.findings.get("warning", ()))
    errors = report.findings.get("error", ())
    tell("error", errors)
    if report.errors is None:
        if not errors and any("advisory database" in line for line in report.failures):
            raise ValueError("; ".join(report.failures))
        is_old = any("is stale" in line for line in report.failures)
        blame_workspace(done, report.failures or errors, OLD if is_old else None)
    counts = {check: count for check, count in report.errors.items() if count}
    if counts:
        say(f"cargo-deny's errors: {', '.join(f'{count} of {check}' for check, count in counts.items())}")
    conclude("cargo-deny", errors or list(counts), done)
    name = "default" if scan.policy is not None else str(policy.relative_to(scan.folder))
    write_scan(out, database, name, not_looked_up=report.not_looked_up > 0)
    (out / "deny.json").write_text(done.stderr, encoding="utf-8")
    whose = "the default policy wants" if scan.policy is not None else "the workspace's policy wants"
    say(f"cargo-deny: {', '.join(sorted(report.errors))} are as {whose} them")


def open_database(scan: Scan) -> dict[str, Any]:
    """Copies the advisories to where both tools find them, and answers how many there are and of what date.

    ValueError where cargo-audit cannot read them, or finds none.
    """
    copy_source(scan.database / "crates", scan.place / "crates", [], changed_s=LONG_AGO)
    nothing = scan.home / "nothing"
    nothing.mkdir()
    (nothing / "Cargo.lock").write_text("version = 4\n", encoding="utf-8")
    done = run_audit(scan, nothing)
    report = report_of(done)
    if report is None:
        raise ValueError(f"cargo-audit cannot read the advisory database: {done.stderr}")
    if not report.advisories:
        raise ValueError("the advisory database holds no advisory")
    database = describe_database(scan.place, scan.modified_s) | {"advisories": report.advisories}
    say(words_for(database))
    return database


def use_our_database(policy: Path, folder: Path) -> None:
    """Drops the policy's own sources of advisories: the flake's database counts. What is not TOML stays as it is."""
    try:
        text = without_database(read(policy))
    except tomllib.TOMLDecodeError:
        return
    if text is not None:
        name = policy.relative_to(folder)
        say(f"{name} says where advisories come from: the flake's are used anyway")
        policy.write_text(text, encoding="utf-8")


def run_audit(scan: Scan, folder: Path) -> subprocess.CompletedProcess[str]:
    # the index of the registry cannot be queried, and each crate would be an error that changes nothing
    words = ["audit", "--json", "--no-fetch", "--stale", "--no-yanked", "--db", str(scan.place)]
    return ask([scan.audit, *words], folder, scan.environment)


def ask(argv: list[str], folder: Path, values: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    say_command(argv)
    return subprocess.run(
        argv, cwd=folder, env=values, capture_output=True, check=False, encoding="utf-8", errors="replace"
    )


def report_of(done: subprocess.CompletedProcess[str]) -> Audit | None:
    """None where cargo-audit printed no report."""
    try:
        return parse_audit(done.stdout)
    except json.JSONDecodeError:
        return None


def blame_workspace(
    done: subprocess.CompletedProcess[str], said: Iterable[str] | None = None, hint: str | None = None
) -> NoReturn:
    """Ends the build with what a tool said of the workspace's files; RuntimeError where it crashed or said nothing."""
    lines = [line for line in (done.stderr.splitlines() if said is None else said) if line.strip()]
    if not lines or done.returncode in (0, EXIT_PANIC) or done.returncode < 0:
        raise RuntimeError(f"no verdict, and exit code {done.returncode}: {done.stderr or 'nothing was said'}")
    for line in lines:
        print(line if said is None else f"error: {line}", file=sys.stderr, flush=True)
    if hint:
        say(hint)
    sys.exit(1)


def conclude(tool: str, errors: Iterable[str], done: subprocess.CompletedProcess[str]) -> None:
    """Ends the build where there are errors; RuntimeError where there are none, and the tool failed nonetheless."""
    count = len(list(errors))
    if count:
        say(f"{tool}: {count} {'error' if count == 1 else 'errors'}")
        sys.exit(1)
    if done.returncode:
        raise RuntimeError(f"{tool} named no error, but exited with {done.returncode}: {done.stderr}")


def read(path: Path) -> str:
    """A file's text, empty where there is no file."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def tell(severity: str, lines: Iterable[str]) -> None:
    for line in lines:
        print(f"{severity}: {line}", file=sys.stderr, flush=True)


def say(text: str) -> None:
    print(f"nanna-ci: {text}", file=sys.stderr, flush=True)
