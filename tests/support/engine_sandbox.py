"""Sandboxes with a real engine for tests: podman or docker as users have it, with nothing of this machine touched.

A sandbox is a set of namespaces (network, mounts, processes) and a folder. podman's usual store, /var/lib/containers,
is in the folder; dockerd runs with its data there. Programs enter it with `nsenter`. Whatever is left in a sandbox dies
with it, so tests look before that.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import nanna_ci
from nanna_ci.containers.engine.namespaces import namespace_words

ENGINES = ("podman", "docker")
NEEDED = {"podman": ("podman", "runc"), "docker": ("docker", "dockerd", "containerd")}
SANDBOX_PROGRAMS = ("setpriv", "unshare", "nsenter", "mount", "env")
STARTED_S = 60.0

# the sandbox's first process: prepares it, starts what it is given, and waits to be killed
HOLDER = """
import json, shutil, subprocess, sys
sys.path[:] = json.loads(sys.argv[1])
from pathlib import Path
from nanna_ci.containers.testing.inside_namespaces import prepare
folder, engine, options = Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
prepare()
for controller in options["without"]:
    subprocess.run(["umount", f"/sys/fs/cgroup/{controller}"], check=True)
daemon = None
if engine == "podman":
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/lib"], check=True)
    Path("/var/lib/containers").mkdir()
    subprocess.run(["mount", "--bind", str(folder), "/var/lib/containers"], check=True)
    shutil.copytree("/etc/containers", folder / "etc")  # where podman keeps its networks
    subprocess.run(["mount", "--bind", str(folder / "etc"), "/etc/containers"], check=True)
