"""`doctor` against a stand-in for Cachix, a cache in a folder, and nix by script."""

from __future__ import annotations

import argparse
import email.utils
import http.server
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.commands import doctor
from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.foundation.finding import Finding, Health
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.outcome import Outcome
from nanna_ci.report.text import render_text
from nanna_ci.store.hashes import NixHash, parse_signature
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import render_fingerprint
from support.ed25519_signer import Signer
from support.fake_ports import FakePorts
from support.fake_store_paths import render_narinfo
from support.json_schemas import check
from support.stand_in_cachix import StandInCache, StandInCachix, stand_in_cachix

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
APP = StorePath("0" * 31 + "a", "app-1.0")
SOURCE = StorePath("0" * 31 + "b", "app-source")
DERIVATION = StorePath("0" * 31 + "c", "app-1.0.drv")
FETCHED = StorePath("0" * 31 + "d", "app-source.drv")
SIGNER = Signer("mine-1")
MINE = "https://mine.cachix.org"  # what pipeline.toml's name stands for


@pytest.fixture
def cachix() -> Iterator[StandInCachix]:
    with stand_in_cachix() as server:
        yield server


def narinfo(path: StorePath, *, signer: Signer = SIGNER) -> bytes:
    nar_hash = NixHash("sha256", bytes(32))
    info = NarInfo(path, f"nar/{path.hash}.nar", "none", nar_hash, 8, nar_hash, 8, (), None, (), None)
    signature = parse_signature(signer.sign(render_fingerprint(info)), "the test")
    return render_narinfo(replace(info, signatures=(signature,)))


def write_config(ports: FakePorts, *, keys: list[str], push_filter: str = "(^|-)source$", maximum: int = 1000) -> None:
    (ports.cwd / "pipeline.toml").write_text(
        '[workspace]\nname = "app"\n[cache]\nname = "mine"\n'
        f"public_keys = {json.dumps(keys)}\npush_filter = {json.dumps([push_filter])}\nmaximum_size_bytes = {maximum}\n"
    )


def script_nix(ports: FakePorts, substituters: list[str], keys: list[str]) -> None:
    """A nix whose one job has been built here: its output, and a filtered source beside it."""
    settings = {"substituters": {"value": substituters}, "trusted-public-keys": {"value": keys}}
    info = {"narHash": "sha256-" + "A" * 43 + "=", "narSize": 8, "references": [], "signatures": []}
    derivation = {
        "name": "app",
        "system": "x86_64-linux",
        "builder": "/bin/sh",
        "args": [],
        "env": {},
        "inputSrcs": [],
        "inputDrvs": {},
    }
    graph = {
        str(DERIVATION): derivation | {"outputs": {"out": {"path": str(APP)}}},
        str(FETCHED): derivation | {"outputs": {"out": {"path": str(SOURCE)}}},
    }
    evaluation = {"derivations": {"checks.x86_64-linux.unit": str(DERIVATION)}, "unavailable": {}}
    ports.run.script(*NIX, "--version", stdout=b"nix (Nix) 2.26.3\n")
    ports.run.script(*NIX, "config", stdout=json.dumps(settings).encode())
    ports.run.script(*NIX, "eval", "--impure", stdout=b"x86_64-linux")
    ports.run.script(*NIX, "eval", "--json", stdout=json.dumps(evaluation).encode())
    ports.run.script(*NIX, "derivation", stdout=json.dumps(graph).encode())
    ports.run.script(*NIX, "path-info", stdout=json.dumps({str(APP): info, str(SOURCE): info}).encode())


def without_nix(ports: FakePorts) -> None:
    ports.run.script("nix", error=ToolMissing("nix", "not found"))


def run(ports: FakePorts, *urls: str) -> tuple[Outcome, dict[tuple[str, str | None], Any]]:
    """The outcome, held against the schema, and its findings by check and subject."""
    ports.without_scanners()
    outcome = doctor.execute(argparse.Namespace(substituter=list(urls), to=None, github=None), ports.context())
    answer = check({"schemaVersion": 1, "command": "doctor", "verdict": outcome.verdict.value, **outcome.data})
    return outcome, {(finding["check"], finding["subject"]): finding for finding in answer["findings"]}


