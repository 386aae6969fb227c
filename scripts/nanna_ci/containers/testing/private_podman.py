"""A room for podman: namespaces and a store of its own, where the user's own podman is of no use.

In a container, a build machine or a read-only root there may be a podman without a store that it can write to. As root,
podman runs in new network, mount, process and IPC namespaces, with its store in a folder of ours: nothing of this
machine is touched, and the kernel ends all of it when we end, however that happens. What stays after a KILL is the
folder and empty control groups; the next run removes them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nanna_ci.containers.engine.engine import EngineFacts
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.engine.run_mark import Mark
from nanna_ci.containers.testing.diagnosis import last_line
from nanna_ci.containers.testing.engine_run import EngineRun, Request
from nanna_ci.containers.testing.results_json import companion_to_json, parse_image, subject_to_json
from nanna_ci.errors import CommandFailed, CommandTimedOut, NannaError, ToolMissing
from nanna_ci.json_data import as_list, as_object, as_text, as_texts, load_json
from nanna_ci.process import Completed

PROGRAMS: Final = ("podman", "unshare", "setpriv", "mount")
_ENTER_S: Final = 30.0
TEST_LIMIT_S: Final = 4 * 3600.0
_CGROUPS: Final = Path("/sys/fs/cgroup")
_FOLDER: Final = re.compile(r"[0-9a-f]{12}")
_ENDING_S: Final = 5.0  # a killed process leaves its control group a little later


def why_no_room(environ: Mapping[str, str], user: int, run: Callable[..., Completed]) -> str | None:
    """Why podman cannot have a room here; None where it can be tried."""
    if user != 0:
        return "only root can give podman namespaces and a store of its own"
    absent = [name for name in PROGRAMS if shutil.which(name, path=environ.get("PATH", "")) is None]
    if absent:
        return f"{', '.join(absent)}: not found"
    try:  # in a container root may not be what it seems
        run(room_words(["true"]), timeout_s=_ENTER_S, env=environ)
    except (CommandFailed, CommandTimedOut) as error:
        return f"podman cannot be given namespaces of its own: {last_line(error.stderr_tail) or error.message}"
    return None


def room_words(words: Sequence[str]) -> list[str]:
    """The command line of a program in new namespaces, which ends with whoever started it."""
    flags = ["--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child=KILL", "--mount-proc"]
    return ["setpriv", "--pdeathsig", "KILL", "--", "unshare", *flags, "--", *words]


def inside_words(request: Path, result: Path) -> list[str]:
    """This very Python with our very modules, running inside.main."""
    code = (
        f"import sys\nsys.path[:] = {sys.path!r}\n"
        "from nanna_ci.containers.testing.inside_namespaces import main\nsys.exit(main(sys.argv[1:]))"
    )
    return [sys.executable, "-I", "-c", code, str(request), str(result)]


class Rooms:
    """Rooms below a folder, each in one of its own named by its run."""

    def __init__(self, folder: Path, locks: RunLocks, cgroups: Path = _CGROUPS) -> None:
        self._folder = folder
        self._locks = locks
        self._cgroups = cgroups

    def test(
        self,
        request: Request,
        mark: Mark,
        *,
        run: Callable[..., Completed],
        environ: Mapping[str, str],
        say: Callable[[str], None],
    ) -> EngineRun:
        """Test images in a room. Raises ToolMissing, with the reason, where podman does not work in there either."""
        folder = self._folder / mark.run
        with self._locks.held(mark.run):
            swept = self._sweep(mark.run)
            for name in swept:
                say(f"removed what a dead run had left: {name}")
            try:
                for part in ("store", "temporary"):
                    (folder / part).mkdir(parents=True)
                tested = self._run(request, mark, folder, run=run, environ=environ, say=say)
            except OSError as error:
                raise NannaError(f"{folder}: {error.strerror}", hint="set XDG_CACHE_HOME") from error
            finally:
                problems = self._remove(mark.run)
                if not problems:
                    self._locks.forget(mark.run)
        return replace(tested, swept=(*swept, *tested.swept), problems=(*tested.problems, *problems))

    def _run(
        self,
        request: Request,
        mark: Mark,
        folder: Path,
        *,
        run: Callable[..., Completed],
        environ: Mapping[str, str],
        say: Callable[[str], None],
    ) -> EngineRun:
        asked, answer = folder / "request.json", folder / "result.json"
        asked.write_text(json.dumps(_request_to_json(request, mark, folder / "store")))
        run(
            room_words(inside_words(asked, answer)),
            timeout_s=TEST_LIMIT_S,
            env={**environ, "TMPDIR": str(folder / "temporary")},
            on_stderr=lambda line: say(line.decode(errors="replace")),
        )
        return parse_engine_run(answer.read_bytes(), "the test in podman's room")

    def _sweep(self, own: str) -> tuple[str, ...]:
        """Remove the rooms of dead runs; their folders' names."""
        swept = []
        entries = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        alive = self._locks.alive()  # after the list: a room is made by who holds its lock already
        for run in (entry.name for entry in entries if _FOLDER.fullmatch(entry.name)):
            if run != own and not alive.get(run, False) and not self._remove(run):
                self._locks.forget(run)
                swept.append(f"room {run}")
        return tuple(swept)

    def _remove(self, run: str) -> list[str]:
        """Remove a room's folder and control groups; what could not be."""
        folder = self._folder / run
        problems: list[str] = []
        if folder.exists():
            shutil.rmtree(folder, onerror=lambda _, path, info: problems.append(f"{path}: {info[1]}"))
        end = time.monotonic() + _ENDING_S
        while groups := self._groups(run):
            for group in sorted(groups, key=lambda path: len(path.parts), reverse=True):
                with contextlib.suppress(OSError):
                    group.rmdir()
            if time.monotonic() > end:
                return [*problems, *(f"{group}: is still in use" for group in self._groups(run))]
            time.sleep(0.05)
        return problems

    def _groups(self, run: str) -> list[Path]:
        tops = [*self._cgroups.glob(cgroup_name(run)), *self._cgroups.glob(f"*/{cgroup_name(run)}")]
        return [Path(path) for top in tops for path, _, _ in os.walk(top)]


def cgroup_name(run: str) -> str:
    """The control group that a room's containers are in."""
    return f"nanna-ci-{run}"


def _request_to_json(request: Request, mark: Mark, store: Path) -> dict[str, object]:
    return {
        "run": mark.run,
        "expires": mark.expires_s,
        "store": str(store),
        "cgroup": f"/{cgroup_name(mark.run)}",
        "machine": request.machine,
        "folder": str(request.folder),
        "subjects": [subject_to_json(subject) for subject in request.subjects],
        "companions": [companion_to_json(companion) for companion in request.companions],
    }


def parse_engine_run(data: bytes, source: str) -> EngineRun:
    """Read what `inside` writes. Raises ToolMissing where it could not test at all."""
    item = as_object(load_json(data, source), source, "the result")
    if item.get("unavailable") is not None:
        raise ToolMissing("podman", as_text(item["unavailable"], source, "unavailable"))
    return EngineRun(
        engine=EngineFacts("podman", as_text(item.get("version"), source, "version"), Controllers()),
        private=True,
        images=tuple(parse_image(one, source) for one in as_list(item.get("images"), source, "images")),
        swept=as_texts(item.get("swept"), source, "swept"),
        problems=as_texts(item.get("problems"), source, "problems"),
    )


def rooms_folder(locks_folder: Path) -> Path:
    """Where rooms are: beside the locks."""
    return locks_folder.parent / "podman-rooms"
