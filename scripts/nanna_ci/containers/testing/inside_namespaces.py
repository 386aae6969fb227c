"""What runs inside podman's own namespaces: prepares them, tests the images, and leaves the results in a file.

Its first process gets signals only that it handles, and the kernel ends them with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nanna_ci.containers.engine.podman import Podman
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.testing.dataclass_json import from_json, to_json
from nanna_ci.containers.testing.engine_run import run_image_tests
from nanna_ci.containers.testing.hand_over import PrivateRequest, PrivateResult
from nanna_ci.foundation import process, redact
from nanna_ci.foundation.errors import Interrupted, NannaError, ToolMissing
from nanna_ci.foundation.json_data import load_json
from nanna_ci.foundation.secret_files import secrets_of_files
from nanna_ci.report.files import write_atomic

_SIOCSIFFLAGS: Final = 0x8914
_UP_AND_RUNNING: Final = 0x41
_MOUNT_S: Final = 30.0


def main(words: Sequence[str]) -> int:
    """`REQUEST RESULT`, both files of JSON. The exit code is 0 if there is a result, whatever it says."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, process.handle_signal)
    redact.learn((*redact.known_secrets(os.environ), *secrets_of_files(os.environ, Path.cwd())))
    request_file, result_file = map(Path, words)
    try:
        request = from_json(PrivateRequest, load_json(request_file.read_bytes(), str(request_file)), str(request_file))
        prepare()
        write_atomic(result_file, json.dumps(to_json(_test(request, request_file.parent / "locks"))).encode())
    except Interrupted as error:
        return 128 + error.signal_number
    except NannaError as error:
        _say(error.message)
        return error.exit_code
    return 0


def prepare() -> None:
    """Loopback up, and folders of its own for what runs: engines keep locks and sockets there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _UP_AND_RUNNING))
    for folder in ("/run", "/dev/shm"):  # noqa: S108 - mount points
        process.run(["mount", "-t", "tmpfs", "tmpfs", folder], timeout_s=_MOUNT_S)
    for name, value in list(os.environ.items()):
        if value.startswith("/run/") and not Path(value).exists():  # it was in the folder that is covered now
            del os.environ[name]


def _test(request: PrivateRequest, locks_folder: Path) -> PrivateResult:
    engine = Podman(process.run, environ=os.environ, store=request.store, cgroup_parent=request.cgroup)
    try:
        facts = engine.facts()
    except ToolMissing as error:
        return PrivateResult(unavailable=error.message.removeprefix("podman: "))
    locks = RunLocks(locks_folder, engine.name)
    tested = run_image_tests(request, engine, facts, request.mark, locks, say=_say)
    return PrivateResult(None, facts.version, tested.images, tested.swept, tested.problems)


def _say(line: str) -> None:
    print(redact.Redactor().redact_text(line), file=sys.stderr, flush=True)
