"""podman without a store that it can use: root gives it namespaces, and the kernel takes them away.

In the Debian root podman's usual store is read-only, so the command makes private namespaces by itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.container_test_runs import MODEL, Made, answer_of, command

CGROUPS = Path("/sys/fs/cgroup")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The cache folder that private stores are in."""
    if os.getuid() != 0:
        pytest.skip("private namespaces need root")
    if subprocess.run(["podman", "info"], capture_output=True, check=False, timeout=60).returncode == 0:
        pytest.skip("podman works here as it is: it needs no private namespaces")
    made = tmp_path / "cache"
    made.mkdir()
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def start(home: Path, folder: Path, images: Sequence[Made]) -> subprocess.Popen[bytes]:
    ours = ("GITHUB_", "NANNA_CI_C")
    environ = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    environ |= {"XDG_CACHE_HOME": str(home), "PYTHONPATH": os.pathsep.join(["scripts", environ.get("PYTHONPATH", "")])}
    environ["PYTHONPATH"] = str(Path(__file__).parents[3] / "scripts")
    return subprocess.Popen(
        command(folder, "podman", images), cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def private_runs(home: Path) -> list[Path]:
    return list((home / "nanna-ci" / "podman-runs").glob("*"))


def programs(home: Path) -> list[str]:
    """Programs that name a private store of this test: conmon, and what it runs."""
    names = [run.name for run in private_runs(home)]
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_text(errors="replace") + (entry / "cgroup").read_text()
        except OSError:
            continue
        found += [words for name in names if name in words]
    return found


def groups(names: Sequence[str]) -> list[Path]:
    return [path for name in names for path in (*CGROUPS.glob(f"nanna-ci-{name}"), *CGROUPS.glob(f"*/nanna-ci-{name}"))]


def networks() -> list[str]:
    return sorted(line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:])


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"{what} never happened"
        time.sleep(0.05)


def is_running(home: Path) -> bool:
    return any("/bin/server" in words for words in programs(home))


def test_harness_program_and_model_are_tested_in_namespaces_that_are_gone_then(home, folder, bakery):
    model = bakery.image("server", "--model", MODEL, models=[MODEL])
    client = bakery.image("client", model_command="/bin/server ask server 8080 {model}")
    before = networks()
    program = bakery.program("program", "/bin/server say hello", model_command="/bin/server ask server 8080 {model}")
    answer = answer_of(start(home, folder, [model, client, program]))
    assert answer.code == 0, answer.data
    assert answer.data["engine"]["private"] is True
    assert {image["verdict"] for image in answer.data["images"]} == {"pass"}
    for name in ("server", "program"):
        assert {limit["force"] for limit in answer.images[name]["limits"]} == {"held"}
    assert private_runs(home) == []
    assert list((home / "nanna-ci" / "container-runs").iterdir()) == []
    assert networks() == before


def test_what_a_failure_leaves_comes_out_of_the_namespaces(home, folder, bakery):
    answer = answer_of(start(home, folder, [bakery.image("exits", "--exit", "3")]))
    assert answer.code == 1
    assert answer.images["exits"]["reason"].startswith("it exited with 3")
    files = {Path(name).name: Path(name) for name in answer.images["exits"]["files"]}
    assert "cannot find my configuration" in files["exits.log"].read_text()
    assert private_runs(home) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_private_run(home, folder, bakery, number):
    process = start(home, folder, [bakery.image("waiting", "--silent-health", health_timeout_s=60)])
    wait_for(lambda: is_running(home), "a container")
    names = [run.name for run in private_runs(home)]
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number, stderr.decode()
    assert private_runs(home) == []
    assert programs(home) == []
    assert groups(names) == []


def test_a_killed_run_takes_its_processes_with_it_and_the_next_one_removes_the_rest(home, folder, bakery):
    waiting = bakery.image("waiting", "--silent-health", health_timeout_s=60)
    before = networks()
    process = start(home, folder, [waiting])
    wait_for(lambda: is_running(home), "a container")
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not programs(home), "the end of its processes", 20)
    names = [run.name for run in private_runs(home)]
    assert len(names) == 1
    assert groups(names) != []
    assert networks() == before

    answer = answer_of(start(home, folder, [bakery.image("good")]))
    assert answer.code == 0
    assert answer.data["swept"] == [f"private podman {names[0]}"]
    assert private_runs(home) == []
    assert groups(names) == []


def test_two_private_runs_at_once_are_independent(home, folder, bakery):
    good = bakery.image("good", "--slow-health", "1", probe_paths=["/extra"])
    folders = [folder / name for name in ("one", "two")]
    for each in folders:
        each.mkdir()
    processes = [start(home, each, [good]) for each in folders]
    answers = [answer_of(process) for process in processes]
    assert [(answer.code, answer.data["swept"]) for answer in answers] == [(0, []), (0, [])]
    assert private_runs(home) == []
