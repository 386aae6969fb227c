"""What the Debian root and the toolkit's inputs say they had to go without, as findings."""

from __future__ import annotations

import json
from pathlib import Path

from nanna_ci.foundation.finding import Health
from nanna_ci.store.debian_root import check_debian_root

RECORD = {
    "rust": "1.96.0",
    "candidate": "rustc-web of trixie",
    "groups": ["core", "cross"],
    "missing": {"containers": "podman: not in trixie"},
    "passedOver": ["1.97.1 (rustc of trixie-backports): libstd-rust-dev: 1.97.1 on amd64, 1.96.1 on arm64"],
}


def make_root(folder: Path, text: str) -> dict[str, str]:
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/nanna-ci-root.json").write_text(text)
    return {"NANNA_CI_ROOT": str(folder)}


def test_outside_of_a_root_nothing_is_found() -> None:
    assert list(check_debian_root({})) == []


def test_the_chosen_rust_and_what_was_passed_over_are_shown_with_the_reason(tmp_path: Path) -> None:
    found = next(check_debian_root(make_root(tmp_path, json.dumps(RECORD))))
    assert found.health is Health.GOOD
    assert found.says.startswith("Rust 1.96.0 (rustc-web of trixie); skipped: 1.97.1 (rustc of trixie-backports)")


def test_a_missing_group_is_a_warning_with_the_package_and_a_fix(tmp_path: Path) -> None:
    _, found = check_debian_root(make_root(tmp_path, json.dumps(RECORD)))
    assert (found.health, found.subject) == (Health.WARN, "containers")
    assert "podman: not in trixie" in found.says
    assert found.fix is not None
    assert "--check" in found.fix


def test_a_record_that_cannot_be_read_is_unavailable_and_no_crash(tmp_path: Path) -> None:
    (found,) = check_debian_root(make_root(tmp_path, "{"))
    assert found.health is Health.UNAVAILABLE
    (found,) = check_debian_root({"NANNA_CI_ROOT": str(tmp_path / "gone")})
    assert found.health is Health.UNAVAILABLE
