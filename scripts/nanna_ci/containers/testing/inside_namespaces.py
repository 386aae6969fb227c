"""What runs inside podman's room: prepares it, tests the images, and leaves the results in a file.

Its first process gets signals only that it handles, and the kernel ends the room with it.
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
from typing import Any, Final

from nanna_ci import process
from nanna_ci.containers.engine.podman import Podman
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.engine.run_mark import Mark
from nanna_ci.containers.testing.engine_run import Request, run_image_tests
from nanna_ci.containers.testing.results_json import image_to_json, parse_companion, parse_subject
from nanna_ci.errors import Interrupted, NannaError, ToolMissing
from nanna_ci.json_data import JsonObject, as_count, as_list, as_object, as_text, load_json
from nanna_ci.report.files import write_atomic

_SIOCSIFFLAGS: Final = 0x8914
_UP_AND_RUNNING: Final = 0x41
_MOUNT_S: Final = 30.0


def main(words: Sequence[str]) -> int:
    """`REQUEST RESULT`, both files of JSON. The exit code is 0 where there is a result, whatever it says."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, process.handle_signal)
    asked, answer = map(Path, words)
    try:
        request = as_object(load_json(asked.read_bytes(), str(asked)), str(asked), "the request")
        prepare()
        write_atomic(answer, json.dumps(_test(request, str(asked))).encode())
    except Interrupted as error:
        return 128 + error.signal_number
    except NannaError as error:
        print(error.message, file=sys.stderr)
        return error.exit_code
    return 0


def prepare() -> None:
    """Loopback up, and folders of the room's own for what runs: engines keep locks and sockets there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _UP_AND_RUNNING))
    for folder in ("/run", "/dev/shm"):  # noqa: S108 - mount points
        process.run(["mount", "-t", "tmpfs", "tmpfs", folder], timeout_s=_MOUNT_S)
    for name, value in list(os.environ.items()):
        if value.startswith("/run/") and not Path(value).exists():  # it was in the folder that is covered now
            del os.environ[name]


def _test(asked: JsonObject, source: str) -> dict[str, Any]:
    engine = Podman(
        process.run,
        environ=os.environ,
        store=Path(as_text(asked.get("store"), source, "store")),
        cgroup_parent=as_text(asked.get("cgroup"), source, "cgroup"),
    )
    try:
        facts = engine.facts()
    except ToolMissing as error:
        return {"unavailable": error.message.removeprefix("podman: ")}
    request = Request(
        subjects=tuple(parse_subject(one, source) for one in as_list(asked.get("subjects"), source, "subjects")),
        companions=tuple(
            parse_companion(one, source) for one in as_list(asked.get("companions"), source, "companions")
        ),
        machine=as_text(asked.get("machine"), source, "machine"),
        folder=Path(as_text(asked.get("folder"), source, "folder")),
    )
    mark = Mark(as_text(asked.get("run"), source, "run"), as_count(asked.get("expires"), source, "expires"))
    locks = RunLocks(Path(source).parent / "locks", engine.name)
    tested = run_image_tests(request, engine, facts, mark, locks, say=_say)
    return {
        "unavailable": None,
        "version": facts.version,
        "images": [image_to_json(image) for image in tested.images],
        "swept": list(tested.swept),
        "problems": list(tested.problems),
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
