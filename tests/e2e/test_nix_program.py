"""store/nix.py against the real nix: evaluation, builds that end in every way, a cache, overrides, the time limit.

Needs `nix` on PATH, 2.26 or later, that may build; builders find /usr/bin/python3 in the sandbox.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, ConfigError
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_result import BuildOutcome
from nanna_ci.store.build_state import BuildState
from nanna_ci.store.internal_json import Event
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import StorePath

FLAKE = """
{
  inputs.thing = { url = "path:@folder@/thing"; flake = false; };
  outputs = { self, thing }:
    let
      make = name: script: more: derivation ({
        inherit name;
        system = "@system@";
        PATH = "/usr/bin:/bin";
        builder = "/usr/bin/python3";
        salt = "@salt@";
        args = [ "-c" script ];
      } // more);
      write = "import os; print('log of', os.environ['name']); open(os.environ['out'], 'w').write('done')";
    in rec {
      thing-says = builtins.readFile (thing + "/says");
      wrong = throw "this attribute cannot be evaluated";
      base = make "base" write { };
      top = make "top" write { inherit base; };
      other = make "other" "import time; time.sleep(1); ${write}" { };
      fails = make "fails" "import sys; print('the last words'); sys.exit(7)" { };
      above = make "above" write { inherit fails; };
      lies = make "lies" write {
        outputHashAlgo = "sha256"; outputHash = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
      };
      sleeps = make "sleeps" "import time; print('asleep', flush=True); time.sleep(600) # @salt@" { };
    };
}
"""


@pytest.fixture(scope="module", autouse=True)
def _nix_is_there() -> None:
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"


class Sandbox:
    """A flake in a folder of its own, with derivations that no one has built before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.salt = uuid.uuid4().hex
        self.environ = dict(os.environ) | {"NANNA_CI_FLAKE": f"path:{folder}/flake", "NANNA_CI_OVERRIDES": ""}
        self.nix = Nix(environ=self.environ)
        for name in ("thing", "other-thing", "flake"):
            (folder / name).mkdir()
        (folder / "thing/says").write_text("one thing")
        (folder / "other-thing/says").write_text("another thing")
        text = FLAKE.replace("@folder@", str(folder)).replace("@salt@", self.salt)
        (folder / "flake/flake.nix").write_text(text.replace("@system@", self.nix.current_system()))

    def with_environ(self, **environ: str) -> Nix:
        return Nix(environ=self.environ | environ)

    def output(self, derivation: StorePath) -> StorePath:
        path = self.nix.derivation_show([derivation], recursive=False)[derivation].outputs["out"].path
        assert path is not None
        return path

    def delete(self, path: StorePath) -> None:
        """Delete `path` if it is there and nothing needs it."""
        argv = ["nix-store", "--delete", str(path)]
        subprocess.run(argv, check=False, capture_output=True, timeout=120, env=self.environ)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    names = ["above", "top", "base", "other", "fails", "lies", "sleeps"]
    derivations = [sandbox.nix.derivation_of(name) for name in names]
    for path in [*map(sandbox.output, derivations), *derivations]:
        sandbox.delete(path)


def test_nix_tells_its_version_system_and_settings(sandbox: Sandbox) -> None:
    assert sandbox.nix.version().numbers >= (2, 26, 0)
    assert sandbox.nix.settings()["system"] == sandbox.nix.current_system()


def test_a_missing_attribute_is_distinguished_from_a_wrong_one(sandbox: Sandbox) -> None:
    assert sandbox.nix.evaluate("base", apply="base: { inherit (base) name; }") == {"name": "base"}
    with pytest.raises(ConfigError, match="there is no attribute nothere"):
        sandbox.nix.evaluate("nothere")
    with pytest.raises(CommandFailed, match="cannot be evaluated"):
        sandbox.nix.evaluate("wrong")


def test_overrides_reach_the_flake_and_no_lock_file_is_written(sandbox: Sandbox) -> None:
    assert sandbox.nix.evaluate("thing-says") == "one thing"
    other = sandbox.with_environ(NANNA_CI_OVERRIDES=f'[["thing", "path:{sandbox.folder}/other-thing"]]')
    assert other.evaluate("thing-says") == "another thing"
    assert [path.name for path in (sandbox.folder / "flake").iterdir()] == ["flake.nix"]


def test_a_build_is_built_then_present_then_substituted_from_a_cache(sandbox: Sandbox, tmp_path: Path) -> None:
    top, base = sandbox.nix.derivation_of("top"), sandbox.nix.derivation_of("base")
    output = sandbox.output(top)
    assert sandbox.nix.path_info([output]) == {output: None}

    built = sandbox.nix.build([f"{top}^*"], keep_going=True, out_link=tmp_path / "result")
    assert built.success
    assert built.results[0].state is BuildOutcome.BUILT
    assert built.results[0].outputs == {"out": output}
    assert built.results[0].log_tail == ("log of top",)
    assert 0 < (built.results[0].seconds or 0) <= built.seconds
    assert {heard.derivation: heard.state for heard in built.log.derivations()} == {
        base: BuildState.BUILT,
        top: BuildState.BUILT,
    }
    assert built.log.counters().built == 2
    assert (tmp_path / "result").resolve() == Path(str(output))
    info = sandbox.nix.path_info([output])[output]
    assert info is not None
    assert info.references == () or info.references == (sandbox.output(base),)

    again = sandbox.nix.build([str(top)], keep_going=True)
    assert (again.success, again.results[0].state, again.results[0].seconds) == (True, BuildOutcome.PRESENT, None)

    cache = f"file://{tmp_path}/cache"
    argv = ["nix", "--extra-experimental-features", "nix-command", "copy", "--to", cache, str(output)]
    subprocess.run(argv, check=True, capture_output=True, timeout=120, env=sandbox.environ)
    (tmp_path / "result").unlink()
    sandbox.delete(output)
    config = f"substituters = {cache}\nrequire-sigs = false\n"
    fetched = sandbox.with_environ(NIX_CONFIG=config).build([str(top)], keep_going=True)
    assert (fetched.success, fetched.results[0].state) == (True, BuildOutcome.SUBSTITUTED)
    assert fetched.results[0].seconds is not None


def test_one_build_distinguishes_success_failure_and_failed_dependency(sandbox: Sandbox) -> None:
    names = ["other", "fails", "above", "lies"]
    derivations = {name: sandbox.nix.derivation_of(name) for name in names}
    seen: list[tuple[str, BuildState]] = []

    def on_event(log: BuildLog, event: Event) -> None:
        known = [(heard.derivation.name, heard.state) for heard in log.derivations()]
        seen.extend(change for change in known if change not in seen)

    result = sandbox.nix.build([f"{path}^*" for path in derivations.values()], keep_going=True, on_event=on_event)
    assert not result.success
    other, fails, above, lies = result.results
    assert (other.state, other.reason, other.log_tail) == (BuildOutcome.BUILT, None, ("log of other",))
    assert (other.seconds or 0) >= 1
    assert (fails.state, fails.log_tail) == (BuildOutcome.FAILED, ("the last words",))
    assert "exit code 7" in (fails.reason or "")
    assert (above.state, above.seconds, above.log_tail) == (BuildOutcome.DEPENDENCY_FAILED, None, ())
    assert lies.state is BuildOutcome.FAILED
    assert "hash mismatch" in (lies.reason or "")
    assert ("other.drv", BuildState.BUILDING) in seen
    assert ("fails.drv", BuildState.FAILED) in seen
    assert ("other.drv", BuildState.FAILED) not in seen
    assert ("fails.drv", BuildState.BUILT) not in seen


def test_a_derivation_that_is_not_there_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(CommandFailed):
        sandbox.nix.build(["/nix/store/lcnawycjx8z1ic3spfdbvcw7phncnjhx-gone.drv"], keep_going=True)


def sleepers(mark: str) -> list[str]:
    """The processes whose command line has `mark`, our builders."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:
            continue
        if b"time.sleep(600)" in words and mark.encode() in words:
            found.append(entry.parent.name)
    return found


def test_the_time_limit_ends_nix_and_its_builders(sandbox: Sandbox) -> None:
    sleeping = sandbox.nix.derivation_of("sleeps")
    begun: list[int] = []

    def on_event(log: BuildLog, event: Event) -> None:
        heard = log.derivation(sleeping)
        if heard is not None and heard.log_tail == ("asleep",) and not begun:
            begun.append(len(sleepers(sandbox.salt)))

    with pytest.raises(CommandTimedOut) as caught:
        sandbox.nix.build([str(sleeping)], keep_going=True, timeout_s=5, on_event=on_event)
    assert begun == [1]
    assert "@nix" not in caught.value.stderr_tail
    deadline_s = time.monotonic() + 20
    while sleepers(sandbox.salt) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert sleepers(sandbox.salt) == []
