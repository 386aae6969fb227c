"""Executables that compilers made, and `prepare-artifacts` as a program on them.

Needs gcc, aarch64-linux-gnu-gcc, binutils and coreutils on PATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import nanna_ci
from nanna_ci.binaries.executables import parse_executable
from nanna_ci.binaries.headers import Executable
from nanna_ci.foundation.errors import MalformedData

SCRIPTS = Path(nanna_ci.__file__).parents[1]
SOURCE = """
#include <math.h>
#include <stdio.h>
int main(int count, char **words) { printf("harness %.0f\\n", pow(count, 2)); return 0; }
"""
PIPELINE = '[workspace]\nname = "nanna-coder"\nbinaries = ["harness"]\n[budget]\nartifact_bytes = 1_000_000_000\n'


@pytest.fixture(scope="module", autouse=True)
def _tools_are_there() -> None:
    absent = [
        tool for tool in ("gcc", "aarch64-linux-gnu-gcc", "readelf", "sha256sum", "tar") if not shutil.which(tool)
    ]
    assert not absent, f"these tests need {', '.join(absent)}: run them with `./nixw run .#test`"


def compiled(folder: Path, compiler: str, *flags: str, name: str = "harness") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.c").write_text(SOURCE)
    output = folder / name
    subprocess.run([compiler, *flags, "-o", output, folder / "main.c", "-lm"], check=True)
    return output


def is_elf(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def parsed(path: Path) -> Executable:
    with path.open("rb") as stream:
        return parse_executable(stream, str(path))


def readelf(path: Path) -> tuple[str, str | None, list[str], str | None]:
    """Machine, loader, libraries and highest numbered GLIBC version, as binutils read them."""
    argv = ["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", "--version-info", str(path)]
    said = subprocess.run(argv, env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=True).stdout.decode()
    machine = re.search(r"Machine: +(.*)", said)
    interpreter = re.search(r"program interpreter: (.*)\]", said)
    needs = said.partition("Version needs section")[2]
    versions = {tuple(map(int, numbers.split("."))) for numbers in re.findall(r"Name: GLIBC_([0-9.]+)", needs)}
    if "Name: GLIBC_ABI_DT_RELR" in needs:
        versions.add((2, 36))
    return (
        machine[1] if machine else "",
        interpreter[1] if interpreter else None,
        re.findall(r"Shared library: \[(.*)\]", said),
        ".".join(map(str, max(versions))) if versions else None,
    )


def ours(facts: Executable) -> tuple[str, str | None, list[str], str | None]:
    names = {"x86_64": "Advanced Micro Devices X86-64", "aarch64": "AArch64"}
    return names[facts.machine], facts.interpreter, list(facts.needed), facts.glibc_floor


def test_binutils_read_the_same_in_the_systems_own_programs() -> None:
    agreed = 0
    for path in sorted(Path("/usr/bin").iterdir()):
        if path.is_symlink() or not path.is_file() or not is_elf(path):
            continue
        assert ours(parsed(path)) == readelf(path), path
        agreed += 1
        if agreed == 80:
            break
    assert agreed > 20


@pytest.mark.parametrize("flags", [(), ("-no-pie",), ("-static",), ("-static-pie",), ("-m64", "-O2")])
def test_binutils_read_the_same_in_what_gcc_links(tmp_path: Path, flags: tuple[str, ...]) -> None:
    path = compiled(tmp_path, "gcc", *flags)
    facts = parsed(path)
    assert ours(facts) == readelf(path)
    assert (facts.interpreter is None) == any("static" in flag for flag in flags)
    assert (facts.glibc_floor is None) == any("static" in flag for flag in flags)


@pytest.mark.parametrize("flags", [(), ("-static",)])
def test_binutils_read_the_same_in_what_is_cross_compiled(tmp_path: Path, flags: tuple[str, ...]) -> None:
    path = compiled(tmp_path, "aarch64-linux-gnu-gcc", *flags)
    assert ours(parsed(path)) == readelf(path)
    assert parsed(path).machine == "aarch64"


@pytest.mark.parametrize(
    ("flags", "says"), [(("-c",), "a relocatable object"), (("-shared", "-fPIC"), "a shared library")]
)
def test_objects_and_libraries_are_not_executables(tmp_path: Path, flags: tuple[str, ...], says: str) -> None:
    (tmp_path / "main.c").write_text(SOURCE)
    subprocess.run(["aarch64-linux-gnu-gcc", *flags, "-o", tmp_path / "x", tmp_path / "main.c"], check=True)
    with pytest.raises(MalformedData, match=f"{says} for aarch64"):
        parsed(tmp_path / "x")


@pytest.fixture
def workspace() -> Iterator[Path]:
    """A folder that every user may write, with pipeline.toml, the package, and a real `result/bin/harness`."""
    folder = Path(tempfile.mkdtemp(prefix="nanna-artifacts-"))
    try:
        folder.chmod(0o777)
        (folder / "pipeline.toml").write_text(PIPELINE)
        compiled(folder / "result/bin", "gcc").chmod(0o755)
        shutil.copytree(SCRIPTS / "nanna_ci", folder / "scripts/nanna_ci", ignore=shutil.ignore_patterns("__pycache__"))
        yield folder
    finally:
        shutil.rmtree(folder)


def argv(*flags: str, system: str = "x86_64-linux", python: str = sys.executable, output: str = "dist") -> list[str]:
    words = ["prepare-artifacts", "--system", system, "--from", "result", "--output", output, *flags]
    return [python, "-B", "-m", "nanna_ci", *words]


def environ(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "NANNA_CI_", "LC_"))}
    return {**kept, "PYTHONPATH": str(folder / "scripts"), **more}


def prepare(folder: Path, *flags: str, **what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv(*flags, **what), cwd=folder, env=environ(folder), capture_output=True, text=True, check=False
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_sha256sum_and_tar_take_what_was_written_and_it_runs(workspace: Path) -> None:
    done = prepare(workspace)
    assert done.returncode == 0, done.stderr
    dist = workspace / "dist"
    assert subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=dist, check=False).returncode == 0
    subprocess.run(["tar", "-xzf", "nanna-coder-x86_64-linux.tar.gz"], cwd=dist, check=True)
    for program in ("harness-x86_64-linux", "nanna-coder-x86_64-linux/harness"):
        assert subprocess.run([dist / program, "--version"], capture_output=True, check=True).stdout == b"harness 4\n"


VARIANTS: list[Mapping[str, str]] = [
    {"LC_ALL": "C", "TZ": "UTC"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.ISO-8859-1", "TZ": "Asia/Kathmandu"},
    {"PYTHONUTF8": "0", "PYTHONHASHSEED": "7", "HOME": "/nonexistent", "USER": "somebody", "SOURCE_DATE_EPOCH": "1"},
]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("variant", VARIANTS)
def test_locale_time_zone_and_umask_do_not_change_a_byte(
    workspace: Path, variant: Mapping[str, str], umask: int
) -> None:
    assert prepare(workspace, output="plain").returncode == 0
    words = argv(output="odd")
    subprocess.run(
        words, cwd=workspace, env=environ(workspace, **variant), umask=umask, stdout=subprocess.DEVNULL, check=True
    )
    assert contents(workspace / "odd") == contents(workspace / "plain")
    modes = {path.name: path.stat().st_mode for path in (workspace / "plain").iterdir()}
    assert {path.name: path.stat().st_mode for path in (workspace / "odd").iterdir()} == modes


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_gets_the_same_bytes(workspace: Path) -> None:
    assert prepare(workspace, output="plain").returncode == 0
    words = argv(output="theirs", python="/usr/bin/python3")
    subprocess.run(
        words, cwd=workspace, env=environ(workspace), user=65534, group=65534, stdout=subprocess.DEVNULL, check=True
    )
    assert (workspace / "theirs/manifest.json").stat().st_uid == 65534
    theirs, plain = contents(workspace / "theirs"), contents(workspace / "plain")
    if sys.executable == "/usr/bin/python3":
        assert theirs == plain
    # another Python may come with another zlib
    assert theirs["harness-x86_64-linux"] == plain["harness-x86_64-linux"]


def test_an_executable_of_this_machine_offered_as_aarch64_fails_with_both_names(workspace: Path) -> None:
    done = prepare(workspace, "--format", "json", system="aarch64-linux")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["verdict"]) == (1, "fail")
    assert answer["reason"].endswith("is an ELF executable for x86_64, but aarch64-linux was requested")
    assert not (workspace / "dist").exists()


def test_a_cross_compiled_executable_is_what_it_says(workspace: Path) -> None:
    compiled(workspace / "result/bin", "aarch64-linux-gnu-gcc")
    assert prepare(workspace).returncode == 1
    assert prepare(workspace, system="aarch64-linux").returncode == 0
    assert (workspace / "dist/harness-aarch64-linux").is_file()


def make_large(workspace: Path) -> None:
    """Grow the executable, so that preparing it takes some seconds."""
    with (workspace / "result/bin/harness").open("ab") as stream:
        for _ in range(200):
            stream.write(os.urandom(1 << 20))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_nothing_half_written(workspace: Path, number: signal.Signals, code: int) -> None:
    make_large(workspace)
    before = sorted(path.name for path in workspace.iterdir())
    with subprocess.Popen(argv(), cwd=workspace, env=environ(workspace), stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not list(workspace.glob(".dist.new-*/*.tar.gz")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == code
    assert sorted(path.name for path in workspace.iterdir()) == before


def test_several_at_once_leave_one_whole_folder(workspace: Path) -> None:
    running = [
        subprocess.Popen(
            argv(), cwd=workspace, env=environ(workspace), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in running]
    assert ends == [(b"", 0)] * 4
    assert (
        subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=workspace / "dist", check=False).returncode
        == 0
    )
    assert not [path.name for path in workspace.iterdir() if path.name.startswith(".")]


def test_the_revision_is_that_of_a_clean_work_tree(workspace: Path) -> None:
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(workspace)]
    (workspace / ".gitignore").write_text("/dist\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert json.loads(prepare(workspace, "--format", "json").stdout)["sourceRevision"] == head
    (workspace / "pipeline.toml").write_text(PIPELINE + "# changed\n")
    assert json.loads(prepare(workspace, "--format", "json").stdout)["sourceRevision"] is None


@pytest.mark.parametrize("bit", [0o4000, 0o2000])
def test_a_setuid_or_setgid_program_is_refused_and_nothing_written(workspace: Path, bit: int) -> None:
    (workspace / "result/bin/harness").chmod(0o755 | bit)
    done = prepare(workspace)
    assert done.returncode == 4, done.stderr
    assert "setuid, setgid or sticky" in done.stderr
    assert not (workspace / "dist").exists()
