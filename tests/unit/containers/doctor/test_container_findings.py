"""What the facts about containers mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanna_ci.containers.doctor import container_findings as health
from nanna_ci.containers.doctor.container_findings import EngineSeen, LockFacts, LoginFacts, PushAnswer
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.foundation.finding import Finding, Health

GB = 1_000_000_000
PODMAN = EngineSeen("podman", "5.4.2", private=False, controllers=Controllers(memory=True, pids=True))
LOGIN = LoginFacts("ghcr.io/owner", on_github=False, source="REGISTRY_USERNAME")
A, B = "ghcr.io/owner/a", "ghcr.io/owner/b"
LOCK = LockFacts(
    "nix/models.lock.json",
    models=("small:1", "large:2"),
    images={"a": ("small:1",), "b": ("large:2",), "c": ()},
    locked_bytes={"small:1": 1 * GB, "large:2": 4 * GB, "dropped:3": 90 * GB},
)


def fix_of(finding: Finding) -> str:
    assert finding.fix is not None
    return finding.fix


def login(**what: object) -> Finding:
    return health.check_login(replace(LOGIN, **what))  # type: ignore[arg-type]


def test_an_engine_that_works_is_reported_by_version():
    finding = health.check_engine(PODMAN, ["podman"], "")
    assert (finding.health, finding.says) == (Health.GOOD, "podman 5.4.2 works")


def test_private_namespaces_are_reported():
    assert "private namespaces" in health.check_engine(replace(PODMAN, private=True), ["podman"], "").says


@pytest.mark.parametrize(
    ("installed", "named", "unnamed"),
    [
        ([], "install podman", "systemctl"),
        (["docker"], "systemctl start docker", "podman"),
        (["podman"], "podman info", "systemctl"),
        (["podman", "docker"], "systemctl start docker", "install"),
    ],
)
def test_without_an_engine_the_reasons_and_the_fix_are_reported(installed, named, unnamed):
    finding = health.check_engine(None, installed, "docker: permission denied")
    assert finding.health is Health.WARN
    assert "docker: permission denied" in finding.says
    assert named in fix_of(finding)
    assert unnamed not in fix_of(finding)


@pytest.mark.parametrize(
    ("memory", "pids", "expected"),
    [
        (True, True, Health.GOOD),
        (False, True, Health.WARN),
        (None, False, Health.WARN),
        (None, True, Health.UNAVAILABLE),
    ],
)
def test_limits_are_judged_by_what_the_engine_says(memory, pids, expected):
    assert health.check_limits(replace(PODMAN, controllers=Controllers(memory, pids))).health is expected


def test_limits_that_are_lacking_are_named_with_delegation_as_the_fix():
    finding = health.check_limits(replace(PODMAN, controllers=Controllers(memory=True, pids=False)))
    assert "processes" in finding.says
    assert "memory and" not in finding.says
    assert "Delegate=" in fix_of(finding)


def test_limits_of_private_podman_or_no_engine_are_unknown():
    assert health.check_limits(None).health is Health.UNAVAILABLE
    assert health.check_limits(replace(PODMAN, private=True)).health is Health.UNAVAILABLE


def test_without_a_registry_the_login_is_unknown_and_to_is_named():
    finding = health.check_login(None)
    assert finding.health is Health.UNAVAILABLE
    assert "--to REGISTRY/OWNER" in finding.says


def test_half_a_login_is_bad():
    finding = login(source=None, broken="REGISTRY_PASSWORD is not set, and a login needs both")
    assert (finding.health, finding.says) == (Health.BAD, "REGISTRY_PASSWORD is not set, and a login needs both")
    assert "REGISTRY_USERNAME" in fix_of(finding)


def test_no_login_is_a_warning_with_a_fix_for_where_we_are():
    answers = {A: PushAnswer.LOGIN_NEEDED}
    at_home, on_github = login(source=None, answers=answers), login(source=None, answers=answers, on_github=True)
    assert (at_home.health, on_github.health) == (Health.WARN, Health.WARN)
    assert "skopeo login" in fix_of(at_home)
    assert "${{ github.token }}" in fix_of(on_github)


def test_no_login_is_a_warning_if_the_registry_cannot_be_queried_either():
    assert login(source=None, untried="cannot connect").health is Health.WARN


def test_no_login_is_good_if_the_registry_takes_pushes_from_anyone():
    assert login(source=None, answers={A: PushAnswer.TAKEN}).health is Health.GOOD


def test_a_login_that_may_push_everything_is_good_and_names_its_source():
    finding = login(answers={A: PushAnswer.TAKEN, B: PushAnswer.TAKEN})
    assert (finding.health, finding.says) == (
        Health.GOOD,
        "accepted (REGISTRY_USERNAME), and may push to 2 repositories",
    )


def test_a_login_that_could_not_be_tried_says_why():
    finding = login(untried="ghcr.io: cannot connect")
    assert finding.health is Health.UNAVAILABLE
    assert "ghcr.io: cannot connect" in finding.says


def test_a_login_that_is_refused_is_bad():
    finding = login(answers={A: PushAnswer.REFUSED, B: PushAnswer.REFUSED})
    assert finding.health is Health.BAD
    assert "refuses" in finding.says


def test_only_the_repository_that_refuses_a_push_is_bad_and_named():
    finding = login(answers={A: PushAnswer.TAKEN, B: PushAnswer.DENIED}, on_github=True)
    assert finding.health is Health.BAD
    assert B in finding.says
    assert A not in finding.says
    assert "packages: write" in fix_of(finding)
    assert "settings" in fix_of(finding)


def test_outside_of_github_the_fix_names_no_permissions_of_a_job():
    assert "permissions:" not in fix_of(login(answers={A: PushAnswer.DENIED}))


def test_a_repository_that_is_not_there_and_not_made_is_bad():
    finding = login(answers={A: PushAnswer.TAKEN, B: PushAnswer.ABSENT})
    assert finding.health is Health.BAD
    assert B in finding.says
    assert "make" in fix_of(finding)


def test_locked_models_are_good_and_the_command_for_tags_is_named():
    finding = health.check_locks(LOCK)
    assert finding.health is Health.GOOD
    assert "2 of 2" in finding.says
    assert "lock-models -- --dry-run" in finding.says


def test_a_model_that_is_not_locked_is_bad_by_name():
    finding = health.check_locks(replace(LOCK, locked_bytes={"small:1": 1}))
    assert finding.health is Health.BAD
    assert "large:2" in finding.says
    assert "small:1" not in finding.says
    assert "lock-models" in fix_of(finding)


def test_no_lock_at_all_is_a_warning_since_our_own_counts_then():
    finding = health.check_locks(replace(LOCK, locked_bytes=None))
    assert finding.health is Health.WARN
    assert "lock-models" in fix_of(finding)


def test_an_invalid_lock_is_bad_with_its_mistake():
    finding = health.check_locks(replace(LOCK, locked_bytes=None, problem="schemaVersion is 2, not 1"))
    assert (finding.health, finding.says) == (Health.BAD, "schemaVersion is 2, not 1")


def test_an_image_that_can_be_made_for_all_its_architectures_is_good():
    finding = health.check_architectures("app", {"x86_64": None, "aarch64": None})
    assert (finding.health, finding.subject, finding.says) == (
        Health.GOOD,
        "app",
        "can be made here for x86_64 and aarch64",
    )


def test_an_architecture_that_cannot_be_made_is_a_warning_with_the_toolkits_reason():
    finding = health.check_architectures("app", {"x86_64": None, "aarch64": "the toolkit has no ollama"})
    assert finding.health is Health.WARN
    assert finding.says == "not for aarch64: the toolkit has no ollama"
    assert "build aarch64 " in fix_of(finding)


def test_disk_is_wanted_three_times_for_each_model_of_the_pipeline():
    assert health.check_disk("/nix/store", 15 * GB, LOCK).health is Health.GOOD
    short = health.check_disk("/nix/store", 15 * GB - 1, LOCK)
    assert short.health is Health.WARN
    assert "15.0 GB needed" in short.says
    assert "nix store gc" in fix_of(short)


def test_memory_is_wanted_once_for_the_largest_image_and_a_gibibyte_besides():
    need = 4 * GB + 1024**3
    assert health.check_memory(need, LOCK).health is Health.GOOD
    assert health.check_memory(need - 1, LOCK).health is Health.WARN


def test_models_of_one_image_are_in_memory_together():
    lock = replace(LOCK, images={"a": ("small:1", "large:2")})
    assert health.check_memory(4 * GB + 1024**3, lock).health is Health.WARN


@pytest.mark.parametrize(
    "lock", [replace(LOCK, locked_bytes=None), replace(LOCK, locked_bytes={}), replace(LOCK, models=())]
)
def test_if_nothing_is_locked_no_need_is_known(lock):
    assert health.check_disk("/", 1, lock).health is Health.UNAVAILABLE
    assert health.check_memory(1, lock).health is Health.UNAVAILABLE


def test_a_number_that_cannot_be_read_is_not_zero():
    assert health.check_disk("/", None, LOCK).health is Health.UNAVAILABLE
    assert health.check_memory(None, LOCK).health is Health.UNAVAILABLE


def test_a_model_that_nobody_locked_is_reported_beside_what_is_known():
    finding = health.check_disk("/", 100 * GB, replace(LOCK, locked_bytes={"small:1": 1 * GB}))
    assert "and 1 model not locked" in finding.says
