"""Images that do what they should: servers, model servers, a harness and its model, on podman and on docker."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.container_test_runs import MODEL, Bakery, answer_of, command, require
from support.engine_sandbox import ENGINES, EngineSandbox, why_no_engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def checks_of(image) -> dict[str, tuple[str, str | None]]:
    return {f"{one['check']} {one['subject']}".strip(): (one["status"], one["reason"]) for one in image["checks"]}


def test_a_model_server_and_its_client_over_the_container_network(sandbox: EngineSandbox, bakery: Bakery, folder: Path):
    model = bakery.image("server", "--model", MODEL, models=[MODEL])
    client = bakery.image("client", model_command="/bin/server ask server 8080 {model}")
    before = sandbox.everything()
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, [model, client]), folder))
    assert answer.code == 0, answer.data
    checks = checks_of(answer.images["server"])
    assert checks[f"model {MODEL}"] == ("passed", None)
    assert checks[f"completion {MODEL}"] == ("passed", "5 tokens")
    assert checks[f"together client {MODEL}"] == ("passed", None)
    assert not any(name.startswith("together") for name in checks_of(answer.images["client"]))
    assert answer.data["engine"]["name"] == sandbox.engine
    assert answer.data["engine"]["private"] is False
    assert sandbox.everything() == before


def test_ollama_is_recognised_and_its_own_list_checked_too(sandbox: EngineSandbox, bakery: Bakery, folder: Path):
    model = bakery.image("ollama", "--model", MODEL, "--tags", models=[MODEL])
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, [model]), folder))
    assert checks_of(answer.images["ollama"])[f"model {MODEL}"] == ("passed", "Ollama lists it too")


def test_a_client_that_cannot_reach_the_model_fails_the_models_image(sandbox, bakery, folder):
    model = bakery.image("server", "--model", MODEL, models=[MODEL])
    client = bakery.image("client", model_command="/bin/server ask server 9 {model}")
    before = sandbox.everything()
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, [model, client], ["server"]), folder))
    assert answer.code == 1
    assert list(answer.images) == ["server"]
    (failed,) = [one for one in answer.images["server"]["checks"] if one["status"] == "failed"]
    assert failed["cause"] == "not-together"
    assert failed["reason"] == (
        f"client: `/bin/server ask server 9 {MODEL}` exited with 1: 'server: connect: Connection refused'"
    )
    assert sandbox.everything() == before


def test_a_slow_start_is_waited_for(sandbox, bakery, folder):
    slow = bakery.image("slow", "--slow-health", "2", health_timeout_s=30)
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, [slow]), folder))
    assert answer.code == 0
    assert 1 <= answer.images["slow"]["startSeconds"] < 30


def test_a_damaged_layout_is_refused_before_it_is_loaded(sandbox, bakery, folder):
    good = bakery.image("good")
    (layer,) = [path for path in (good.layout / "blobs" / "sha256").iterdir() if path.stat().st_size > 100_000]
    data = bytearray(layer.read_bytes())
    data[5000] ^= 1
    layer.write_bytes(data)
    before = sandbox.everything()
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, [good]), folder))
    assert answer.code == 1
    (failed,) = [one for one in answer.images["good"]["checks"] if one["status"] == "failed"]
    assert (failed["check"], failed["cause"]) == ("load", "not-loaded")
    assert "its digest is sha256:" in failed["reason"]
    assert sandbox.everything() == before


def test_the_image_is_run_by_the_digest_of_its_layout(sandbox, bakery, folder):
    """What was tested is what will be published: the ID in the engine is the layout's own."""
    good = bakery.image("good")
    answer = answer_of(sandbox.popen(command(folder, sandbox.engine, [good]), folder))
    image = answer.images["good"]
    blobs = {f"sha256:{path.name}" for path in (good.layout / "blobs" / "sha256").iterdir()}
    assert {image["imageId"], image["manifestDigest"]} <= blobs


@pytest.mark.parametrize("engine", ENGINES)
def test_a_limit_that_the_machine_does_not_hold_it_to_is_said(engine, bakery, folder):
    require(why_no_engine(engine))
    if not Path("/sys/fs/cgroup/memory").is_dir():
        pytest.skip("only version 1 of control groups has controllers that can be taken away")
    sandbox = EngineSandbox(engine, without=["memory"])
    try:
        answer = answer_of(sandbox.popen(command(folder, engine, [bakery.image("good")]), folder))
    finally:
        sandbox.close()
    assert answer.code == 0
    memory, processes, _ = answer.images["good"]["limits"]
    assert memory["force"] == "refused"
    assert memory["reason"] in ("the kernel limits it to nothing", "the machine's control groups have no such limit")
    assert processes["force"] == "held"
    assert answer.images["good"]["peakMemoryBytes"] is None


def test_docker_with_the_store_of_containerd_goes_by_the_manifest(bakery, folder):
    require(why_no_engine("docker"))
    sandbox = EngineSandbox("docker", settings={"features": {"containerd-snapshotter": True}})
    try:
        before = sandbox.everything()
        answer = answer_of(sandbox.popen(command(folder, "docker", [bakery.image("good")]), folder))
        after = sandbox.everything()
    finally:
        sandbox.close()
    assert answer.code == 0, answer.data
    image = answer.images["good"]
    assert image["imageId"] == image["manifestDigest"]
    assert after == before


# in the sandbox: the port that podman chose is taken before the container starts
BUSY = """
import os, socket, sys
from pathlib import Path
from nanna_ci.foundation import process
from nanna_ci.containers.testing.engine_run import new_mark, run_image_tests
from nanna_ci.containers.testing.hand_over import ImageTestsRequest
from nanna_ci.containers.engine.podman import Podman
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.testing.checks import Service, ImageUnderTest

class Crowded(Podman):
    taken = []
    def start(self, container):
        if not self.taken:
            (port,) = self.inspect(container).ports.values()
            self.taken.append(socket.create_server(("127.0.0.1", port)))
        super().start(container)

engine = Crowded(process.run, environ=os.environ)
subject = ImageUnderTest("good", Path(sys.argv[1]), Service(8080, "/health", 30.0))
request = ImageTestsRequest((subject,), (), "amd64", Path(sys.argv[2]))
mark = new_mark(lambda count: os.urandom(count).hex(), 0)
run = run_image_tests(request, engine, engine.facts(), mark, RunLocks(Path(sys.argv[2]), "podman"), say=print)
for one in engine.taken:
    one.close()
print("taken:", len(engine.taken), "verdict:", run.images[0].verdict.value)
"""


def test_a_port_that_is_taken_between_its_choice_and_its_use_is_chosen_anew(bakery, folder):
    """podman chooses it when the container is created; docker does when it starts, and finds a free one."""
    require(why_no_engine("podman"))
    good = bakery.image("good")
    sandbox = EngineSandbox("podman")
    try:
        before = sandbox.everything()
        process = sandbox.popen([sys.executable, "-c", BUSY, str(good.layout), str(folder)], folder)
        stdout, stderr = process.communicate(timeout=120)
        after = sandbox.everything()
    finally:
        sandbox.close()
    assert process.returncode == 0, stderr.decode()
    assert stdout.decode().endswith("taken: 1 verdict: pass\n"), stdout.decode()
    assert after == before
