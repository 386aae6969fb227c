"""Every command, with secrets planted in each of its inputs: none comes out, nor twelve characters of one.

Programs are stand-ins that print all secrets in every disguise, and end with 0 or with 1. That a row is worth its time
shows in what comes out: the mark that stands where a secret was.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from nanna_ci.binaries import targets
from nanna_ci.binaries.targets import System
from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.redact import MARK
from nanna_ci.usage import COMMANDS
from support.planted_secrets import SHAPED

PIECE = 12
NAMED = {
    "environment": 'c4chix"Zq<81>&Wv_fR7*kPm',
    "flag": "fl4gPassw0rdQw8Zx2Lm",
    "netrc": "n3trcPassw0rdVb6Nm4Ks",
    "docker": "d0ckerPassw0rdHy5Tg1Ru",
    "cargo": "c4rgoTokenOfRegistryJk3Po9",
    "git": "g1tRemotePassw0rdXc2De7",
    "pipeline": "p1pelinePassw0rdMn4Bv8",
}
URL = f"http://me:{NAMED['flag']}@127.0.0.1:9/cache"
# Invocations of a command. `{url}` has a password, `{earlier}` is an earlier result, `{job}` the folder of a job, and
# `{text}` any file, all with secrets in them.
RUNS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "plan": (("--config", "{bad}"), ("--config", "{text}"), ("--event", "{url}")),
    "run-job": (("unit-aarch64-darwin-stable",), ("unit-aarch64-darwin-stable", "--output", "{job}"), ("{url}",)),
    "ci": ((), ("--event", "{url}")),
    "post-summary": (
        ("--from", "{text}", "--repository", "nanna/coder", "--run", "1"),
        ("--from", "{results}", "--repository", "{url}", "--run", "1"),
        ("--from", "{results}", "--repository", "nanna/coder", "--run", "{url}"),
        ("--from", "{results}", "--repository", "nanna/coder", "--run", "1", "--pull-request", "{url}"),
    ),
    "ci-summary": (
        (
            *("--needs", "{needs}", "--plan", "{matrix}", "--results", "{results}", "--event", "push", "{url}"),
            *("--comment", "comment.md", "--alert", "alerts.json", "--badge", "badge.json"),
        ),
        (
            "--needs",
            "{needs}",
            "--plan",
            "{matrix}",
            "--results",
            "{results}",
            "--config",
            "{bad}",
            "--history",
            "{url}",
        ),
        ("--needs", "{text}", "--plan", "{matrix}", "--results", "{results}"),
        ("--needs", "{url}", "--results", "{url}"),
    ),
    "workflow": (
        ("check",),
        ("check", "--file", "{text}"),
        ("check", "--file", "{url}"),
        ("check", "--fix", "--file", "{workflow}"),
        ("init",),
        ("init", "--input", "{url}", "--dry-run"),
        ("{url}",),
    ),
    "dev-check": ((), ("{url}",)),
    "test": (("{url}",),),
    "cross-build": (("--system", "aarch64-darwin"), ("--system", "{url}")),
    "prepare-artifacts": (
        ("--system", "aarch64-darwin", "--from", "{url}", "--output", "out"),
        ("--system", "aarch64-darwin", "--from", "{built}", "--output", "out", "--revision", "{url}"),
    ),
    "container-test": (("--engine", "podman"), ("--from", "app={url}"), ("--engine", "docker"), ("{url}",)),
    "publish-images": (
        ("--to", "127.0.0.1:9/owner", "--revision", "a" * 40, "--unsigned", "--event", "push", "--auth-file", "{auth}"),
        ("--to", "{url}", "--event", "push", "--unsigned"),
        ("--to", "127.0.0.1:9/owner", "--sbom", "app={text}", "--unsigned", "--event", "push", "--revision", "b" * 40),
    ),
    "lock-models": (
        ("--registry", "{url}", "--lock", "lock.json"),
        ("--lock", "{text}"),
        ("{url}", "--lock", "lock.json"),
    ),
    "bench": (
        ("--programs", "{built}/../bin", "--against-programs", "{built}"),
        ("--programs", "{built}"),
        ("--programs", "{url}"),
        ("--against", "{url}"),
        ("--programs", "{built}", "--filter", "{url}"),
    ),
    "cache-setup": ((), ("--config", "{bad}"), ("--config", "{text}")),
    "cache-analytics": (
        ("--substituter", "{url}", "--paths-from", "{paths}", "--deadline", "5"),
        ("--paths-from", "{text}"),
        ("{url}",),
        ("--baseline", "{earlier}", "--paths-from", "{paths}", "--substituter", "file:///nowhere"),
    ),
    "cache-push": (
        ("--to", "{url}", "{path}"),
        ("--to", "mine", "{path}"),
        ("--watch", "--to", "mine", "--", "nix", "{url}"),
    ),
    "cache-gc": (
        ("--store", "{url}"),
        ("--store", "file://{folder}", "--max-size", "{url}"),
        ("--store", "file://{folder}", "--pin", "{url}", "--max-size", "1GB"),
        ("--store", "file://{folder}", "--build-times", "{text}", "--max-size", "1GB"),
    ),
    "sbom": (
        ("crates", "app"),
        ("closure", "{path}", "--output", "bill.json"),
        ("image", "app"),
        ("check", "{text}"),
        ("check", "{url}"),
        ("closure", "--from", "{text}"),
    ),
    "scan": (
        ("--lock", "{lock}", "--sarif", "found.sarif"),
        ("--lock", "{lock}", "--advisories", "{osv}", "--without", "cargo-deny", "--sarif", "found.sarif"),
        ("--sbom", "{bill}", "--advisories", "{osv}", "--sarif", "found.sarif"),
        ("--sbom", "{text}", "--baseline", "{text}"),
        ("--lock", "{text}"),
        ("--image", "{url}"),
    ),
    "provenance": (
        ("--output", "out", "--artifacts", "{evidence}"),
        ("--output", "out", "--artifacts", "{url}"),
        ("--output", "out", "--image-layout", "{folder}", "--run", "{url}"),
        ("--output", "out", "--run", "{job}"),
        ("--output", "out", "--scan", "{text}", "--baseline", "{text}"),
        ("--output", "out", "--sbom", "{text}", "--sarif", "{text}", "--builder", "{url}"),
        ("--output", "{job}"),
        ("{url}",),
    ),
    "verify": (
        ("{folder}",),
        ("{url}",),
        ("{job}", "--key", "{text}"),
        ("{evidence}",),
        ("{evidence}", "--identity", "{url}"),
    ),
    "release": (
        ("{url}", "--assets", "{folder}"),
        ("v1.2.3", "--assets", "{folder}", "--repository", "{url}"),
        ("v1.2.3", "--assets", "{url}", "--repository", "a/b"),
        ("v1.2.3", "--verify", "--assets", "{url}", "--repository", "a/b"),
        ("v1.2.3", "--verify", "--assets", "{text}", "--repository", "a/b"),
    ),
    "coverage": (
        ("--lcov", "{text}"),
        ("--lcov", "{report}", "--against", "{url}"),
        ("--lcov", "{report}", "--history", "{history}", "--upload"),
        ("--lcov", "{report}", "--history", "{url}"),
        ("{url}",),
    ),
    "metrics": (
        ("--run", "{run}", "--history", "{history}"),
        ("--run", "{run}", "--history", "{url}", "--dry-run"),
        ("--run", "{run}", "--history", "{history}", "--format", "openmetrics"),
        ("--run", "{url}", "--format", "otlp"),
        ("--github", "{url}"),
        ("--github", "a/b", "--workflow", "{url}"),
    ),
    "report": (
        ("--history", "{history}", "--format", "text"),
        ("--history", "{url}"),
        ("--run", "{url}"),
        ("--run", "{job}"),
        ("--run", "{run}"),
    ),
    "doctor": (
        ("--substituter", "{url}"),
        ("--to", "{url}"),
        ("--substituter", "file:///nowhere", "--to", "127.0.0.1:9/owner"),
        ("--github", "{url}"),
        ("--github", "nanna/coder"),
    ),
}
STORE_PATH = "/nix/store/0c5cm1zsyvgqgwm8h9zxq6ja3fr4bwk6-hello-2.12"
PROGRAMS = (
    "cargo",
    "rustc",
    "rustup",
    "nix",
    "nix-store",
    "podman",
    "docker",
    "skopeo",
    "cosign",
    "cachix",
    "git",
    "unshare",
)
STAND_IN = """#!/bin/sh
case "$*" in
    metadata*) cat "{home}/said" >&2; cat "{home}/metadata.json"; exit 0 ;;
    *--version*) case $0 in
        */nix) echo "nix (Nix) 2.24.9" ;;
        */cachix) echo "cachix 1.7.5" ;;
        *) echo "$0 1.90.0 $(head -n 1 "{home}/said")" ;;
        esac; exit 0 ;;
    *) cat "{home}/said" >&2; cat "{home}/answer" ;;