else:
    words = ["dockerd", "-H", f"unix://{folder}/docker.sock", "--data-root", f"{folder}/data", "--bridge", "none"]
    (folder / "daemon.json").write_text(json.dumps(options["settings"]))
    words += ["--config-file", f"{folder}/daemon.json"]
    words += ["--exec-root", "/run/docker", "--pidfile", "/run/docker.pid"]
    words += ["--cgroup-parent", f"/nanna-ci-{folder.name}"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
print("ready", flush=True)
sys.stdin.read()
if daemon is not None:
    daemon.terminate()
    daemon.wait(30)
"""

# the command lines of all processes of a sandbox
PROGRAMS = """
from pathlib import Path
for entry in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        print(" ".join(entry.read_text(errors="replace").split(chr(0))))
    except OSError:
        pass
"""


def why_no_engine(engine: str) -> str | None:
    """Why this machine cannot run an engine in a sandbox; None if it can."""
    absent = [name for name in (*NEEDED[engine], *SANDBOX_PROGRAMS) if shutil.which(name) is None]
    if absent:
        return f"not on PATH: {', '.join(absent)}"
    if os.getuid() != 0:
        return "a sandbox needs root"
    return None


class EngineSandbox:
    """A sandbox with an engine that answers.

    `without` are controllers of control groups that it does not have, `settings` are dockerd's.
    """

    def __init__(self, engine: str, without: Sequence[str] = (), settings: Mapping[str, object] | None = None) -> None:
        self.engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix="sandbox-", dir="/tmp"))  # a socket's path is short
        words = [sys.executable, "-I", "-c", HOLDER, json.dumps(sys.path), str(self.folder), engine]
        words.append(json.dumps({"without": list(without), "settings": dict(settings or {})}))
        self._unshare = subprocess.Popen(
            namespace_words(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._unshare.stdout is not None
        try:
            assert self._unshare.stdout.readline() == b"ready\n", "the sandbox could not be prepared"
            self._holder = _only_child(self._unshare.pid)
            self._await_engine()
        except BaseException:
            self.close()
            raise

    def _await_engine(self) -> None:
        end = time.monotonic() + STARTED_S
        while self.call("info", check=False).returncode != 0:
            if time.monotonic() > end:
                raise AssertionError(f"{self.engine} does not answer: {self.call('info', check=False).stderr.decode()}")
            time.sleep(0.05)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of programs in the sandbox."""
        hidden = {name for name, value in os.environ.items() if value.startswith("/run/")}
        ours = ("GITHUB_", "NANNA_CI_", "DOCKER_", "CONTAINER")
        kept = {name: text for name, text in os.environ.items() if name not in hidden and not name.startswith(ours)}
        kept["PYTHONPATH"] = os.pathsep.join([str(Path(nanna_ci.__file__).parent.parent), *filter(None, sys.path)])
        kept["XDG_CACHE_HOME"] = str(self.folder / "cache")
        kept["TMPDIR"] = str(self.folder / "tmp")
        (self.folder / "tmp").mkdir(exist_ok=True)
        if self.engine == "docker":
            kept["DOCKER_HOST"] = f"unix://{self.folder}/docker.sock"
        return kept

    def words(self, argv: Sequence[str], cwd: Path) -> list[str]:
        """A command line that enters the sandbox."""
        flags = ["--target", str(self._holder), "--net", "--mount", "--pid", "--ipc"]
        return ["nsenter", *flags, "--", "env", "-C", str(cwd), *argv]

    def popen(
        self, argv: Sequence[str], cwd: Path, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program in the sandbox."""
        return subprocess.Popen(
            self.words(argv, cwd),
            env={**self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def call(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run the engine's program."""
        return subprocess.run(
            self.words([self.engine, *words], Path("/")),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=check,
            timeout=120,
        )

    def lines(self, *words: str) -> list[str]:
        """What the engine's program prints."""
        return self.call(*words).stdout.decode().splitlines()

    def everything(self) -> dict[str, list[str]]:
        """All that an engine may leave: containers, networks, images, mounts, processes, network interfaces."""
        programs = subprocess.run(
            self.words([sys.executable, "-I", "-c", PROGRAMS], Path("/")), capture_output=True, check=True, timeout=60
        )
        mounts = Path(f"/proc/{self._holder}/mountinfo").read_text().splitlines()
        devices = Path(f"/proc/{self._holder}/net/dev").read_text().splitlines()[2:]
        names = ("conmon", "containerd-shim", "docker-proxy", "aardvark", "/bin/server", "unshare", "-m nanna_ci")
        return {
            "containers": self.lines("ps", "--all", "--format", "{{.Names}}"),
            "networks": self.lines("network", "ls", "--format", "{{.Name}}"),
            "images": self.lines("images", "--all", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"),
            "volumes": self.lines("volume", "ls", "--quiet"),
            "mounts": sorted(
                line.split()[4] for line in mounts if "/merged" in line or "/shm" in line or "/netns/" in line
            ),
            "programs": sorted(
                line for line in programs.stdout.decode().splitlines() if any(name in line for name in names)
            ),
            "devices": sorted(line.split(":")[0].strip() for line in devices),
        }

    def close(self) -> None:
        """The end of the sandbox and of all that is in it."""
        if self._unshare.stdin is not None:
            self._unshare.stdin.close()
        try:
            self._unshare.wait(40)
        except subprocess.TimeoutExpired:
            self._unshare.kill()
            self._unshare.wait(10)
        assert self._unshare.stdout is not None
        self._unshare.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        _remove_groups(f"nanna-ci-{self.folder.name}")
        _remove_groups("libpod_parent")


def child_of(process: subprocess.Popen[bytes]) -> int:
    """The program that nsenter started: signals are for it."""
    end = time.monotonic() + STARTED_S
    while time.monotonic() < end:
        children = _children(process.pid)
        if children:
            return children[0]
        time.sleep(0.01)
    raise AssertionError("nsenter started nothing")


def send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """A signal for the program that `EngineSandbox.popen` started."""
    os.kill(child_of(process), number)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _only_child(pid: int) -> int:
    (child,) = _children(pid)
    return child


def _remove_groups(name: str) -> None:
    """Control groups stay when their processes have gone; ones that are still in use stay too."""
    for top in (*Path("/sys/fs/cgroup").glob(name), *Path("/sys/fs/cgroup").glob(f"*/{name}")):
        for path, _, _ in os.walk(top, topdown=False):
            try:
                Path(path).rmdir()
            except OSError:
                continue
