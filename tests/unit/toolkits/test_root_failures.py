"""What apt printed, as one line: recorded output of apt 2.6 and 3.0."""

from __future__ import annotations

import pytest
from failures import explain_apt, explain_fetch

LOGS = {
    "W: GPG error: http://m trixie InRelease: The following signatures couldn't be verified because the public key is "
    "not available: NO_PUBKEY 0E98404D386FA1D9\nE: The repository 'http://m trixie InRelease' is not signed.\n": (
        "the mirror's signature cannot be verified with the keys of this machine"
    ),
    "E: Release file for http://m/dists/trixie/InRelease is expired (invalid since 5d 3h 2min 1s). Updates for this "
    "repository will not be applied.\n": "the Release file of trixie has expired (invalid since 5d 3h 2min 1s)",
    "E: Release file for http://m/dists/trixie/InRelease is not valid yet (invalid for another 2d). Updates\n": (
        "the Release file of trixie is of a later time than this machine's clock"
    ),
    "Err:4 http://m forky Release\n  404  Not Found\n"
    "E: The repository 'http://m forky Release' does not have a Release file.\n": "the mirror has no forky",
    "E: Unable to locate package nosuch\n": "nosuch: the mirror does not have it",
    "E: Package 'docker.io' has no installation candidate\n": "docker.io: the mirror does not have it",
    "The following packages have unmet dependencies:\n"
    " libssl-dev:arm64 : Breaks: libssl-dev (!= 3.5.8) but 3.5.9 is to be installed\nE: Unable to correct\n": (
        "libssl-dev:arm64 breaks libssl-dev (!= 3.5.8) but 3.5.9 is to be installed"
    ),
    " rust-clippy : Depends: rustc (= 1.97.0) but 1.97.1 is to be installed\nE: Broken\n": (
        "rust-clippy depends on rustc (= 1.97.0) but 1.97.1 is to be installed"
    ),
    "E: Could not open lock file - open (28: No space left on device)\n": "the disk is full",
    "E: Something new\n": "Something new",
    "": "apt ended without a reason",
}


@pytest.mark.parametrize("log", LOGS)
def test_the_first_thing_that_a_person_can_act_on_is_said(log: str) -> None:
    assert explain_apt(log) == LOGS[log]


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("404  Not Found [IP: 1.2.3.4 80]", "x_1_all.deb: its index names it, and the mirror does not have it"),
        ("Hash Sum mismatch", "x_1_all.deb: what the mirror sends is not what its index promises"),
        ("File has unexpected size (1 != 2). Mirror sync in progress?", "x_1_all.deb: what the mirror sends is not"),
        ("Error reading from server. Remote end closed connection", "x_1_all.deb: the mirror stopped while"),
        (
            "Could not connect to m:80 (1.2.3.4). - connect (111: Connection refused)",
            "the mirror cannot be reached (m)",
        ),
        ("Something new [IP: 1.2.3.4 80]", "x_1_all.deb: Something new"),
    ],
)
def test_why_a_file_did_not_come(why: str, said: str) -> None:
    assert explain_fetch("http://user:secret@m/pool/x_1_all.deb", why).startswith(said)
    assert "secret" not in explain_fetch("http://user:secret@m/pool/x_1_all.deb", why)