esac
exit {code}
"""
CARGO_LOCK = """version = 4
[[package]]
name = "hello"
version = "2.12.0"
source = "{url}#0123456789abcdef0123456789abcdef01234567"
"""
OSV = {
    "id": "TEST-2024-0001",
    "modified": "2024-01-01T00:00:00Z",
    "summary": f"the log has {SHAPED['JWT']} in it",
    "references": [{"type": "WEB", "url": f"https://me:{NAMED['pipeline']}@wiki.invalid/"}],
    "affected": [
        {"package": {"ecosystem": "nix", "name": "hello", "purl": "pkg:nix/hello"}, "versions": ["2.12"]},
        {
            "package": {"ecosystem": "crates.io", "name": "hello", "purl": "pkg:cargo/hello"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
        },
    ],
}
BILL = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"component": {"type": "application", "name": SHAPED["personal token"], "bom-ref": "app"}},
    "components": [
        {
            "type": "library",
            "bom-ref": STORE_PATH,
            "name": "hello",
            "version": "2.12",
            "purl": "pkg:nix/hello@2.12?output=out",
            "properties": [{"name": "nanna-ci:nix:deriver", "value": SHAPED["JWT"]}],
        }
    ],
}
RECORD = {
    "schemaVersion": 1,
    "run": "local-1",
    "event": "local",
    "started": "2026-11-28T19:34:23Z",
    "branch": SHAPED["personal token"],
    "url": URL,
    "verdict": "fail",
    "jobs": [{"id": SHAPED["JWT"], "verdict": "fail", "runSeconds": 1.5}],
}
FAILED_JOB = {
    "schemaVersion": 1,
    "id": "unit",
    "verdict": "fail",
    "seconds": 1.5,
    "state": "built",
    "reason": f"it said {SHAPED['personal token']}",
    "evidence": {},
    "failingTests": [SHAPED["JWT"]],
    "logTail": [SHAPED["personal token"]],
    "reproduce": None,
}
CI_RUN = {
    "schemaVersion": 1,
    "command": "ci",
    "verdict": "fail",
    "event": "push",
    "seconds": 2.5,
    "strict": False,
    "interrupted": False,
    "jobs": [{"id": "unit"}],
}
PIPELINE = """[workspace]
name = "demo"
binaries = ["app"]
[[target]]
system = "aarch64-darwin"
[[image]]
name = "app"
contents = ["app"]
architectures = ["x86_64", "aarch64"]
port = 8080
[[test]]
kind = "unit"
runners = ["macos-15"]
# see https://me:{pipeline}@wiki.invalid/
"""


def disguises(secret: str) -> list[str]:
    return [
        secret,
        base64.b64encode(secret.encode()).decode(),
        quote(secret, safe=""),
        "\n".join(secret[at : at + 76] for at in range(0, len(secret), 76)),
        "\x1b[0m\n   ".join(secret[at : at + 60] for at in range(0, len(secret), 60)),
    ]


def said(known: Iterable[str] = ()) -> str:
    """What the stand-ins print: `known` secrets in every disguise; a shape is no longer one once it is encoded."""
    named = [f"it is {form} for all" for secret in known for form in disguises(secret)]
    halves = [f"{secret[:9]}\n{secret[9:]}" for secret in known]
    shaped = [f"it is {form}" for secret in SHAPED.values() for form in (secret, *disguises(secret)[3:])]
    return "\n".join([*named, *halves, *shaped, f"at last {NAMED['docker']}"]) + "\n"


def plant(folder: Path, code: int) -> dict[str, str]:
    """A project, a home folder and programs, all with secrets; gives what stands for the names in RUNS."""
    home, work = folder / "home", folder / "work"
    auth = base64.b64encode(f"me:{NAMED['docker']}".encode()).decode()
    bad = (
        PIPELINE.format(**NAMED)
        + f'[cache]\nsubstituters = ["https://me:{NAMED["pipeline"]}@h/"]\n"{SHAPED["JWT"]}" = 1\n'
    )
    result = {"schemaVersion": 1, "command": SHAPED["JWT"], "verdict": URL, "paths": [SHAPED["personal token"]]}
    ended = {
        "schemaVersion": 1,
        "id": "unit-x",
        "verdict": "fail",
        "seconds": 1,
        "state": None,
        "reason": URL,
        "evidence": {},
        "failingTests": [URL],
        "logTail": said().splitlines(),
        "reproduce": f"nix build {URL}",
    }
    measured = {"name": SHAPED["JWT"], "metric": "time", "verdict": "fail", "reason": URL}
    bench = {"schemaVersion": 1, "command": "bench", "verdict": "fail", "benchmarks": [measured]}
    written = {
        home / ".netrc": f"machine 127.0.0.1 login me password {NAMED['netrc']}\n",
        home / ".docker" / "config.json": json.dumps({"auths": {"127.0.0.1:9": {"auth": auth}}}),
        home / ".cargo" / "credentials.toml": f'[registry]\ntoken = "{NAMED["cargo"]}"\n',
        home / "metadata.json": json.dumps({"packages": [], "workspace_root": str(work)}),
        home / "bad.toml": bad,
        home / "text": f"{SHAPED['personal token']} = {URL}\n{said()}",
        home / "paths": f"{STORE_PATH}\n",
        home / "earlier.json": json.dumps(result),
        work / ".git" / "config": f'[remote "origin"]\n\turl = https://me:{NAMED["git"]}@git.invalid/demo\n',
        work / "pipeline.toml": PIPELINE.format(**NAMED),
        work / "deny.toml": "",
        work / "job" / "log.txt": said(),
        work / "job" / "result.json": json.dumps(result),
        work / "tests" / "nothing": "",
        work / "scripts" / "nanna_ci" / "nothing": "",
        home / "workflow.yml": f"on: push\njobs:\n  one:\n    runs-on: {SHAPED['JWT']}\n    steps: []\n",
        home / "needs.json": json.dumps({SHAPED["JWT"]: {"result": URL}}),
        home / "matrix.json": json.dumps({"include": [{"id": "unit-x", "jobs": ["unit-x"], "skips": []}]}),
        home / "results/job-unit-x/.nanna-ci/jobs/unit-x/result.json": json.dumps(ended),
        home / "results/bench/bench.json": json.dumps(bench),
        home / "report.info": f"SF:{SHAPED['JWT']}\nDA:1,1\nend_of_record\n",
        home / "Cargo.lock": CARGO_LOCK.format(url=f"git+https://me:{NAMED['pipeline']}@git.invalid/x"),
        home / "osv" / "one.json": json.dumps(OSV),
        home / "bill.cdx.json": json.dumps(BILL),
        home / "evidence" / "SHA256SUMS": f"{SHAPED['personal token']}  {SHAPED['JWT']}\n",
        home / "evidence" / "evidence.json": json.dumps({"schemaVersion": 1, "files": [{"path": SHAPED["JWT"]}]}),
        home / "history" / "runs.jsonl": json.dumps(RECORD) + "\n",
        home / "run" / "result.json": json.dumps(CI_RUN),
        home / "run" / "jobs" / "unit" / "result.json": json.dumps(FAILED_JOB),
        home / "run" / "jobs" / "unit" / "log.txt": said(),
        home / "built" / SHAPED["personal token"]: "",
        **{home / "bin" / name: STAND_IN.format(home=home, code=code) for name in PROGRAMS},
    }
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return {
        "url": URL,
        "earlier": str(home / "earlier.json"),
        "job": str(work / "job"),
        "text": str(home / "text"),
        "bad": str(home / "bad.toml"),
        "paths": str(home / "paths"),
        "workflow": str(home / "workflow.yml"),
        "built": str(home / "built"),
        "auth": str(home / ".docker" / "config.json"),
        "folder": str(home / "built"),
        "evidence": str(home / "evidence"),
        "history": str(home / "history"),
        "run": str(home / "run"),
        "report": str(home / "report.info"),
        "lock": str(home / "Cargo.lock"),
        "osv": str(home / "osv"),
        "bill": str(home / "bill.cdx.json"),
        "needs": str(home / "needs.json"),
        "matrix": str(home / "matrix.json"),
        "results": str(home / "results"),
        "path": STORE_PATH,
    }


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def run(folder: Path, words: Sequence[str]) -> dict[str, str]:
    """All that came out: by stream, by the runner's file, and by file below the working folder."""
    work, home = folder / "work", folder / "home"
    known = [secret for name, secret in NAMED.items() if name != "flag" or URL in words]
    (home / "said").write_text(said(known))
    (home / "answer").write_text(json.dumps({"error": said(known), SHAPED["JWT"]: URL}))
    for name in ("summary", "outputs", "variables"):
        (home / name).write_text("")
    before = contents(work)
    environ = {
        "PATH": f"{home}/bin:{os.environ['PATH']}",
        "HOME": str(home),
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_STEP_SUMMARY": str(home / "summary"),
        "GITHUB_OUTPUT": str(home / "outputs"),
        "GITHUB_ENV": str(home / "variables"),  # for later steps: Nix needs its login there
        "CACHIX_AUTH_TOKEN": NAMED["environment"],
        "GITHUB_TOKEN": SHAPED["installation token"],
    }
    stdout, stderr = io.StringIO(), io.StringIO()
    main(list(words), Ports(environ=environ, stdout=stdout, stderr=stderr, stdin=io.StringIO(said(known)), cwd=work))
    streams = {"stdout": stdout.getvalue(), "stderr": stderr.getvalue()}
    runner = {name: (home / name).read_text() for name in ("summary", "outputs")}
    files = {
        str(path): data.decode("utf-8", "replace") for path, data in contents(work).items() if before.get(path) != data
    }
    return {**streams, **runner, **files, "names of files": "\n".join(files)}


