"""A container while it is tested, whatever it runs: started, looked at, removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nanna_ci.containers.engine.confinement import Confinement
from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.engine import Engine, reason_of
from nanna_ci.containers.engine.engine_session import EngineSession
from nanna_ci.containers.engine.inspection import ContainerState
from nanna_ci.containers.engine.limits import Controllers, Effective
from nanna_ci.containers.engine.procfs import ProcFs
from nanna_ci.containers.testing.checks import FailureCause
from nanna_ci.containers.testing.diagnosis import diagnose_start
from nanna_ci.containers.testing.http_probe import HttpProbe
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, Interrupted, NannaError

_PORT_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Bench:
    """What a test works with. `keep` takes a file (name, content) that a failure leaves in the run folder."""

    session: EngineSession
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


class LiveContainer:
    """A container of a spec. Engine failures are raised as they come, but those of the first start are CheckFailed."""

    def __init__(self, bench: Bench, spec: ContainerSpec) -> None:
        self._bench = bench
        self._spec = spec
        self._id: str | None = None
        self._state: ContainerState | None = None
        self._kept = False

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
                self._before_start()
                self._bench.engine.start(self._id)
            except CommandFailed as error:
                problem = diagnose_start(reason_of(error))
                if problem.cause is not FailureCause.PORT_BUSY or attempt == _PORT_ATTEMPTS:
                    raise problem from error
                self.remove()
            else:
                break
        self._look()

    def _before_start(self) -> None:
        """For those who look at it first."""

    def effective_limits(self) -> Effective:
        """What the kernel holds it to."""
        pid = self._pid()
        return Effective() if pid is None else self._bench.kernel.effective_limits(pid, self.id)

    def confinement(self) -> Confinement:
        """What the kernel says of its first process."""
        pid = self._pid()
        return Confinement() if pid is None else self._bench.kernel.confinement(pid)

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
        except NannaError:  # the engine has nothing to say: the failure is reported anyway
            return

    def remove(self) -> None:
        """Remove it, running or not."""
        if self._id is not None:
            self._bench.engine.remove(self._id)
            self._id = None

    def _look(self) -> ContainerState:
        """The state as it is now."""
        self._state = self._bench.engine.inspect(self.id)
        return self._state

    def _pid(self) -> int | None:
        """Its first process, if that is one of this machine."""
        pid = None if self._state is None else self._state.pid
        return pid if self._bench.kernel.is_in(pid, self.id) else None

    def _log(self) -> str:
        try:
            return self._bench.engine.logs(self.id)
        except (CommandFailed, CommandTimedOut):
            return ""
