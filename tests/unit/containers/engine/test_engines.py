"""How podman and docker are called, and what becomes of their answers. Real ones are in tests/e2e/containers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.containers.engine.docker import Docker
from nanna_ci.containers.engine.engine import EngineFacts, Executed, reason_of
from nanna_ci.containers.engine.find_engine import find_engine
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.containers.engine.podman import Podman
from nanna_ci.containers.image.oci_layout import load_layout
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, MalformedData, ToolMissing
from support.fake_images import write_layout
from support.fake_ports import FakeRun

PODMAN_INFO = json.dumps({"host": {"cgroupControllers": ["memory", "cpu"]}, "version": {"Version": "5.4.2"}}).encode()
DOCKER_INFO = json.dumps({"ServerVersion": "26.1.5", "MemoryLimit": True, "PidsLimit": False}).encode()
LOCAL = {"DOCKER_HOST": "unix:///run/docker.sock"}


@pytest.fixture
def run() -> FakeRun:
    return FakeRun()


def test_podman_says_what_it_can_limit(run):
    run.script("podman", "info", stdout=PODMAN_INFO)
    facts = Podman(run, environ={}).facts()
    assert facts == EngineFacts("podman", "5.4.2", Controllers(memory=True, pids=False))


@pytest.mark.parametrize(
    ("host", "version", "message"),
    [({"serviceIsRemote": True}, "5.4.2", "another machine's service"), ({}, "3.4.4", "3.4.4 is too old")],
)
def test_a_podman_that_cannot_do_what_a_test_takes_is_missing(run, host, version, message):
    info = {"host": {"cgroupControllers": [], **host}, "version": {"Version": version}}
    run.script("podman", "info", stdout=json.dumps(info).encode())
    with pytest.raises(ToolMissing, match=message):
        Podman(run, environ={}).facts()


def test_what_is_gone_between_the_list_and_the_look_is_requested_again(run):
    run.script("podman", "ps", stdout=b"")
    run.script("podman", "ps", stdout=b"a\n", times=1)
    run.script("podman", "container", "inspect", returncode=125, stderr=b"Error: no such container\n")
    assert Podman(run, environ={}).our_containers() == ()


def test_an_engine_that_cannot_describe_what_it_lists_fails(run):
    run.script("podman", "network", "ls", stdout=b"a\n")
    run.script("podman", "network", "inspect", returncode=125, stderr=b"Error: broken\n")
    with pytest.raises(CommandFailed):
        Podman(run, environ={}).our_networks()


def test_docker_says_what_it_can_limit(run):
    run.script("docker", "info", stdout=DOCKER_INFO)
    facts = Docker(run, environ=LOCAL).facts()
    assert facts == EngineFacts("docker", "26.1.5", Controllers(memory=True, pids=False))


def test_an_engine_that_fails_is_missing_for_its_own_reason(run):
    run.script(
        "podman", "info", returncode=125, stderr=b'time="x" level=warning\nError: mkdir: read-only file system\n'
    )
    with pytest.raises(ToolMissing) as caught:
        Podman(run, environ={}).facts()
    assert caught.value.message == "podman: mkdir: read-only file system"


def test_a_docker_without_its_daemon(run):
    run.script("docker", "info", returncode=1, stderr=b"Cannot connect to the Docker daemon. Is it running?\n")
    with pytest.raises(ToolMissing, match="Cannot connect to the Docker daemon"):
        Docker(run, environ=LOCAL).facts()
    run.script("docker", "info", stdout=b'{"ServerErrors": ["Cannot connect"]}')
    with pytest.raises(ToolMissing, match="Cannot connect"):
        Docker(run, environ=LOCAL).facts()


def test_an_engine_that_does_not_answer(run):
    run.script("docker", "info", error=CommandTimedOut(["docker"], 60, ""))
    with pytest.raises(ToolMissing, match="does not answer within 60 s"):
        Docker(run, environ=LOCAL).facts()


@pytest.mark.parametrize("host", ["tcp://docker:2375", "ssh://user@host", "tcp://localhost.example.org:2375"])
def test_a_docker_of_another_machine_does_not_do(run, host):
    with pytest.raises(ToolMissing, match="another machine"):
        Docker(run, environ={"DOCKER_HOST": host}).facts()
    assert run.calls == []


@pytest.mark.parametrize("host", ["unix:///x", "tcp://127.0.0.1:2375", "tcp://localhost:2375", "tcp://[::1]:2375"])
def test_a_docker_of_this_machine_does(run, host):
    run.script("docker", "info", stdout=DOCKER_INFO)
    assert Docker(run, environ={"DOCKER_HOST": host}).facts().version == "26.1.5"


def test_without_docker_host_the_context_counts(run):
    run.script("docker", "info", stdout=DOCKER_INFO)
    run.script("docker", "context", "inspect", stdout=b"unix:///home/x/.docker/run/docker.sock\n")
    assert Docker(run, environ={}).facts().version == "26.1.5"
    run.script("docker", "context", "inspect", stdout=b"tcp://10.0.0.1:2376\n")
    with pytest.raises(ToolMissing, match=r"10\.0\.0\.1"):
        Docker(run, environ={}).facts()


def test_a_store_of_its_own_is_in_every_call(run, tmp_path):
    podman = Podman(run, environ={}, store=tmp_path)
    words = ("podman", "--root", f"{tmp_path}/storage", "--network-config-dir", f"{tmp_path}/networks")
    run.script(*words, "start", "x")
    podman.start("x")
    assert run.calls[0].argv == (*words, "start", "x")


def test_a_store_of_its_own_is_this_machines_whatever_service_the_user_has(run, tmp_path):
    environ = {"CONTAINER_HOST": "ssh://x", "CONTAINER_CONNECTION": "x", "A": "b"}
    run.script("podman")
    Podman(run, environ=environ, store=tmp_path).start("x")
    Podman(run, environ=environ).start("x")
    private, own = (call.options["env"] for call in run.calls)
    assert (private["A"], "CONTAINER_HOST" in private, "CONTAINER_CONNECTION" in private) == ("b", False, False)
    assert own["CONTAINER_HOST"] == "ssh://x"


def test_podman_collects_garbage_late_but_what_the_user_says_counts(run):
    run.script("podman", "start")
    Podman(run, environ={"A": "b"}).start("x")
    Podman(run, environ={"GOGC": "50"}).start("x")
    assert run.calls[0].options["env"] == {"A": "b", "GOGC": "off", "GOMEMLIMIT": "256MiB"}
    assert run.calls[1].options["env"]["GOGC"] == "50"


def test_wait_is_none_after_the_time(run):
    run.script("podman", "wait", "x", stdout=b"143\n")
    assert Podman(run, environ={}).wait("x", 10) == 143
    run.script("podman", "wait", "x", error=CommandTimedOut(["podman"], 10, ""))
    assert Podman(run, environ={}).wait("x", 10) is None
    run.script("podman", "wait", "x", stdout=b"soon\n")
    with pytest.raises(MalformedData):
        Podman(run, environ={}).wait("x", 10)


def test_a_command_inside_answers_with_its_code_and_all_that_it_wrote(run):
    run.script("docker", "exec", "x", "a", "b", returncode=9, stdout=b"out\n", stderr=b"err\n")
    assert Docker(run, environ={}).execute("x", ["a", "b"], 10) == Executed(9, "out\nerr\n")


def test_podman_removes_at_once(run):
    run.script("podman", "rm")
    Podman(run, environ={}).remove("x")
    assert run.calls[0].argv == ("podman", "rm", "--force", "--time", "0", "--volumes", "x")


def test_images_are_found_by_their_whole_id(run):
    run.script("podman", "images", stdout=b"sha256:" + b"a" * 64 + b"\n")
    run.script("podman", "image", "inspect", stdout=json.dumps([{"Id": "a" * 64, "RepoTags": [], "Size": 1}]).encode())
    podman = Podman(run, environ={})
    assert podman.find_image("sha256:" + "a" * 64) is not None
    assert podman.find_image("sha256:" + "a" * 63 + "b") is None


def test_only_tags_of_our_own_repository_are_ours(run):
    listed = b"<none>:<none>\nlocalhost/nanna-ci-test:x\nlocalhost/nanna-ci-test:x\nlocalhost/nanna-ci-testing:1\n"
    run.script("docker", "images", stdout=listed)
    assert Docker(run, environ={}).our_tags() == ("localhost/nanna-ci-test:x",)


def test_what_is_ours_is_requested_by_label(run):
    run.script("docker", "ps", stdout=b"")
    run.script("docker", "network", "ls", stdout=b"")
    docker = Docker(run, environ={})
    assert (docker.our_containers(), docker.our_networks("abc")) == ((), ())
    assert "label=io.nanna-ci.run" in run.calls[0].argv
    assert "label=io.nanna-ci.run=abc" in run.calls[1].argv


def test_podman_loads_from_a_view_with_the_tag_and_the_very_manifest(tmp_path):
    layout = load_layout(write_layout(tmp_path / "x", {"bin/a": b"a"}, entrypoint=["/bin/a"]))
    seen = {}

    def run(argv, **_):
        view = Path(argv[-1].removeprefix("oci:").removesuffix(":localhost/nanna-ci-test:t"))
        seen["words"] = argv[:-1]
        seen["index"] = json.loads((view / "index.json").read_bytes())
        seen["manifest"] = (view / "blobs" / layout.manifest_digest.replace(":", "/")).read_bytes()

    Podman(run, environ={}).load(layout, "localhost/nanna-ci-test:t")
    assert seen["words"] == ["podman", "pull", "--quiet"]
    (entry,) = seen["index"]["manifests"]
    assert entry["digest"] == layout.manifest_digest
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "localhost/nanna-ci-test:t"}
    assert len(seen["manifest"]) == layout.manifest.size_bytes


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ('Error: no such container\ntime="x" level=error msg="y"\n', "no such container"),
        ("Error response from daemon: conflict\n", "conflict"),
        ("Error response from daemon: no such program\nError: failed to start containers: x\n", "no such program"),
        ("Error response from daemon: no such program\n\nfailed to start containers: x\n", "no such program"),
        ('time="x" level=error msg="y"\n', 'time="x" level=error msg="y"'),
        ("", "podman exited with 125: no output on stderr"),
    ],
)
def test_an_engines_own_words(stderr, message):
    assert reason_of(CommandFailed(["podman"], 125, stderr)) == message


def missing(*names: str) -> FakeRun:
    run = FakeRun()
    for name in names:
        run.script(name, error=ToolMissing(name, "not found"))
    return run


def test_auto_takes_podman_then_docker(run):
    run.script("podman", "info", stdout=PODMAN_INFO)
    found, _ = find_engine("auto", run, {"PATH": ""}, 1000)
    assert found is not None
    assert found.engine.name == "podman"
    other = missing("podman")
    other.script("docker", "info", stdout=DOCKER_INFO)
    found, _ = find_engine("auto", other, {"PATH": "", **LOCAL}, 1000)
    assert found is not None
    assert found.engine.name == "docker"


def test_an_engine_that_was_requested_is_the_only_one_tried(run):
    run.script("podman", "info", stdout=PODMAN_INFO)
    run.script("docker", error=ToolMissing("docker", "not found"))
    assert find_engine("docker", run, {"PATH": "", **LOCAL}, 0) == (None, "docker: not found")


def test_without_any_engine_every_reason_is_reported():
    found, reason = find_engine("auto", missing("podman", "docker"), {"PATH": "", **LOCAL}, 0)
    assert found is None
    assert reason == "podman: not found; docker: not found"


def test_a_podman_that_does_not_work_gets_namespaces_if_possible(run, tmp_path):
    run.script("podman", "info", returncode=125, stderr=b"Error: read-only file system\n")
    for name in ("podman", "unshare", "setpriv", "mount"):
        (tmp_path / name).touch(mode=0o755)
    environ = {"PATH": str(tmp_path)}
    run.script("setpriv", returncode=1, stderr=b"unshare: unshare failed: Operation not permitted\n")
    assert find_engine("podman", run, environ, 0) == (
        None,
        "podman: read-only file system; podman cannot be given namespaces of its own: "
        "'unshare: unshare failed: Operation not permitted'",
    )
    run.script("setpriv")
    found, _ = find_engine("podman", run, environ, 0)
    assert found is not None
    assert found.facts is None
    assert find_engine("podman", run, environ, 1000) == (
        None,
        "podman: read-only file system; only root can give podman namespaces and a store of its own",
    )
    (tmp_path / "setpriv").unlink()
    assert find_engine("podman", run, environ, 0)[1] == "podman: read-only file system; setpriv: not found"
