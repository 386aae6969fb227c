"""A program's container while it is tested: it runs one command and ends."""

from __future__ import annotations

from typing import Final, TypeVar

from nanna_ci.containers.engine.confinement import Confinement
from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.inspection import ContainerState
from nanna_ci.containers.engine.limits import UNREADABLE, Effective
from nanna_ci.containers.testing.diagnosis import EndedCommand
from nanna_ci.containers.testing.live_container import Bench, LiveContainer

COMMAND_S: Final = 120.0
Known = TypeVar("Known")


class ProgramContainer(LiveContainer):
    """The container of a program, for the spec's command.

    The command may end at once, so the kernel is queried whenever there is a process, also one that waits to start.
    `limits` and `confined` are its last answers; None in them what it never answered, for the reason `unread`.
    """

    def __init__(self, bench: Bench, spec: ContainerSpec) -> None:
        super().__init__(bench, spec)
        self.limits = Effective()
        self.confined = Confinement()
        self.unread = "it ended before the kernel's answer could be read"

    def await_end(self) -> EndedCommand:
        """Wait for the end of the command, for as long as one may take."""
        code = self._bench.engine.wait(self.id, COMMAND_S)
        return EndedCommand(
            command=" ".join(self._spec.command),
            waited_s=COMMAND_S,
            exit_code=code,
            out_of_memory=code is not None and self._look().out_of_memory,
            log=self._log(),
        )

    def _before_start(self) -> None:
        self._bench.engine.prepare(self.id)
        self._look()

    def _look(self) -> ContainerState:
        state = super()._look()
        if state.pid is not None:
            self.unread = UNREADABLE
        limits, confined = self.effective_limits(), self.confinement()
        self.limits = Effective(
            memory_bytes=_newer(limits.memory_bytes, self.limits.memory_bytes),
            pids=_newer(limits.pids, self.limits.pids),
        )
        self.confined = Confinement(
            capabilities=_newer(confined.capabilities, self.confined.capabilities),
            no_new_privileges=_newer(confined.no_new_privileges, self.confined.no_new_privileges),
            read_only_root=_newer(confined.read_only_root, self.confined.read_only_root),
        )
        return state


def _newer(new: Known | None, old: Known | None) -> Known | None:
    return old if new is None else new
