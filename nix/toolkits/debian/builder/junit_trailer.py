"""Runs cargo-nextest, and carries its JUnit and exit code out of a build that fails: at the end of the build's log.

A failed derivation has no output, so the log is all that leaves the sandbox; and into the log the tests print too.
The section that `print_section` writes there cannot be forged by them:

- Before it is written, every process that came of the test run is dead: we adopt what a test leaves behind
  (PR_SET_CHILD_SUBREAPER), and kill all our descendants until there are none. From then on no other process
  has the log open, so what follows is ours and stands last. A reader takes only a section that ends the log.
- Every line of it bears a number drawn at random after that moment. Nothing that was printed before knows it, so a
  section cannot be begun by a test and ended by us, and its content, packed, holds no line of a test's own.
- The last line says the length and the digest of the content and nextest's exit code, which must be the exit code
  that Nix reports of this builder. A test that kills this process, to have the last word, leaves another one.

What would be gained by forging it is little: the build has failed whatever the section says. It only names the tests.

As a program, `junit_trailer.py PID EXIT_CODE JUNIT`, it does the same for the builder of that number (nixpkgs).
This file needs nothing but Python's own library; the reader is scripts/nanna_ci/pipeline/junit_section.py.
"""

import base64
import contextlib
import ctypes
import hashlib
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from xml.etree import ElementTree

MARK = "nanna-ci test results"
LINE_CHARACTERS = 3000
LIMIT_CHARACTERS = 512 * 1024  # a reader looks at the last MiB of a log
RAW_LIMIT_BYTES = 32 * 1024 * 1024
KEPT_CHARACTERS = 4000  # of one output of one test, where all of them are too much
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def run_nextest(
    nextest: str, arguments: list[str], *, settings: str, folder: Path, env: dict[str, str], scratch: Path
) -> tuple[int, Path]:
    """`cargo nextest run` in `folder`: its exit code, and where its JUnit is if it wrote one, below `scratch`.

    `settings` are lines of the profile that it runs with.

    The profile is drawn at random: the workspace's nextest.toml outvotes ours in a profile that both define, and a name
    that it could know could be filled with a filter, or with another place for the report.
    """
    profile = f"nanna-ci-{secrets.token_hex(8)}"
    report = scratch / profile / "junit.xml"
    report.parent.mkdir()
    config = report.with_name("nextest.toml")
    text = f'nextest-version = "0.9.50"\n[profile.{profile}]\n{settings}[profile.{profile}.junit]\npath = "{report}"\n'
    config.write_text(text, encoding="utf-8")
    chosen = [f"--profile={profile}", f"--tool-config-file=nanna-ci:{config}"]
    argv = [nextest, "nextest", "run", *arguments, *chosen]
    print("+", shlex.join(argv), file=sys.stderr, flush=True)
    adopt_orphans()
    code = subprocess.run(argv, check=False, cwd=folder, env=env).returncode
    return code if code >= 0 else 128 - code, report


def finish_nextest(code: int, report: Path, out: Path) -> None:
    """JUnit in `out` where the run ended well; at the log's end, and the build with nextest's exit code, where not."""
    is_alone = end_descendants(os.getpid())
    if code == 0:
        if not report.is_file():
            raise FileNotFoundError("nextest ended well and wrote no JUnit file")
        shutil.copy(report, out / "junit.xml")
        return
    if is_alone:
        print_section(code, report)
    sys.exit(code)


def adopt_orphans() -> None:
    """Become the parent of whatever a descendant leaves behind; without effect where the kernel is not Linux."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def end_descendants(of: int, *, limit_s: float = 10.0) -> bool:
    """Kill every descendant of a process but ourselves; whether none is left when the time is up."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        left = descendants(of) - {os.getpid()}
        if not left:
            return True
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    return False


def descendants(of: int) -> set[int]:
    """The living processes that came of a process, by /proc; empty if there is none."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # the name in parentheses may hold anything, so the fields are counted from its end
            state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    found: set[int] = set()
    waiting = [of]
    while waiting:
        fresh = [pid for pid in children.get(waiting.pop(), []) if pid not in found]
        found.update(fresh)
        waiting += fresh
    return found


def print_section(code: int, report: Path) -> None:
    """The section, on standard error; without content if there is no report, or if it is too large."""
    content = read_report(report)
    packed = base64.b64encode(zlib.compress(content, 9)).decode() if content else ""
    nonce = secrets.token_hex(16)
    lines = [f"{MARK} {nonce} begin"]
    lines += [f"{MARK} {nonce} {packed[at : at + LINE_CHARACTERS]}" for at in range(0, len(packed), LINE_CHARACTERS)]
    digest = hashlib.sha256(content).hexdigest()
    lines.append(f"{MARK} {nonce} end exit={code} bytes={len(content)} sha256={digest}")
    sys.stdout.flush()
    # a blank line before it: a test may have left a line open
    print("\n" + "\n".join(lines), file=sys.stderr, flush=True)


def read_report(report: Path) -> bytes:
    """The JUnit, whole or with its outputs cut to their last characters; nothing if even that is too large."""
    try:
        with report.open("rb") as file:
            content = file.read(RAW_LIMIT_BYTES + 1)
    except OSError:
        return b""
    if len(content) > RAW_LIMIT_BYTES:
        return b""
    return content if _fits(content) else _cut(content)


def _fits(content: bytes) -> bool:
    return len(zlib.compress(content, 9)) * 4 // 3 <= LIMIT_CHARACTERS


def _cut(content: bytes) -> bytes:
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - the sandbox's own; its size is bounded above
    except ElementTree.ParseError:
        return b""
    kept = KEPT_CHARACTERS
    while kept >= 10:
        for element in root.iter():
            if element.text and len(element.text) > kept:
                element.text = element.text[-kept:]
        smaller: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        if _fits(smaller):
            return smaller
        kept //= 4
    return b""


if __name__ == "__main__":
    if end_descendants(int(sys.argv[1])):
        print_section(int(sys.argv[2]), Path(sys.argv[3]))