def test_a_setup_in_which_all_is_well_passes(fake_ports, cachix):
    cachix.add(StandInCache("mine", keys=[SIGNER.public], token="t", narinfos={APP.hash: narinfo(APP)}))
    url = f"{cachix.api}/cache/mine"
    write_config(fake_ports, keys=[SIGNER.public])
    script_nix(fake_ports, [url, MINE], [SIGNER.public])
    fake_ports.environ |= {"CACHIX_AUTH_TOKEN": "t", "HOME": str(fake_ports.cwd)}
    fake_ports.seconds = time.time() - 1_700_000_000.0
    outcome, findings = run(fake_ports, url)
    assert outcome.verdict is Verdict.PASS, render_text(outcome.document, color=False, width=100)
    scans = {("advisory database", None), *(("scanner", name) for name in ("cargo-audit", "cargo-deny", "trivy"))}
    assert {key for key, finding in findings.items() if finding["health"] != "good"} == {("size", url), *scans}
    assert findings["push filter", None]["says"] == "of 2 current outputs 1 are pushed, 1 are not"
    assert findings["token", "CACHIX_AUTH_TOKEN"]["says"] == "set, and grants Write"


def test_without_nix_the_rest_is_still_checked(fake_ports, cachix):
    cachix.add(StandInCache("mine", keys=[SIGNER.public]))
    url = f"{cachix.api}/cache/mine"
    write_config(fake_ports, keys=[SIGNER.public])
    without_nix(fake_ports)
    fake_ports.seconds = time.time() - 1_700_000_000.0
    outcome, findings = run(fake_ports, url)
    assert outcome.verdict is Verdict.PASS
    assert findings["nix settings", None]["health"] == "unavailable"
    assert findings["push filter", None]["health"] == "unavailable"
    assert findings["public key", "mine"]["health"] == "good"
    assert findings["token", "CACHIX_AUTH_TOKEN"]["health"] == "warn"


def test_each_finding_is_shown_once_what_is_to_be_fixed_first(fake_ports, cachix):
    cachix.add(StandInCache("mine", keys=["mine-2:" + "B" * 43 + "="]))
    write_config(fake_ports, keys=[SIGNER.public])
    without_nix(fake_ports)
    fake_ports.seconds = time.time() - 1_700_000_000.0
    outcome, findings = run(fake_ports, f"{cachix.api}/cache/mine")
    lines = render_text(outcome.document, color=False, width=None).splitlines()
    places = {}
    for key, finding in findings.items():
        words = (key[0], key[1] or "", finding["says"], finding["fix"] or "")
        (places[key],) = (n for n, line in enumerate(lines) if all(word in line for word in words))
    healths = [findings[key]["health"] for key in sorted(places, key=places.__getitem__)]
    assert set(healths) == {"bad", "warn", "good", "unavailable"}
    order = {"bad": 0, "warn": 1, "good": 2, "unavailable": 2}
    assert healths == sorted(healths, key=order.__getitem__)
    assert len([line for line in lines[3:] if line.strip(" ─")]) == len(findings) + 1  # the table's header


def test_if_nothing_could_be_checked_nothing_is_called_good():
    findings = [Finding("clock", None, Health.UNAVAILABLE, "no server says the time")] * 2
    text = render_text(doctor.document_of("T", findings), color=False, width=None)
    assert "⚠ nothing could be checked" in text
    assert "✔" not in text
    some = [*findings, Finding("token", None, Health.GOOD, "set")]
    text = render_text(doctor.document_of("T", some), color=False, width=None)
    assert "✔ nothing to fix; 2 could not be checked" in text


def test_a_refused_token_fails_and_is_not_shown(fake_ports, cachix):
    cachix.add(StandInCache("mine", keys=[SIGNER.public], is_public=False, token="right"))
    write_config(fake_ports, keys=[SIGNER.public])
    without_nix(fake_ports)
    fake_ports.environ["CACHIX_AUTH_TOKEN"] = "wrong-token-value"
    outcome, findings = run(fake_ports, f"{cachix.api}/cache/mine")
    assert outcome.verdict is Verdict.FAIL
    shown = (
        render_text(outcome.document, color=False, width=100) + json.dumps(outcome.data) + fake_ports.stderr.getvalue()
    )
    assert "wrong-token-value" not in shown
    assert findings["substituter", f"{cachix.api}/cache/mine"]["health"] == "bad"


def test_a_key_of_another_cache_fails_with_the_right_one_as_the_fix(fake_ports, cachix):
    cachix.add(StandInCache("mine", keys=["mine-2:" + "B" * 43 + "="]))
    write_config(fake_ports, keys=[SIGNER.public])
    without_nix(fake_ports)
    outcome, findings = run(fake_ports, f"{cachix.api}/cache/mine")
    assert outcome.verdict is Verdict.FAIL
    assert "mine-2:" in findings["public key", "mine"]["fix"]


