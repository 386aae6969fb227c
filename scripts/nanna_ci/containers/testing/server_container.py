"""A server's container while it is tested: requests until it is healthy, and more; stopped, and started again."""

from __future__ import annotations

import contextlib
import math
from typing import Final

from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.inspection import ContainerState
from nanna_ci.containers.testing.checks import FailureCause, Service
from nanna_ci.containers.testing.diagnosis import CheckFailed, UnhealthyServer, diagnose_end
from nanna_ci.containers.testing.live_container import Bench, LiveContainer
from nanna_ci.containers.testing.server_answers import ProbeAnswer, is_healthy
from nanna_ci.foundation.errors import CommandFailed

_POLL_S: Final = 0.05
_LOOK_S: Final = (0.1, 2.0)  # between two looks at a container that does not answer: at first, and at last
HEALTH_ANSWER_S: Final = 2.0


class Unhealthy(Exception):
    """A container did not become healthy; `seen` are the facts."""

    def __init__(self, seen: UnhealthyServer) -> None:
        super().__init__(seen.answer)
        self.seen = seen


class ServerContainer(LiveContainer):
    """The container of a server, whose service is the spec's port."""

    def __init__(self, bench: Bench, spec: ContainerSpec, service: Service) -> None:
        super().__init__(bench, spec)
        self._service = service
        self.peak_memory_bytes: int | None = None

    def start_again(self) -> None:
        """Start it after a stop; the published port may be another."""
        self._bench.engine.start(self.id)
        self._look()

    def await_health(self, most_s: float = math.inf) -> None:
        """Poll the health path until it answers 200. Raises Unhealthy once it has ended or its time is over.

        It has its service's time; `most_s` may give it less.
        """
        timeout_s = min(self._service.health_timeout_s, most_s)
        begun = self._bench.clock()
        pause, last_pause = _LOOK_S
        look_at = begun + pause
        while True:
            answer = self.get(self._service.health_path, HEALTH_ANSWER_S)
            if is_healthy(answer):
                return
            now = self._bench.clock()
            over = now - begun >= timeout_s
            if over or now >= look_at:
                state = self._look()
                if over or not state.running:
                    raise Unhealthy(self._seen(state, answer, now - begun))
                pause = min(2 * pause, last_pause)
                look_at = now + pause
            self._bench.sleep(_POLL_S)

    def get(self, path: str, timeout_s: float) -> ProbeAnswer:
        """GET on its published port."""
        port = self._port()
        if port is None:
            return ProbeAnswer(None, problem="its port is not published")
        return self._bench.http.get(port, path, timeout_s)

    def post_json(self, path: str, body: bytes, timeout_s: float) -> ProbeAnswer:
        """POST on its published port."""
        port = self._port()
        assert port is not None, "not healthy"
        return self._bench.http.post_json(port, path, body, timeout_s)

    def stop(self, grace_s: float) -> int | None:
        """Send SIGTERM and give the exit code; after the grace KILL, and None."""
        self._note_memory()
        try:
            self._bench.engine.kill(self.id, "TERM")
        except CommandFailed as error:
            state = self._look()
            if state.running:
                raise
            reason = f"it had ended by itself, with {state.exit_code}, before it was stopped"
            raise CheckFailed(FailureCause.EXITED, reason) from error
        code = self._bench.engine.wait(self.id, grace_s)
        if code is None:
            with contextlib.suppress(CommandFailed):  # it ended just now: too late anyway
                self._bench.engine.kill(self.id, "KILL")
        return code

    def explain(self, problem: CheckFailed) -> CheckFailed:
        """Why it did not answer: if it has ended meanwhile, that is why."""
        state = self._look()
        return problem if state.running else diagnose_end(state.exit_code, state.out_of_memory, self._log())

    def _look(self) -> ContainerState:
        state = super()._look()
        self._note_memory()
        return state

    def _port(self) -> int | None:
        """The published port; a restart may give it another."""
        return None if self._state is None else self._state.ports.get(self._service.port)

    def _note_memory(self) -> None:
        pid = self._pid()
        peak = None if pid is None else self._bench.kernel.peak_memory_bytes(pid, self.id)
        if peak is not None:
            self.peak_memory_bytes = max(peak, self.peak_memory_bytes or 0)

    def _seen(self, state: ContainerState, answer: ProbeAnswer, waited_s: float) -> UnhealthyServer:
        pid = self._pid() if state.running else None
        return UnhealthyServer(
            port=self._service.port,
            health_path=self._service.health_path,
            waited_s=waited_s,
            exit_code=None if state.running else state.exit_code,
            out_of_memory=state.out_of_memory,
            log=self._log(),
            answer=answer.summary,
            listeners=None if pid is None else self._bench.kernel.listeners(pid),
        )
