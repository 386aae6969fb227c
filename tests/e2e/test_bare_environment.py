"""checks.pipeline-tests of the nixpkgs toolkit, in a sandbox as bare as stdenv's.

Its own programs and certificates must suffice. Needs `nix` on PATH, and Debian's programs: `./nixw run .#test`.
nixpkgs is a stand-in; the toolkit's code is the real one.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from support.bare_environment import SOURCE, BareEnvironment

# What an environment can break: programs, connections, certificates, permissions. The rest of the pure tests computes.
TOUCHES_THE_WORLD = re.compile(r"subprocess|which\(|process\.run|http\.server|[Ss]erving|WebClient|socket|chmod\(")
# mypy over the whole package takes as long as all others together; the other half of it is tried by ruff
TOO_SLOW = {"test_conventions.py", "test_architecture.py"}
# the canary runs all commands many times over; it needs nothing that the others do not
TOO_SLOW |= {"test_canary_secrets.py"}
# public validators are no part of the toolkit: without them these skip, and say so
NEED_VALIDATORS = {"test_bill_validators.py", "test_sarif_validators.py"}


@pytest.fixture
def bare(tmp_path: Path) -> BareEnvironment:
    return BareEnvironment(tmp_path / "packages")


def test_the_environment_has_what_a_derivation_of_nixpkgs_has_and_no_more(bare: BareEnvironment) -> None:
    script = (
        "printenv > $out/env; command -v git python3 openssl gcc > $out/found || :; "
        "ls -d /usr/bin /etc/ssl > $out/seen || :"
    )
    built = bare.build("bare.nix", script=script)
    assert built.returncode == 0, built.stderr
    out = Path(built.stdout.strip())
    environment = dict(line.split("=", 1) for line in (out / "env").read_text().splitlines() if "=" in line)
    assert environment["SSL_CERT_FILE"] == environment["NIX_SSL_CERT_FILE"] == "/no-cert-file.crt"
    assert environment["HOME"] == "/homeless-shelter"
    assert "LANG" not in environment
    assert ((out / "found").read_text(), (out / "seen").read_text()) == ("", "")


def test_the_pure_tests_pass_with_what_the_toolkit_gives_them(bare: BareEnvironment) -> None:
    files = [
        file.stem
        for folder in ("unit", "integration")
        for file in (SOURCE / "tests" / folder).rglob("test_*.py")
        if file.name not in TOO_SLOW | NEED_VALIDATORS and TOUCHES_THE_WORLD.search(file.read_text())
    ]
    assert len(files) > 20
    built = bare.build("pipeline-tests.nix", options=f"-k '{' or '.join(sorted(files))}'")
    assert built.returncode == 0, built.stderr[-4000:]
    suite = ET.parse(Path(built.stdout.strip()) / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert int(suite.attrib["tests"]) > 300
    assert suite.attrib["skipped"] == "0"