def bare(text: str) -> str:
    """A text in which a wrapped, coloured or escaped secret shows."""
    for escaped, plain in (("&quot;", '"'), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(escaped, plain)
    text = re.sub(r"(?:\x1b|\\u001b|\\x1b)\[[0-9;]*m|\\n", "", text)
    return "".join(text.replace("\\", "").split())


PIECES = {
    whole[at : at + PIECE]
    for secret in (*NAMED.values(), *SHAPED.values())
    for whole in (bare(form) for form in disguises(secret)[: 3 if secret in NAMED.values() else 1])
    for at in range(len(whole) - PIECE + 1)
    if "-----" not in whole[at : at + PIECE] and "PRIVATEKEY" not in whole and "cache-1:" not in whole[at : at + PIECE]
} | {
    body[at : at + PIECE]
    for body in ["".join(SHAPED["private key"].splitlines()[1:-1])]
    for at in range(len(body) - PIECE + 1)
}


def leaks(came_out: Mapping[str, str]) -> dict[str, list[str]]:
    found = {}
    for name, text in came_out.items():
        whole = bare(text)
        pieces = [whole[at : at + PIECE] for at in range(len(whole)) if whole[at : at + PIECE] in PIECES]
        if pieces:
            found[name] = pieces[:3]
    return found


def runs_of(name: str) -> tuple[tuple[str, ...], ...]:
    return RUNS.get(name, ())


@pytest.fixture(params=[0, 1], ids=["programs succeed", "programs fail"])
def folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, dict[str, str]]:
    monkeypatch.setattr(targets, "host_system", lambda platform, machine: System.AARCH64_DARWIN)
    return tmp_path, plant(tmp_path, request.param)


def test_every_command_has_a_row_of_its_own() -> None:
    assert {name for name in COMMANDS if not runs_of(name)} == set(), "say in RUNS how secrets get into it"
    assert set(RUNS) <= set(COMMANDS)


@pytest.mark.parametrize("form", ["text", "json", "html"])
@pytest.mark.parametrize("name", COMMANDS)
def test_no_planted_secret_comes_out_of_a_command(folder: Any, name: str, form: str) -> None:
    place, names = folder
    marks = 0
    for words in runs_of(name):
        given = [word.format(**names) for word in words]
        common = ["--format", form, "-v"]
        came_out = run(place, [name, *common, *given] if "--" in given else [name, *given, *common])
        assert leaks(came_out) == {}, given
        marks += sum(text.count(MARK.decode()) + text.count("…@") for text in came_out.values())
    assert marks or name == "test", "no secret got as far as any output: the rows show nothing"
