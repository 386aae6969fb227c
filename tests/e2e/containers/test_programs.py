"""Images without a port on podman and on docker: each broken one fails for its own reason, and nothing is left."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from support.container_test_runs import MODEL, Answer, Bakery, answer_of, command
from support.engine_sandbox import EngineSandbox, send

# image -> (the check that fails, its cause, what the reason says)
EXPECTED = {
    "exits": (
        "command /bin/server --exit 3",
        "command-failed",
        "`/bin/server --exit 3`: it exited with 3; its last line: 'server: cannot find my configuration'",
    ),
    "absent": ("command nothing --help", "not-found", "`nothing --help`: its program is not in the image: "),
    "absent-path": ("command /bin/nothing", "not-found", "its program is not in the image: "),
    "folder": ("command /data x", "cannot-start", "is a directory"),
    "writes-root": (
        "command server write /data/state",
        "writes-root",
        "it exits with 0 only where its root can be written to: it writes /data/state",
    ),
    "hungry": ("command server --eat 1200", "out-of-memory", "it needs more memory than its limit"),
    "arm": ("command server say hello", "wrong-architecture", "exec format error"),
    "says-arm": ("load", "wrong-architecture", "it says that it is for linux/arm64, not for linux/amd64"),
}


def bake(bakery: Bakery) -> None:
    """All of them, and a good one."""
    bakery.program("exits", "server say hello", "/bin/server --exit 3")
    bakery.program("absent", "nothing --help")
    bakery.program("absent-path", "/bin/nothing")
    bakery.program("folder", "/data x")
    bakery.program("writes-root", "server write /data/state")
    bakery.program("hungry", "server --eat 1200")
    bakery.program("arm", "server say hello", program="arm64")
    bakery.program("says-arm", "server say hello", program="arm64", architecture="arm64")
    bakery.program("good", "server say hello", "/bin/server write /tmp/state", "server say again")


@pytest.fixture(scope="module")
def programs_run(
    sandbox: EngineSandbox, programs: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Answer, dict[str, list[str]], dict[str, list[str]]]:
    """The answer about all of them, and what was in the engine before and after."""
    folder: Path = tmp_path_factory.mktemp("programs")
    bakery = Bakery(folder / "layouts", programs)
    bake(bakery)
    before = sandbox.everything()
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, bakery.made), folder))
    return answer, before, sandbox.everything()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.mark.parametrize("name", EXPECTED)
def test_a_broken_program_fails_for_its_own_reason(programs_run, name):
    title, cause, message = EXPECTED[name]
    image = programs_run[0].images[name]
    failed = [check for check in image["checks"] if check["status"] == "failed"]
    assert [f"{check['check']} {check['subject']}".strip() for check in failed] == [title]
    assert failed[0]["cause"] == cause
    assert message in failed[0]["reason"]
    assert (image["verdict"], image["reason"]) == ("fail", failed[0]["reason"])


def test_nothing_is_left_behind(programs_run):
    answer, before, after = programs_run
    assert after == before
    assert answer.data["problems"] == []


def test_a_good_program_passes_and_nothing_is_said_of_health_or_stopping(programs_run):
    image = programs_run[0].images["good"]
    assert (image["verdict"], image["reason"]) == ("pass", None)
    assert [f"{check['check']} {check['subject']}".strip() for check in image["checks"]] == [
        "load",
        "command server say hello",
        "command /bin/server write /tmp/state",
        "command server say again",
        "confined",
        "removed",
    ]
    assert {check["status"] for check in image["checks"]} == {"passed"}
    assert (image["startSeconds"], image["peakMemoryBytes"], image["files"]) == (None, None, [])


def test_podman_verifies_the_confinement_and_docker_says_what_it_could_not(sandbox, programs_run):
    image = programs_run[0].images["good"]
    (confined,) = [check for check in image["checks"] if check["check"] == "confined"]
    limits = {limit["name"]: limit["force"] for limit in image["limits"]}
    if sandbox.engine == "podman":
        assert confined["reason"] is None
        assert limits == {"memory": "held", "processes": "held", "time": "held"}
    else:  # a program may be seen before it ends, or not
        assert confined["reason"] in (
            None,
            "unverified: requested, but it ended before the kernel's answer could be read",
        )
        assert limits["memory"] in ("held", "unverified")


def test_log_and_inspection_of_the_command_that_failed_are_kept(programs_run):
    files = {Path(name).name: Path(name) for name in programs_run[0].images["exits"]["files"]}
    assert set(files) == {"exits-2.log", "exits-2-inspect.json"}
    assert "server: cannot find my configuration" in files["exits-2.log"].read_text()
    (container,) = json.loads(files["exits-2-inspect.json"].read_text())
    assert container["State"]["ExitCode"] == 3


def test_a_program_that_is_a_models_client(sandbox, bakery, folder):
    model = bakery.image("server", "--model", MODEL, models=[MODEL])
    client = bakery.program("client", "server say hello", model_command="/bin/server ask server 8080 {model}")
    lost = bakery.program("lost", "server say hello", model_command="/bin/server ask server 9 {model}")
    before = sandbox.everything()
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, [model, client, lost]), folder))
    assert answer.code == 1
    checks = {f"{one['check']} {one['subject']}": one for one in answer.images["server"]["checks"]}
    assert checks[f"together client {MODEL}"]["status"] == "passed"
    failed = checks[f"together lost {MODEL}"]
    assert failed["cause"] == "not-together"
    assert failed["reason"] == (
        f"lost: `/bin/server ask server 9 {MODEL}`: it exited with 1; "
        "its last line: 'server: connect: Connection refused'"
    )
    assert sandbox.everything() == before


# the command's time is two minutes: this one is given less
IMPATIENT = """
import os, sys
from pathlib import Path
from nanna_ci.foundation import process
from nanna_ci.containers.testing import program_container
from nanna_ci.containers.engine.docker import Docker
from nanna_ci.containers.testing.engine_run import new_mark, run_image_tests
from nanna_ci.containers.testing.hand_over import ImageTestsRequest
from nanna_ci.containers.engine.podman import Podman
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.testing.checks import ImageUnderTest

