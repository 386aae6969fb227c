"""What a log says to a person."""

from __future__ import annotations

from pathlib import Path

from nanna_ci.pipeline.log_text import failing_tests, plain_line, useful_lines

DATA = Path(__file__).parents[2] / "data" / "cargo"


def recorded(name: str) -> list[str]:
    return [plain_line(line) for line in (DATA / name).read_text().splitlines()]


def test_nextest_names_each_failed_test_once_and_no_flaky_one() -> None:
    assert sorted(failing_tests(recorded("nextest.log"))) == ["demo tests::killed", "demo tests::wrong"]


def test_the_useful_lines_of_nextest_are_each_failures_own_words() -> None:
    lines = useful_lines(recorded("nextest.log"))
    text = "\n".join(lines)
    assert "assertion `left == right` failed: sum is wrong" in text
    assert "(test aborted with signal 6: SIGABRT)" in text
    assert "PASS" not in text
    assert "running 1 test" not in text
    assert len(lines) <= 30


def test_many_failures_share_the_lines() -> None:
    log = []
    for number in range(20):
        log.append(f"        FAIL [   0.004s] ({number}/20) demo tests::number_{number}")
        log += [f"    words of {number}: {line}" for line in range(50)]
    lines = useful_lines(log)
    assert len(lines) == 30
    assert [line for line in lines if "FAIL" in line] == [line for line in log if "FAIL" in line][:10]
    assert lines[:3] == (log[0], "    words of 0: 0", "    words of 0: 1")


def test_clippy_findings_have_place_and_message() -> None:
    assert failing_tests(recorded("clippy.log")) == (
        "src/lib.rs:1:41: unused variable: `unused`",
        "src/lib.rs:2:35: length comparison to zero",
    )
    assert useful_lines(recorded("clippy.log"))[0] == "error: unused variable: `unused`"


def test_rustfmt_findings_have_their_place() -> None:
    assert failing_tests(recorded("fmt.log"))[0] == "/home/user/demo/src/lib.rs:1: not formatted"
    assert failing_tests(["Diff in /build/source/src/lib.rs:7:"]) == ("src/lib.rs:7: not formatted",)


def test_pytest_names_its_failures() -> None:
    log = [
        "tests/unit/test_a.py F.",
        "FAILED tests/unit/test_a.py::test_b[x - y] - assert 1 == 2",
        "1 failed, 1 passed",
    ]
    assert failing_tests(log) == ("tests/unit/test_a.py::test_b[x - y]",)


def test_a_log_without_known_words_gives_its_last_lines() -> None:
    assert useful_lines([*(f"line {number}" for number in range(100)), "", "  "]) == tuple(
        f"line {number}" for number in range(70, 100)
    )
    assert useful_lines([]) == ()
    assert failing_tests(["all is well"]) == ()


def test_a_plain_line_cannot_steer_a_terminal() -> None:
    assert plain_line("\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link\rover\x08\u202egnp\tend \n") == (
        "red linkovergnp\tend"
    )


def test_a_warning_beside_an_error_is_not_called_a_failure() -> None:
    lines = [
        "warning: unused variable: `a`",
        " --> src/lib.rs:1:1",
        "error[E0308]: mismatched types",
        " --> src/lib.rs:9:2",
    ]
    assert failing_tests(lines) == ("src/lib.rs:9:2: mismatched types",)
    assert failing_tests(lines[:2]) == ("src/lib.rs:1:1: unused variable: `a`",)


def test_an_example_in_the_documentation_is_named_by_its_place() -> None:
    lines = ["test src/lib.rs - two (line 3) ... FAILED", "test src/a.rs - b (line 9) - compile fail ... FAILED"]
    assert failing_tests([*lines, "test src/lib.rs - one (line 1) ... ok"]) == (
        "src/lib.rs - two (line 3)",
        "src/a.rs - b (line 9) - compile fail",
    )
