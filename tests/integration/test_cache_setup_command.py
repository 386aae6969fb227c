"""`nanna-ci cache-setup` as its user sees it, with a nix by script; tests/e2e/cache has a real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.errors import CommandFailed, ToolMissing
from support.fake_ports import FakePorts
from support.json_schemas import check

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
KEY = "mine.cachix.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
PIPELINE = f"""\
[workspace]
name = "x"
[cache]
name = "mine"
public_keys = ["{KEY}"]
substituters = ["https://a.example.org?priority=5"]
tarball_ttl_s = 300
"""
LINES = f"""\
extra-substituters = https://mine.cachix.org https://a.example.org?priority=5
extra-trusted-public-keys = {KEY}
tarball-ttl = 300
narinfo-cache-negative-ttl = 60
"""
OWN = {
    "substituters": ["https://cache.nixos.org/"],
    "trusted-substituters": [],
    "trusted-public-keys": [],
    "narinfo-cache-negative-ttl": 3600,
}


@pytest.fixture(name="ports")
def _ports(fake_ports: FakePorts, tmp_path: Path) -> FakePorts:
    (tmp_path / "pipeline.toml").write_text(PIPELINE)
    fake_ports.run.script(*NIX, "--version", stdout=b"nix (Nix) 2.26.3\n")
    fake_ports.run.script(*NIX, "store", "info", stdout=b'{"trusted": 1, "url": "daemon", "version": "2.26.3"}')
    shown = {name: {"value": value} for name, value in OWN.items()}
    fake_ports.run.script(*NIX, "config", "show", stdout=json.dumps(shown).encode())
    return fake_ports


def setup(ports: FakePorts, *flags: str) -> tuple[int, str]:
    code = main(["cache-setup", *flags], ports.ports)
    return code, ports.stdout.getvalue()


def setup_json(ports: FakePorts, *flags: str) -> dict[str, Any]:
    code, out = setup(ports, "--format", "json", *flags)
    assert code == 0
    return check(json.loads(out))


def on_a_runner(ports: FakePorts, folder: Path) -> Path:
    for name in ("summary", "output", "env"):
        (folder / name).touch()
    ports.environ |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_ENV": str(folder / "env"),
    }
    return folder / "env"


def variable_in(file: Path) -> str:
    """The last NIX_CONFIG in the file, read as the runner does."""
    head, _, rest = file.read_text().rpartition("NIX_CONFIG<<")
    delimiter, _, rest = rest.partition("\n")
    value, found, after = rest.partition(f"\n{delimiter}\n")
    assert found
    assert after == ""
    assert head == "" or head.endswith("\n")
    return value


def test_the_result_is_what_nix_conf_takes_and_nothing_else(ports: FakePorts) -> None:
    assert setup(ports) == (0, LINES)
    assert ports.stderr.getvalue() == ""


def test_json_has_the_settings_one_by_one(ports: FakePorts) -> None:
    answer = setup_json(ports)
    assert [f"{one['name']} = {' '.join(one['words'])}" for one in answer["settings"]] == LINES.splitlines()
    assert (answer["trusted"], answer["written"], answer["ignored"], answer["warnings"]) == (True, False, [], [])


@pytest.mark.parametrize(
    "error",
    [ToolMissing("nix", "not found"), CommandFailed(["nix"], 1, "error: cannot connect to the daemon")],
)
def test_without_nix_it_prints_anyway(error: Any, ports: FakePorts) -> None:
    ports.run.script("nix", error=error)
    answer = setup_json(ports)
    assert answer["trusted"] is None
    assert len(answer["settings"]) == 4
    assert "is not known" in ports.stderr.getvalue()


def test_a_store_that_says_nothing_of_trust_is_not_taken_for_one_that_does_not_trust(ports: FakePorts) -> None:
    ports.run.script(*NIX, "store", "info", returncode=1, stderr=b"error: unrecognised flag '--json'\n")
    assert setup_json(ports)["trusted"] is None
    ports.stdout.truncate(0)
    ports.stdout.seek(0)
    ports.run.script(*NIX, "store", "info", stdout=b'{"url": "daemon"}')
    assert setup_json(ports)["trusted"] is None


def test_an_older_nix_is_queried_by_the_words_that_it_knows(ports: FakePorts) -> None:
    ports.run.script(*NIX, "--version", stdout=b"nix (Nix) 2.18.1\n")
    ports.run.script(*NIX, "store", "ping", "--json", stdout=b'{"trusted": true, "url": "daemon"}')
    assert setup_json(ports)["trusted"] is True


def test_if_the_daemon_does_not_trust_the_user_it_says_what_is_lost_and_the_fix(ports: FakePorts) -> None:
    ports.environ["USER"] = "builder"
    ports.run.script(*NIX, "store", "info", stdout=b'{"trusted": 0, "url": "daemon"}')
    answer = setup_json(ports)
    assert answer["trusted"] is False
    assert [one["name"] for one in answer["ignored"]] == [
        "extra-substituters",
        "extra-trusted-public-keys",
        "narinfo-cache-negative-ttl",
    ]
    assert "add `trusted-users = root builder`" in answer["warnings"][0]
    assert answer["warnings"][0] in ports.stderr.getvalue()


def test_nixs_own_settings_are_read_without_what_we_may_have_added(ports: FakePorts) -> None:
    ports.environ["NIX_CONFIG"] = LINES
    ports.run.script(*NIX, "store", "info", stdout=b'{"trusted": 0}')
    assert setup_json(ports)["ignored"]
    assert all("NIX_CONFIG" not in call.options["env"] for call in ports.run.calls)


def test_a_cache_without_a_key_is_warned_of(ports: FakePorts, tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text('[workspace]\nname = "x"\n[cache]\nname = "mine"\n')
    assert "public_keys of pipeline.toml is empty" in setup_json(ports)["warnings"][0]


def test_on_a_runner_later_steps_get_them(ports: FakePorts, tmp_path: Path) -> None:
    env = on_a_runner(ports, tmp_path)
    answer = setup_json(ports)
    assert answer["written"] is True
    assert variable_in(env) == LINES
    assert "extra-substituters = https://mine.cachix.org" in (tmp_path / "summary").read_text()


def test_what_nix_config_says_already_stays_and_is_not_printed(ports: FakePorts, tmp_path: Path) -> None:
    env = on_a_runner(ports, tmp_path)
    secret = "access-tokens = github.com=ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    ports.environ["NIX_CONFIG"] = f"{secret}\ntarball-ttl = 0"
    answer = setup_json(ports)
    ours = LINES.replace("tarball-ttl = 300\n", "")
    assert variable_in(env) == f"{secret}\ntarball-ttl = 0\n{ours}"
    assert answer["kept"] == [{"name": "tarball-ttl", "words": ["0"]}]
    assert "NIX_CONFIG says `tarball-ttl = 0` already, which stays" in answer["warnings"]
    everything = ports.stdout.getvalue() + ports.stderr.getvalue() + (tmp_path / "summary").read_text()
    assert "ghp_" not in everything


def test_run_again_in_a_later_step_it_changes_nothing(ports: FakePorts, tmp_path: Path) -> None:
    env = on_a_runner(ports, tmp_path)
    ports.environ["NIX_CONFIG"] = "cores = 4\n"
    setup(ports)
    first = variable_in(env)
    ports.environ["NIX_CONFIG"] = first
    setup(ports)
    assert variable_in(env) == first == f"cores = 4\n{LINES}"
    assert env.read_text().count("NIX_CONFIG<<") == 2


def test_a_dry_run_on_a_runner_writes_nothing(ports: FakePorts, tmp_path: Path) -> None:
    env = on_a_runner(ports, tmp_path)
    answer = setup_json(ports, "--dry-run")
    assert (answer["dryRun"], answer["written"]) == (True, False)
    assert env.read_text() == ""


@pytest.mark.parametrize("break_it", ["missing", "not named"])
def test_if_the_runners_file_cannot_be_written_it_fails_and_says_so(
    break_it: str, ports: FakePorts, tmp_path: Path
) -> None:
    env = on_a_runner(ports, tmp_path)
    if break_it == "missing":
        env.unlink()
    else:
        ports.environ["GITHUB_ENV"] = ""
    assert setup(ports)[0] == 3
    assert "NIX_CONFIG not given to later steps" in ports.stderr.getvalue()


def test_a_substituter_that_nix_could_not_ask_is_refused_before_anything_is_written(
    ports: FakePorts, tmp_path: Path
) -> None:
    env = on_a_runner(ports, tmp_path)
    text = PIPELINE.replace("priority=5", "priority=first")
    (tmp_path / "pipeline.toml").write_text(text)
    assert setup(ports)[0] == 2
    assert env.read_text() == ""


def test_the_other_formats_show_the_lines_too(ports: FakePorts) -> None:
    for wanted in ("markdown", "html"):
        code, out = setup(ports, "--format", wanted)
        assert code == 0
        assert "tarball-ttl = 300" in out


def test_the_lines_go_to_a_file_as_they_are(ports: FakePorts, tmp_path: Path) -> None:
    assert setup(ports, "--output", "nix.conf") == (0, "")
    assert (tmp_path / "nix.conf").read_text() == LINES
