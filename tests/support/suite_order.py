"""Which of the suite's files a process of pytest-xdist takes next.

A file is one unit of work, except that its tests of podman and of docker are two: their fixtures are made for one
engine at a time. The first process goes from the fast files to the slow ones, so that a broken unit test shows at once;
the others go the other way, so that no long file is left for the end. They meet in between.
"""

from __future__ import annotations

import re
from typing import Any

from xdist.scheduler.loadfile import LoadFileScheduling

# These take a quarter of a minute or more, the longest first.
SLOW = (
    "e2e/test_rehearsal_real.py",
    "e2e/test_bare_environment.py",
    "e2e/containers/test_broken_images.py",
    "e2e/containers/test_interrupted.py",
    "e2e/test_workspace_shapes.py",
    "e2e/containers/test_programs.py",
    "e2e/containers/test_good_images.py",
    "e2e/containers/test_pipeline_images.py",
    "e2e/test_root_weather.py",
    "e2e/test_nixw.py",
    "e2e/containers/",
    "e2e/test_pipeline_real.py",
    "contract/test_source_is_clean.py",
    "e2e/",
    "property/",
    "contract/",
    "integration/",
)
_ENGINE = re.compile(r"\[(podman|docker)[\]-]")


def rank(unit: str) -> int:
    """The place of a unit of work in SLOW; len(SLOW) for a fast one."""
    return next((place for place, part in enumerate(SLOW) if part in unit), len(SLOW))


class SlowFilesFirst(LoadFileScheduling):  # type: ignore[misc, unused-ignore]
    """pytest-xdist's scheduler for whole files, with an order of its own."""

    def _split_scope(self, nodeid: str) -> str:
        engine = _ENGINE.search(nodeid)
        return str(super()._split_scope(nodeid)) + (f" on {engine[1]}" if engine else "")

    def _assign_work_unit(self, node: Any) -> None:
        choose = max if node is self.nodes[0] else min
        self.workqueue.move_to_end(choose(self.workqueue, key=rank), last=False)
        super()._assign_work_unit(node)
