"""Podman in private namespaces, with a store of its own, where the user's own podman does not work.

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
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from nanna_ci.containers.engine.engine import EngineFacts
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.containers.engine.namespaces import namespace_words
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.engine.run_mark import RunMark
from nanna_ci.containers.testing.dataclass_json import from_json, to_json
from nanna_ci.containers.testing.hand_over import EngineRun, ImageTestsRequest, PrivateRequest, PrivateResult
from nanna_ci.foundation.errors import NannaError, ToolMissing
from nanna_ci.foundation.json_data import load_json
from nanna_ci.foundation.process import Completed

TEST_LIMIT_S: Final = 4 * 3600.0
_CGROUPS: Final = Path("/sys/fs/cgroup")
_FOLDER: Final = re.compile(r"[0-9a-f]{12}")
_ENDING_S: Final = 5.0  # a killed process leaves its control group a little later


def inside_words(request: Path, result: Path) -> list[str]:
    """This very Python with our very modules, running inside_namespaces.main."""
    code = (
        f"import sys\nsys.path[:] = {sys.path!r}\n"
        "from nanna_ci.containers.testing.inside_namespaces import main\nsys.exit(main(sys.argv[1:]))"
    )
    return [sys.executable, "-I", "-c", code, str(request), str(result)]


class PrivatePodman:
    """Runs of podman, each in a folder of its own below `folder`, named by the run."""

    def __init__(self, folder: Path, locks: RunLocks, cgroups: Path = _CGROUPS) -> None:
        self._folder = folder
        self._locks = locks
        self._cgroups = cgroups

    def test(
        self,
        request: ImageTestsRequest,
        mark: RunMark,
        *,
        run: Callable[..., Completed],
        environ: Mapping[str, str],
        say: Callable[[str], None],
    ) -> EngineRun:
        """Test images there. Raises ToolMissing, with the reason, if podman does not work there either."""
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
        request: ImageTestsRequest,
        mark: RunMark,
        folder: Path,
        *,
        run: Callable[..., Completed],
        environ: Mapping[str, str],
        say: Callable[[str], None],
    ) -> EngineRun:
        request_file, result_file = folder / "request.json", folder / "result.json"
        private = PrivateRequest(
            request.subjects,
            request.companions,
            request.machine,
            request.folder,
            mark=mark,
            store=folder / "store",
            cgroup=f"/{cgroup_name(mark.run)}",
        )
        request_file.write_text(json.dumps(to_json(private)))
        run(
            namespace_words(inside_words(request_file, result_file)),
            timeout_s=TEST_LIMIT_S,
            env={**environ, "TMPDIR": str(folder / "temporary")},
            on_stderr=lambda line: say(line.decode(errors="replace")),
        )
        return parse_engine_run(result_file.read_bytes(), "the test in podman's namespaces")

    def _sweep(self, own: str) -> tuple[str, ...]:
        """Remove what dead runs left; the names of their folders."""
        swept = []
        entries = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        running = self._locks.running()  # after the list: a folder is made by who holds its lock already
        for run in (entry.name for entry in entries if _FOLDER.fullmatch(entry.name)):
            if run != own and not running.get(run, False) and not self._remove(run):
                self._locks.forget(run)
                swept.append(f"private podman {run}")
        return tuple(swept)

    def _remove(self, run: str) -> list[str]:
        """Remove a run's folder and control groups; what could not be."""
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
    """The control group that a run's containers are in."""
    return f"nanna-ci-{run}"


def parse_engine_run(data: bytes, source: str) -> EngineRun:
    """Read what `inside_namespaces` writes. Raises ToolMissing if it could not test at all."""
    result = from_json(PrivateResult, load_json(data, source), source)
    if result.unavailable is not None:
        raise ToolMissing("podman", result.unavailable)
    engine = EngineFacts("podman", result.version, Controllers())
    return EngineRun(engine, True, result.images, result.swept, result.problems)


def private_runs_folder(locks_folder: Path) -> Path:
    """Where the folders of these runs are: beside the locks."""
    return locks_folder.parent / "podman-runs"
