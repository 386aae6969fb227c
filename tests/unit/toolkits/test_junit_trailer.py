"""The test results at the end of a failed build's log: written by the builder, read back, safe from forgery."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import junit_trailer
import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.pipeline.junit_section import read_section

JUNIT = (Path(__file__).parents[2] / "data/cargo/junit.xml").read_bytes()
BUILDER = Path(junit_trailer.__file__)


def section(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], junit: bytes | None = JUNIT, code: int = 100
) -> list[str]:
    """The lines of a section."""
    report = tmp_path / "junit.xml"
    if junit is not None:
        report.write_bytes(junit)
    junit_trailer.print_section(code, report)
    return capsys.readouterr().err.splitlines()


def test_what_the_builder_wrote_is_read_back_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["the log", *section(tmp_path, capsys), ""]
    read = read_section(lines)
    assert read is not None
    assert (read.exit_code, read.junit) == (100, JUNIT)
    assert lines[: read.start] == ["the log", ""]


def test_a_run_without_junit_has_its_exit_code_anyway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read = read_section(section(tmp_path, capsys, None, 101))
    assert read is not None
    assert (read.exit_code, read.junit) == (101, None)


def test_a_section_that_a_test_printed_is_not_read_before_the_builders_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = section(tmp_path, capsys, b"<testsuites/>")
    true = section(tmp_path, capsys)
    for lines in ([*forged, *true], [*forged[:-1], *true], [*forged, *forged, *true]):
        read = read_section(lines)
        assert read is not None
        assert read.junit == JUNIT


def test_a_section_that_does_not_end_the_log_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = section(tmp_path, capsys)
    assert read_section([*lines, "something else"]) is None
    assert read_section([]) is None
    assert read_section(["nanna-ci test results deadbeef end"]) is None


def test_a_section_that_was_spoiled_on_its_way_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = section(tmp_path, capsys)
    begin = next(number for number, line in enumerate(lines) if line.endswith(" begin"))
    for spoiled in (
        lines[begin + 1 :],
        [*lines[: begin + 1], *lines[begin + 2 :]],
        [*lines[:-1], lines[-1].replace("bytes=", "bytes=1")],
        [*lines[: begin + 1], "a line of somebody else", *lines[begin + 1 :]],
    ):
        with pytest.raises(MalformedData):
            read_section(spoiled)


def test_results_that_are_too_large_lose_output_and_never_the_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = os.urandom(3_000_000).hex()
    cases = f'<testcase name="t"><failure message="why"/><system-out>{noise}</system-out></testcase>'
    lines = section(tmp_path, capsys, f'<testsuites><testsuite name="s">{cases}</testsuite></testsuites>'.encode())
    assert sum(map(len, lines)) < 1024 * 1024
    assert max(map(len, lines)) < 4096
    read = read_section(lines)
    assert read is not None
    assert read.junit is not None
    assert b'name="t"' in read.junit
    assert b'message="why"' in read.junit


FAKE_NEXTEST = """\
#!@python@
import os, subprocess, sys, time
words = sys.argv
config = [word for word in words if word.startswith("--tool-config-file=")][0].partition(":")[2]
path = open(config).read().partition('path = "')[2].partition('"')[0]
if "@junit@": open(path, "w").write("@junit@")
line = "'nanna-ci test results', 'f' * 32, 'begin'"
talker = "import time\\nwhile True:\\n print(" + line + ", flush=True); time.sleep(0.001)"
subprocess.Popen([sys.executable, "-c", talker], start_new_session=True)
time.sleep(0.2)
sys.exit(@code@)
"""


def build(folder: Path, junit: str, code: int) -> tuple[int, list[str], Path]:
    """A build's exit code, the lines of its log, and its output; nextest leaves a process that never stops talking."""
    program = folder / "nextest"
    program.write_text(
        FAKE_NEXTEST.replace("@python@", sys.executable)
        .replace("@junit@", junit.replace('"', "'"))
        .replace("@code@", str(code))
    )
    program.chmod(0o755)
    (folder / "source").mkdir()
    out = folder / "out"
    out.mkdir()
    script = (
        "import os, sys; from pathlib import Path; import junit_trailer as it; top = Path(sys.argv[1])\n"
        "run = it.run_nextest(sys.argv[2], [], settings='', folder=top / 'source', env=dict(os.environ), scratch=top)\n"
        "it.finish_nextest(*run, top / 'out')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(program)],
        env={**os.environ, "PYTHONPATH": str(BUILDER.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.splitlines(), out / "junit.xml"


def test_nothing_that_a_test_left_behind_speaks_after_the_builder(tmp_path: Path) -> None:
    code, lines, junit = build(tmp_path, "<testsuites/>", 100)
    assert code == 100
    assert sum(line.endswith(" begin") for line in lines) > 1, "the one left behind has talked"
    read = read_section(lines)
    assert read is not None
    assert (read.exit_code, read.junit) == (100, b"<testsuites/>")
    assert not junit.exists()


def test_a_run_that_ends_well_has_its_junit_in_the_output_and_none_is_our_own_fault(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    code, lines, junit = build(tmp_path / "good", "<testsuites/>", 0)
    assert (code, junit.read_text()) == (0, "<testsuites/>")
    assert read_section(lines) is None
    (tmp_path / "bad").mkdir()
    code, lines, junit = build(tmp_path / "bad", "", 0)
    assert (code, junit.exists()) == (1, False)
    assert lines[-1] == "FileNotFoundError: nextest ended well and wrote no JUnit file"


def test_as_a_program_it_speaks_for_a_builder_that_called_it(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").write_bytes(JUNIT)
    hook = f"(sleep 60 &); {sys.executable} -I {BUILDER} $$ 100 {tmp_path}/junit.xml; true"
    started = time.monotonic()
    # in Nix's sandbox the builder is the first process of all, which orphans fall to
    done = subprocess.run(
        ["bash", "-c", hook],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        preexec_fn=junit_trailer.adopt_orphans,
    )
    assert time.monotonic() - started < 30, "what the builder left behind is gone"
    read = read_section(done.stderr.splitlines())
    assert read is not None
    assert (read.exit_code, read.junit) == (100, JUNIT)
