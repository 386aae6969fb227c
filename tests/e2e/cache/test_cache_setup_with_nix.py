"""What `cache-setup` prints, in a real nix: it changes what nix itself says its settings are, and a daemon's answer.

Needs `nix` and `nix-daemon` on PATH, 2.26 or later.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cache.settings import NEGATIVE_TTL_S
from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports

KEY = "mine.cachix.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
PIPELINE = f"""\
[workspace]
name = "x"
[cache]
name = "mine"
public_keys = ["{KEY}"]
substituters = ["http://127.0.0.1:1/a?priority=5&trusted=true"]
tarball_ttl_s = 300
"""
NIX = ["nix", "--extra-experimental-features", "nix-command"]


@pytest.fixture(name="environ")
def _environ(tmp_path: Path) -> dict[str, str]:
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"
    (tmp_path / "pipeline.toml").write_text(PIPELINE)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    for name in ("NIX_CONFIG", "NANNA_CI_CONFIG", "NIX_REMOTE"):
        environ.pop(name, None)
    return {**environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_COLOR": "1"}


def setup(environ: dict[str, str], folder: Path, *flags: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    code = main(["cache-setup", *flags], Ports(environ=environ, stdout=out, stderr=err, cwd=folder))
    assert code == 0, err.getvalue()
    return out.getvalue()


def nix_settings(environ: dict[str, str]) -> dict[str, Any]:
    argv = [*NIX, "config", "show", "--json"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60, env=environ)
    return {name: entry["value"] for name, entry in json.loads(done.stdout).items()}


def test_the_printed_lines_are_what_nix_then_goes_by(environ: dict[str, str], tmp_path: Path) -> None:
    before = nix_settings(environ)
    after = nix_settings({**environ, "NIX_CONFIG": setup(environ, tmp_path)})
    changed = {name: value for name, value in after.items() if value != before.get(name)}
    assert changed == {
        "substituters": [
            *before["substituters"],
            "https://mine.cachix.org",
            "http://127.0.0.1:1/a?priority=5&trusted=true",
        ],
        "trusted-public-keys": [*before["trusted-public-keys"], KEY],
        "tarball-ttl": 300,
        "narinfo-cache-negative-ttl": NEGATIVE_TTL_S,
    }


def test_the_same_lines_in_a_nix_conf_do_the_same(environ: dict[str, str], tmp_path: Path) -> None:
    home = tmp_path / "config"
    (home / "nix").mkdir(parents=True)
    (home / "nix/nix.conf").write_text(setup(environ, tmp_path))
    after = nix_settings({**environ, "XDG_CONFIG_HOME": str(home)})
    assert (after["tarball-ttl"], KEY in after["trusted-public-keys"]) == (300, True)


def test_what_a_runner_gives_to_later_steps_keeps_what_was_set_and_nix_takes_it(
    environ: dict[str, str], tmp_path: Path
) -> None:
    env = tmp_path / "env"
    env.touch()
    existing = "cores = 3\ntarball-ttl = 7\nextra-substituters = https://other.example.org"
    runner = {"GITHUB_ACTIONS": "true", "GITHUB_ENV": str(env)}
    setup({**environ, **runner, "NIX_CONFIG": existing}, tmp_path)
    head, _, rest = env.read_text().partition("\n")
    name, _, delimiter = head.partition("<<")
    assert name == "NIX_CONFIG"
    merged = rest.removesuffix(f"\n{delimiter}\n")
    after = nix_settings({**environ, "NIX_CONFIG": merged})
    assert (after["cores"], after["tarball-ttl"]) == (3, 7)
    assert after["substituters"][-3:-1] == ["https://other.example.org", "https://mine.cachix.org"]
    assert KEY in after["trusted-public-keys"]


@pytest.fixture
def distrustful(environ: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a user whom a daemon of our own does not trust; its nix.conf knows one substituter."""
    conf = tmp_path / "daemon"
    conf.mkdir()
    own = Path(environ.get("NIX_CONF_DIR", "/etc/nix")) / "nix.conf"
    base = own.read_text() if own.exists() else ""
    (conf / "nix.conf").write_text(f"{base}\ntrusted-users = nobody\nallowed-users = *\n")
    socket = tmp_path / "socket"
    served = {**environ, "NIX_CONF_DIR": str(conf), "NIX_DAEMON_SOCKET_PATH": str(socket)}
    with subprocess.Popen(["nix-daemon"], env=served, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as daemon:
        try:
            deadline = time.monotonic() + 30
            while not socket.exists():
                assert daemon.poll() is None, daemon.stdout and daemon.stdout.read().decode()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield {**environ, "NIX_CONF_DIR": str(conf), "NIX_REMOTE": f"unix://{socket}"}
        finally:
            daemon.terminate()


def test_a_daemon_that_does_not_trust_the_user_is_reported(distrustful: dict[str, str], tmp_path: Path) -> None:
    answer = json.loads(setup({**distrustful, "USER": "me"}, tmp_path, "--format", "json"))
    assert answer["trusted"] is False
    assert [one["name"] for one in answer["ignored"]] == [
        "extra-substituters",
        "extra-trusted-public-keys",
        "narinfo-cache-negative-ttl",
    ]
    assert "`trusted-users = root me`" in answer["warnings"][0]


def test_what_is_said_to_be_ignored_is_what_such_a_daemon_warns_of(distrustful: dict[str, str], tmp_path: Path) -> None:
    lines = setup(distrustful, tmp_path, "-q")
    argv = [*NIX, "path-info", "/nix/store/00000000000000000000000000000000-absent"]
    done = subprocess.run(
        argv, capture_output=True, check=False, timeout=60, env={**distrustful, "NIX_CONFIG": lines}, text=True
    )
    for word in ("https://mine.cachix.org", "trusted-public-keys", "narinfo-cache-negative-ttl"):
        assert any("ignoring" in line and word in line for line in done.stderr.splitlines()), done.stderr
