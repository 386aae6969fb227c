"""The test of a program's image: each of its commands, in a container of its own, exits with 0."""

from __future__ import annotations

from dataclasses import replace

from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.limits import Effective, report_limits
from nanna_ci.containers.testing.checks import Check, CheckKind, ImageUnderTest
from nanna_ci.containers.testing.diagnosis import (
    CheckFailed,
    EndedCommand,
    decide_confined,
    diagnose_program,
    may_need_writing,
    with_writing,
)
from nanna_ci.containers.testing.image_checks import CheckUnavailable, ImageChecks
from nanna_ci.containers.testing.live_container import Bench
from nanna_ci.containers.testing.program_container import ProgramContainer


class ProgramChecks(ImageChecks):
    """Of an image without a service."""

    def __init__(self, subject: ImageUnderTest, bench: Bench, machine: str) -> None:
        super().__init__(subject, bench, machine)
        self._connected = False
        self._started: list[ProgramContainer] = []

    def _make(self, check: Check) -> str | None:
        if check.kind is CheckKind.COMMAND:
            self._run_command(check.subject)
            return None
        assert check.kind is CheckKind.CONFINED, check
        return self._decide_confined()

    def _run_command(self, command: str) -> None:
        if not self._connected:
            self._bench.engine.create_network(self._network, self._bench.session.mark.labels)
            self._connected = True
        if self._container is not None:  # of the command before, which stayed for its log
            self._container.remove()
        number = self._subject.probe_commands.index(command) + 1
        try:
            program = self._start(lambda: ProgramContainer(self._bench, self._command_spec(command, f"-{number}")))
        except CheckFailed as error:
            raise CheckFailed(error.cause, f"`{command}`: {error.message}") from error
        self._started.append(program)
        ended = program.await_end()
        self._note_limits()
        if ended.exit_code != 0:
            raise diagnose_program(self._with_writing(ended, f"-{number}-writable"))

    def _with_writing(self, ended: EndedCommand, suffix: str) -> EndedCommand:
        """How it ended; if it may help, with what a second container wrote to its root."""
        if not may_need_writing(ended):
            return ended
        container = ProgramContainer(self._bench, replace(self._command_spec(ended.command, suffix), writable=True))
        try:
            container.start()
            if container.await_end().exit_code == 0:
                return with_writing(ended, self._bench.engine.changed_paths(container.id))
        except CheckFailed:
            return ended
        return ended

    def _note_limits(self) -> None:
        """All containers get the same limits: what the kernel said of one counts."""
        known = next((one for one in self._started if one.limits != Effective()), self._started[-1])
        limits = report_limits(self._limits, self._given, known.limits, self._refusal, known.unread)
        self._facts = replace(self._facts, limits=limits)

    def _decide_confined(self) -> str | None:
        if not self._started:
            raise CheckUnavailable("none of its commands could be started")
        remarks = [decide_confined(one.confined, one.unread) for one in self._started]
        return next((remark for remark in remarks if remark is not None), None)

    def _command_spec(self, command: str, suffix: str) -> ContainerSpec:
        words = tuple(command.split(" "))
        return replace(self._spec(self._subject, self._image_id, suffix), command=words)