def test_a_server_whose_clock_is_an_hour_off_fails(fake_ports, cachix):
    cachix.add(StandInCache("mine", keys=[SIGNER.public]))
    url = f"{cachix.api}/cache/mine"
    write_config(fake_ports, keys=[SIGNER.public])
    without_nix(fake_ports)
    ahead = email.utils.formatdate(1_700_000_000.0 + fake_ports.seconds + 3600, usegmt=True)

    def an_hour_ahead(handler: http.server.BaseHTTPRequestHandler) -> None:
        body = b"StoreDir: /nix/store\n"
        handler.send_response_only(200)
        handler.send_header("Date", ahead)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    cachix.answers += [an_hour_ahead] * 4
    outcome, findings = run(fake_ports, url)
    assert outcome.verdict is Verdict.FAIL
    assert findings["clock", url]["says"] == "the server's clock is 3600 s ahead of ours"


def test_a_path_signed_by_a_stranger_fails_and_names_the_key(fake_ports, cachix):
    stranger = narinfo(APP, signer=Signer("stranger-1"))
    cachix.add(StandInCache("mine", keys=[SIGNER.public], narinfos={APP.hash: stranger}))
    url = f"{cachix.api}/cache/mine"
    write_config(fake_ports, keys=[SIGNER.public])
    script_nix(fake_ports, [url], [SIGNER.public])
    outcome, findings = run(fake_ports, url)
    assert outcome.verdict is Verdict.FAIL
    assert "stranger-1" in findings["signatures", url]["fix"]


def test_a_path_that_nix_believes_absent_is_a_warning(fake_ports, cachix):
    cachix.add(StandInCache("mine", keys=[SIGNER.public], narinfos={APP.hash: narinfo(APP)}))
    url = f"{cachix.api}/cache/mine"
    write_config(fake_ports, keys=[SIGNER.public])
    script_nix(fake_ports, [url], [SIGNER.public])
    fake_ports.environ["XDG_CACHE_HOME"] = str(fake_ports.cwd / "cache")
    write_negative_entry(fake_ports.cwd / "cache/nix", url, APP, int(1_700_000_000.0 + fake_ports.seconds - 600))
    _, findings = run(fake_ports, url)
    assert findings["negative entries", url]["health"] == "warn"
    assert "3000 s" in findings["negative entries", url]["says"]


def write_negative_entry(folder: Path, url: str, path: StorePath, timestamp_s: int) -> None:
    """What Nix writes, with the columns that are read."""
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "binary-cache-v6.sqlite")) as database, database:
        database.execute("create table BinaryCaches (id integer primary key, url text)")
        database.execute("create table NARs (cache integer, hashPart text, timestamp integer, present integer)")
        database.execute("insert into BinaryCaches values (1, ?)", (url,))
        database.execute("insert into NARs values (1, ?, ?, 0)", (path.hash, timestamp_s))


def test_a_folder_over_its_limit_fails_with_the_command_that_collects_it(fake_ports, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "nix-cache-info").write_text("StoreDir: /nix/store\n")
    (folder / "large").write_bytes(bytes(2000))
    write_config(fake_ports, keys=[SIGNER.public], maximum=1000)
    without_nix(fake_ports)
    outcome, findings = run(fake_ports, f"file://{folder}")
    assert outcome.verdict is Verdict.FAIL
    assert "cache-gc" in findings["size", f"file://{folder}"]["fix"]


def test_a_substituter_that_is_not_there_fails_by_name(fake_ports, tmp_path):
    write_config(fake_ports, keys=[SIGNER.public])
    without_nix(fake_ports)
    outcome, findings = run(fake_ports, f"file://{tmp_path}/absent")
    assert outcome.verdict is Verdict.FAIL
    assert findings["substituter", f"file://{tmp_path}/absent"]["health"] == "bad"


def test_nix_without_our_key_fails(fake_ports, cachix):
    cachix.add(StandInCache("mine", keys=[SIGNER.public]))
    url = f"{cachix.api}/cache/mine"
    write_config(fake_ports, keys=[SIGNER.public])
    script_nix(fake_ports, [MINE], [])
    outcome, findings = run(fake_ports, url)
    assert outcome.verdict is Verdict.FAIL
    assert findings["nix settings", "trusted-public-keys"]["health"] == "bad"
    assert findings["nix settings", "substituters"]["health"] == "good"
