"""What cargo's jobs see of our environment."""

from __future__ import annotations

import pytest

from nanna_ci.toolchain.cargo_environment import decide_environment


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEXTEST_NO_TESTS", "pass"),
        ("NEXTEST_RETRIES", "9"),
        ("NEXTEST_PROFILE", "mine"),
        ("NEXTEST_FLAKY_RESULT", "pass"),
        ("NEXTEST_SOMETHING_OF_NEXT_YEAR", "1"),
        ("CARGO_ALIAS_CLIPPY", "version"),
        ("CARGO_TARGET_AARCH64_APPLE_DARWIN_RUNNER", "true"),
        ("CARGO_BUILD_WARNINGS", "allow"),
        ("CARGO_ENCODED_RUSTDOCFLAGS", "-D\x1fwarnings"),
        ("CARGO_ENCODED_RUSTFLAGS", "--cap-lints\x1fallow"),
        ("RUSTFLAGS", "-Awarnings"),
        ("CARGO_BUILD_RUSTFLAGS", "-C debuginfo=0 --allow unused"),
        ("CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER", "true"),
        ("RUSTFMT", "/bin/true"),
        ("CLIPPY_CONF_DIR", "/tmp"),
        ("nextest_no_tests", "pass"),
    ],
)
def test_what_would_change_a_verdict_from_outside_is_removed_and_named(name: str, value: str) -> None:
    environment = decide_environment({"PATH": "/bin", name: value})
    assert environment.variables == {"PATH": "/bin"}
    assert environment.removed == (name,)


@pytest.mark.parametrize("name", ["RUSTFLAGS", "CARGO_PROFILE_TEST_OPT_LEVEL", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET"])
def test_what_may_be_needed_stays_and_is_named_without_its_value(name: str) -> None:
    environment = decide_environment({name: "-C link-arg=-fuse-ld=lld"})
    assert (environment.kept, environment.removed) == ((name,), ())
    assert "lld" not in str(environment.to_json()) + "".join(environment.to_lines())


@pytest.mark.parametrize("name", ["CARGO_HOME", "CARGO_TARGET_DIR", "NEXTEST_TEST_THREADS", "CARGO_TERM_COLOR", "PATH"])
def test_what_changes_no_verdict_is_left_alone_and_not_reported(name: str) -> None:
    environment = decide_environment({name: "x"})
    assert environment.variables == {name: "x"}
    assert environment.to_json() == {}
