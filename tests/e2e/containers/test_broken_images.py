"""Images that are broken on purpose: each fails for its own reason, on podman and on docker, and leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.pipeline.junit import TestStatus, parse_junit
from support.container_test_runs import MODEL, Answer, Bakery, answer_of, command
from support.engine_sandbox import EngineSandbox

# image -> (the check that fails, its cause, what the reason says)
EXPECTED = {
    "exits": ("health /health", "exited", "exited with 3 before it was healthy"),
    "unhealthy": ("health /health", "never-healthy", "HTTP 503"),
    "deaf": ("stop", "ignores-term", "still ran 10 s after SIGTERM"),
    "arm": ("health /health", "wrong-architecture", "exec format error"),
    "says-arm": ("load", "wrong-architecture", "it says that it is for linux/arm64, not for linux/amd64"),
    "other-model": (f"model {MODEL}", "wrong-model", f"does not list {MODEL}; it lists 'llama3:8b'"),
    "no-tokens": (f"completion {MODEL}", "no-tokens", "without a single token"),
    "other-port": ("health /health", "wrong-port", "it listens on port 9090, not on 8080"),
    "loopback": ("health /health", "loopback-only", "its own loopback only"),
    "writes-root": ("health /health", "writes-root", "it writes /data/state"),
    "hungry": ("health /health", "out-of-memory", "it needs more memory than its limit"),
    "bad-ending": ("stop", "exit-code", "exited with 7 after SIGTERM"),
    "bad-path": ("path /nothing", "wrong-answer", "HTTP 404"),
    "bad-command": ("command /bin/server fail", "command-failed", "exited with 9: 'server: failing as asked'"),
}


def bake(bakery: Bakery) -> None:
    """All of them."""
    bakery.image("exits", "--exit", "3")
    bakery.image("unhealthy", "--silent-health", health_timeout_s=2)
    bakery.image("deaf", "--ignore-term")
    bakery.image("arm", program="arm64")
    bakery.image("says-arm", program="arm64", architecture="arm64")
    bakery.image("other-model", "--model", "llama3:8b", models=[MODEL])
    bakery.image("no-tokens", "--model", "phi:1", "--no-tokens", models=["phi:1"])
    bakery.image("other-port", "--port", "9090", health_timeout_s=2)
    bakery.image("loopback", "--loopback", health_timeout_s=2)
    bakery.image("writes-root", "--write", "/data/state")
    bakery.image("hungry", "--eat", "1200")
    bakery.image("bad-ending", "--term-code", "7")
    bakery.image("bad-path", probe_paths=["/nothing"])
    bakery.image("bad-command", probe_commands=["/bin/server fail"])
    bakery.image("good", probe_paths=["/extra"], probe_commands=["/bin/server say hello"])


@pytest.fixture(scope="module")
def broken(
    sandbox: EngineSandbox, programs, tmp_path_factory
) -> tuple[Answer, dict[str, list[str]], dict[str, list[str]]]:
    """The answer about all of them, and what was in the engine before and after."""
    folder: Path = tmp_path_factory.mktemp("broken")
    bakery = Bakery(folder / "layouts", programs)
    bake(bakery)
    before = sandbox.everything()
    process = sandbox.popen(command(folder, sandbox.engine, bakery.made), folder)
    answer = answer_of(process)
    return answer, before, sandbox.everything()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_broken_image_fails_for_its_own_reason(broken, name):
    answer = broken[0]
    title, cause, message = EXPECTED[name]
    title = title.replace(MODEL, "phi:1") if name == "no-tokens" else title
    image = answer.images[name]
    failed = [check for check in image["checks"] if check["status"] == "failed"]
    assert [f"{check['check']} {check['subject']}".strip() for check in failed] == [title]
    assert failed[0]["cause"] == cause
    assert message in failed[0]["reason"]
    assert image["verdict"] == "fail"
    assert image["reason"] == failed[0]["reason"]


@pytest.mark.parametrize("name", [*EXPECTED, "good"])
def test_each_is_removed_whatever_became_of_it(broken, name):
    assert [check["status"] for check in broken[0].images[name]["checks"] if check["check"] == "removed"] == ["passed"]


def test_nothing_is_left_behind(broken):
    answer, before, after = broken
    assert after == before
    assert answer.data["problems"] == []


def test_the_good_one_passes_among_them(broken):
    answer = broken[0]
    assert answer.code == 1
    image = answer.images["good"]
    assert (image["verdict"], image["reason"]) == ("pass", None)
    assert {check["status"] for check in image["checks"]} == {"passed"}
    assert image["imageId"].startswith("sha256:")
    assert image["peakMemoryBytes"] > 100_000
    assert 0 < image["startSeconds"] < 30
    assert image["sizeBytes"] > 500_000
    assert image["unpackedBytes"] > 500_000


def test_limits_are_held_by_the_kernel(broken):
    limits = {limit["name"]: (limit["force"], limit["reason"]) for limit in broken[0].images["good"]["limits"]}
    assert limits == {"memory": ("held", None), "processes": ("held", None), "time": ("held", None)}


def test_log_and_inspection_of_a_failure_are_kept(broken):
    image = broken[0].images["exits"]
    files = {Path(name).name: Path(name) for name in image["files"]}
    assert "server: cannot find my configuration" in files["exits.log"].read_text()
    assert json.loads(files["exits-inspect.json"].read_text())[0]["State"]["ExitCode"] == 3
    assert broken[0].images["good"]["files"] == []


def test_junit_has_a_case_for_each_check(broken):
    answer = broken[0]
    path = Path(answer.data["folder"]) / "junit.xml"
    cases = parse_junit(path.read_bytes(), "junit.xml").cases
    assert len(cases) == sum(len(image["checks"]) for image in answer.data["images"])
    failed = {case.suite: case for case in cases if case.status is TestStatus.FAILED}
    assert set(failed) == {f"container-test {name}" for name in EXPECTED}
    assert "exited with 3" in (failed["container-test exits"].message or "")


def test_what_follows_a_failure_is_skipped_and_says_so(broken):
    checks = {check["check"]: check for check in broken[0].images["exits"]["checks"]}
    assert checks["restart"]["status"] == "skipped"
    assert checks["stop"]["reason"] == "not reached: health /health did not pass"
