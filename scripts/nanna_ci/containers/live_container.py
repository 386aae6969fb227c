"""A container while it is tested: started, asked until it is healthy, looked at, stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nanna_ci.containers.confinement import Confinement
from nanna_ci.containers.diagnosis import CheckFailed, Seen, diagnose_start
from nanna_ci.containers.engine import Engine, reason_of
from nanna_ci.containers.http_probe import HttpProbe
from nanna_ci.containers.inspection import ContainerState
from nanna_ci.containers.limits import Controllers, Effective
from nanna_ci.containers.probe import Answer, is_healthy
from nanna_ci.containers.procfs import ProcFs
from nanna_ci.containers.scenario import Cause
from nanna_ci.containers.session import Session
from nanna_ci.containers.spec import ContainerSpec
from nanna_ci.errors import CommandFailed, Interrupted, NannaError

_POLL_S: Final = 0.05
_LOOK_S: Final = (0.1, 2.0)  # between two looks at a container that does not answer: at first, and at last
HEALTH_ANSWER_S: Final = 2.0
_PORT_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Bench:
    """What a test works with. `keep` takes a file (name, content) that a failure leaves in the run folder."""

    session: Session
    http: HttpProbe
    controllers: Controllers
    kernel: ProcFs
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    keep: Callable[[str, bytes], None]

    @property
    def engine(self) -> Engine:
        """The session's engine."""
        return self.session.engine


class Unhealthy(Exception):
    """A container did not become healthy; `seen` are the facts."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen.answer)
        self.seen = seen


class LiveContainer:
    """A container of a spec. Engine failures are raised as they come, but those of the first start are CheckFailed."""

    def __init__(self, bench: Bench, spec: ContainerSpec, health_path: str) -> None:
        self._bench = bench
        self._spec = spec
        self._health_path = health_path
        self._id: str | None = None
        self._state: ContainerState | None = None
        self._kept = False
        self.peak_memory_bytes: int | None = None

    @property
    def id(self) -> str:
        """The engine's ID; there is one after `start`."""
        assert self._id is not None, "not started"
        return self._id

    def start(self) -> None:
        """Create and start it. A port that somebody took between its choice and its use is chosen anew."""
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                self._id = self._bench.engine.create(self._spec)
                self._bench.engine.start(self._id)
            except CommandFailed as error:
                problem = diagnose_start(reason_of(error))
                if problem.cause is not Cause.PORT_BUSY or attempt == _PORT_ATTEMPTS:
                    raise problem from error
                self.remove()
            else:
                break
        self._look()

    def start_again(self) -> None:
        """Start it after a stop; the published port may be another."""
        self._bench.engine.start(self.id)
        self._look()

    def await_health(self, timeout_s: float) -> None:
        """Ask the health path until it answers 200. Raises Unhealthy once it has ended or the time is over."""
        begun = self._bench.clock()
        pause, last_pause = _LOOK_S
        look_at = begun + pause
        while True:
            answer = self.get(self._health_path, HEALTH_ANSWER_S)
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

    def get(self, path: str, timeout_s: float) -> Answer:
        """GET on its published port."""
        port = self._port()
        if port is None:
            return Answer(None, problem="its port is not published")
        return self._bench.http.get(port, path, timeout_s)

    def post_json(self, path: str, body: bytes, timeout_s: float) -> Answer:
        """POST on its published port."""
        port = self._port()
        assert port is not None, "not healthy"
        return self._bench.http.post_json(port, path, body, timeout_s)

    def effective_limits(self) -> Effective:
        """What the kernel holds it to."""
        pid = self._pid()
        return Effective() if pid is None else self._bench.kernel.effective_limits(pid, self.id)

    def confinement(self) -> Confinement:
        """What the kernel says of its first process."""
        pid = self._pid()
        return Confinement() if pid is None else self._bench.kernel.confinement(pid)

    def stop(self, grace_s: float) -> int | None:
        """Send SIGTERM and give the exit code; after the grace KILL, and None."""
        self._note_memory()
        try:
            self._bench.engine.kill(self.id, "TERM")
        except CommandFailed as error:
            state = self._look()
            if state.running:
                raise
            told = f"it had ended by itself, with {state.exit_code}, before it was asked to"
            raise CheckFailed(Cause.EXITED, told) from error
        code = self._bench.engine.wait(self.id, grace_s)
        if code is None:
            with contextlib.suppress(CommandFailed):  # it ended just now: too late all the same
                self._bench.engine.kill(self.id, "KILL")
        return code

    def keep_evidence(self) -> None:
        """Keep its log, and all that the engine knows of it, in the run folder; once."""
        if self._id is None or self._kept:
            return
        self._kept = True
        try:
            self._bench.keep(f"{self._spec.alias}.log", self._bench.engine.logs(self._id).encode(errors="replace"))
            self._bench.keep(f"{self._spec.alias}-inspect.json", self._bench.engine.inspect_text(self._id))
        except Interrupted:
            raise
        except NannaError:  # the engine has nothing to say: the failure is told all the same
            return

    def remove(self) -> None:
        """Remove it, running or not."""
        if self._id is not None:
            self._bench.engine.remove(self._id)
            self._id = None

    def _look(self) -> ContainerState:
        """The state as it is now."""
        self._state = self._bench.engine.inspect(self.id)
        self._note_memory()
        return self._state

    def _port(self) -> int | None:
        """The published port; a restart may give it another."""
        return None if self._state is None else self._state.ports.get(self._spec.port)

    def _pid(self) -> int | None:
        """Its first process, where that is one of this machine."""
        pid = None if self._state is None else self._state.pid
        return pid if self._bench.kernel.is_in(pid, self.id) else None

    def _note_memory(self) -> None:
        pid = self._pid()
        peak = None if pid is None else self._bench.kernel.peak_memory_bytes(pid, self.id)
        if peak is not None:
            self.peak_memory_bytes = max(peak, self.peak_memory_bytes or 0)

    def _seen(self, state: ContainerState, answer: Answer, waited_s: float) -> Seen:
        pid = self._pid() if state.running else None
        return Seen(
            port=self._spec.port,
            health_path=self._health_path,
            waited_s=waited_s,
            exit_code=None if state.running else state.exit_code,
            out_of_memory=state.out_of_memory,
            log=self._log(),
            answer=answer.told,
            listeners=None if pid is None else self._bench.kernel.listeners(pid),
        )

    def _log(self) -> str:
        try:
            return self._bench.engine.logs(self.id)
        except CommandFailed:
            return ""