program_container.COMMAND_S = 1.0
engine = {"podman": Podman, "docker": Docker}[sys.argv[1]](process.run, environ=os.environ)
folder = Path(sys.argv[3])
subject = ImageUnderTest("endless", Path(sys.argv[2]), None, probe_commands=("server --port 8080", "server say hello"))
mark = new_mark(lambda count: os.urandom(count).hex(), 0)
locks = RunLocks(folder, sys.argv[1])
request = ImageTestsRequest((subject,), (), "amd64", folder)
run = run_image_tests(request, engine, engine.facts(), mark, locks, say=print)
for check in run.images[0].checks:
    print(check.check.title, "|", check.status.value, "|", check.cause and check.cause.value, "|", check.reason)
"""


def test_a_program_that_never_ends_is_killed_when_its_time_is_over(sandbox, bakery, folder):
    endless = bakery.program("endless", "unused")
    before = sandbox.everything()
    process = sandbox.popen([sys.executable, "-c", IMPATIENT, sandbox.engine, str(endless.layout), str(folder)], folder)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr.decode()
    lines = stdout.decode().splitlines()
    assert lines[-4] == (
        "command server --port 8080 | failed | time-limit | `server --port 8080`: "
        "it did not end within 1.0 s; its last line: 'server: listening on 8080'"
    )
    assert lines[-3] == "command server say hello | passed | None | None"
    assert lines[-2].startswith("confined | passed | ")
    assert sandbox.everything() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_or_killed_run_leaves_no_program_for_longer_than_the_next_run(sandbox, bakery, folder, number):
    endless = bakery.program("endless", "server")
    before = sandbox.everything()
    process = sandbox.popen(command(folder, sandbox.engine, [endless]), folder)
    end = time.monotonic() + 60
    while not sandbox.lines("ps", "--format", "{{.Names}}"):
        assert time.monotonic() < end, "no program ran"
        time.sleep(0.05)
    send(process, number)
    process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert sandbox.everything() != before
        answer_of(sandbox.popen(command(folder, sandbox.engine, [bakery.program("good", "server say hello")]), folder))
    else:
        assert process.returncode == 128 + number
    assert sandbox.everything() == before
