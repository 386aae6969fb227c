"""cargo-audit and cargo-deny over tiny workspaces: what fails is named, and what cannot be known is never green.

The tools are the real ones, in the builder's own steps. The last tests go through nixw, Nix and its sandbox.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from support.fake_scanned_workspaces import DATABASE, DEFAULT_POLICY, MODIFIED_S, POLICY, Scanned
from support.fake_workspaces import REPO

BUILDER_ERROR = 70
LEAKY = "RUSTSEC-2026-9001: leaky 1.0.0: Secrets leak"
OPENING = "nanna-ci: the advisory database (of 2026-10-05, as its commit says) holds 3 advisories"
NOT_YANKED = "nanna-ci: yanked crates were not looked for: only the registry knows them, and there is no network here"


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    for tool in ("cargo-audit", "cargo-deny"):
        assert shutil.which(tool), f"{tool} is not on PATH: these tests run in `./nixw run .#test`"


def test_a_workspace_without_known_holes_passes_audit_and_deny(tmp_path: Path) -> None:
    workspace = Scanned(tmp_path, "sound")
    code, said = workspace.step("audit")
    assert (code, said) == (
        0,
        [OPENING, NOT_YANKED, "nanna-ci: cargo-audit: no known hole in the 2 crates of Cargo.lock"],
    )
    assert json.loads((workspace.out("audit") / "audit.json").read_text())["database"]["advisory-count"] == 3
    code, said = workspace.step("deny")
    assert code == 0, said
    assert (
        said[-1] == "nanna-ci: cargo-deny: advisories, bans, licenses, sources are as the workspace's policy wants them"
    )
    assert f"{NOT_YANKED} (1 crates)" in said
    assert workspace.scan("audit") == {
        "schemaVersion": 1,
        "database": {"date": "2026-10-05", "basis": "commit", "advisories": 3},
        "policy": None,
        "yankedUnknown": True,
    }
    assert workspace.scan("deny") == workspace.scan("audit") | {"policy": "deny.toml"}
    assert '"type":"summary"' in (workspace.out("deny") / "deny.json").read_text()


def test_a_vulnerable_crate_fails_both_and_is_named_with_its_patched_versions(tmp_path: Path) -> None:
    workspace = Scanned(tmp_path, "leaky", "sound")
    code, said = workspace.step("audit")
    assert code == 1
    assert said[2:] == [f"error: {LEAKY}; patched: >=1.2.0 or >=1.1.7, <1.2.0", "nanna-ci: cargo-audit: 1 error"]
    code, said = workspace.step("deny")
    assert code == 1
    assert any(line.startswith(f"error: {LEAKY}; Solution: Upgrade to >=1.2.0 OR >=1.1.7, <1.2.0") for line in said), (
        said
    )
    assert "nanna-ci: cargo-deny's errors: 1 of advisories" in said


def test_a_warning_is_reported_and_fails_only_if_the_workspace_wants_that(tmp_path: Path) -> None:
    line = "unmaintained: RUSTSEC-2026-9002: abandoned 1.0.0: Nobody looks after this any more; patched: none"
    code, said = Scanned(tmp_path / "lenient", "abandoned").step("audit")
    assert (code, said[2]) == (0, f"warning: {line}")
    for name in ("warnings", "unmaintained"):
        strict = Scanned(tmp_path / name, "abandoned", audit=f'[output]\nquiet = false\ndeny = ["{name}"]\n')
        code, said = strict.step("audit")
        assert (code, said[2]) == (1, f"error: {line}")


def test_what_the_workspace_ignores_is_said_and_no_finding(tmp_path: Path) -> None:
    workspace = Scanned(
        tmp_path, "leaky", audit='[advisories]\nignore = ["RUSTSEC-2026-9001"]\n[yanked]\nenabled = true\n'
    )
    code, said = workspace.step("audit")
    assert code == 0
    assert said[1:3] == [NOT_YANKED, "nanna-ci: ignored, as .cargo/audit.toml says: RUSTSEC-2026-9001"]


@pytest.mark.parametrize("step", ["audit", "deny"])
@pytest.mark.parametrize(
    ("text", "words"), [(None, "the advisory database holds no advisory"), ("garbage", "unexpected start of advisory")]
)
def test_an_empty_or_broken_database_never_passes_and_is_not_the_workspaces_fault(
    tmp_path: Path, step: str, text: str | None, words: str
) -> None:
    workspace = Scanned(tmp_path, "sound")
    shutil.rmtree(workspace.database / "crates")
    (workspace.database / "crates" / "sound").mkdir(parents=True)
    # as in RustSec's: advisories about Rust itself say nothing of crates
    shutil.copytree(DATABASE / "crates", workspace.database / "rust")
    if text is not None:
        (workspace.database / "crates" / "sound" / "RUSTSEC-2026-9009.md").write_text(text)
    code, said = workspace.step(step)
    assert code == BUILDER_ERROR
    assert said[-1].startswith(f"nanna-ci builder error: scanners.{step}: ValueError: ")
    assert words in said[-1]


@pytest.mark.parametrize("step", ["audit", "deny"])
@pytest.mark.parametrize("script", ["exit 0", "exit 1", "exit 101", "kill -SEGV $$"])
def test_a_tool_that_gives_no_verdict_is_never_green_and_not_the_workspaces_fault(
    tmp_path: Path, step: str, script: str
) -> None:
    workspace = Scanned(tmp_path, "sound")
    # in the place of the tool, but for the look at the database
    (tmp_path / "tool").write_text(
        f'#!/bin/bash\n[[ $PWD == */nothing ]] && exec {shutil.which("cargo-audit")} "$@"\necho odd >&2; {script}\n'
        if step == "audit"
        else f"#!/bin/bash\n{script}\n"
    )
    (tmp_path / "tool").chmod(0o755)
    code, said = workspace.step(step, **{step: str(tmp_path / "tool")})
    if (step, script) == ("audit", "exit 1"):
        # as it says what is wrong with the workspace's own files
        assert (code, said[-1]) == (1, "odd")
    else:
        assert code == BUILDER_ERROR
        assert said[-1].startswith(f"nanna-ci builder error: scanners.{step}: RuntimeError: no verdict")


def test_a_clean_report_with_a_failing_exit_code_is_never_green(tmp_path: Path) -> None:
    workspace = Scanned(tmp_path, "sound")
    (tmp_path / "tool").write_text(
        f'#!/bin/bash\n{shutil.which("cargo-audit")} "$@" || exit\n[[ $PWD == */nothing ]] || exit 1\n'
    )
    (tmp_path / "tool").chmod(0o755)
    code, said = workspace.step("audit", audit=str(tmp_path / "tool"))
    assert code == BUILDER_ERROR
    assert "named no error, but exited with 1" in said[-1]


@pytest.mark.parametrize(
    ("file", "step", "words"),
    [
        ("Cargo.lock", "audit", "parse error"),
        (".cargo/audit.toml", "audit", "unknown field `odd`"),
        ("deny.toml", "deny", "unexpected-keys: found 1 unexpected keys"),
        ("Cargo.lock", "deny", "odd"),
    ],
)
def test_an_unreadable_file_of_the_workspace_is_its_failure_in_the_tools_words(
    tmp_path: Path, file: str, step: str, words: str
) -> None:
    workspace = Scanned(tmp_path, "sound", audit="")
    with (workspace.source / file).open("a") as stream:
        stream.write("\n[odd]\nodd = 1\n" if file != "Cargo.lock" else "\nodd\n")
    code, said = workspace.step(step, modified=0)
    assert code == 1
    assert any(line.startswith("error: ") for line in said)
    assert words in "\n".join(said)


def test_a_denied_licence_fails_deny_and_is_named(tmp_path: Path) -> None:
    code, said = Scanned(tmp_path, "copyleft", "sound").step("deny", modified=0)
    assert code == 1
    (line,) = (line for line in said if line.startswith("error: "))
    assert line.startswith("error: rejected: copyleft 1.0.0: failed to satisfy license requirements")
    assert "GPL-3.0-only" in line
    assert "nanna-ci: cargo-deny's errors: 1 of licenses" in said


def test_a_policy_that_names_other_databases_uses_the_flakes_and_that_is_said(tmp_path: Path) -> None:
    elsewhere = '[advisories]\nunmaintained = "none"\ndb-path = "/nowhere"\ndb-urls = ["https://example.invalid/db"]\n'
    workspace = Scanned(tmp_path, "leaky", policy=POLICY.replace('[advisories]\nunmaintained = "none"\n', elsewhere))
    code, said = workspace.step("deny", modified=0)
    assert code == 1
    assert any(LEAKY in line for line in said)
    assert "nanna-ci: deny.toml says where advisories come from: the flake's are used anyway" in said


@pytest.mark.parametrize("modified", [0, 1, MODIFIED_S])
def test_cargo_denys_own_limit_fails_an_old_database_only_where_the_policy_gives_one(
    tmp_path: Path, modified: int
) -> None:
    ten_years = 10 * 365 * 86400
    old = Scanned(tmp_path / "ours", "sound")
    assert old.step("deny", modified=modified and modified - ten_years)[0] == 0
    limit = POLICY + 'maximum-db-staleness = "P9D"\n'
    code, said = Scanned(tmp_path / "policy", "sound", policy=limit).step("deny", modified=modified)
    assert code == 1
    day = "2026-10-06" if modified == MODIFIED_S else "2026-10-04"
    assert f"error: repository is stale (last update: {day}T00:00:00" in "\n".join(said)
    assert any("a newer one is given with --override-input advisory-db path:FOLDER" in line for line in said)


def test_a_database_that_the_policy_finds_fresh_passes_deny(tmp_path: Path) -> None:
    limit = POLICY + 'maximum-db-staleness = "P2D"\n'
    code, said = Scanned(tmp_path, "sound", policy=limit).step("deny", modified=int(time.time()) - 86400)
    assert code == 0, said


def test_a_folder_has_the_date_of_its_newest_advisory_and_not_that_of_its_files(tmp_path: Path) -> None:
    for name, day in (("2026-01-01", "2026-10-03"), ("2026-10-09", "2026-10-09"), ("2026-99-99", "2026-10-03")):
        workspace = Scanned(tmp_path / name, "sound")
        advisory = workspace.database / "crates/leaky/RUSTSEC-2026-9001.md"
        advisory.write_text(advisory.read_text().replace('date = "2026-10-02"', f'date = "{name}"'))
        code, said = workspace.step("audit", modified=0)
        if name == "2026-99-99":
            assert code == BUILDER_ERROR  # cargo-audit cannot read it
            continue
        assert (code, said[0]) == (
            0,
            OPENING.replace("2026-10-05, as its commit says", f"{day}, the date of its newest advisory"),
        )
        assert workspace.scan("audit")["database"] == {"date": day, "basis": "newest advisory", "advisories": 3}


@pytest.mark.parametrize("step", ["audit", "deny"])
def test_within_cranes_derivations_the_same_is_asked_and_judged_by_what_was_printed(tmp_path: Path, step: str) -> None:
    sound = Scanned(tmp_path / "sound", "sound", policy=None)
    words = [DEFAULT_POLICY["file"], *DEFAULT_POLICY["arguments"]]
    code, said = sound.within_crane(step, *map(str, words))
    assert code == 0, said
    assert sound.scan(step)["database"] == {"date": "2026-10-03", "basis": "newest advisory", "advisories": 3}
    assert sound.scan(step)["policy"] == (None if step == "audit" else "default")
    code, said = Scanned(tmp_path / "leaky", "leaky", "sound").within_crane(step)
    assert (code, any(line.startswith(f"error: {LEAKY}") for line in said)) == (1, True), said
    empty = Scanned(tmp_path / "empty", "sound")
    shutil.rmtree(empty.database / "crates")
    (empty.database / "crates").mkdir()
    code, said = empty.within_crane(step)
    assert code == BUILDER_ERROR
    assert "the advisory database holds no advisory" in said[-1]


OURS = "nanna-ci: this workspace has no deny.toml: it is held to the default policy of Nanna CI (nix/deny.toml)"


def test_a_workspace_without_a_policy_is_held_to_ours_and_the_report_says_so(tmp_path: Path) -> None:
    workspace = Scanned(tmp_path, "sound", policy=None)
    code, said = workspace.step("deny", policy=DEFAULT_POLICY)
    assert code == 0, said
    assert OURS in said
    assert said[-1] == "nanna-ci: cargo-deny: advisories, bans, licenses, sources are as the default policy wants them"
    assert workspace.scan("deny")["policy"] == "default"


@pytest.mark.parametrize(
    ("crate", "finding"),
    [
        ("leaky", f"error: {LEAKY}"),
        ("copyleft", "error: rejected: copyleft 1.0.0: failed to satisfy license requirements"),
        ("abandoned", "warning: RUSTSEC-2026-9002: abandoned 1.0.0: Nobody looks after this any more"),
    ],
)
def test_our_policy_denies_holes_and_other_licences_and_warns_of_the_unmaintained(
    tmp_path: Path, crate: str, finding: str
) -> None:
    code, said = Scanned(tmp_path, crate, "sound", policy=None).step("deny", policy=DEFAULT_POLICY)
    assert code == (0 if finding.startswith("warning") else 1), said
    assert any(line.startswith(finding) for line in said), said


def test_our_policy_denies_a_crate_that_comes_from_a_repository(tmp_path: Path) -> None:
    workspace = Scanned(tmp_path, "sound", policy=None)
    workspace.take_from_a_repository("sound")
    code, said = workspace.step("deny", policy=DEFAULT_POLICY)
    assert code == 1
    assert any(line.startswith("error: source-not-allowed: sound 1.0.0") for line in said), said


def run_audit_job(output: Path, database: Path) -> subprocess.CompletedProcess[str]:
    """The job `audit` of tests/workspace, whose crates nixw has."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NANNA_CI_") or name == "NANNA_CI_ROOT"
    }
    words = ["run", f"path:{REPO}#run-job", "--override-input", "advisory-db", f"path:{database}"]
    return subprocess.run(
        [str(REPO / "nixw"), *words, "--", "audit-x86_64-linux-stable", "--format", "json", "--output", str(output)],
        cwd=output.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_a_vulnerable_crate_fails_the_job_in_the_sandbox_and_the_report_names_it(tmp_path: Path) -> None:
    database = shutil.copytree(DATABASE, tmp_path / "database")
    path = database / "crates/ascii/RUSTSEC-2026-9003.md"
    path.write_text(path.read_text().replace(">= 1.0.0", ">= 99.0.0"))
    done = run_audit_job(tmp_path / "run", database)
    job = json.loads(done.stdout)["job"]
    assert (done.returncode, job["verdict"]) == (1, "fail"), done.stderr
    named = "error: RUSTSEC-2026-9003: ascii 1.1.0: Letters are lost; patched: >=99.0.0"
    assert named in (tmp_path / "run" / "log.txt").read_text()


def test_the_tests_own_workspace_passes_audit_and_deny_in_the_sandbox(tmp_path: Path) -> None:
    attributes = [f"path:{REPO}#checks.x86_64-linux.{name}" for name in ("audit", "deny")]
    words = ["--no-link", "--print-out-paths", "--override-input", "advisory-db", f"path:{DATABASE}"]
    done = subprocess.run(
        [str(REPO / "nixw"), "build", *attributes, *words], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 2
