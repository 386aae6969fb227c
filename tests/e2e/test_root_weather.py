"""What nixw makes of a mirror's bad days: the right root, reason, or message, and nothing half made.

The mirror is on loopback and holds tiny packages; apt is the real one, mmdebstrap a stand-in.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from recipe import Candidate

from support.fake_nixw_machine import Machine, machine_in
from support.stand_in_debian_mirror import RECIPE, Key, fair_weather

BACKPORTS = Candidate("rustc", "trixie-backports")
WEB = Candidate("rustc-web", "trixie")


def packages_of(candidate: Candidate, *groups: str) -> set[str]:
    return {name for group in groups for name in RECIPE.packages(group, candidate)}


def lines_of(stderr: str) -> list[str]:
    return [line.removeprefix("nixw: ") for line in stderr.splitlines()]


def is_clean(machine: Machine) -> bool:
    """No root, whole or half, and nothing that says that there is one."""
    records = list((machine.cache / "nanna-ci/roots").glob("*"))
    return machine.roots() == [] and records == []


def test_on_a_good_day_the_newest_rust_and_every_group_are_installed(tmp_path: Path, mirror_key: Key) -> None:
    weather = fair_weather()
    with machine_in(tmp_path, mirror_key, weather) as machine:
        result = machine.run("--version")
    assert result.returncode == 0, result.stderr
    assert machine.installed() == packages_of(BACKPORTS, *RECIPE.groups)
    files = machine.handed_over()
    assert {"nix-bin_1.0-1_amd64.deb", "libssl-dev_1.0-1_arm64.deb", "base-files_1.0-1_amd64.deb"} <= files
    assert "Rust 1.97.1 (rustc of trixie-backports)" in lines_of(result.stderr)
    assert "skipped: Rust 1.96.0 (rustc-web of trixie): not newer" in lines_of(result.stderr)
    assert not (machine.cache / "nanna-ci/apt").exists()


def test_a_rust_of_two_versions_is_passed_over_with_both_and_the_next_one_taken(
    tmp_path: Path, mirror_key: Key
) -> None:
    weather = fair_weather()
    weather.with_version("libstd-rust-dev", "1.96.1+dfsg1-1~bpo13+1", "arm64", "trixie-backports")
    with machine_in(tmp_path, mirror_key, weather) as machine:
        result = machine.run("--version")
    assert result.returncode == 0, result.stderr
    assert machine.installed() == packages_of(WEB, *RECIPE.groups)
    assert (
        "skipped: Rust 1.97.1 (rustc of trixie-backports): libstd-rust-dev: 1.97.1 on amd64, 1.96.1 on arm64"
        in lines_of(result.stderr)
    )


def test_a_rust_whose_parts_do_not_fit_together_is_passed_over(tmp_path: Path, mirror_key: Key) -> None:
    weather = fair_weather()
    weather.packages = [
        package
        if (package.name, package.suite) != ("rust-clippy", "trixie-backports")
        else type(package)(package.name, package.version, package.architecture, package.suite, "rustc (= 1.97.0)")
        for package in weather.packages
    ]
    with machine_in(tmp_path, mirror_key, weather) as machine:
        result = machine.run("--version")
    assert result.returncode == 0, result.stderr
    assert machine.installed() == packages_of(WEB, *RECIPE.groups)
    assert "rust-clippy depends on rustc (= 1.97.0)" in result.stderr


@pytest.mark.parametrize(
    ("spoil", "group", "reason"),
    [
        (lambda weather: weather.without("skopeo"), "containers", "skopeo: not in trixie"),
        (lambda weather: weather.without("mypy", "amd64"), "tests", "mypy: not in trixie"),
        (lambda weather: weather.without("libssh2-1-dev", "arm64"), "cross", "libssh2-1-dev:arm64: not in trixie"),
        (
            lambda weather: weather.with_version("zlib1g-dev", "1.1-1", "arm64"),
            "cross",
            "zlib1g-dev: 1.0 on amd64, 1.1 on arm64",
        ),
    ],
)
def test_an_unavailable_group_is_left_out_with_the_reason_and_the_rest_is_there(
    tmp_path: Path, mirror_key: Key, spoil: object, group: str, reason: str
) -> None:
    weather = fair_weather()
    spoil(weather)  # type: ignore[operator]
    others = [name for name in RECIPE.groups if name != group]
    with machine_in(tmp_path, mirror_key, weather) as machine:
        result = machine.run("--version")
        assert result.returncode == 0, result.stderr
        assert machine.installed() == packages_of(BACKPORTS, *others)
        assert f"without {group}: {reason}" in lines_of(result.stderr)
        assert machine.run("--version").stderr == ""
    assert machine.times_made() == 1


def test_a_missing_group_is_tried_again_a_day_later_and_the_root_stays(tmp_path: Path, mirror_key: Key) -> None:
    bad, good = tmp_path / "bad", fair_weather()
    weather = fair_weather()
    weather.without("podman")
    with machine_in(bad, mirror_key, weather) as machine:
        assert machine.run("--version").returncode == 0
        (record,) = (machine.cache / "nanna-ci/roots").glob("*")
    assert record.read_text().split()[2:] == ["containers"]

    def a_day_passes() -> None:
        then = time.time() - 25 * 3600
        os.utime(record, (then, then))

    # no mirror answers: the root that is there serves
    a_day_passes()
    alone = machine.run("--version")
    assert alone.returncode == 0, alone.stderr
    assert "continuing with the existing root, without containers; retrying tomorrow" in lines_of(alone.stderr)
    assert machine.run("--version").stderr == ""

    # still missing: nothing is fetched to find that out
    a_day_passes()
    (tmp_path / "same").mkdir()
    weather.requests.clear()
    with machine_in(tmp_path / "same", mirror_key, weather) as other:
        machine.apt = other.apt
        assert machine.run("--version").returncode == 0
    assert [path for path in weather.requests if path.endswith(".deb")] == []
    assert (machine.times_made(), len(machine.roots())) == (1, 1)

    a_day_passes()
    (tmp_path / "good").mkdir()
    with machine_in(tmp_path / "good", mirror_key, good) as other:
        machine.apt = other.apt
        assert machine.run("--version").returncode == 0
    assert machine.installed() == packages_of(BACKPORTS, *RECIPE.groups)
    assert len(machine.roots()) == 2
    assert record.read_text().split()[2:] == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda weather: weather.without("nix-bin"), "nix-bin: not in trixie"),
        (lambda weather: weather.without("python3", "amd64"), "python3: not in trixie"),
    ],
)
def test_without_a_core_package_there_is_no_root_and_one_line_names_it(
    tmp_path: Path, mirror_key: Key, spoil: object, reason: str
) -> None:
    weather = fair_weather()
    spoil(weather)  # type: ignore[operator]
    with machine_in(tmp_path, mirror_key, weather) as machine:
        result = machine.run("--version")
    assert result.returncode == 3
    errors = [line for line in lines_of(result.stderr) if line.startswith("error: ")]
    assert len(errors) == 1
    assert reason in errors[0]
    assert sum(line.startswith("hint: ") for line in lines_of(result.stderr)) == 1
    assert is_clean(machine)


def test_a_mirror_without_backports_serves_with_what_it_has(tmp_path: Path, mirror_key: Key) -> None:
    weather = fair_weather()
    weather.suites = tuple(suite for suite in weather.suites if suite not in {"trixie-backports", "trixie-updates"})
    with machine_in(tmp_path, mirror_key, weather) as machine:
        result = machine.run("--version")
    assert result.returncode == 0, result.stderr
    assert machine.installed() == packages_of(WEB, *RECIPE.groups)
    assert "skipped: Rust (rustc of trixie-backports): the mirror has no trixie-backports" in lines_of(result.stderr)


def test_an_expired_release_is_named_with_its_age_and_a_way_out(tmp_path: Path, mirror_key: Key) -> None:
    weather = fair_weather()
    weather.expired = frozenset({"trixie"})
    with machine_in(tmp_path, mirror_key, weather) as machine:
        result = machine.run("--version")
        assert result.returncode == 3
        assert re.search(r"error: the Release file of trixie has expired \(invalid since 5d", result.stderr)
        assert 'Acquire::Check-Valid-Until "false";' in result.stderr
        assert is_clean(machine)
        # the way out
        with machine.apt.open("a") as configuration:
            configuration.write('Acquire::Check-Valid-Until "false";\n')
        assert machine.run("--version").returncode == 0


def test_a_mirror_signed_by_an_unknown_key_is_refused(tmp_path: Path, mirror_key: Key) -> None:
    with machine_in(tmp_path, mirror_key) as machine:
        for path in (tmp_path / "apt/trusted").iterdir():
            path.unlink()
        result = machine.run("--version")
    assert result.returncode == 3
    assert "error: the mirror's signature cannot be verified with the keys of this machine" in result.stderr
    assert is_clean(machine)


@pytest.mark.parametrize("fault", ["garbles", "stops"])
@pytest.mark.parametrize("index", [True, False])
def test_a_mirror_that_sends_something_else_or_stops_gives_a_message_and_no_root(
    tmp_path: Path, mirror_key: Key, fault: str, index: bool
) -> None:
    weather = fair_weather()
    name = "Packages" if index else "nix-bin_1.0-1_amd64.deb"
    setattr(weather, fault, frozenset({name}))
    with machine_in(tmp_path, mirror_key, weather) as machine:
        result = machine.run("--version")
        assert result.returncode == 3
        assert sum(line.startswith("error: ") for line in lines_of(result.stderr)) == 1
        assert ("Packages" if index else "nix-bin") in result.stderr
        assert is_clean(machine)
        # the next day
        setattr(weather, fault, frozenset())
        again = machine.run("--version")
    assert again.returncode == 0, again.stderr


def test_a_file_that_is_not_what_the_index_promises_costs_only_its_group(tmp_path: Path, mirror_key: Key) -> None:
    weather = fair_weather()
    weather.garbles = frozenset({"podman_1.0-1_amd64.deb"})
    with machine_in(tmp_path, mirror_key, weather) as machine:
        result = machine.run("--version")
    assert result.returncode == 0, result.stderr
    assert machine.installed() == packages_of(BACKPORTS, *(name for name in RECIPE.groups if name != "containers"))
    assert "podman_1.0-1_amd64.deb: what the mirror sends is not what its index promises" in result.stderr


def test_what_arrived_before_the_mirror_stopped_is_not_fetched_again(tmp_path: Path, mirror_key: Key) -> None:
    weather = fair_weather()
    weather.stops = frozenset({"nix-bin_1.0-1_amd64.deb"})
    with machine_in(tmp_path, mirror_key, weather) as machine:
        assert machine.run("--version").returncode == 3
        weather.stops = frozenset()
        weather.requests.clear()
        assert machine.run("--version").returncode == 0
    assert [path.rpartition("/")[2] for path in weather.requests if path.endswith(".deb")] == [
        "nix-bin_1.0-1_amd64.deb"
    ]


def test_a_mirror_that_does_not_answer_is_said_in_one_line(tmp_path: Path, mirror_key: Key) -> None:
    with machine_in(tmp_path, mirror_key) as machine:
        pass
    result = machine.run("--version")
    assert result.returncode == 3
    assert "error: the mirror cannot be reached" in result.stderr
    assert is_clean(machine)


def workspace(folder: Path, rust_version: str) -> Path:
    folder.mkdir()
    (folder / "Cargo.lock").write_text("version = 4\n")
    (folder / "Cargo.toml").write_text(f'[workspace.package]\nrust-version = "{rust_version}"\n')
    return folder


def test_a_workspace_gets_a_newer_rust_or_learns_what_there_is(tmp_path: Path, mirror_key: Key) -> None:
    weather = fair_weather()
    weather.without("rustc", suite="trixie-backports")
    wants = workspace(tmp_path / "wants", "1.97")
    old = tmp_path / "old"
    old.mkdir()
    with machine_in(old, mirror_key, weather) as machine:
        assert machine.run("--version").returncode == 0
        refused = machine.run("--version", "--override-input", "nanna-coder", f"path:{wants}")
    assert refused.returncode == 3
    assert "the workspace asks for Rust 1.97 (rust-version in Cargo.toml), the mirror has 1.96.0" in refused.stderr
    new = tmp_path / "new"
    new.mkdir()
    with machine_in(new, mirror_key) as other:
        machine.apt = other.apt
        assert machine.run("--version", "--override-input", "nanna-coder", f"path:{wants}").returncode == 0
        assert "rustc" in machine.installed()
        assert machine.run("--version").stderr == ""


class TestCheck:
    """`nixw --check` answers the question and leaves the machine as it was."""

    def test_a_good_day_is_yes_with_versions_and_groups(self, tmp_path: Path, mirror_key: Key) -> None:
        with machine_in(tmp_path, mirror_key) as machine:
            result = machine.run("--check")
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith("yes: the Debian root can be made today")
        assert "Rust 1.97.1 (rustc of trixie-backports)" in result.stdout
        assert re.search(r"^  model server +yes$", result.stdout, re.MULTILINE)
        assert not machine.cache.exists()

    def test_a_missing_group_and_a_missing_next_release_are_said_beside_the_yes(
        self, tmp_path: Path, mirror_key: Key
    ) -> None:
        weather = fair_weather()
        weather.without("podman")
        weather.suites = tuple(suite for suite in weather.suites if suite != "forky")
        with machine_in(tmp_path, mirror_key, weather) as machine:
            result = machine.run("--check")
        assert result.returncode == 0
        assert re.search(r"^  containers +no +podman: not in trixie$", result.stdout, re.MULTILINE)
        assert re.search(r"^  model server +no +the mirror has no forky$", result.stdout, re.MULTILINE)

    def test_a_day_without_core_is_no(self, tmp_path: Path, mirror_key: Key) -> None:
        weather = fair_weather()
        weather.without("nix-bin")
        with machine_in(tmp_path, mirror_key, weather) as machine:
            result = machine.run("--check")
        assert result.returncode == 3
        assert result.stdout == ""
        assert "error: no Debian root can be made: " in result.stderr
        assert "nix-bin: not in trixie" in result.stderr

    def test_it_takes_no_other_words(self, tmp_path: Path, mirror_key: Key) -> None:
        with machine_in(tmp_path, mirror_key) as machine:
            assert machine.run("--check", "build").returncode == 2


def test_the_record_of_a_root_names_what_it_holds_and_lacks(tmp_path: Path, mirror_key: Key) -> None:
    weather = fair_weather()
    weather.without("cosign")
    with machine_in(tmp_path, mirror_key, weather) as machine:
        machine.run("--version")
    (partial,) = (machine.cache / "nanna-ci/roots").glob("*")
    folder, rust, *lacking = partial.read_text().split()
    assert machine.roots() == [folder]
    assert (rust, lacking) == ("1.97.1", ["containers"])
