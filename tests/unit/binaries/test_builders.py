"""Which systems Nix can build for from here, by its settings."""

from __future__ import annotations

from pathlib import Path

from nanna_ci.binaries.strategies import has_builder, parse_machines, read_machines_file

SETTINGS = {"extra-platforms": ["i686-linux"], "builders": "@/etc/nix/machines"}


def none(_: str) -> str | None:
    return None


def test_emulated_platforms_count() -> None:
    assert has_builder({**SETTINGS, "extra-platforms": ["aarch64-linux"]}, "aarch64-linux", none)
    assert not has_builder(SETTINGS, "aarch64-linux", none)


def test_remote_builders_count_for_the_systems_they_name() -> None:
    settings = {"builders": "ssh://pi aarch64-linux,armv7l-linux /root/key 4 ; ssh://mac aarch64-darwin"}
    assert has_builder(settings, "aarch64-linux", none)
    assert has_builder(settings, "aarch64-darwin", none)
    assert not has_builder(settings, "x86_64-darwin", none)


def test_the_machines_file_is_read_and_a_missing_one_has_none(tmp_path: Path) -> None:
    machines = tmp_path / "machines"
    machines.write_text("# ours\nssh://pi aarch64-linux - 4\n\nssh://local\n")
    settings = {"builders": f"@{machines}"}
    assert has_builder(settings, "aarch64-linux", read_machines_file)
    assert not has_builder({"builders": f"@{tmp_path}/gone"}, "aarch64-linux", read_machines_file)


def test_nothing_configured_means_no_builder() -> None:
    assert not has_builder({}, "aarch64-linux", none)
    assert not has_builder({"builders": "", "extra-platforms": []}, "aarch64-linux", none)


def test_a_machines_file_that_names_itself_ends() -> None:
    found = parse_machines("@self", lambda _: "@self\nssh://pi aarch64-linux")
    assert set(found) == {frozenset({"aarch64-linux"})}
