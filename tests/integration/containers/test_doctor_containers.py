"""`doctor` where pipeline.toml has images: engines and nix by script, a stand-in for the registry."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.commands import doctor
from nanna_ci.containers.models.model_lock import LockedModel, parse_manifest, render_lock
from nanna_ci.foundation.errors import ToolMissing, UsageError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.outcome import Outcome
from nanna_ci.report.text import render_text
from support import stand_in_token_registry as stand_in
from support.fake_ports import FakePorts
from support.json_schemas import check
from support.stand_in_model_registry import digest, model
from support.stand_in_token_registry import TokenRegistry

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
HOST = "x86_64-linux"
APP = f"packages.{HOST}.app-image"
LOGIN = {"REGISTRY_USERNAME": "robot", "REGISTRY_PASSWORD": "hunter2hunter2"}
PIPELINE = """\
[workspace]
name = "w"
[[image]]
name = "app"
contents = ["x"]
architectures = ["x86_64", "aarch64"]
port = 1
[[image]]
name = "server"
contents = ["x"]
port = 1
[[model]]
name = "small:1"
image = "server"
"""
Findings = dict[tuple[str, str | None], Any]


@pytest.fixture
def ports(fake_ports: FakePorts) -> FakePorts:
    """Two images, a locked model, neither nix nor an engine, and a cache in a folder."""
    (fake_ports.cwd / "pipeline.toml").write_text(PIPELINE)
    (fake_ports.cwd / "cache").mkdir()
    (fake_ports.cwd / "cache/nix-cache-info").write_text("StoreDir: /nix/store\n")
    write_lock(fake_ports.cwd, "small:1")
    for program in ("nix", "podman", "docker"):
        fake_ports.run.script(program, error=ToolMissing(program, "not found"))
    return fake_ports


@pytest.fixture
def registry() -> Iterator[TokenRegistry]:
    with stand_in.serving(users={"robot": "hunter2hunter2"}, may_push={"owner/app", "owner/server"}) as server:
        yield server


def write_lock(folder: Path, *names: str) -> None:
    data, _ = model()
    manifest = parse_manifest(data, "the test")
    (folder / "nix").mkdir(exist_ok=True)
    locked = {
        name: LockedModel("https://models.example.org", f"library/{name[:-2]}", name[-1:], manifest, digest(data))
        for name in names
    }
    (folder / "nix/models.lock.json").write_bytes(render_lock(locked))


def script_podman(ports: FakePorts, *controllers: str) -> None:
    info = {"host": {"cgroupControllers": controllers}, "version": {"Version": "5.4.2"}}
    ports.run.script("podman", "info", stdout=json.dumps(info).encode())


def script_nix(ports: FakePorts, evaluation: object) -> None:
    ports.run.script(*NIX, "--version", stdout=b"nix (Nix) 2.26.3\n")
    ports.run.script(*NIX, "config", stdout=b"{}")
    ports.run.script(*NIX, "eval", "--impure", stdout=HOST.encode())
    ports.run.script(*NIX, "eval", "--json", stdout=json.dumps(evaluation).encode())
    ports.run.script(*NIX, "derivation", stdout=b"{}")


def run(ports: FakePorts, to: str | None = None) -> tuple[Outcome, Findings]:
    """The outcome, held against the schema, and its findings by check and subject."""
    arguments = argparse.Namespace(substituter=[f"file://{ports.cwd}/cache"], to=to, github=None)
    ports.without_scanners()
    outcome = doctor.execute(arguments, ports.context())
    answer = check({"schemaVersion": 1, "command": "doctor", "verdict": outcome.verdict.value, **outcome.data})
    return outcome, {(finding["check"], finding["subject"]): finding for finding in answer["findings"]}


def shown(ports: FakePorts, outcome: Outcome) -> str:
    text = render_text(outcome.document, color=False, width=100)
    return text + json.dumps(outcome.data) + ports.stderr.getvalue() + ports.stdout.getvalue()


def test_without_images_nothing_is_said_of_containers(ports: FakePorts) -> None:
    (ports.cwd / "pipeline.toml").write_text('[workspace]\nname = "w"\n')
    outcome, findings = run(ports)
    assert outcome.document.title == "Setup of caches and scans"
    assert not [key for key in findings if "container" in key[0] or "image" in key[0] or "login" in key[0]]
    assert {call.argv[0] for call in ports.run.calls} == {"nix", "cargo-audit", "cargo-deny", "trivy"}


def test_with_images_the_title_tells_of_containers(ports: FakePorts) -> None:
    assert run(ports)[0].document.title == "Setup of caches, scans and containers"


def test_a_machine_without_engine_nix_and_login_gets_reasons_and_does_not_fail(ports: FakePorts) -> None:
    outcome, findings = run(ports)
    assert outcome.verdict is Verdict.PASS
    engine = findings["container engine", None]
    assert engine["health"] == "warn"
    assert "podman: not found" in engine["says"]
    assert "docker: not found" in engine["says"]
    assert "install podman" in engine["fix"]
    assert [one for call in ports.run.calls if (one := call.argv[0]) in {"nix", "podman", "docker"}] == [
        "nix",
        "podman",
        "docker",
    ]
    for name in ("container limits", "registry login", "image architectures"):
        assert findings[name, None]["health"] == "unavailable"


def test_an_engine_is_queried_once_for_itself_and_its_limits(ports: FakePorts) -> None:
    script_podman(ports, "memory", "pids")
    _, findings = run(ports)
    assert findings["container engine", "podman"]["says"] == "podman 5.4.2 works"
    assert findings["container limits", "podman"]["health"] == "good"
    assert [call.argv[0] for call in ports.run.calls].count("podman") == 1


def test_an_engine_without_controllers_is_a_warning(ports: FakePorts) -> None:
    script_podman(ports, "cpu")
    assert run(ports)[1]["container limits", "podman"]["health"] == "warn"


@pytest.mark.parametrize(
    ("what", "health", "said"),
    [
        ({}, "good", "podman 5.4.2 works, in private namespaces"),
        ({"returncode": 1, "stderr": b"unshare: Operation not permitted"}, "warn", "unshare: Operation not permitted"),
    ],
)
def test_a_podman_that_works_nowhere_else_is_tried_in_namespaces(ports, monkeypatch, what, health, said) -> None:
    tools = ports.cwd / "bin"
    tools.mkdir()
    for name in ("podman", "unshare", "setpriv", "mount"):
        (tools / name).touch(0o755)
    ports.environ["PATH"] = str(tools)
    monkeypatch.setattr("os.getuid", lambda: 0)
    ports.run.script("podman", "--version", stdout=b"podman version 5.4.2\n")
    ports.run.script("setpriv", **what)
    findings = run(ports)[1]
    engine = next(finding for (name, _), finding in findings.items() if name == "container engine")
    assert engine["health"] == health
    assert said in engine["says"]


def test_the_flake_is_evaluated_once_for_filter_and_architectures(ports: FakePorts) -> None:
    drv = f"/nix/store/{'a' * 32}-app-image.drv"
    reasons = {f"{APP}-aarch64-linux": "there is no cross compiler"}
    script_nix(ports, {"derivations": {APP: drv}, "unavailable": reasons})
    _, findings = run(ports)
    assert [call.argv[3:5] for call in ports.run.calls].count(("eval", "--json")) == 1
    app, server = findings["image architectures", "app"], findings["image architectures", "server"]
    assert (app["health"], app["says"]) == ("warn", "not for aarch64: there is no cross compiler")
    assert (server["health"], server["says"]) == ("warn", f"not for x86_64: the flake makes none on {HOST}")


def test_images_that_can_be_made_are_good(ports: FakePorts) -> None:
    drv = f"/nix/store/{'a' * 32}-image.drv"
    names = (APP, f"{APP}-aarch64-linux", f"packages.{HOST}.server-image")
    script_nix(ports, {"derivations": dict.fromkeys(names, drv), "unavailable": {}})
    _, findings = run(ports)
    assert findings["image architectures", "app"]["health"] == "good"
    assert findings["image architectures", "server"]["health"] == "good"


def test_a_locked_model_is_good_and_its_needs_are_known(ports: FakePorts) -> None:
    _, findings = run(ports)
    assert findings["model locks", "nix/models.lock.json"]["health"] == "good"
    disk = next(finding for (name, _), finding in findings.items() if name == "disk for images")
    assert "needed" in disk["says"]


def test_a_model_that_the_lock_lacks_fails(ports: FakePorts) -> None:
    write_lock(ports.cwd, "other:1")
    outcome, findings = run(ports)
    assert outcome.verdict is Verdict.FAIL
    assert "small:1" in findings["model locks", "nix/models.lock.json"]["says"]


def test_a_lock_that_was_edited_fails_with_its_mistake(ports: FakePorts) -> None:
    path = ports.cwd / "nix/models.lock.json"
    path.write_text(path.read_text().replace("sizeBytes", "size"))
    outcome, findings = run(ports)
    assert outcome.verdict is Verdict.FAIL
    assert findings["model locks", path.relative_to(ports.cwd).as_posix()]["health"] == "bad"


def test_memory_is_what_the_largest_image_carries_not_all_of_them(ports: FakePorts) -> None:
    path = ports.cwd / "pipeline.toml"
    path.write_text(f'{PIPELINE}[[model]]\nname = "other:1"\nimage = "app"\n')
    write_lock(ports.cwd, "small:1", "other:1")
    _, findings = run(ports)
    disk = next(finding for (name, _), finding in findings.items() if name == "disk for images")
    assert "3.2 MB of models 3 times" in disk["says"]
    memory = findings["memory for images", None]
    assert "1.6 MB of models in the largest image" in memory["says"] or memory["health"] == "unavailable"


def test_without_a_lock_what_images_need_is_not_known(ports: FakePorts) -> None:
    (ports.cwd / "nix/models.lock.json").unlink()
    _, findings = run(ports)
    assert findings["model locks", "nix/models.lock.json"]["health"] == "warn"
    assert findings["memory for images", None]["health"] == "unavailable"


def test_a_login_that_may_push_every_image_is_good(ports: FakePorts, registry: TokenRegistry) -> None:
    ports.environ.update(LOGIN)
    _, findings = run(ports, f"http://{registry.address}/owner")
    login = findings["registry login", f"{registry.address}/owner"]
    assert (login["health"], login["says"]) == ("good", "accepted (REGISTRY_USERNAME), and may push to 2 repositories")
    assert not registry.open_uploads


def test_a_login_that_may_push_one_of_two_fails_by_the_other(ports: FakePorts, registry: TokenRegistry) -> None:
    registry.may_push.remove("owner/app")
    ports.environ.update(LOGIN)
    outcome, findings = run(ports, f"http://{registry.address}/owner")
    assert outcome.verdict is Verdict.FAIL
    login = findings["registry login", f"{registry.address}/owner"]
    assert f"{registry.address}/owner/app" in login["says"]
    assert "owner/server" not in login["says"]


@pytest.mark.parametrize("fault", ["wrong", "echo", "gone", "realm"])
def test_no_secret_is_shown_whatever_the_registry_says(ports: FakePorts, registry: TokenRegistry, fault: str) -> None:
    auth = "cm9ib3Q6aHVudGVyMmh1bnRlcjI="
    if fault == "wrong":
        registry.users.clear()
    elif fault == "echo":
        registry.overrides["/v2/owner/app/blobs/uploads/"] = (400, f'{{"message":"{auth} hunter2hunter2"}}'.encode())
    elif fault == "gone":
        registry.overrides["/v2/"] = (400, b'{"message":"hunter2hunter2"}')
    else:
        registry.realm = "http://hunter2hunter2/token"
    ports.environ.update(LOGIN)
    outcome, findings = run(ports, f"http://{registry.address}/owner")
    assert findings["registry login", f"{registry.address}/owner"]["health"] in {"bad", "unavailable"}
    for secret in ("hunter2hunter2", auth, registry.token):
        assert secret not in shown(ports, outcome)


def test_on_github_a_denial_is_fixed_by_the_jobs_permissions(ports: FakePorts, registry: TokenRegistry) -> None:
    registry.may_push.clear()
    ports.environ.update({"GITHUB_ACTIONS": "true", **LOGIN})
    _, findings = run(ports, f"http://{registry.address}/owner")
    assert "packages: write" in findings["registry login", f"{registry.address}/owner"]["fix"]


def test_half_a_login_fails_without_any_request(ports: FakePorts, registry: TokenRegistry) -> None:
    ports.environ["REGISTRY_USERNAME"] = "robot"
    outcome, findings = run(ports, f"http://{registry.address}/owner")
    assert outcome.verdict is Verdict.FAIL
    assert "REGISTRY_PASSWORD is not set" in findings["registry login", f"{registry.address}/owner"]["says"]
    assert not registry.requests


def test_no_login_is_a_warning(ports: FakePorts, registry: TokenRegistry) -> None:
    outcome, findings = run(ports, f"http://{registry.address}/owner")
    assert outcome.verdict is Verdict.PASS
    assert findings["registry login", f"{registry.address}/owner"]["health"] == "warn"


def test_on_github_the_registry_is_ghcr_and_the_owner_the_runs(ports: FakePorts) -> None:
    """Half a login, so that no registry is queried."""
    ports.environ.update({"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY_OWNER": "OWNER", "REGISTRY_USERNAME": "robot"})
    assert run(ports)[1]["registry login", "ghcr.io/owner"]["health"] == "bad"


def test_a_to_that_is_not_a_registry_is_refused_before_any_request(ports: FakePorts) -> None:
    with pytest.raises(UsageError):
        run(ports, "nonsense")
    assert not [call for call in ports.run.calls if call.argv[0] in {"podman", "docker"}]
